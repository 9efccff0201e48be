"""Noise of the sensor and its electronics."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image

__all__ = ["gaussian_noise"]


@image_corruption(
    cite="hendrycks2019",
    sigma=Param(
        "noise standard deviation, of full scale",
        "fraction",
        0,
        1,
        clean=0,
        levels={"imagenet-c": (0.08, 0.12, 0.18, 0.26, 0.38), "cifar-10-c": (0.04, 0.06, 0.08, 0.09, 0.10)},
    ),
)
def gaussian_noise(image: Image, rng: Generator, *, sigma: float) -> Image:
    """Low-light sensor noise: an independent normal draw for every channel of every pixel."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= np.float32(255 * sigma)
    noise += image
    return np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)
