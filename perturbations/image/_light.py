"""Between levels and light: what the scene sent, and what a display is given."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image._draw import Field

__all__ = [
    "LINEAR",
    "as_image",
    "coordinates",
    "display",
    "linear",
    "looked_up_by_channel",
    "rounded",
    "spread",
    "tone_curve",
]

EXPONENT = 2.2
"""Exponent that stands for the transfer curve of sRGB."""
ALL = np.arange(256, dtype=np.float64)
LINEAR: Field = ((ALL / 255) ** EXPONENT).astype(np.float32)
_ENCODED = np.rint(255 * (np.arange(65536) / 65535) ** (2 / EXPONENT)).astype(np.uint8)


def linear(image: Image) -> Field:
    """Return the light behind each level, 0..1."""
    return cv2.LUT(image, LINEAR).reshape(image.shape)


def display(values: Field, like: Image) -> Image:
    """Return light as levels, limited to 0..255; tabulated over the root of the light, which keeps the dark exact."""
    root = np.sqrt(np.clip(values, 0, 1))
    root *= np.float32(65535)
    root += np.float32(0.5)
    return _ENCODED.take(root.astype(np.uint16)).reshape(like.shape)


def rounded(levels: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return levels rounded and limited to 0..255."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def tone_curve(image: Image, gains: NDArray[np.float64] | float) -> Image:
    """Return the image with its light multiplied, by one gain or by one for each channel."""
    curve = 255 * np.clip((ALL[:, None] / 255) ** EXPONENT * np.atleast_1d(gains), 0, 1) ** (1 / EXPONENT)
    return looked_up_by_channel(image, rounded(curve))


def looked_up_by_channel(image: Image, tables: NDArray[np.uint8]) -> Image:
    """Return the levels of tables ``(256, channels)``, or of one for all channels: OpenCV is fast with single ones."""
    if tables.shape[1] == 1:
        return cv2.LUT(image, tables).reshape(image.shape)
    return cv2.merge([cv2.LUT(plane, np.ascontiguousarray(table)) for plane, table in zip(cv2.split(image), tables.T)])


def spread(plane: Any, like: Image) -> Any:
    """Return a plane of bytes or floats as an array with equal channels, as many as the image has."""
    return plane[..., None] if like.shape[2] == 1 else cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)


def coordinates(image: Image) -> tuple[Field, Field]:
    """Return (y, x) of the pixels' centres as a column and a row, 0 in the middle and ±1 at the edges' ends."""
    height, width = image.shape[:2]
    y = (np.arange(height, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / height) - 1
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / width) - 1
    return y[:, None], x[None, :]


def as_image(values: Any, like: Image) -> Image:
    """Return an array that OpenCV may have taken the last axis of in the shape of an image."""
    return values.reshape(like.shape)
