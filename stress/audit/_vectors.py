"""Pairs of many vectors that are alike, found by blocks of products: above a level that is told, none is missed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from stress.audit._tail import Pairs, none

__all__ = ["alike", "nearest"]

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]
_SAMPLE = 3000
"""Vectors among which the floor is read."""
_KEPT = 5
"""Pairs kept for each vector, about."""
_KEEP = 64
"""Directions that are looked at first."""
_LOOKED_AT = 40
"""Others that each vector is held to, about, of those that are most alike in these directions."""
_APART, _MANY = 1 / 64, 0.4
"""Shares of vectors that are held to all others in full: as a rule, and from where on all pairs are no dearer."""
_SLACK = 1e-4
"""What sums in single precision may be off by."""
_BLOCK, _GATHERED = 1024, 65536
_ROWS, _COLUMNS = 256, 2048
"""Sides of a block of products that stays in a processor's cache: of 4096² numbers each takes four times as long."""


def alike(vectors: Vectors, workers: int = 2, down_to: float = 1.0) -> Pairs:
    """Return the pairs of unit vectors (n, d) with the largest products, about five for each vector.

    Vectors of zeros are alike to none. Of more than some thousands, pairs are first looked for in the few directions
    in which the vectors differ most, forty for each at most, and then held to their product. What two vectors share
    outside these directions is at most the product of what each has there (Cauchy and Schwarz): from the level
    ``sure`` on no pair is missed, and vectors that would lift it are held to all others in full. It is ``down_to``, or
    lower.
    """
    rows = np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)
    some = vectors[rows]
    if len(rows) < 2:
        return none(len(vectors))
    floor = _floor(some)
    with ThreadPoolExecutor(workers) as pool:  # products and comparisons hold no lock
        one, other, sure = _candidates(some, floor, down_to, pool)
    slices = [slice(k, k + _GATHERED) for k in range(0, len(one), _GATHERED)]
    likes = np.concatenate([_products(some, one[k], other[k]) for k in slices]) if slices else np.zeros(0, np.float32)
    kept = likes >= floor
    return Pairs(rows[one[kept]], rows[other[kept]], likes[kept].astype(np.float64), len(vectors), floor, sure)


def _candidates(some: Vectors, floor: float, down_to: float, pool: ThreadPoolExecutor) -> tuple[Places, Places, float]:
    """Return pairs to be held to their product, the lower place first, and from which product on none is missing."""
    everyone = np.arange(len(some))
    if len(some) > 2 * _SAMPLE:
        few, near, reach = _coarse(some, floor)
        sure = max(floor, min(float(np.quantile(reach, 1 - _APART)), down_to - _SLACK) + _SLACK)
        apart = reach + _SLACK > sure
        if apart.mean() < _MANY:
            one, other = _reaching(few, everyone, near, pool)
            both = ~(apart[one] | apart[other])
            mine, theirs = _reaching(some, np.flatnonzero(apart), floor, pool)
            return np.append(one[both], mine), np.append(other[both], theirs), sure
    return *_reaching(some, everyone, floor, pool), floor


def _reaching(vectors: Vectors, mine: Places, least: float, pool: ThreadPoolExecutor) -> tuple[Places, Places]:
    """Return the pairs of some of the vectors with any whose product is at least so much, each pair once."""
    whose = np.zeros(len(vectors), bool)
    whose[mine] = True
    first = mine[0] if len(mine) == len(vectors) else None

    def of(start: int) -> NDArray[np.int64]:
        """Return the pairs of one block of rows."""
        block = mine[start : start + _ROWS]
        found = []
        for column in range(0 if first is None else start // _COLUMNS * _COLUMNS, len(vectors), _COLUMNS):
            others = vectors[column : column + _COLUMNS]
            places = np.flatnonzero((vectors[block] @ others.T >= least).ravel())  # of two axes: three times as long
            one, other = block[places // len(others)], places % len(others) + column
            keep = (one < other) | ((one > other) & ~whose[other])
            found.append(np.stack([np.minimum(one, other)[keep], np.maximum(one, other)[keep]]))
        return np.concatenate(found, axis=1)

    nobody = np.zeros((2, 0), np.int64)
    one, other = np.concatenate([nobody, *pool.map(of, range(0, len(mine), _ROWS))], axis=1)
    return one, other


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


def _coarse(vectors: Vectors, floor: float) -> tuple[Vectors, float, Vectors]:
    """Return the vectors in the directions in which they differ most, as unit vectors; how alike to look for there.

    And the reach of each: two that are not found have a product of at most the root of the product of their reaches.
    With s and r for the lengths in these directions and beside them it is near · s² + r², since near · s · s' + r · r'
    is a product of two vectors.
    """
    some = vectors[:: max(1, len(vectors) // _SAMPLE)][:_SAMPLE].astype(np.float64)
    _, directions = np.linalg.eigh(some.T @ some)
    inner = vectors @ directions[:, -_KEEP:].astype(np.float32)
    within, whole = np.square(inner).sum(axis=1), np.square(vectors).sum(axis=1)
    inner /= np.maximum(np.sqrt(within), np.float32(1e-6))[:, None]
    near = max(floor, _reached(inner, _LOOKED_AT))
    return inner, near, near * within + np.maximum(whole - within, 0)


def nearest(vectors: Vectors, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of each vector with the ``count`` most alike to it, each pair once."""
    n = len(vectors)
    found = []
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        block[np.arange(len(block)), start + np.arange(len(block))] = -2
        width = min(count, n - 1)
        best = np.argpartition(-block, width - 1, axis=1)[:, :width] if width else np.zeros((len(block), 0), np.int64)
        mine = np.repeat(np.arange(start, start + len(block)), best.shape[1])
        found.append(np.stack([np.minimum(mine, best.ravel()), np.maximum(mine, best.ravel())], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), np.int64)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
