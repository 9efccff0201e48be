"""Light of another colour, and cameras that get colour wrong. A one-channel image is returned as it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._light import ALL, looked_up_by_channel, rounded, tone_curve

__all__ = ["colour_cast", "colour_temperature", "hue_shift"]

_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_LUMA = np.array([0.2126, 0.7152, 0.0722])


@image_corruption(
    cite="krystek1985",
    kelvin=Param(
        "temperature of the light that the camera took for daylight",
        "K",
        1500,
        15000,
        scale="reciprocal",
        clean=6504,
        levels={"default": (5000, 4000, 3300, 2700, 2000), "cold": (7500, 8500, 10000, 12000, 15000)},
    ),
)
def colour_temperature(image: Image, *, kelvin: float) -> Image:
    """A white balance set for the wrong lamp: below 6504 K the picture turns orange, above it blue.

    Gains in linear light are those of black bodies (chromaticity by Krystek 1985), at constant luminance.
    """
    if image.shape[2] == 1:
        return image
    gains = _black_body(kelvin) / _black_body(6504)
    return tone_curve(image, gains / (gains @ _LUMA))


def _black_body(kelvin: float) -> NDArray[np.float64]:
    """Return the linear RGB of a black body, of luminance 1."""
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2)
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    return np.maximum(_XYZ_TO_RGB @ np.array([x / y, 1, (1 - x - y) / y]), 1e-3)


@image_corruption(
    cite="afifi2019",
    strength=Param("change of the channels' gains", "fraction", 0, 1, clean=0, levels=(0.1, 0.18, 0.28, 0.4, 0.55)),
)
def colour_cast(image: Image, rng: Generator, *, strength: float) -> Image:
    """Coloured walls, tinted glass or a faulty white balance: each channel gets a gain of its own, of a random hue."""
    hue = rng.uniform(0, 2 * np.pi)
    if image.shape[2] == 1:
        return image
    gains = 1 + strength * np.cos(hue - np.array([0, 2, 4]) * np.pi / 3)
    return looked_up_by_channel(image, rounded(ALL[:, None] * gains))


@image_corruption(
    cite="afifi2019",
    degrees=Param("turn of the hue circle", "degrees", 0, 180, clean=0, levels=(12, 25, 45, 75, 120)),
)
def hue_shift(image: Image, rng: Generator, *, degrees: float) -> Image:
    """A wrong colour matrix: every hue turns by the same angle, to either side, at the same brightness (BT.601)."""
    sign = rng.choice([-1.0, 1.0])
    if image.shape[2] == 1:
        return image
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    cosine, sine = np.cos(np.radians(degrees)), sign * np.sin(np.radians(degrees))
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return cv2.transform(image, np.linalg.inv(to_yiq) @ turn @ to_yiq)
