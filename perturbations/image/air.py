"""Weather that is not in ImageNet-C: rain and haze."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._filters import to_image
from perturbations.image._light import coordinates, spread

__all__ = ["haze", "rain"]

_MOST = 3000


@image_corruption(
    cite="garg2007",
    version=2,
    streaks=Param("number of drops in sight", "drops", 0, _MOST, scale="integer", levels=(120, 280, 550, 1000, 1700)),
    veil=Param("share of the view that distant rain whitens", "fraction", 0, 1, levels=(0.06, 0.12, 0.2, 0.28, 0.38)),
    length=Param("longest streak, of the picture's height", "fraction", 0.005, 1, default=0.16),
)
def rain(image: Image, rng: Generator, *, streaks: int, veil: float, length: float) -> Image:
    """Heavy rain: bright slanted streaks, long and blurred when near, over a scene that grows pale and dim."""
    height, width, _ = image.shape
    slant = np.tan(np.radians(rng.uniform(-18, 18)))
    drops = rng.random((_MOST, 4))[:streaks]
    fall = length * height * (0.25 + 0.75 * drops[:, 2] ** 3)
    start = np.stack([(1.4 * drops[:, 0] - 0.2) * width, (1.2 * drops[:, 1] - 0.2) * height], axis=1)
    tilt = slant + 0.06 * (drops[:, 3] - 0.5)
    lines = np.rint(np.stack([start, start + np.stack([tilt * fall, fall], axis=1)], axis=1) * 16).astype(np.int32)
    near = drops[:, 2] > 0.85
    layer = np.zeros((height, width), np.uint8)
    thin = max(1, round(min(height, width) / 400))
    cv2.polylines(layer, list(lines[~near]), False, 120, thin, cv2.LINE_AA, shift=4)
    if near.any():
        close = np.zeros((height, width), np.uint8)
        cv2.polylines(close, list(lines[near]), False, 150, 2 * thin, cv2.LINE_AA, shift=4)
        layer = cv2.max(layer, cv2.blur(close, (2 * thin + 1, 4 * thin + 1)))
    values = image.astype(np.float32) * np.float32((1 - veil) * (1 - 0.35 * veil)) + np.float32(150 * veil)
    cover = layer.astype(np.float32) * np.float32(1 / 255)
    return to_image(values + spread(cover, image) * (np.float32(235) - values), image)


@image_corruption(
    cite="koschmieder1924",
    depth=Param("optical depth to the horizon", "nepers", 0, 20, clean=0, levels=(0.6, 1.0, 1.6, 2.4, 3.6)),
    brightness=Param("brightness of the air, of full scale", "fraction", 0, 1, default=0.86),
)
def haze(image: Image, *, depth: float, brightness: float) -> Image:
    """Haze or smog: the further away, the paler. Contrast decays exponentially with distance (Koschmieder).

    Depth is not known, so the scene is taken as ground that runs up to a horizon at the top of the picture; the bottom
    is at a quarter of its distance.
    """
    y, _ = coordinates(image)
    distance = 1 / (1 + 3 * (y[:, 0].astype(np.float64) + 1) / 2)  # 1 at the top, 1/4 at the bottom
    clear = np.exp(-depth * distance).astype(np.float32)[:, None, None]
    return to_image(image * clear + np.float32(255 * brightness) * (1 - clear), image)
