"""Poisson counts for every pixel from 16 bits each: an inverse distribution function, cut into buckets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perturbations._tables import looked_up
from perturbations._values import Image
from perturbations.image._draw import Levels16

__all__ = ["photon_counts"]

_SEVERAL = 254
"""Marks a bucket that more than one boundary falls into: the tails, one draw in some hundreds."""
_NONE = 255
"""Marks a bucket without a boundary: no draw has a lower byte above it."""


@dataclass(frozen=True)
class _Table:
    """Outcomes of a photon count for each brightness and each 16-bit draw.

    ``entries[256 · brightness + higher byte of the draw]`` holds the outcome for a lower byte of 0 in its high byte
    and, in its low byte, above which lower byte it is the next outcome. ``boundaries`` are the sorted draws at which
    outcomes change, each with its brightness in the bits above 17; ``levels`` are the outcomes' values in 0..255.
    """

    entries: NDArray[np.uint16]
    boundaries: NDArray[np.int64]
    levels: NDArray[np.uint8]


def photon_counts(image: Image, draws: Levels16, photons: float) -> Image:
    """Return the image as counts of photons, scaled back to 0..255.

    A value v is ``min(Poisson(v/255 · photons) / photons, 1) · 255``, rounded. Counts rise with the draw.
    """
    table = _table(float(photons))
    flat = image.reshape(len(image), -1)
    pairs = cv2.merge([(draws >> 8).astype(np.uint8).reshape(flat.shape), flat])
    entries = looked_up(table.entries, pairs.view("<u2").reshape(flat.shape))
    last = entries.astype(np.uint8)
    outcomes = (entries >> 8).astype(np.uint8)
    outcomes += draws.astype(np.uint8).reshape(flat.shape) > last
    several = np.flatnonzero(last.reshape(-1) == _SEVERAL)
    if several.size:
        value = image.reshape(-1)[several].astype(np.int64)
        passed = np.searchsorted(table.boundaries, (value << 17) + draws.reshape(-1)[several], side="right")
        outcomes.reshape(-1)[several] = passed - value * (table.boundaries.size // 256)
    return cv2.LUT(outcomes, table.levels).reshape(image.shape)


@lru_cache(maxsize=8)
def _table(photons: float) -> _Table:
    from scipy.special import pdtr

    counts = np.arange(int(np.ceil(photons)) + 1)
    levels = np.rint(255 * np.minimum(counts / photons, 1)).astype(np.uint8)
    last = np.flatnonzero(np.diff(levels))  # the largest count of every level but the brightest
    mean = np.arange(256)[:, None] * (photons / 255)
    boundaries = np.rint(pdtr(last, mean) * 65536).astype(np.int64)  # (brightness, outcome): the first draw above it
    before = _per_bucket(-(-boundaries // 256)).cumsum(axis=1)[:, :256]
    inside = _per_bucket(np.where(boundaries % 256, boundaries // 256, 256))[:, :256]
    above = np.full((256, 256), _NONE)
    rows, columns = np.nonzero(boundaries % 256)
    above[rows, boundaries[rows, columns] // 256] = boundaries[rows, columns] % 256 - 1
    above[inside > 1] = _SEVERAL
    entries = (before << 8 | above).astype(np.uint16)
    flat = (boundaries + (np.arange(256)[:, None] << 17)).ravel()
    shown = np.zeros(256, np.uint8)
    shown[: len(last) + 1] = levels[np.append(last, counts[-1])]
    return _Table(entries.ravel(), flat, shown)


def _per_bucket(buckets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many boundaries of each brightness fall into each bucket; the last column is for none."""
    flat = (buckets + np.arange(256)[:, None] * 257).ravel()
    return np.bincount(flat, minlength=256 * 257).reshape(256, 257)
