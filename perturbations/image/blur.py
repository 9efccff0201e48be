"""Optics and motion that smear a picture."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._tables import looked_up
from perturbations._values import Image
from perturbations.image._disks import out_of_focus
from perturbations.image._draw import sixteen
from perturbations.image._filters import (
    line_filter,
    line_taps,
    mean_with_zooms,
    smooth_image,
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
    version=3,
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
    return out_of_focus(image, radius, alias_blur)


@image_corruption(
    cite="hendrycks2019",
    version=3,
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
    return smooth_image(image, sigma)


_GLASS = published(
    ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
    ((0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
)


@image_corruption(
    cite="hendrycks2019",
    version=2,
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
    soft = smooth_image(image, sigma, _CUT_OFF)
    height, width, channels = image.shape
    packed = soft if channels == 1 else cv2.cvtColor(soft, cv2.COLOR_RGB2RGBA).view(np.uint32)
    shuffled = packed.reshape(height, width)
    for _ in range(passes):
        _shuffle(shuffled, sixteen(rng, (height, width)), max_shift)
    if channels == 3:
        shuffled = cv2.cvtColor(shuffled.view(np.uint8).reshape(height, width, 4), cv2.COLOR_RGBA2RGB)
    return smooth_image(shuffled.reshape(image.shape), sigma)


_CUT_OFF = 1e-3 - 0.5
"""What rounding turns into cutting decimals off, as the reference does here; what is whole but for rounding stays."""


def _shuffle(pixels: NDArray[Any], draws: NDArray[np.uint16], reach: int) -> None:
    """Let each pixel copy from the one that its draw points at, in place, visited from the last to the first.

    A row is copied at once: rows below hold what this pass put there, rows above and what is to the left of a pixel
    what they held before it, as with a visit one by one. Only who copies from the right in its own row (one in sixteen)
    waits for that neighbour: it copies from where the chain of such neighbours ends instead. Of narrow pictures a band
    of rows is copied at once, and who copies from below in it waits, too: fewer calls, longer chains. The reference
    leaves out an uneven margin.
    """
    height, width = draws.shape
    table, flat = _shifts(reach, width), pixels.reshape(-1)
    first, last = reach + 1, min(height - reach + 1, height)
    narrow = width <= _NARROW
    deep = max(1, (2 * _BAND if narrow else _BAND) // width)
    own = _own(reach, width, deep)
    for bottom in range(last, first, -deep):
        top = max(first, bottom - deep)
        shift = looked_up(table, draws[top:bottom])
        shift[:, :first] = shift[:, max(width - reach + 1, 0) :] = 0
        _end_chains(shift, reach, narrow)
        places = shift.reshape(-1)
        places += own[: places.size]
        above = flat[(top - reach) * width :]
        if narrow:
            flat[top * width : bottom * width] = above.take(places)
            continue
        for row in range(bottom - 1, top - 1, -1):
            flat[row * width : (row + 1) * width] = above.take(shift[row - top])


def _end_chains(shifts: NDArray[np.intp], reach: int, narrow: bool) -> None:
    """Let who waits for another pixel copy from where that one copies from; shifts in memory, by rows.

    One waits for pixels to the right in its own row, or for all that come later in the band.
    """
    shift, width = shifts.reshape(-1), shifts.shape[1]
    if narrow:
        waits = shift > 0
        below = shift[-reach * width :]  # these may point at rows that are done
        waits[-reach * width :] &= below < np.arange(below.size, 0, -1)
    else:
        waits = shift == 1 if reach == 2 else (shift - 1).view(np.uintp) < reach - 1  # 0 < shift < reach
    waiting = np.flatnonzero(waits)
    end = waiting + shift.take(waiting)
    further = np.flatnonzero(waits.take(end))
    while further.size:
        step = end.take(further)
        step += shift.take(step)
        end[further] = step
        further = further[waits.take(step)]
    shift[waiting] = end + shift.take(end) - waiting


_BAND = 32768
"""Pixels whose shifts are worked out at a time; of narrow pictures, twice as many."""
_NARROW = 512
"""Up to this width, a band of rows is copied at once."""


@lru_cache(maxsize=4)
def _own(reach: int, width: int, deep: int) -> NDArray[np.intp]:
    """Return the places of so many rows of pixels, counted from where the uppermost shift may lead."""
    return np.arange(reach * width, (reach + deep) * width)


@lru_cache(maxsize=16)
def _shifts(reach: int, width: int) -> NDArray[np.intp]:
    """Return the shift in memory for a 16-bit draw: one byte is the row, the other the column, in [-reach, reach)."""
    step = np.arange(256) * (2 * reach) // 256 - reach
    return (step[:, None] * width + step).reshape(-1).astype(np.intp)


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
    version=2,
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
    factors = np.arange(1, stop, increment)
    return mean_with_zooms(image, 2, factors[1:].tolist())  # the picture itself, and the factor 1
