"""Noise of the sensor and its electronics, as ImageNet-C defines it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._tables import looked_up
from perturbations._values import Image
from perturbations.image._bands import drawn_in_bands
from perturbations.image._draw import Field, Levels16, outermost, quantiles, tails
from perturbations.image._levels import published
from perturbations.image._photons import photon_counts

__all__ = ["gaussian_noise", "impulse_noise", "shot_noise", "speckle_noise", "uniform_noise"]


@image_corruption(
    cite="hendrycks2019",
    sigma=Param(
        "noise standard deviation, of full scale",
        "fraction",
        0,
        1,
        clean=0,
        levels=published(
            (0.08, 0.12, 0.18, 0.26, 0.38),
            (0.04, 0.06, 0.08, 0.09, 0.10),
            (0.04, 0.08, 0.12, 0.15, 0.18),
            (0.09, 0.13, 0.19, 0.27, 0.4),
        ),
    ),
)
def gaussian_noise(image: Image, rng: Generator, *, sigma: float) -> Image:
    """Low-light sensor noise: an independent normal draw for every channel of every pixel."""
    return _through_normals(image, rng, _normal_levels(sigma), lambda draws: _levels(draws, sigma), _added)


@image_corruption(
    cite="hendrycks2019",
    photons=Param(
        "photons that a pixel of full brightness collects on average",
        "photons",
        0.1,
        1e6,
        scale="reciprocal",
        clean=math.inf,
        levels=published((60, 25, 12, 5, 3), (500, 250, 100, 75, 50), (250, 100, 50, 30, 15), (50, 20, 10, 5, 3)),
    ),
)
def shot_noise(image: Image, rng: Generator, *, photons: float) -> Image:
    """Too few photons: each value becomes a Poisson count, so grain grows as the light fades."""
    return drawn_in_bands(image, rng, lambda band, draws: photon_counts(band, draws, photons))


@image_corruption(
    cite="hendrycks2019",
    amount=Param(
        "share of values replaced",
        "fraction",
        0,
        1,
        clean=0,
        levels=published(
            (0.03, 0.06, 0.09, 0.17, 0.27),
            (0.01, 0.02, 0.03, 0.05, 0.07),
            (0.01, 0.02, 0.05, 0.08, 0.14),
            (0.04, 0.07, 0.1, 0.18, 0.28),
        ),
    ),
)
def impulse_noise(image: Image, rng: Generator, *, amount: float) -> Image:
    """Bit errors and dead cells (salt and pepper): single values of single channels jump to 0 or to 255."""
    count = round(amount * 32768)
    return drawn_in_bands(image, rng, lambda band, draws: _peppered(band, draws, count))


def _peppered(image: Image, draws: Levels16, count: int) -> Image:
    """Return the image with values black where a draw is among the lowest so many, white among the highest."""
    pepper = (draws < count).view(np.uint8)
    salt = (draws >= 65536 - count).view(np.uint8) if count else np.zeros_like(pepper)
    kept = cv2.multiply(image, 1 - pepper)  # a product of 0 or 1
    return cv2.add(kept, salt * np.uint8(255)).reshape(image.shape)


@image_corruption(
    cite="hendrycks2019",
    sigma=Param(
        "noise standard deviation, of the value it falls on",
        "fraction",
        0,
        4,
        clean=0,
        levels=published(
            (0.15, 0.2, 0.35, 0.45, 0.6),
            (0.06, 0.1, 0.12, 0.16, 0.2),
            (0.15, 0.2, 0.25, 0.3, 0.35),
            (0.16, 0.21, 0.36, 0.46, 0.61),
        ),
    ),
)
def speckle_noise(image: Image, rng: Generator, *, sigma: float) -> Image:
    """Interference of coherent light: a normal draw for every value, in proportion to it, so black stays black."""
    return _through_normals(image, rng, _normal_factors(sigma), lambda draws: _factors(draws, sigma), _times)


@image_corruption(
    cite="geirhos2018",
    width=Param(
        "half-width of the noise, of full scale",
        "fraction",
        0,
        1,
        clean=0,
        levels=(0.1, 0.15, 0.25, 0.4, 0.6),
    ),
)
def uniform_noise(image: Image, rng: Generator, *, width: float) -> Image:
    """Coarse quantisation and cheap converters: an independent uniform draw for every channel of every pixel."""
    table = np.rint(255 * width * ((np.arange(65536) + 0.5) / 32768 - 1)).astype(np.int16)
    return drawn_in_bands(image, rng, lambda band, draws: _added(band, looked_up(table, draws)))


def _through_normals(
    image: Image,
    rng: Generator,
    table: NDArray[Any],
    function: Callable[[Field], NDArray[Any]],
    combine: Callable[[Image, NDArray[Any]], Image],
) -> Image:
    """Return the image combined with a function of a normal draw for each value; ``table`` has it for ``quantiles()``.

    The outermost draws, which get finer ones once all are drawn, are put in at the end.
    """
    places, coarse, passed = [], [], 0

    def work(band: Image, draws: Levels16) -> Image:
        nonlocal passed
        outer = outermost(draws)
        places.append(outer + passed)
        coarse.append(draws.reshape(-1)[outer])
        passed += draws.size
        return combine(band, looked_up(table, draws))

    result = drawn_in_bands(image, rng, work)
    where = np.concatenate(places)
    values = function(tails(rng, np.concatenate(coarse)))
    if where.size:
        result.reshape(-1)[where] = combine(image.reshape(-1)[where][:, None], values[:, None])[:, 0]
    return result


def _times(image: Image, factors: Field) -> Image:
    """Return the product, rounded and limited to 255."""
    return cv2.multiply(image, factors, dtype=cv2.CV_8U).reshape(image.shape)


def _added(image: Image, noise: NDArray[np.int16]) -> Image:
    """Return the sum, limited to 0..255."""
    return cv2.add(image, noise, dtype=cv2.CV_8U).reshape(image.shape)


def _levels(draws: Field, sigma: float) -> NDArray[np.int16]:
    """Return normal noise in whole levels: values are whole, so rounding the noise rounds the sum."""
    return np.rint(draws * np.float32(255 * sigma)).astype(np.int16)


def _factors(draws: Field, sigma: float) -> Field:
    """Return what values are multiplied with; a negative factor and 0 give black alike."""
    return np.maximum(1 + draws * np.float32(sigma), 0)


@lru_cache(maxsize=16)
def _normal_levels(sigma: float) -> NDArray[np.int16]:
    return _levels(quantiles(), sigma)


@lru_cache(maxsize=16)
def _normal_factors(sigma: float) -> Field:
    return _factors(quantiles(), sigma)
