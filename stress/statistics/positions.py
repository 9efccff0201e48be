"""Which samples or clusters occur, by their positions: counted, many times faster than to hash or to sort them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct", "ranked"]

Ints: TypeAlias = NDArray[np.int64]
_SPARSE = 16
"""Positions so many times larger than their number are sorted after all: there would be more to count than to sort."""


def distinct(positions: Ints) -> int:
    """Return how many different positions there are; none is below 0."""
    if _sparse(positions):
        return len(np.unique(positions))
    return int(np.count_nonzero(np.bincount(positions)))


def ranked(positions: Ints) -> tuple[Ints, Ints]:
    """Return the different positions, in order, and the place of each of the given ones among them."""
    if _sparse(positions):
        names, place = np.unique(positions, return_inverse=True)
        return names, place
    there = np.bincount(positions) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[positions]


def _sparse(positions: Ints) -> bool:
    return bool(positions.max(initial=0) > _SPARSE * len(positions))
