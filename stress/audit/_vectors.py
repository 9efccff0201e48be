"""Pairs of many vectors that are alike, found by blocks of products: all there are of some thousands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from stress.audit._tail import Pairs, none

__all__ = ["alike", "nearest"]

Vectors = NDArray[np.float32]
_SAMPLE = 3000
"""Vectors among which the floor is read."""
_KEPT = 5
"""Pairs kept for each vector, about."""
_KEEP = 64
"""Directions that are looked at first."""
_LOOKED_AT = 40
"""Others that each vector is held to, about, of those that are most alike in these directions."""
_BLOCK, _GATHERED = 4096, 65536


def alike(vectors: Vectors, workers: int = 2) -> Pairs:
    """Return the pairs of unit vectors (n, d) with the largest products, about five for each vector.

    Vectors of zeros are alike to none. Of more than some thousands, pairs are first looked for in the few directions
    in which the vectors differ most, forty for each at most, and then held to their product: what is alike as a whole
    is alike there.
    """
    rows = np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)
    some = vectors[rows]
    n = len(rows)
    if n < 2:
        return none(len(vectors))
    floor = _floor(some)
    few, least = (some, floor) if n <= 2 * _SAMPLE else _coarse(some, floor)

    def within(at: tuple[int, int]) -> NDArray[np.int64]:
        """Return the pairs of two blocks that are alike in these directions, the lower place first."""
        start, other = at
        i, j = np.nonzero(few[start : start + _BLOCK] @ few[other : other + _BLOCK].T >= least)
        keep = i + start < j + other
        return np.stack([i[keep] + start, j[keep] + other])

    blocks = [(start, other) for start in range(0, n, _BLOCK) for other in range(start, n, _BLOCK)]
    with ThreadPoolExecutor(workers) as pool:  # products and comparisons hold no lock
        one, other_ = np.concatenate(list(pool.map(within, blocks)), axis=1)
    slices = [slice(k, k + _GATHERED) for k in range(0, len(one), _GATHERED)]
    likes = np.concatenate([_products(some, one[k], other_[k]) for k in slices]) if slices else np.zeros(0, np.float32)
    kept = likes >= floor
    return Pairs(rows[one[kept]], rows[other_[kept]], likes[kept].astype(np.float64), len(vectors), floor)


def _products(vectors: Vectors, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.einsum("nd,nd->n", vectors[one], vectors[other])


def _floor(vectors: Vectors) -> float:
    """Return the product that about five of the pairs of each vector reach, as read from some of the vectors."""
    return max(0.05, _reached(vectors, 2 * _KEPT))


def _reached(vectors: Vectors, count: int) -> float:
    """Return the product that a vector reaches with so many of the others, as read from some of the vectors."""
    n = len(vectors)
    some = vectors[:: max(1, n // _SAMPLE)][:_SAMPLE]
    products = (some @ some.T)[np.triu_indices(len(some), 1)]
    place = max(0, len(products) - 1 - int(min(0.5, count / n) * len(products)))
    return float(np.partition(products, place)[place])


def _coarse(vectors: Vectors, floor: float) -> tuple[Vectors, float]:
    """Return the vectors in the directions in which they differ most, as unit vectors, and how alike to look for."""
    some = vectors[:: max(1, len(vectors) // _SAMPLE)][:_SAMPLE].astype(np.float64)
    _, directions = np.linalg.eigh(some.T @ some)
    inner = vectors @ directions[:, -_KEEP:].astype(np.float32)
    inner /= np.maximum(np.sqrt(np.square(inner).sum(axis=1, keepdims=True)), np.float32(1e-6))
    return inner, max(floor, _reached(inner, _LOOKED_AT))


def nearest(vectors: Vectors, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of each vector with the ``count`` most alike to it, each pair once."""
    n = len(vectors)
    found = []
    for start in range(0, n, _BLOCK // 4):
        block = vectors[start : start + _BLOCK // 4] @ vectors.T
        block[np.arange(len(block)), start + np.arange(len(block))] = -2
        width = min(count, n - 1)
        best = np.argpartition(-block, width - 1, axis=1)[:, :width] if width else np.zeros((len(block), 0), np.int64)
        mine = np.repeat(np.arange(start, start + len(block)), best.shape[1])
        found.append(np.stack([np.minimum(mine, best.ravel()), np.maximum(mine, best.ravel())], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), np.int64)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
