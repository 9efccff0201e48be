"""Cloud-like fields by the diamond-square rule, from one draw for each node."""

from __future__ import annotations

import math

import numpy as np

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
    """Return the map at twice the density."""
    count, half = len(corners), step // 2
    right = _beyond(corners, 1)  # wraps around
    middle = corners + right
    middle += _below(middle)
    middle *= np.float32(0.25)
    middle += wobble * draws[half::step, half::step]
    finer = np.empty((2 * count, 2 * count), np.float32)
    finer[::2, ::2] = corners
    finer[1::2, 1::2] = middle
    above = middle + _below(middle, -1)
    above += corners
    above += right
    above *= np.float32(0.25)
    above += wobble * draws[::step, half::step]
    finer[::2, 1::2] = above
    beside = middle + _beyond(middle, -1)
    beside += corners
    beside += _below(corners)
    beside *= np.float32(0.25)
    beside += wobble * draws[half::step, ::step]
    finer[1::2, ::2] = beside
    return finer


def _below(field: Field, rows: int = 1) -> Field:
    return np.concatenate((field[rows:], field[:rows]))


def _beyond(field: Field, columns: int = 1) -> Field:
    return np.concatenate((field[:, columns:], field[:, :columns]), axis=1)
