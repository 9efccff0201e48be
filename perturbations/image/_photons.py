"""Poisson counts for every pixel from 16 bits each: an inverse distribution function, cut into buckets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image._draw import Levels16

__all__ = ["photon_counts"]

_BUCKETS = 1024
_WIDTH = 65536 // _BUCKETS
_SEVERAL = 255
"""Marks a bucket that more than one boundary falls into: the tails, under one draw in a hundred."""


@dataclass(frozen=True)
class _Table:
    """Outcomes of a photon count for each brightness and each 16-bit draw.

    ``entries[brightness, bucket]`` holds the outcome at the bucket's start in its high byte and, in its low byte, from
    which draw of the bucket on it is the next one. ``boundaries`` are the sorted draws at which outcomes change, each
    with its brightness in the bits above 17; ``levels`` are the outcomes' values in 0..255.
    """

    entries: NDArray[np.uint16]
    boundaries: NDArray[np.int64]
    levels: NDArray[np.uint8]


def photon_counts(image: Image, draws: Levels16, photons: float) -> Image:
    """Return the image as counts of photons, scaled back to 0..255.

    A value v is ``min(Poisson(v/255 · photons) / photons, 1) · 255``, rounded. Counts rise with the draw.
    """
    table = _table(float(photons))
    cells = image.astype(np.uint32)
    cells *= _BUCKETS
    cells += draws >> 6
    entries = table.entries.take(cells)
    boundary = entries.astype(np.uint8)
    outcomes = (entries >> 8).astype(np.uint8)
    outcomes += (draws & (_WIDTH - 1)).astype(np.uint8) >= boundary
    several = np.flatnonzero(boundary.ravel() == _SEVERAL)
    if several.size:
        value = image.reshape(-1)[several].astype(np.int64)
        passed = np.searchsorted(table.boundaries, (value << 17) + draws.reshape(-1)[several], side="right")
        outcomes.reshape(-1)[several] = passed - value * (table.boundaries.size // 256)
    return table.levels.take(outcomes)


@lru_cache(maxsize=8)
def _table(photons: float) -> _Table:
    from scipy.special import pdtr

    counts = np.arange(int(np.ceil(photons)) + 1)
    levels = np.rint(255 * np.minimum(counts / photons, 1)).astype(np.uint8)
    last = np.flatnonzero(np.diff(levels))  # the largest count of every level but the brightest
    mean = np.arange(256)[:, None] * (photons / 255)
    boundaries = np.rint(pdtr(last, mean) * 65536).astype(np.int64)  # (brightness, outcome): the first draw above it
    before = _per_bucket(-(-boundaries // _WIDTH)).cumsum(axis=1)[:, :_BUCKETS]
    inside = _per_bucket(np.where(boundaries % _WIDTH, boundaries // _WIDTH, _BUCKETS))[:, :_BUCKETS]
    where = np.full((256, _BUCKETS), _WIDTH)
    rows, columns = np.nonzero(boundaries % _WIDTH)
    where[rows, boundaries[rows, columns] // _WIDTH] = boundaries[rows, columns] % _WIDTH
    where[inside > 1] = _SEVERAL
    entries = (before << 8 | where).astype(np.uint16)
    flat = (boundaries + (np.arange(256)[:, None] << 17)).ravel()
    return _Table(entries.ravel(), flat, levels[np.append(last, counts[-1])])


def _per_bucket(buckets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many boundaries of each brightness fall into each bucket; the last column is for none."""
    size = _BUCKETS + 1
    flat = (buckets + np.arange(256)[:, None] * size).ravel()
    return np.bincount(flat, minlength=256 * size).reshape(256, size)
