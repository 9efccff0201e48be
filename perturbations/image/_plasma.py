"""Cloud-like fields by the diamond-square rule, from one draw for each node."""

from __future__ import annotations

import math

import numpy as np

from perturbations.image._bands import BAND
from perturbations.image._draw import Field

__all__ = ["plasma", "plasma_size"]


def plasma_size(height: int, width: int) -> int:
    """Return the side of the map: the next power of two, or less for a very long picture, along which it repeats."""
    side = min(max(height, width), math.ceil(2 * math.sqrt(height * width)))
    return max(2, 1 << (side - 1).bit_length())


def plasma(draws: Field, decay: float) -> Field:
    """Return a map in 0..1 of the draws' shape (square, a power of two), which continues itself at its edges.

    Diamond-square as Hendrycks & Dietterich use it: from one node, each round puts a node in the middle of every
    square, then of every diamond, at the mean of its four neighbours plus ``wobble² · draw``; the wobble starts at 100
    and is divided by ``decay`` from round to round. ``draws`` holds a uniform draw in (-1, 1) at each node's place.
    """
    size = len(draws)
    corners = np.zeros((1, 1), np.float32)
    wobble, step = 100.0, size
    while step >= 2:
        corners = _round(corners, draws, step, np.float32(wobble * wobble))
        step //= 2
        wobble /= decay
    corners -= corners.min()
    top = corners.max()
    return corners / top if top > 0 else corners


def _round(corners: Field, draws: Field, step: int, wobble: np.float32) -> Field:
    """Return the map at twice the density, made in bands of rows that stay in the cache; it wraps around."""
    count, half = len(corners), step // 2
    for_middle, for_above, for_beside = (
        draws[half::step, half::step],
        draws[::step, half::step],
        draws[half::step, ::step],
    )
    finer = np.empty((2 * count, 2 * count), np.float32)
    deep = max(1, BAND // (2 * count))
    for start in range(0, count, deep):
        stop = min(start + deep, count)
        rows = np.arange(start - 1, stop + 1) % count  # with one row before and one after
        band = corners[rows]
        pairs = band + _beyond(band, 1)
        middle = pairs[:-1] + pairs[1:]
        middle *= np.float32(0.25)
        middle += wobble * for_middle[rows[:-1]]
        above = middle[1:] + middle[:-1]
        above += pairs[1:-1]
        above *= np.float32(0.25)
        above += wobble * for_above[start:stop]
        beside = middle[1:] + _beyond(middle[1:], -1)
        beside += band[1:-1]
        beside += band[2:]
        beside *= np.float32(0.25)
        beside += wobble * for_beside[start:stop]
        finer[2 * start : 2 * stop : 2, ::2] = band[1:-1]
        finer[2 * start : 2 * stop : 2, 1::2] = above
        finer[2 * start + 1 : 2 * stop : 2, ::2] = beside
        finer[2 * start + 1 : 2 * stop : 2, 1::2] = middle[1:]
    return finer


def _beyond(field: Field, columns: int = 1) -> Field:
    return np.concatenate((field[:, columns:], field[:, :columns]), axis=1)
