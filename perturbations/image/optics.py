"""The lens and what lies on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Param
from perturbations._values import Image
from perturbations.image._draw import Field, normals
from perturbations.image._filters import to_image
from perturbations.image._light import coordinates, spread

__all__ = ["chromatic_aberration", "lens_dirt", "lens_distortion", "water_drops"]

_LATTICE = 96
"""Side of the lattice that dirt is drawn on: its grain is a fraction of the picture, at any resolution."""


@image_corruption(
    cite="gu2009",
    cover=Param("share of the lens that is dirty", "fraction", 0, 1, clean=0, levels=(0.04, 0.09, 0.16, 0.26, 0.4)),
    opacity=Param("share of the light that dirt takes", "fraction", 0, 1, default=0.8),
)
def lens_dirt(image: Image, rng: Generator, *, cover: float, opacity: float) -> Image:
    """Mud and dust on the lens: soft brown specks and smears, out of focus, hide parts of the scene."""
    height, width, channels = image.shape
    grain = cv2.GaussianBlur(normals(rng, (_LATTICE, _LATTICE)), (0, 0), 1.3)
    smears = cv2.GaussianBlur(normals(rng, (_LATTICE, _LATTICE)), (0, 0), 5.0)
    field = grain / grain.std() + smears / smears.std()
    edge = np.quantile(field, 1 - cover)
    density = cv2.resize((field - edge).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    covered = np.float32(opacity) * np.clip(density / np.float32(0.7) + np.float32(0.5), 0, 1)
    values = image.astype(np.float32)
    for channel, level in enumerate((74, 60, 44) if channels == 3 else (61,)):
        values[..., channel] += covered * (level - values[..., channel])
    return to_image(values, image)


@image_corruption(
    cite="garg2007",
    version=2,
    drops=Param("number of drops", "drops", 0, 400, scale="integer", clean=0, levels=(8, 20, 40, 75, 130)),
    size=Param("radius of the largest drops, of the picture's shorter side", "fraction", 0.002, 0.5, default=0.07),
)
def water_drops(image: Image, rng: Generator, *, drops: int, size: float) -> Image:
    """Rain on the lens or the windscreen: each drop shows the scene small, upside down, with a dark rim and a glint."""
    height, width, _ = image.shape
    places = rng.random((400, 4))
    x = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width)).copy()
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width)).copy()
    gain, glint = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
    for across, down, share, stretch in places[:drops][::-1]:
        radius = max(0.5, size * min(height, width) * (0.25 + 0.75 * share**2))
        tall = radius * (1 + 0.35 * stretch)
        centre = across * width, down * height
        top, bottom = max(0, int(centre[1] - tall)), min(height, int(centre[1] + tall) + 2)
        left, right = max(0, int(centre[0] - radius)), min(width, int(centre[0] + radius) + 2)
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(centre[1]))[:, None]
        dx = np.arange(left, right, dtype=np.float32) - np.float32(centre[0])
        inner = (dx / np.float32(radius)) ** 2 + (dy / np.float32(tall)) ** 2
        within, box = inner < 1, np.s_[top:bottom, left:right]
        bend = 1 + 3 * inner
        x[box] = np.where(within, np.float32(centre[0]) - dx * bend, x[box])
        y[box] = np.where(within, np.float32(centre[1]) - dy * bend, y[box])
        gain[box] = np.where(within, 1.05 - np.float32(0.45) * inner**3, gain[box])
        light = np.clip(1 - 9 * ((dx / radius + 0.35) ** 2 + (dy / tall + 0.4) ** 2), 0, 1)
        glint[box] = np.where(within, 90 * light, glint[box])
    seen = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).reshape(image.shape)
    values = cv2.multiply(seen, spread(gain, image), dtype=cv2.CV_32F).reshape(image.shape)
    return to_image(values + spread(glint, image), image)


@image_corruption(
    cite="kang2007",
    shift=Param(
        "parting of red and blue in the corners, of the half-diagonal",
        "fraction",
        0,
        0.5,
        clean=0,
        levels=(0.008, 0.016, 0.03, 0.05, 0.08),
    ),
)
def chromatic_aberration(image: Image, *, shift: float) -> Image:
    """A cheap lens bends colours differently: red grows, blue shrinks, and edges away from the centre have fringes.

    A one-channel image is returned as it is.
    """
    if image.shape[2] == 1:
        return image
    size = image.shape[1], image.shape[0]
    centre = (np.array(size) - 1) / 2
    planes = list(cv2.split(image))
    for channel, factor in ((0, 1 + shift / 2), (2, 1 - shift / 2)):
        matrix = np.column_stack([np.eye(2) * factor, centre * (1 - factor)])
        planes[channel] = cv2.warpAffine(
            planes[channel], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    return cv2.merge(planes).reshape(image.shape)


@image_corruption(
    cite="hartley2003",
    strength=Param(
        "loss of magnification from the centre to the corners; below 0 a gain",
        "fraction",
        -0.45,
        5,
        clean=0,
        levels={"default": (0.08, 0.16, 0.3, 0.5, 0.9), "pincushion": (-0.05, -0.1, -0.16, -0.23, -0.31)},
    ),
)
def lens_distortion(image: Image, *, strength: float) -> Image:
    """A wide-angle lens: straight lines bulge outwards (barrel), or with a tele lens inwards (pincushion).

    The one-term radial model; corners keep their place, so that nothing beyond the picture is shown.
    """
    height, width, _ = image.shape
    y, x = coordinates(image)
    squared = (np.square(y * height) + np.square(x * width)) / np.float32(height**2 + width**2)
    ratio: Field = ((1 + np.float32(strength) * squared) / np.float32(1 + strength)).astype(np.float32)
    source_x = (x * ratio + 1) * np.float32(width / 2) - np.float32(0.5)
    source_y = (y * ratio + 1) * np.float32(height / 2) - np.float32(0.5)
    moved = cv2.remap(image, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return moved.reshape(image.shape)
