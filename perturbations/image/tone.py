"""Exposure, contrast and colour as cameras and editors shift them: one table look-up or one closed form each."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._tables import looked_up
from perturbations._values import Image
from perturbations.image._bands import in_bands
from perturbations.image._draw import Field
from perturbations.image._levels import PROFILES, column, published
from perturbations.image._light import ALL, rounded

__all__ = ["brightness", "contrast", "gamma", "saturate"]


@image_corruption(
    cite="hendrycks2019",
    factor=Param(
        "contrast that is left",
        "fraction",
        0,
        1,
        clean=1,
        levels=published(
            (0.4, 0.3, 0.2, 0.1, 0.05),
            (0.75, 0.5, 0.4, 0.3, 0.15),
            (0.4, 0.3, 0.2, 0.1, 0.05),
            (0.4, 0.3, 0.2, 0.1, 0.05),
        ),
    ),
)
def contrast(image: Image, *, factor: float) -> Image:
    """Flat light, haze on the lens, a bad screen: every channel is drawn to its own mean over the picture."""
    height, width, channels = image.shape
    map_of_levels = np.zeros((channels, channels + 1))
    map_of_levels.ravel()[:: channels + 2] = factor  # the diagonal
    map_of_levels[:, channels] = cv2.sumElems(image)[:channels]  # to the bit as cv2.mean, in .4 of the time
    map_of_levels[:, channels] *= 1 / (height * width)
    map_of_levels[:, channels] *= 1 - factor
    return cv2.transform(image, map_of_levels).reshape(image.shape)


@image_corruption(
    cite="hendrycks2019",
    shift=Param(
        "brightness added, of full scale",
        "fraction",
        -1,
        1,
        clean=0,
        levels=published(
            (0.1, 0.2, 0.3, 0.4, 0.5), (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3, 0.4, 0.5)
        ),
    ),
)
def brightness(image: Image, *, shift: float) -> Image:
    """A wrong exposure: the brightness (V of HSV) moves by a constant, hue and saturation stay.

    Channels keep their ratio to the brightest one, so moving V scales them together; black becomes grey.
    """
    if image.shape[2] == 1:
        return cv2.LUT(image, rounded(_moved(shift))).reshape(image.shape)
    return in_bands(lambda band: _by_brightest(band, _brighter(shift)), image)


def _moved(shift: float) -> NDArray[np.float64]:
    """Return what each level becomes where it is the brightest."""
    return np.clip(ALL + 255 * shift, 0, 255)


@lru_cache(maxsize=16)
def _brighter(shift: float) -> NDArray[np.uint8]:
    """Return the level of a channel for every pair (brightest, its own): scaled with the brightest one."""
    scale = (_moved(shift) / np.maximum(ALL, 1)).astype(np.float32)
    table = rounded(ALL.astype(np.float32) * scale[:, None])
    table[0] = rounded(_moved(shift))[0]  # black becomes grey
    return table.ravel()


def _by_brightest(image: Image, table: NDArray[np.uint8]) -> Image:
    """Return RGB with each channel looked up by the brightest of its pixel and its own level."""
    red, green, blue = cv2.split(image)
    brightest = cv2.max(cv2.max(red, green), blue)
    pairs = cv2.merge([red, brightest, green, brightest, blue, brightest])
    return looked_up(table, pairs.view("<u2")).reshape(image.shape)


_SATURATE = published(
    ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
    ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
)
_OWN_SATURATE = {"monotone": ((1.5, 0), (2, 0), (3, 0.05), (5, 0.1), (20, 0.2))}


@image_corruption(
    cite="hendrycks2019",
    not_monotone=dict.fromkeys(PROFILES, "published: colour is drained at levels 1 and 2, then pushed"),
    factor=Param(
        "what saturation is multiplied with",
        "times",
        0,
        100,
        scale="step",
        levels=column({**_SATURATE, **_OWN_SATURATE}, 0),
    ),
    shift=Param(
        "what is added to it then", "fraction", -1, 1, scale="step", levels=column({**_SATURATE, **_OWN_SATURATE}, 1)
    ),
)
def saturate(image: Image, *, factor: float, shift: float) -> Image:
    """Vivid mode, or washed-out colours: the saturation (S of HSV) is scaled and shifted.

    The brightest channel stays; the others move away from it or towards it in proportion. A grey pixel has no hue: as
    in the reference it counts as red, so a shift tints greys. A one-channel image is returned as it is.
    """
    if image.shape[2] == 1:
        return image
    if shift == 0 and factor <= 1:
        return in_bands(lambda band: _by_brightest(band, _drained(factor)), image)
    return in_bands(lambda band: _saturated(band, factor, shift), image)


@lru_cache(maxsize=16)
def _drained(factor: float) -> NDArray[np.uint8]:
    """Return the level of a channel for every pair (brightest, its own), where no saturation meets its bound."""
    below = ALL[:, None] - ALL
    return rounded((ALL[:, None] - below.astype(np.float32) * np.float32(factor)).astype(np.float32)).ravel()


def _saturated(image: Image, factor: float, shift: float) -> Image:
    planes = red, green, blue = cv2.split(image)
    brightest, darkest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    ratio = looked_up(_saturation_ratio(factor, shift), cv2.merge([darkest, brightest]).view("<u2")[..., 0])
    base = brightest.astype(np.float32)
    result = [cv2.subtract(base, cv2.subtract(brightest, plane) * ratio, dtype=cv2.CV_8U) for plane in planes]
    if shift > 0:
        grey = cv2.compare(brightest, darkest, cv2.CMP_EQ)
        tinted = cv2.LUT(brightest, rounded(ALL * (1 - min(shift, 1.0))))
        cv2.copyTo(tinted, grey, result[1])
        cv2.copyTo(tinted, grey, result[2])
    return cv2.merge(result)


@lru_cache(maxsize=16)
def _saturation_ratio(factor: float, shift: float) -> Field:
    """Return new over old saturation for every pair (brightest, darkest) of channels."""
    brightest, darkest = np.meshgrid(ALL, ALL, indexing="ij")
    saturation = (brightest - darkest) / np.maximum(brightest, 1)
    wanted = np.clip(saturation * factor + shift, 0, 1)
    ratio = np.divide(wanted, saturation, out=np.ones_like(wanted), where=saturation > 0)
    return ratio.astype(np.float32).ravel()


@image_corruption(
    cite="poynton1998",
    exponent=Param(
        "exponent that levels are raised to, of full scale",
        "power",
        0.05,
        20,
        scale="log",
        clean=1,
        levels={"default": (1.3, 1.6, 2.0, 2.6, 3.5), "brighter": (0.77, 0.62, 0.5, 0.38, 0.28)},
    ),
)
def gamma(image: Image, *, exponent: float) -> Image:
    """A display or a decoder with the wrong transfer curve: mid-tones sink (above 1) or wash out (below 1)."""
    return cv2.LUT(image, rounded(255 * (ALL / 255) ** exponent)).reshape(image.shape)
