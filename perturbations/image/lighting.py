"""Too little light, too much, or from the wrong side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._draw import Field, normals
from perturbations.image._light import coordinates, display, linear, spread, tone_curve

__all__ = ["backlight", "flicker_banding", "low_light", "overexposure", "shadow", "sun_flare", "vignette"]

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

    Brightness is linearised (exponent 2.2), photons are drawn from a Poisson law (by its normal approximation with the
    variance-stabilising transform of Anscombe, so the same draw serves every level), and gain brings part of the
    brightness back.
    """
    full = _FULL_WELL * light
    photons = linear(image)
    photons *= np.float32(full)
    photons += np.float32(0.375)
    root = cv2.sqrt(photons).reshape(image.shape)
    root += np.float32(0.5) * normals(rng, image.shape)
    np.maximum(root, 0, out=root)
    root *= root
    root -= np.float32(0.375)
    root *= np.float32(light ** (1 - gain) / full)
    return display(root, image)


@image_corruption(
    cite="debevec1997",
    stops=Param("exposure above the right one", "stops", 0, 10, clean=0, levels=(0.6, 1.0, 1.5, 2.1, 2.8)),
)
def overexposure(image: Image, *, stops: float) -> Image:
    """The shutter stayed open too long: light doubles with each stop, and what is beyond white is lost."""
    return tone_curve(image, 2.0**stops)


@image_corruption(
    cite="debevec1997",
    stops=Param(
        "exposure by which the surroundings exceed the subject", "stops", 0, 12, clean=0, levels=(1, 1.8, 2.6, 3.4, 4.4)
    ),
)
def backlight(image: Image, rng: Generator, *, stops: float) -> Image:
    """A window behind the subject: the middle sinks into the dark while the surroundings burn out."""
    y, x = coordinates(image)
    across, down = rng.uniform(-0.15, 0.15, 2)
    subject = np.exp(-((((x - across) / 0.65) ** 2 + ((y - 0.25 - down) / 0.85) ** 2) ** 2))
    gain = np.exp2(np.float32(stops) * (np.float32(0.4) - subject)).astype(np.float32)
    return display(cv2.multiply(linear(image), spread(gain, image)), image)


@image_corruption(
    cite="finlayson2006",
    darkness=Param(
        "share of the light that the shadow takes", "fraction", 0, 1, clean=0, levels=(0.35, 0.5, 0.65, 0.8, 0.92)
    ),
    softness=Param("width of the penumbra, of the picture's shorter side", "fraction", 0.001, 1, default=0.04),
)
def shadow(image: Image, rng: Generator, *, darkness: float, softness: float) -> Image:
    """A hard shadow lies across the scene: a bent strip, about half of the picture, gets less light."""
    height, width = image.shape[:2]
    y, x = coordinates(image)
    shorter = min(height, width)
    y, x = y * np.float32(height / shorter), x * np.float32(width / shorter)
    angle, place, bend, phase = rng.uniform((0, -0.3, 0.05, 0), (np.pi, 0.3, 0.2, 2 * np.pi))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    depth = 0.45 - np.abs(across - place + bend * np.sin(2.5 * along + phase))
    covered = np.clip(depth / (2 * softness) + 0.5, 0, 1).astype(np.float32)
    covered *= covered * (3 - 2 * covered)  # a smooth penumbra
    return display(cv2.multiply(linear(image), spread(1 - np.float32(darkness) * covered, image)), image)


@image_corruption(
    cite="hullin2011",
    strength=Param(
        "light of the sun's halo, of full scale", "fraction", 0, 20, clean=0, levels=(0.25, 0.5, 0.9, 1.5, 2.5)
    ),
)
def sun_flare(image: Image, rng: Generator, *, strength: float) -> Image:
    """The sun, or a headlight, shines into the lens: a glaring halo with rays, a veil, and a chain of ghosts."""
    height, width, channels = image.shape
    y, x = coordinates(image)
    y, x = y * np.float32(height / max(height, width)), x * np.float32(width / max(height, width))
    place = rng.uniform((-0.8, -0.8), (-0.2, 0.8)).astype(np.float32)
    turn = np.float32(rng.uniform(0, np.pi))
    dy, dx = np.broadcast_arrays(y - place[0], x - place[1])
    far, angle = cv2.cartToPolar(np.ascontiguousarray(dx), np.ascontiguousarray(dy))
    rays = np.cos(3 * angle.reshape(height, width) + turn)
    for _ in range(5):
        rays = np.square(rays)  # to the power of 32: six narrow rays
    fall = np.exp(-far.reshape(height, width))
    veil = np.float32(1.2) * fall**7 + np.float32(0.12) * fall + np.float32(0.5) * rays * np.square(np.square(fall))
    veil += np.float32(3) * np.exp(-np.square(np.square(far.reshape(height, width) / np.float32(0.05))))
    added = np.repeat((np.float32(strength) * veil)[..., None], channels, axis=2)
    for distance, size, level, colour in _GHOSTS:
        _add_ghost(added, y + distance * place[0], x + distance * place[1], size, strength * level, colour)
    return display(linear(image) + added, image)


def _add_ghost(added: Field, y: Field, x: Field, size: float, level: float, colour: tuple[float, ...]) -> None:
    """Add a disk of light about the place where ``y`` (a column) and ``x`` (a row) are 0, brighter at its rim."""
    rows, columns = np.flatnonzero(np.abs(y) < size), np.flatnonzero(np.abs(x) < size)
    if not rows.size or not columns.size:
        return
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ring = np.hypot(y[box[0]], x[:, box[1]]) / np.float32(size)
    disk = np.clip((1 - ring) * 12, 0, 1) * (np.float32(0.5) + np.float32(0.5) * np.minimum(ring, 1) ** 4)
    tint = np.array(colour[: added.shape[2]], np.float32) * np.float32(level)
    added[box] += disk[..., None] * tint


_GHOSTS: tuple[tuple[float, float, float, tuple[float, ...]], ...] = (
    (0.35, 0.05, 0.22, (0.7, 1.0, 0.6)),
    (0.7, 0.11, 0.12, (1.0, 0.7, 0.4)),
    (1.1, 0.17, 0.09, (0.5, 0.7, 1.0)),
    (-0.45, 0.07, 0.16, (1.0, 0.9, 0.5)),
)
"""Place on the line from the sun through the centre, radius (of the longer half-side), brightness, colour."""


@image_corruption(
    cite="hasinoff2010",
    corner=Param(
        "light that is left in the corners",
        "fraction",
        0.001,
        1,
        scale="log",
        clean=1,
        levels=(0.6, 0.4, 0.25, 0.14, 0.07),
    ),
)
def vignette(image: Image, *, corner: float) -> Image:
    """A lens that is too small for the sensor: light falls towards the corners with the fourth power of the cosine."""
    height, width = image.shape[:2]
    y, x = coordinates(image)
    squared = (np.square(y * height) + np.square(x * width)) / np.float32(height**2 + width**2)
    gain = 1 / np.square(1 + np.float32(corner**-0.5 - 1) * squared)
    return display(cv2.multiply(linear(image), spread(gain.astype(np.float32), image)), image)


@image_corruption(
    cite="sheinin2017",
    depth=Param("share of the light that flickers", "fraction", 0, 1, clean=0, levels=(0.2, 0.35, 0.5, 0.7, 0.9)),
    bands=Param("bands over the picture's height", "bands", 0.1, 200, default=5),
)
def flicker_banding(image: Image, rng: Generator, *, depth: float, bands: float) -> Image:
    """Lamps on mains current under a rolling shutter: rows were exposed at other moments, so dark bands appear."""
    height = image.shape[0]
    rows = (np.arange(height) + 0.5) / height
    gain: Field = (1 - depth * (0.5 - 0.5 * np.cos(2 * np.pi * (bands * rows + rng.random())))).astype(np.float32)
    return display(linear(image) * gain[:, None, None], image)
