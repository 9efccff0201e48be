"""What wrong labels do to a number: how far the truth can be from it, and at which rate a verdict would turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.statistics.labelnoise import unmixed, within_reach

__all__ = ["Bounds", "bounds_at", "breaking_rate", "corrected"]


@dataclass(frozen=True)
class Bounds:
    """The lowest and the highest that a metric's true value can be."""

    low: float
    high: float


@named_keywords
def bounds_at(low: float, high: float, rate: float, disputed: float = 0.0) -> Bounds:
    """Return where the true mean of a score from 0 to 1 lies, if up to a share of the labels is wrong.

    ``low`` and ``high`` are the ends of its interval under the labels as they are: the value itself for these very
    samples. A wrong label can move a sample's score by 1 at most, in either direction, so that nothing is assumed of
    which labels are wrong (Manski 2003). ``disputed`` samples are counted in full. Raises InputError for no share.
    """
    for name, share in (("rate", rate), ("disputed", disputed)):
        if not 0 <= share <= 1:
            raise InputError(f"label noise: {name} must be in [0, 1], got {share:g}.")
    ends = within_reach(np.array([low]), np.array([high]), rate + disputed, 0.0, 1.0)
    return Bounds(*(float(each[0]) for each in ends))


@named_keywords
def breaking_rate(value: float, bar: float) -> float:
    """Return from which share of wrong labels on a verdict may turn: how far a value from 0 to 1 is from its bar."""
    return float(abs(value - bar))


@named_keywords
def corrected(confusion: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how often each true class got each answer, where it is known how labels go wrong.

    ``confusion`` is (given label × answer), in counts; ``noise`` (true class × given label) has rows that sum to 1, and
    is the same whatever the model answers. Raises InputError where it cannot be undone, or is no such matrix.
    """
    shape = confusion.shape[0]
    if noise.shape != (shape, shape):
        raise InputError(f"label noise: the matrix must be ({shape}, {shape}), its rows of shares that sum to 1.")
    return np.asarray(unmixed(noise) @ confusion, np.float64)
