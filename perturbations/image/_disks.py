"""Blur by a disk, as a lens out of focus does it: sums of runs, which cost the disk's side and not its area."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image import _bands
from perturbations.image._draw import Field

__all__ = ["disk", "out_of_focus"]

_WHOLE = 257
"""So many bytes always fit into 16 bits when they are added."""
_TRANSFORM_RADIUS = 15
"""From this radius on, a Fourier transform takes less time than sums."""


def out_of_focus(image: Image, radius: float, alias_blur: float) -> Image:
    """Return an image under the kernel of ``disk``, rounded; mirrored at the middles of the pixels at its edges."""
    if radius >= _TRANSFORM_RADIUS:
        whole = cv2.filter2D(image.astype(np.float32), cv2.CV_32F, disk(radius, alias_blur))
        return cv2.convertScaleAbs(whole).reshape(image.shape)
    height, width, channels = image.shape
    lens = _lens(float(radius), float(alias_blur))
    padded = cv2.copyMakeBorder(image, *(lens.reach,) * 4, cv2.BORDER_REFLECT_101)
    padded = padded.reshape(len(padded), -1)
    result = np.empty((height, width * channels), np.uint8)
    deep = max(4 * lens.reach, 2 * _bands.BAND // (width * channels), 1)
    for start in range(0, height, deep):
        count = min(deep, height - start)
        band = padded[start : start + count + 2 * lens.reach].astype(np.uint16)
        total = _softened(lens, _summed(lens, band, channels), channels)
        if lens.rest:
            total += _rest(lens, band, channels)
        result[start : start + count] = cv2.convertScaleAbs(total)
    return result.reshape(image.shape)


@lru_cache(maxsize=64)
def disk(radius: float, alias_blur: float) -> Field:
    """Return the defocus kernel of Hendrycks & Dietterich: a disk, softened by a small Gaussian, without its empty rim.

    The softening stays inside a square of at least 17 pixels and is 3 pixels wide up to a radius of 8, 5 above.
    """
    reach, size = _size(radius)
    axis = np.arange(-reach, reach + 1)
    inside = (axis[:, None] ** 2 + axis**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(inside / inside.sum(), ksize=(size, size), sigmaX=alias_blur)
    kernel[kernel < 1e-12] = 0  # products with less are slow, as they need more bits than floats have
    used = int(np.abs(axis[kernel.any(axis=0)]).max())
    kernel = np.ascontiguousarray(kernel[reach - used : reach + used + 1, reach - used : reach + used + 1])
    kernel.flags.writeable = False
    return kernel


def _size(radius: float) -> tuple[int, int]:
    return (8, 3) if radius <= 8 else (int(radius), 5)


@dataclass(frozen=True)
class _Lens:
    """A disk as half the lengths of its rows, from the middle outwards, and what is done to its sums.

    ``soft`` holds the taps of the rim's Gaussian, over the root of the disk's area; ``reach`` is how far the whole
    sees. ``rest`` is what the definition cuts off at the edges of its square, by the distance of a row from the middle,
    as taps along that row: the same above and below, and along columns.
    """

    halves: tuple[int, ...]
    soft: Field
    reach: int
    rest: tuple[tuple[int, Field], ...]

    @property
    def rim(self) -> int:
        return len(self.soft) // 2


@lru_cache(maxsize=64)
def _lens(radius: float, alias_blur: float) -> _Lens:
    halves = tuple(math.isqrt(int(radius**2 - y * y)) for y in range(int(radius) + 1))
    soft = cv2.getGaussianKernel(_size(radius)[1], alias_blur, cv2.CV_32F)
    soft[soft < 1e-12] = 0
    reach = int(radius) + len(soft) // 2
    axis = np.arange(-reach, reach + 1)
    inside = (axis[:, None] ** 2 + axis**2 <= radius**2).astype(np.float32)
    rest = -cv2.sepFilter2D(inside / inside.sum(), cv2.CV_32F, soft, soft, borderType=cv2.BORDER_CONSTANT)
    kernel = disk(radius, alias_blur)
    first = reach - len(kernel) // 2
    rest[first : first + len(kernel), first : first + len(kernel)] += kernel
    rest[np.abs(rest) < 1e-6 * kernel.max()] = 0
    across, along = np.abs(axis), np.abs(axis)[:, None]
    rest *= (across < along) + np.float32(0.5) * (across == along)  # above and below; those beside are the same
    rows = tuple((y, _trimmed(rest[reach + y])) for y in range(1, reach + 1) if rest[reach + y].any())
    return _Lens(halves, soft / np.sqrt(inside.sum()), reach, rows)


def _trimmed(taps: Field) -> Field:
    """Return taps about their middle without the empty ends."""
    middle = len(taps) // 2
    used = int(np.abs(np.flatnonzero(taps) - middle).max())
    return taps[middle - used : middle + used + 1]


def _summed(lens: _Lens, band: NDArray[np.uint16], channels: int) -> Field:
    """Return sums of a padded band's values under the disk, with the rim's pixels around what is asked for.

    A row of the disk is a run of ones, and each run is the next shorter one with a pixel more at either end: runs of
    all lengths take two sums for each step of length, and the disk takes one for each of its rows.
    """
    radius = len(lens.halves) - 1
    rows, wide = len(band) - 2 * radius, band.shape[1] - 2 * radius * channels
    runs = band[:, radius * channels : radius * channels + wide].copy()
    total, held, done = np.zeros((rows, wide), np.uint16), 0, None
    for half in range(lens.halves[0] + 1):
        for column in (radius - half, radius + half) if half else ():
            cv2.add(runs, band[:, column * channels : column * channels + wide], dst=runs)
        for y in range(-radius, radius + 1):
            if lens.halves[abs(y)] != half:
                continue
            held += 2 * half + 1
            if held > _WHOLE:
                done = total.astype(np.float32) if done is None else done + total
                total, held = np.zeros_like(total), 2 * half + 1
            cv2.add(total, runs[radius + y : radius + y + rows], dst=total)
    return total.astype(np.float32) if done is None else done + total


def _softened(lens: _Lens, sums: Field, channels: int) -> Field:
    """Return the sums under the rim's Gaussian, without the rim's pixels."""
    rim = lens.rim
    blurred = cv2.sepFilter2D(sums.reshape(len(sums), -1, channels), cv2.CV_32F, lens.soft, lens.soft)
    blurred = blurred.reshape(sums.shape)[rim : len(sums) - rim, rim * channels : sums.shape[1] - rim * channels]
    return np.ascontiguousarray(blurred)


def _rest(lens: _Lens, band: NDArray[np.uint16], channels: int) -> Field:
    """Return the sum of what is cut off the disk, over a padded band: rows of taps above and below, left and right."""
    reach = lens.reach
    rows, wide = len(band) - 2 * reach, band.shape[1] - 2 * reach * channels
    total = np.zeros((rows, wide), np.float32)
    for y, taps in lens.rest:
        past = len(taps) // 2
        pair = cv2.add(band[reach - y : reach - y + rows], band[reach + y : reach + y + rows])
        pair = pair[:, (reach - past) * channels : (reach + past) * channels + wide].astype(np.float32)
        part = cv2.filter2D(pair.reshape(rows, -1, channels), cv2.CV_32F, taps[None])
        total += part.reshape(pair.shape)[:, past * channels : past * channels + wide]
        left, right = (reach - y) * channels, (reach + y) * channels
        pair = cv2.add(band[:, left : left + wide], band[:, right : right + wide])
        pair = pair[reach - past : reach + past + rows].astype(np.float32)
        part = cv2.filter2D(pair, cv2.CV_32F, taps[:, None])
        total += part[past : past + rows]
    return total
