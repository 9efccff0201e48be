"""Optics and motion that smear a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image

__all__ = ["defocus_blur"]


def disk(radius: float, alias_blur: float) -> NDArray[np.float32]:
    """Return the defocus kernel of Hendrycks & Dietterich: a disk, softened by a small Gaussian, sum 1."""
    import cv2

    reach = 8 if radius <= 8 else int(radius)
    size = 3 if radius <= 8 else 5
    axis = np.arange(-max(8, reach), max(8, reach) + 1)
    x, y = np.meshgrid(axis, axis)
    kernel = (x**2 + y**2 <= radius**2).astype(np.float32)
    kernel /= kernel.sum()
    return cv2.GaussianBlur(kernel, ksize=(size, size), sigmaX=alias_blur)


@image_corruption(
    cite="hendrycks2019",
    radius=Param(
        "radius of the circle of confusion",
        "pixels",
        0,
        100,
        scale="step",
        clean=0,
        levels={"imagenet-c": (3, 4, 6, 8, 10), "cifar-10-c": (0.3, 0.4, 0.5, 1, 1.5)},
    ),
    alias_blur=Param(
        "standard deviation of the Gaussian that softens the disk's rim",
        "pixels",
        0.01,
        10,
        scale="step",
        levels={"imagenet-c": (0.1, 0.5, 0.5, 0.5, 0.5), "cifar-10-c": (0.4, 0.5, 0.6, 0.2, 0.1)},
    ),
)
def defocus_blur(image: Image, *, radius: float, alias_blur: float) -> Image:
    """A lens out of focus: every point becomes a disk."""
    import cv2

    blurred: Image = cv2.filter2D(image, -1, disk(radius, alias_blur))
    return blurred.reshape(image.shape)
