"""Large pictures in bands of rows that stay in a core's own cache: memory is slower than what is done to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perturbations._values import Image

__all__ = ["BAND", "in_bands"]

BAND = 80_000
"""Values that are worked on at a time."""


def in_bands(image: Image, work: Callable[[Image], Image]) -> Image:
    """Return what ``work`` makes of an image, pixel by pixel: one band of rows after the other."""
    height, width, channels = image.shape
    deep = max(1, BAND // (width * channels))
    if deep * 2 > height:
        return work(image)
    result = np.empty_like(image)
    for start in range(0, height, deep):
        result[start : start + deep] = work(image[start : start + deep])
    return result
