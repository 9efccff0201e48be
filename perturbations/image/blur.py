"""Optics and motion that smear a picture."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._bands import in_bands
from perturbations.image._draw import Field, sixteen
from perturbations.image._filters import (
    disk,
    filtered,
    gaussian_reach,
    line_filter,
    line_taps,
    rounded_image,
    smooth,
    sum_of_zooms,
)
from perturbations.image._levels import column, published

__all__ = ["defocus_blur", "gaussian_blur", "glass_blur", "motion_blur", "zoom_blur"]

_DEFOCUS = published(
    ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
    ((4, 0.1), (5, 0.5), (7, 0.5), (10, 0.5), (12, 0.5)),
)


@image_corruption(
    cite="hendrycks2019",
    version=2,
    radius=Param(
        "radius of the circle of confusion", "pixels", 0, 100, scale="step", clean=0, levels=column(_DEFOCUS, 0)
    ),
    alias_blur=Param(
        "standard deviation of the Gaussian that softens the disk's rim",
        "pixels",
        0.01,
        10,
        scale="step",
        levels=column(_DEFOCUS, 1),
    ),
)
def defocus_blur(image: Image, *, radius: float, alias_blur: float) -> Image:
    """A lens out of focus: every point becomes a disk."""
    return filtered(image, disk(radius, alias_blur))


@image_corruption(
    cite="hendrycks2019",
    version=2,
    sigma=Param(
        "standard deviation of the blur",
        "pixels",
        0,
        100,
        clean=0,
        levels=published(
            (1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1), (0.5, 0.75, 1, 1.25, 1.5), (1.5, 2.5, 3.5, 4.5, 6.5)
        ),
    ),
)
def gaussian_blur(image: Image, *, sigma: float) -> Image:
    """A soft lens, or a thumbnail enlarged: every point becomes a Gaussian."""
    return in_bands(lambda band: rounded_image(smooth(band, sigma), band), image, reach=gaussian_reach(sigma))


_GLASS = published(
    ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
    ((0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
)


@image_corruption(
    cite="hendrycks2019",
    not_monotone="the published tables trade the reach of a shift for the number of passes",
    sigma=Param(
        "standard deviation of the blur before and after", "pixels", 0, 20, scale="step", levels=column(_GLASS, 0)
    ),
    max_shift=Param("largest shift of a pixel", "pixels", 1, 32, scale="integer", levels=column(_GLASS, 1)),
    passes=Param("number of times each pixel is shifted", "times", 1, 16, scale="integer", levels=column(_GLASS, 2)),
)
def glass_blur(image: Image, rng: Generator, *, sigma: float, max_shift: int, passes: int) -> Image:
    """Frosted or rippled glass: pixels trade places with their neighbours between two soft blurs.

    As in the reference, pixels are visited from the last to the first, and each *copies* the value that its
    neighbour has at that moment (the swap written there is a one-way copy). Shifts are in [-max_shift, max_shift),
    equally likely to within 1/256.
    """
    reach = gaussian_reach(sigma)
    soft = in_bands(lambda band: _cut_off(smooth(band.astype(np.float32), sigma)), image, reach=reach)
    height, width, channels = image.shape
    moved = np.arange(height * width)
    for _ in range(passes):
        moved = moved.take(_copied_from(sixteen(rng, (height, width)), max_shift))
    packed = soft if channels == 1 else cv2.cvtColor(soft, cv2.COLOR_RGB2RGBA).view(np.uint32)
    shuffled = packed.reshape(-1).take(moved).reshape(height, width)
    if channels == 3:
        shuffled = cv2.cvtColor(shuffled.view(np.uint8).reshape(height, width, 4), cv2.COLOR_RGBA2RGB)
    return in_bands(
        lambda band: rounded_image(smooth(band.astype(np.float32), sigma), band),
        shuffled.reshape(image.shape),
        reach=reach,
    )


def _cut_off(values: Field) -> Image:
    """Return values without their decimals, as the reference does here; what is whole but for rounding stays."""
    values += np.float32(1e-3)
    return values.astype(np.uint8)


def _copied_from(draws: NDArray[np.uint16], reach: int) -> NDArray[np.intp]:
    """Return, for each pixel, the index of the one whose value it holds after a pass over the picture.

    A pixel visited later sees what an earlier one copied, which saw what … : chains of pointers. Doubling them (each
    pointer becomes its target's pointer, until none changes) gives what the visit one by one gives, exactly; only
    pointers that still move are looked at. That is done in bands of rows from the last to the first; where a chain
    leaves its band, its end is known already.
    """
    height, width = draws.shape
    own, visited = _visited(height, width, reach)
    shifts, flat = _shifts(reach, width), draws.reshape(-1)
    found = own.copy()
    deep = max(1, _BAND // width) * width
    for start in range((own.size - 1) // deep * deep, -1, -deep):
        band = own[start : start + deep]
        source = shifts.take(flat[start : start + deep]) * visited[start : start + deep] + band
        chained = (source > band) & visited.take(source)
        beyond = np.flatnonzero(chained & (source >= start + len(band)))
        source[beyond] = found.take(source[beyond])
        chained[beyond] = False
        moving = np.flatnonzero(chained)
        target = source.take(moving) - start
        follow = band - start
        follow[moving] = target
        while moving.size:
            further = follow.take(target)
            changed = np.flatnonzero(further != target)
            moving, target = moving.take(changed), further.take(changed)
            follow[moving] = target
        found[start : start + deep] = source.take(follow)
    return found


_BAND = 32768
"""Pixels whose pointers are followed at a time."""


@lru_cache(maxsize=2)
def _visited(height: int, width: int, reach: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return every pixel's index, and whether the pass visits it: the reference leaves out an uneven margin."""
    visited = np.zeros((height, width), np.bool_)
    visited[reach + 1 : height - reach + 1, reach + 1 : width - reach + 1] = True
    return np.arange(height * width), visited.reshape(-1)


@lru_cache(maxsize=16)
def _shifts(reach: int, width: int) -> NDArray[np.int32]:
    """Return the shift in memory for a 16-bit draw: one byte is the row, the other the column, in [-reach, reach)."""
    step = np.arange(256) * (2 * reach) // 256 - reach
    return (step[:, None] * width + step).reshape(-1).astype(np.int32)


_MOTION = published(
    ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
    ((12, 4), (17, 6), (17, 9), (17, 13), (22, 16)),
)


@image_corruption(
    cite="hendrycks2019",
    radius=Param("half the length of the trail", "pixels", 0, 500, clean=0, levels=column(_MOTION, 0)),
    sigma=Param("standard deviation of the trail's weights", "pixels", 0, 500, clean=0, levels=column(_MOTION, 1)),
    spread=Param("largest tilt of the motion to either side", "degrees", 0, 180, default=45),
)
def motion_blur(image: Image, rng: Generator, *, radius: float, sigma: float, spread: float) -> Image:
    """Camera shake or a fast object: every point leaves a fading trail, in one direction for the whole picture.

    The reference calls ImageMagick; its kernel is used (see ``line_taps``), its 8-bit result is rounded the same way.
    """
    angle = rng.uniform(-1, 1) * spread
    return line_filter(image, *line_taps(radius, sigma, angle))


_ZOOM = published(
    ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
)


@image_corruption(
    cite="hendrycks2019",
    stop=Param("zoom factor at which the series ends", "times", 1.001, 4, scale="step", levels=column(_ZOOM, 0)),
    increment=Param(
        "difference of neighbouring zoom factors", "times", 0.001, 1, scale="step", levels=column(_ZOOM, 1)
    ),
)
def zoom_blur(image: Image, *, stop: float, increment: float) -> Image:
    """Racing towards the scene: the mean of the picture and of a series of enlargements about its centre.

    The series is the reference's ``arange(1, stop, increment)`` in floating point, which has one more member than meets
    the eye at some levels (twelve at the first).
    """
    values = image.astype(np.float32)
    factors = np.arange(1, stop, increment)
    total = sum_of_zooms(values, factors[1:].tolist())
    total += 2 * values  # the picture itself, and the factor 1
    total *= np.float32(1 / (len(factors) + 1))
    return rounded_image(total, image)
