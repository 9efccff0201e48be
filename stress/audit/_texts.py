"""What of a text stays when it is typed otherwise: the runs of letters in it."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.audit._tail import Pairs, none

__all__ = ["near", "reduced"]

_RUN = 4
"""Letters in a shingle."""
_BANDS, _ROWS = 24, 3
"""Texts are compared where, in one of the bands, the smallest of their shingles agree under each of its draws."""
_FLOOR = 0.4
_CROWD = 64
"""Texts that share a band before only the nearest in order are compared: a template that all data are written in."""


def reduced(value: Any) -> NDArray[np.uint32]:
    """Return the shingles of a text, as sorted numbers: of its letters and digits alone, in lower case, unaccented."""
    folded = unicodedata.normalize("NFKD", str(value).casefold())
    bare = " ".join("".join(c if c.isalnum() else " " for c in folded if not unicodedata.combining(c)).split())
    if not bare:
        return np.zeros(0, np.uint32)
    runs = {bare[i : i + _RUN] for i in range(max(1, len(bare) - _RUN + 1))}
    return np.unique(
        np.array([int.from_bytes(blake2b(run.encode(), digest_size=4).digest(), "little") for run in runs], np.uint32)
    )


def near(shingles: list[NDArray[np.uint32]]) -> list[Pairs]:
    """Return pairs of texts with the share of shingles that they have in common (Jaccard), .4 or more."""
    written = [row for row, each in enumerate(shingles) if len(each)]
    if len(written) < 2:
        return [none(len(shingles))]
    pairs = sorted(_candidates([shingles[row] for row in written]))
    one = np.array([written[i] for i, _ in pairs], np.int64)
    other = np.array([written[j] for _, j in pairs], np.int64)
    likes = np.array([_jaccard(shingles[i], shingles[j]) for i, j in zip(one, other)], np.float64)
    return [Pairs(one, other, likes, len(shingles), _FLOOR).where(likes >= _FLOOR)]


def _jaccard(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _candidates(shingles: list[NDArray[np.uint32]]) -> set[tuple[int, int]]:
    """Return pairs of texts that agree in a band of their smallest shingles (MinHash, Broder 1997)."""
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 2**61, _BANDS * _ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    ends = np.cumsum([0, *map(len, shingles)])
    every = np.concatenate(shingles).astype(np.uint64)
    least = np.stack([np.minimum.reduceat((every * factor) >> np.uint64(24), ends[:-1]) for factor in factors], axis=1)
    found: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        key = least[:, band * _ROWS : (band + 1) * _ROWS]
        order = np.lexsort(key.T)
        same = np.concatenate([[False], (key[order][1:] == key[order][:-1]).all(axis=1)])
        for crowd in np.split(order, np.flatnonzero(~same)[1:]):
            if len(crowd) > 1:
                mine = np.sort(crowd).tolist()
                found.update((a, b) for k, a in enumerate(mine) for b in mine[k + 1 : k + _CROWD])
    return found
