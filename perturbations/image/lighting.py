"""Too little light, too much, or from the wrong side."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image

__all__ = ["low_light"]

_FULL_WELL = 2000.0
"""Photons that a pixel of full brightness collects in good light: a small phone sensor at base sensitivity."""


@image_corruption(
    cite="hasinoff2010",
    light=Param(
        "share of the good-light photons that still arrive",
        "fraction",
        0.001,
        1,
        scale="log",
        clean=1,
        levels=(0.3, 0.12, 0.05, 0.02, 0.008),
    ),
    gain=Param("share of the lost brightness that the camera's gain restores", "fraction", 0, 1, default=0.5),
)
def low_light(image: Image, rng: Generator, *, light: float, gain: float) -> Image:
    """A dark scene: fewer photons arrive, their shot noise grows, and the camera's gain amplifies both.

    Brightness is linearised (gamma 2.2), photons are drawn from a Poisson law (by its normal approximation with the
    variance-stabilising transform of Anscombe, so the same draw serves every level), and gain brings part of the
    brightness back.
    """
    full = _FULL_WELL * light
    expected = _LINEAR[image] * np.float32(full)
    root = np.sqrt(expected + np.float32(0.375)) + np.float32(0.5) * rng.standard_normal(image.shape, dtype=np.float32)
    photons = np.maximum(np.maximum(root, 0) ** 2 - np.float32(0.375), 0)
    brightness = photons * np.float32(light ** (1 - gain) / full)
    return np.rint(255 * np.clip(brightness, 0, 1) ** np.float32(1 / 2.2)).astype(np.uint8)


_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
