"""What wrong labels leave of a number: bounds where nothing is known of them, else a point."""

from __future__ import annotations

import numpy as np

from perturbations import InputError
from stress.statistics.arrays import Floats

__all__ = ["unmixed", "within_reach"]


def within_reach(low: Floats, high: Floats, reach: Floats | float, least: float, most: float) -> tuple[Floats, Floats]:
    """Return the ends of a mean that each of a share of labels can move by the width of its range (Manski 2003)."""
    wide = np.minimum(reach, 1.0) * (most - least)
    return np.clip(low - wide, least, most), np.clip(high + wide, least, most)


def unmixed(noise: Floats) -> Floats:
    """Return the matrix that makes, of how often each given label got each answer, how often each true one did.

    ``noise`` is (true class × given label), with rows that sum to 1, the same whatever the model answers. Raises
    InputError where it is no such matrix, or cannot be undone.
    """
    square = noise.ndim == 2 and noise.shape[0] == noise.shape[1]
    if not square or not np.all(noise >= 0) or not np.allclose(noise.sum(axis=1), 1):
        raise InputError("label noise: the matrix must be (classes × classes), its rows of shares that sum to 1.")
    if np.linalg.cond(noise) > 1e6:
        raise InputError("label noise: the matrix must tell classes apart, got one that cannot be inverted.")
    return np.asarray(np.linalg.inv(noise.T), np.float64)
