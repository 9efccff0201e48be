"""Which samples or clusters occur, by their positions: counted, many times faster than to hash or to sort them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct", "ranked", "ranked_rows"]

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


def ranked_rows(positions: Ints) -> tuple[Ints, Ints]:
    """Return the place of each of (rows × n) positions among the different ones of its row, and how many these are."""
    if len(positions) == 1:
        names, place = ranked(positions[0])
        return place[None, :], np.array([len(names)])
    rows, most = np.arange(len(positions)), int(positions.max(initial=0)) + 1
    names, place = np.unique(rows[:, None] * most + positions, return_inverse=True)
    starts = np.searchsorted(names, np.append(rows, len(positions)) * most)
    return place.reshape(positions.shape) - starts[:-1, None], np.diff(starts)


def _sparse(positions: Ints) -> bool:
    return bool(positions.max(initial=0) > _SPARSE * len(positions))
