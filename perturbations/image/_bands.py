"""Large pictures in bands of rows that stay in a core's own cache: memory is slower than what is done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image._draw import Levels16, sixteen

__all__ = ["BAND", "drawn_in_bands", "in_bands"]

BAND = 80_000
"""Values that are worked on at a time."""


def in_bands(work: Callable[..., Image], image: Image, *beside: NDArray[Any]) -> Image:
    """Return ``work(image, *beside)``, done on one band of rows after the other; what lies beside has as many rows."""
    bands = list(_bands(image, 0))
    if len(bands) == 1:
        return work(image, *beside)
    result = np.empty_like(image)
    for start, stop in bands:
        result[start:stop] = work(*(rows[start:stop] for rows in (image, *beside)))
    return result


def drawn_in_bands(image: Image, rng: Generator, work: Callable[[Image, Levels16], Image]) -> Image:
    """Return ``work(image, draws)`` with a 16-bit draw for each value, one band of rows after the other.

    Bands have a number of rows that is a multiple of four, as draws come by fours: results do not depend on them.
    """
    result = np.empty_like(image)
    for start, stop in _bands(image, 4):
        result[start:stop] = work(image[start:stop], sixteen(rng, result[start:stop].shape))
    return result


def _bands(image: Image, least: int) -> Iterator[tuple[int, int]]:
    height, width, channels = image.shape
    deep = max(BAND // (width * channels) // 4 * 4, least, 1)
    if 2 * deep > height:
        deep = height
    for start in range(0, height, deep):
        yield start, min(start + deep, height)
