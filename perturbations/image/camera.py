"""Faults of the sensor and its read-out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._draw import chosen, normals, sixteen
from perturbations.image._filters import to_image
from perturbations.image._light import spread

__all__ = ["dead_pixels", "interlacing", "iso_noise", "read_noise", "rolling_shutter", "stuck_lines"]


@image_corruption(
    cite="foi2008",
    sigma=Param(
        "noise standard deviation at mid-grey, of full scale",
        "fraction",
        0,
        1,
        clean=0,
        levels=(0.03, 0.05, 0.08, 0.12, 0.18),
    ),
)
def iso_noise(image: Image, rng: Generator, *, sigma: float) -> Image:
    """A high ISO setting: fine grain in brightness and coarse blotches of colour, both growing with the signal.

    The variance is affine in the signal (photons and electronics): at black a quarter of what it is at mid-grey.
    Colour noise, which demosaicing smears, is smooth over about two pixels.
    """
    height, width, channels = image.shape
    planes = normals(rng, (4, height, width))
    noise = spread(planes[0] if channels == 1 else planes[0] * np.float32(0.9), image).copy()
    if channels == 3:
        for channel in range(3):  # smoothing by 1.5 pixels leaves 1 / (2 √π 1.5) of the deviation
            noise[..., channel] += cv2.GaussianBlur(planes[channel + 1], (0, 0), 1.5) * np.float32(0.4 * 5.3)
    root = np.sqrt(0.25 + 1.5 * np.arange(256) / 255).astype(np.float32) * np.float32(255 * sigma)
    noise *= cv2.LUT(image, root).reshape(image.shape)
    return cv2.add(image, noise.reshape(image.shape), dtype=cv2.CV_8U).reshape(image.shape)


@image_corruption(
    cite="emva1288",
    sigma=Param(
        "noise standard deviation, of full scale", "fraction", 0, 1, clean=0, levels=(0.02, 0.04, 0.07, 0.11, 0.16)
    ),
    lines=Param("deviation of whole rows and columns, of that of pixels", "times", 0, 10, default=0.5),
)
def read_noise(image: Image, rng: Generator, *, sigma: float, lines: float) -> Image:
    """Electronics of the read-out: grain that does not depend on light, and rows and columns with an offset each."""
    height, width, _ = image.shape
    rows, columns = normals(rng, (height, 1, 1)), normals(rng, (1, width, 1))
    noise = normals(rng, image.shape)
    noise += np.float32(lines) * rows + np.float32(lines) * columns
    noise *= np.float32(255 * sigma)
    return cv2.add(image, noise, dtype=cv2.CV_8U).reshape(image.shape)


@image_corruption(
    cite="emva1288",
    share=Param("share of pixels that fail", "fraction", 0, 1, clean=0, levels=(0.002, 0.006, 0.015, 0.04, 0.1)),
)
def dead_pixels(image: Image, rng: Generator, *, share: float) -> Image:
    """An ageing or overheated sensor: single pixels stay black, or glow in one colour or in white."""
    height, width, channels = image.shape
    fails = sixteen(rng, (height, width)) < round(share * 65536)
    fate = sixteen(rng, (height, width))[fails]
    colours = np.array([(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    result = image.copy()
    if channels == 1:
        result[fails] = np.where(fate < 32768, 0, 255).astype(np.uint8)[:, None]
    else:
        result[fails] = colours[np.minimum(fate.astype(np.int64) * 6 // 65536, 4)]
    return result


@image_corruption(
    cite="emva1288",
    share=Param(
        "share of rows and of columns that fail", "fraction", 0, 1, clean=0, levels=(0.01, 0.025, 0.05, 0.1, 0.18)
    ),
)
def stuck_lines(image: Image, rng: Generator, *, share: float) -> Image:
    """A broken read-out: whole rows and columns stay at one level, at least one of each."""
    height, width, _ = image.shape
    result = image.copy()
    rows, columns = chosen(rng, height, share), chosen(rng, width, share)
    levels = rng.integers(0, 256, height + width, np.uint8)
    result[rows] = levels[:height][rows, None, None]
    result[:, columns] = levels[height:][None, columns, None]
    return result


@image_corruption(
    cite="baker2010",
    skew=Param(
        "sideways motion while the picture is read out, of its width",
        "fraction",
        0,
        2,
        clean=0,
        levels=(0.05, 0.1, 0.16, 0.24, 0.35),
    ),
    wobble=Param("vibration, of the same motion", "fraction", 0, 1, default=0.12),
)
def rolling_shutter(image: Image, rng: Generator, *, skew: float, wobble: float) -> Image:
    """Rows are read one after the other while the camera moves: verticals lean, and vibration bends them."""
    height, width, _ = image.shape
    sign, phase, turns = rng.choice([-1.0, 1.0]), rng.uniform(0, 2 * np.pi), rng.uniform(2, 4)
    rows = (np.arange(height) + 0.5) / height - 0.5
    shift = sign * skew * width * (rows + wobble * np.sin(2 * np.pi * turns * rows + phase))
    x = np.arange(width, dtype=np.float32)[None, :] + shift.astype(np.float32)[:, None]
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], x.shape)
    moved = cv2.remap(image, x, np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(image.shape)


@image_corruption(
    cite="dehaan1998",
    shift=Param(
        "motion between the two fields, of the picture's width",
        "fraction",
        0,
        1,
        clean=0,
        levels=(0.01, 0.02, 0.035, 0.055, 0.08),
    ),
)
def interlacing(image: Image, rng: Generator, *, shift: float) -> Image:
    """Interlaced video shown as one frame: odd rows come from a later moment, so moving edges become combs."""
    sign = rng.choice([-1.0, 1.0])
    matrix = np.array([[1, 0, sign * shift * image.shape[1]], [0, 1, 0]])
    size = image.shape[1], image.shape[0]
    later = cv2.warpAffine(
        image.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    result = image.copy()
    result[1::2] = to_image(later, image)[1::2]
    return result
