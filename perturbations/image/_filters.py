"""Linear filters: Gaussians as the reference cuts them, lines, and zooms about the centre."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image import _bands
from perturbations.image._draw import Field

__all__ = [
    "at_least",
    "line_filter",
    "line_taps",
    "mean_with_zooms",
    "rounded_image",
    "smooth",
    "smooth_image",
    "smooth_mirrored",
    "to_image",
    "zoom_map",
    "zoomed",
]

_T = TypeVar("_T", Field, Image)
_DIRECT_AREA = 129
"""Largest kernel that OpenCV filters directly: larger ones go through a Fourier transform, empty or not."""
_FROM_PLACES = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_EDGE_GOES_ON = cv2.BORDER_REPLICATE


def to_image(values: Field, like: Image) -> Image:
    """Return float values rounded and limited to 0..255, in the shape of an image."""
    return rounded_image(np.maximum(values, 0), like)


def rounded_image(values: Field, like: Image) -> Image:
    """Return float values of at least 0 rounded and limited to 255, in the shape of an image."""
    rounded: Image = cv2.convertScaleAbs(values)
    return rounded.reshape(like.shape)


def at_least(field: Field, threshold: float) -> Field:
    """Return the field with 0 wherever it lies below a threshold."""
    below = np.nextafter(np.float32(threshold), np.float32(-np.inf))
    kept: Field = cv2.threshold(field, float(below), 0, cv2.THRESH_TOZERO)[1]
    return kept


@lru_cache(maxsize=64)
def gaussian_kernel(sigma: float, truncate: float) -> NDArray[np.float64]:
    """Return a Gaussian sampled at whole pixels out to ``truncate`` standard deviations, sum 1."""
    reach = int(truncate * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-12)) ** 2)
    kernel /= kernel.sum()
    kernel.flags.writeable = False
    return kernel


def smooth(values: Field, sigma: float, truncate: float = 4.0, border: int = cv2.BORDER_REPLICATE) -> Field:
    """Return the values under a Gaussian, as float32; beyond the edge, the edge goes on."""
    kernel = gaussian_kernel(sigma, truncate)
    if kernel.size == 1:
        return values.astype(np.float32, copy=False)
    smoothed: Field = cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, borderType=border)
    return smoothed.reshape(values.shape)


def smooth_image(image: Image, sigma: float, shift: float = 0.0) -> Image:
    """Return an image under a Gaussian, rounded after ``shift`` is added; beyond the edge, the edge goes on.

    One kernel is doubled and the other one halved: OpenCV takes kernels that sum to one for whole numbers of 8 bits,
    where an image comes in and goes out, and would be off by up to two levels. So it adds up floats, in one pass.
    """
    kernel = gaussian_kernel(sigma, 4.0)
    if kernel.size == 1:
        return image.copy()
    smoothed: Image = cv2.sepFilter2D(
        image, cv2.CV_8U, 2 * kernel, 0.5 * kernel, delta=shift, borderType=cv2.BORDER_REPLICATE
    )
    return smoothed.reshape(image.shape)


def smooth_mirrored(values: Field, sigma: float, truncate: float = 3.0) -> Field:
    """Return a field under a Gaussian, mirrored at its edges, at a cost that does not grow with sigma.

    A wide Gaussian leaves only the slowest cosines of a mirrored field: those are projected out and weighted with the
    truncated kernel's exact response, instead of adding up hundreds of taps.
    """
    if sigma < 5:
        return smooth(values, sigma, truncate, cv2.BORDER_REFLECT)
    rows, columns = (_cosines(n, sigma, truncate) for n in values.shape)
    spectrum = (rows[0].T @ (values @ columns[0])) * np.outer(rows[1], columns[1])
    return (rows[0] @ spectrum @ columns[0].T).astype(np.float32, copy=False)


@lru_cache(maxsize=32)
def _cosines(length: int, sigma: float, truncate: float) -> tuple[Field, Field]:
    """Return the slowest cosines of a mirrored line as columns, and a truncated Gaussian's response to each."""
    count = min(length, math.ceil(6 * length / (math.pi * sigma)) + 1)
    order = np.arange(count)
    basis = np.cos(np.pi * (np.arange(length)[:, None] + 0.5) * order / length) * math.sqrt(2 / length)
    basis[:, 0] /= math.sqrt(2)
    kernel = gaussian_kernel(sigma, truncate)
    offsets = np.arange(kernel.size) - kernel.size // 2
    response = np.cos(np.pi * order[:, None] * offsets / length) @ kernel
    return basis.astype(np.float32), response.astype(np.float32)


def line_taps(radius: float, sigma: float, angle: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the offsets ``(taps, (y, x))`` and weights of ImageMagick's motion blur.

    The trail is one half of a Gaussian, ``2 ⌈radius⌉ + 1`` taps long, sampled along a line at ``angle`` degrees.
    """
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-0.5 * (steps / max(sigma, 1e-12)) ** 2)
    direction = np.array([math.sin(math.radians(angle)), math.cos(math.radians(angle))])
    offsets = np.ceil(steps[:, None] * direction - 0.5).astype(np.int64)
    return offsets, weights / weights.sum()


def line_filter(values: _T, offsets: NDArray[np.int64], weights: NDArray[np.float64]) -> _T:
    """Return the weighted sum of shifted copies, of an image rounded; beyond the edge, the edge goes on.

    Taps are filtered in groups whose bounding boxes are small enough to be filtered directly.
    """
    parts = []
    corner = offsets.min(axis=0)
    for group in _groups(offsets):
        first = offsets[group].min(axis=0)
        rows, columns = offsets[group].max(axis=0) - first + 1
        kernel = np.zeros((rows, columns), np.float32)
        np.add.at(kernel, tuple((offsets[group] - first).T), weights[group])
        parts.append((int(first[0] - corner[0]), int(first[1] - corner[1]), kernel))
    (top, left), (bottom, right) = -corner, offsets.max(axis=0)
    padded = cv2.copyMakeBorder(values, int(top), int(bottom), int(left), int(right), cv2.BORDER_REPLICATE)
    return _sum_of_parts(padded, parts, values.shape, values.dtype == np.uint8)


def _sum_of_parts(
    padded: Field | Image, parts: Sequence[tuple[int, int, Field]], shape: tuple[int, ...], rounded: bool
) -> Any:
    """Return the sum of small filters over padded values; a part is (row, column) where its kernel begins, and that.

    It is done in bands of rows that stay in the cache.
    """
    height, width = shape[:2]
    result = np.empty(shape, np.uint8 if rounded else np.float32)
    below = max(row + len(kernel) for row, _, kernel in parts) - 1
    deep = max(2 * below, _bands.BAND // math.prod(shape[1:]), 1)
    for start in range(0, height, deep):
        count = min(deep, height - start)
        band = padded[start : start + count + below].astype(np.float32, copy=False)
        total: Field | None = None
        for row, column, kernel in parts:
            tall, wide = kernel.shape
            view = band[row : row + count + tall - 1, column : column + width + wide - 1]
            part = cv2.filter2D(view, cv2.CV_32F, kernel, anchor=(0, 0))[:count, :width]
            total = part if total is None else cv2.add(total, part)
        assert total is not None  # noqa: S101 - there is at least one part
        done = cv2.convertScaleAbs(total) if rounded else total
        result[start : start + count] = done.reshape(result[start : start + count].shape)
    return result


def _groups(offsets: NDArray[np.int64]) -> list[slice]:
    """Return runs of taps that fit into small boxes; plain numbers, as arrays of two would take ten times as long."""
    groups, start = [], 0
    top = bottom = left = right = None
    for place, (y, x) in enumerate(offsets.tolist()):
        if top is not None:
            tall, wide = max(bottom, y) - min(top, y) + 1, max(right, x) - min(left, x) + 1
            if tall * wide > _DIRECT_AREA:
                groups.append(slice(start, place))
                start, top = place, None
        if top is None:
            top, bottom, left, right = y, y, x, x
        else:
            top, bottom, left, right = min(top, y), max(bottom, y), min(left, x), max(right, x)
    return [*groups, slice(start, len(offsets))]


def zoom_map(length: int, factor: float) -> tuple[float, float]:
    """Return (step, start) of the source positions of a zoom about the centre, as the reference cuts and trims it.

    The middle ``⌈length / factor⌉`` pixels are stretched end to end over that many times ``factor``, rounded.
    """
    kept = math.ceil(length / factor)
    stretched = round(kept * factor)
    step = (kept - 1) / (stretched - 1) if stretched > 1 else 1.0
    return step, (length - kept) // 2 + (stretched - length) // 2 * step


def zoomed(field: Field, factor: float) -> Field:
    """Return the middle of a field enlarged to its full size, linearly interpolated."""
    height, width = field.shape
    stretched: Field = _stretch(width, factor) @ cv2.transpose(_stretch(height, factor) @ field)
    return cv2.transpose(stretched)


def mean_with_zooms(image: Image, weight: float, factors: Sequence[float]) -> Image:
    """Return the weighted mean of an image and its enlargements by these factors, each of weight 1, rounded.

    Colour is held in fours, which OpenCV warps in half the time, and worked on in bands of rows that stay in the cache.
    """
    height, width, channels = image.shape
    values = (image if channels == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)).astype(np.float32)
    zooms = [(zoom_map(width, factor), zoom_map(height, factor)) for factor in factors]
    result = np.empty_like(image)
    deep = max(1, _bands.BAND // (width * (1 if channels == 1 else 4)))
    for start in range(0, height, deep):
        stop = min(start + deep, height)
        total = values[start:stop] * np.float32(weight)
        for (across, left), (down, top) in zooms:
            places = np.array([[across, 0, left], [0, down, top + start * down]])
            zoom = cv2.warpAffine(values, places, (width, stop - start), flags=_FROM_PLACES, borderMode=_EDGE_GOES_ON)
            total += zoom.reshape(total.shape)
        levels = cv2.convertScaleAbs(total, alpha=1 / (weight + len(factors)))
        levels = levels if channels == 1 else cv2.cvtColor(levels, cv2.COLOR_RGBA2RGB)
        result[start:stop] = levels.reshape(result[start:stop].shape)
    return result


@lru_cache(maxsize=64)
def _stretch(length: int, factor: float) -> Any:
    """Return the linear interpolation of a zoom along one side as a sparse matrix."""
    from scipy.sparse import csr_matrix

    step, first = zoom_map(length, factor)
    place = first + step * np.arange(length)
    before = np.clip(np.floor(place), 0, max(length - 2, 0)).astype(np.int32)
    share = place - before
    weights = np.stack([1 - share, share], axis=1).astype(np.float32)
    columns = np.stack([before, np.minimum(before + 1, length - 1)], axis=1)
    bounds = np.arange(0, 2 * len(place) + 1, 2)
    return csr_matrix((weights.ravel(), columns.ravel(), bounds), (len(place), length))
