"""Draws that cost little more than reading memory: 16 random bits for each number, mapped through tables.

A draw does not depend on how hard a perturbation hits. Severity only changes the map from the 16 bits to a value, and
each map is monotone: one sample sees the same grain, stronger. Probabilities come out to within 2^-17, in the tails of
normal draws to within 2^-32 (they reach 6.2 standard deviations).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._tables import looked_up

__all__ = [
    "Field",
    "Levels16",
    "chosen",
    "normals",
    "outermost",
    "quantiles",
    "sixteen",
    "tails",
    "uniforms",
]

Field: TypeAlias = NDArray[np.float32]
"""One float32 number for each pixel, or for each value of an image."""
Levels16: TypeAlias = NDArray[np.uint16]
"""Independent whole numbers, uniform in 0..65535."""


def sixteen(rng: Generator, shape: tuple[int, ...]) -> Levels16:
    """Return independent uniform 16-bit numbers."""
    count = math.prod(shape)
    words = rng.bit_generator.random_raw(-(-count // 4))
    return words.astype("<u8", copy=False).view("<u2")[:count].reshape(shape)


def normals(rng: Generator, shape: tuple[int, ...]) -> Field:
    """Return independent standard normal draws.

    The outermost 512 of the 65,536 shares get 16 bits more each: that makes tails right to 2^-32 of probability.
    """
    draws = sixteen(rng, shape)
    result: Field = looked_up(quantiles(), draws)
    outer = outermost(draws)
    result.reshape(-1)[outer] = tails(rng, draws.reshape(-1)[outer])
    return result


def outermost(draws: Levels16) -> NDArray[np.intp]:
    """Return where the draws are (in order of memory) that stand for more than 2.7 standard deviations."""
    return np.flatnonzero((draws + np.uint16(_OUTER)).reshape(-1) < 2 * _OUTER)


def tails(rng: Generator, draws: Levels16) -> Field:
    """Return normal draws for outermost 16-bit draws, from 16 bits more each."""
    finer = (sixteen(rng, draws.shape) + 0.5) / 65536
    share = draws.astype(np.float64)
    low = share < _OUTER
    tail = _normal_quantile(np.where(low, share + finer, 65536 - share - finer) / 65536)
    return np.where(low, tail, -tail).astype(np.float32)


_OUTER = 256
"""Shares on either side of a normal draw that are refined: those beyond 2.7 standard deviations."""


def uniforms(rng: Generator, shape: tuple[int, ...]) -> Field:
    """Return independent draws, uniform in (-1, 1)."""
    field = sixteen(rng, shape).astype(np.float32)
    field *= np.float32(1 / 32768)
    field += np.float32(0.5 / 32768 - 1)
    return field


@lru_cache(maxsize=1)
def quantiles() -> Field:
    """Return the standard normal quantile in the middle of each of the 65,536 equal shares."""
    table: Field = _normal_quantile((np.arange(65536) + 0.5) / 65536).astype(np.float32)
    table.flags.writeable = False
    return table


def _normal_quantile(share: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    return ndtri(share)


def chosen(rng: Generator, count: int, share: float) -> NDArray[np.bool_]:
    """Return which of some things are hit: a share of them, at least one, those of a smaller share among them."""
    order = rng.random(count).argsort(kind="stable")
    hit = np.zeros(count, np.bool_)
    hit[order[: max(1, round(share * count))]] = True
    return hit
