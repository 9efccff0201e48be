"""What scaling, editing and storing a picture in too few bits does to it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Choice, Param
from perturbations._values import Image
from perturbations.image._bands import BAND
from perturbations.image._draw import sixteen
from perturbations.image._filters import smooth
from perturbations.image._levels import published
from perturbations.image._light import ALL, rounded

__all__ = [
    "bit_flips",
    "colour_quantization",
    "downsampling",
    "oversharpening",
    "pixelate",
    "posterize",
]


@image_corruption(
    cite="hendrycks2019",
    version=2,
    not_monotone="boxes that meet the edges of what is seen distort it less than smaller ones that do not",
    scale=Param(
        "resolution that is left, along each side",
        "fraction",
        0.001,
        1,
        clean=1,
        levels=published(
            (0.6, 0.5, 0.4, 0.3, 0.25),
            (0.95, 0.9, 0.85, 0.75, 0.65),
            (0.9, 0.8, 0.7, 0.6, 0.5),
            (0.5, 0.4, 0.3, 0.25, 0.2),
        ),
    ),
)
def pixelate(image: Image, *, scale: float) -> Image:
    """A small picture shown large: means over boxes of pixels, drawn as blocks.

    As Pillow's box filter does it, at any size: a source pixel counts for a box that its centre lies in.
    """
    height, width, channels = image.shape
    tall, wide = max(1, int(height * scale)), max(1, int(width * scale))
    flat = image if channels == 3 else image[..., 0]
    down, across, stretched = _boxes(height, tall), _boxes(width, wide), np.empty((tall, width, channels), np.uint8)
    deep = max(1, 4 * BAND * tall // (height * width * channels))  # bytes here, mostly: four times the values
    for start in range(0, tall, deep):
        first, members = (of[start : start + deep] for of in down)
        sums = _sums(cv2.transpose(_sums(flat, first, members)), *across).astype(np.float32)  # by columns, then rows
        weights = np.float32(1) / np.outer(across[1], members).astype(np.float32)
        blocks = cv2.convertScaleAbs(cv2.multiply(sums, weights if channels == 1 else cv2.merge([weights] * 3)))
        band = cv2.transpose(blocks.reshape(sums.shape).take(_boxes(wide, width)[0], axis=0))
        stretched[start : start + deep] = band.reshape(-1, width, channels)
    return stretched.take(_boxes(tall, height)[0], axis=0)


def _sums(rows: NDArray[Any], first: NDArray[np.int64], members: NDArray[np.int64]) -> NDArray[Any]:
    """Return the sums of rows over boxes, each of so many rows from its first one on."""
    most = int(members.max())
    total: Any = rows.take(first, axis=0).astype(np.uint16 if rows.dtype == np.uint8 and most <= 257 else np.float32)
    for further in range(1, most):
        held = np.flatnonzero(members > further)
        if len(held) == len(first):
            total += rows.take(first + further, axis=0)
        else:
            total[held] += rows.take(first[held] + further, axis=0)
    return np.asarray(total)


@lru_cache(maxsize=64)
def _boxes(length: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first pixel of each box of a line and how many it has; one, where boxes are smaller than pixels.

    A pixel belongs to a box if its centre is above the lower end and at most at the upper one, in floating point.
    """
    step = length / count
    size = max(step, 1.0)
    centre = (np.arange(count) + 0.5) * step
    first = np.maximum((centre - size / 2 + 0.5).astype(np.int64), 0)
    beyond = np.minimum((centre + size / 2 + 0.5).astype(np.int64), length)

    def outside(pixel: NDArray[np.int64]) -> NDArray[np.bool_]:
        place = (pixel - centre + 0.5) / size
        return (place <= -0.5) | (place > 0.5)

    first = first + outside(first)
    return first, beyond - outside(beyond - 1) - first


@image_corruption(
    cite="dodge2016",
    scale=Param(
        "resolution that is left, along each side", "fraction", 0.001, 1, clean=1, levels=(0.6, 0.4, 0.28, 0.2, 0.13)
    ),
    method=Choice("how pixels are dropped: area averages, nearest aliases", ("area", "nearest"), default="area"),
)
def downsampling(image: Image, *, scale: float, method: str) -> Image:
    """A low-resolution camera or a thumbnail, enlarged smoothly: fine detail is gone, or with ``nearest``, aliased."""
    height, width, _ = image.shape
    small = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if method == "area" else cv2.INTER_NEAREST_EXACT
    reduced = cv2.resize(image, small, interpolation=how)
    return cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR).reshape(image.shape)


@image_corruption(
    cite="cubuk2019",
    version=2,
    bits=Param("bits kept of each value", "bits", 1, 8, scale="integer", clean=8, levels=(5, 4, 3, 2, 1)),
)
def posterize(image: Image, *, bits: int) -> Image:
    """Too few bits for each channel: smooth areas fall into steps, at the middle of each."""
    step = 1 << (8 - bits)
    return cv2.LUT(image, rounded((ALL // step) * step + (step - 1) / 2)).reshape(image.shape)


_BAYER = np.array([[0, 2], [3, 1]])
for _ in range(2):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])


@image_corruption(
    cite="bayer1973",
    version=2,
    colours=Param("levels of each channel", "levels", 2, 256, scale="integer", clean=256, levels=(12, 8, 6, 4, 2)),
)
def colour_quantization(image: Image, *, colours: int) -> Image:
    """A palette of few colours, as in a GIF or on a cheap display: shades become dots (ordered dithering, 8×8)."""
    height, width, _ = image.shape
    shift = ((_BAYER + 0.5) / 64 - 0.5) * (255 / (colours - 1))
    tiled = np.tile(shift.astype(np.float32), (-(-height // 8), -(-width // 8)))[:height, :width, None]
    index = np.rint((image + tiled) * np.float32((colours - 1) / 255))
    index *= np.float32(255 / (colours - 1))
    return rounded(index)


@image_corruption(
    cite="emva1288",
    share=Param("share of values with a wrong bit", "fraction", 0, 1, clean=0, levels=(0.005, 0.015, 0.04, 0.1, 0.25)),
)
def bit_flips(image: Image, rng: Generator, *, share: float) -> Image:
    """A bad cable or bad memory: one random bit of some raw values is wrong, from invisible to glaring."""
    draws = sixteen(rng, image.shape)
    wrong = (np.uint8(1) << (draws & 7).astype(np.uint8)) * (draws < round(share * 65536))
    return image ^ wrong.astype(np.uint8)


@image_corruption(
    cite="mintun2021",
    amount=Param("strength of the unsharp mask", "times", 0, 50, clean=0, levels=(1, 2, 3.5, 5.5, 9)),
    radius=Param("standard deviation of the mask's blur", "pixels", 0.1, 50, default=1.5),
)
def oversharpening(image: Image, *, amount: float, radius: float) -> Image:
    """A camera or an editor that sharpens too much: halos along edges, and grain that was not seen before."""
    values = image.astype(np.float32)
    sharp = cv2.addWeighted(values, 1 + amount, smooth(values, radius), -amount, 0, dtype=cv2.CV_8U)
    return sharp.reshape(image.shape)
