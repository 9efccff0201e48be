"""The camera, or the scene, is not where it was: warps of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Choice, Param
from perturbations._values import Image
from perturbations.image._draw import uniforms
from perturbations.image._filters import smooth_mirrored
from perturbations.image._levels import PROFILES, column, published

__all__ = [
    "crop",
    "elastic_transform",
    "mirrored",
    "perspective",
    "rotation",
    "scale",
    "shear",
    "translation",
    "upside_down",
]

_ELASTIC = {
    **published(
        (
            (488, 170.8, 24.4),
            (488, 19.52, 48.8),
            (12.2, 2.44, 4.88),
            (17.08, 2.44, 4.88),
            (29.28, 2.44, 4.88),
        ),
        ((0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)),
        ((0, 0, 5.12), (3.2, 19.2, 3.84), (6.4, 5.12, 3.84), (6.4, 1.92, 1.92), (10.24, 1.92, 1.28)),
        (
            (720, 252, 36),
            (720, 28.8, 72),
            (18, 3.6, 7.2),
            (25.2, 3.6, 7.2),
            (43.2, 3.6, 7.2),
        ),
    ),
    "monotone": ((8, 2.44, 2), (12.2, 2.44, 3), (17.08, 2.44, 4), (23, 2.44, 5), (29.28, 2.44, 6)),
}


@image_corruption(
    cite="hendrycks2019",
    not_monotone=dict.fromkeys(PROFILES, "published: errors of the reference fall from severity 2 to 3"),
    amplitude=Param(
        "what the smoothed shifts are scaled with", "pixels", 0, 5000, scale="step", levels=column(_ELASTIC, 0)
    ),
    sigma=Param(
        "standard deviation of the shifts' smoothing", "pixels", 0, 1000, scale="step", levels=column(_ELASTIC, 1)
    ),
    affine=Param(
        "largest shift of a corner of the affine map", "pixels", 0, 500, scale="step", levels=column(_ELASTIC, 2)
    ),
)
def elastic_transform(image: Image, rng: Generator, *, amplitude: float, sigma: float, affine: float) -> Image:
    """A wobbling or crumpled surface: an affine map, then a smooth random shift of every pixel.

    Interpolated linearly twice and mirrored at the edges, as in the reference. A picture of under three pixels along a
    side has no triangle to move, and keeps its affine shape.
    """
    height, width, _ = image.shape
    moves = rng.uniform(-1, 1, (3, 2))
    shifts = uniforms(rng, (2, height, width))
    grey = image.shape[2] == 1
    values = (image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)).astype(np.float32)  # fours take half as long
    reach = min(height, width) // 3
    if affine and reach:
        centre = np.array([height // 2, width // 2])  # (row, column) read as (x, y): so the reference has it
        start = np.array([centre + reach, [centre[0] + reach, centre[1] - reach], centre - reach], np.float32)
        matrix = cv2.getAffineTransform(start, (start + moves * affine).astype(np.float32))
        values = cv2.warpAffine(values, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    if amplitude:
        x, y = (smooth_mirrored(shift, sigma) * np.float32(amplitude) for shift in shifts)
        x += np.arange(width, dtype=np.float32)
        y += np.arange(height, dtype=np.float32)[:, None]
        values = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    levels = cv2.convertScaleAbs(values)
    return levels.reshape(image.shape) if grey else cv2.cvtColor(levels, cv2.COLOR_RGBA2RGB)


_BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}


def _fill() -> Choice:
    return Choice("what is shown where the picture ends", tuple(_BORDERS), default="black")


def _warped(image: Image, matrix: NDArray[np.float64], fill: str) -> Image:
    """Return the image under an affine (2×3) or projective (3×3) map of pixel positions, from old to new."""
    warp = cv2.warpAffine if len(matrix) == 2 else cv2.warpPerspective
    size = image.shape[1], image.shape[0]
    result: Image = warp(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=_BORDERS[fill])
    return result.reshape(image.shape)


def _about_the_centre(image: Image, linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine map with that linear part that keeps the picture's centre."""
    centre = np.array([image.shape[1] - 1, image.shape[0] - 1]) / 2
    return np.column_stack([linear, centre - linear @ centre])


@image_corruption(
    cite="engstrom2019",
    degrees=Param("angle, to either side", "degrees", 0, 180, clean=0, levels=(5, 10, 18, 30, 45)),
    fill=_fill(),
)
def rotation(image: Image, rng: Generator, *, degrees: float, fill: str) -> Image:
    """A camera held or mounted at an angle: the picture turns about its centre."""
    angle = np.radians(degrees) * rng.choice([-1.0, 1.0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return _warped(image, _about_the_centre(image, turn), fill)


@image_corruption(
    cite="engstrom2019",
    distance=Param("shift, of the picture's size", "fraction", 0, 1, clean=0, levels=(0.05, 0.1, 0.18, 0.28, 0.4)),
    fill=_fill(),
)
def translation(image: Image, rng: Generator, *, distance: float, fill: str) -> Image:
    """The subject is off the centre: the picture moves in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    shift = distance * np.array([np.cos(angle) * image.shape[1], np.sin(angle) * image.shape[0]])
    return _warped(image, np.column_stack([np.eye(2), shift]), fill)


@image_corruption(
    cite="mintun2021",
    factor=Param(
        "size that is left, along each side", "fraction", 0.01, 1, clean=1, levels=(0.85, 0.7, 0.55, 0.4, 0.28)
    ),
    fill=_fill(),
)
def scale(image: Image, *, factor: float, fill: str) -> Image:
    """The subject is further away: the picture shrinks about its centre, averaged so that nothing aliases."""
    height, width, _ = image.shape
    inner = max(1, round(height * factor)), max(1, round(width * factor))
    small = cv2.resize(image, inner[::-1], interpolation=cv2.INTER_AREA)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    sides = top, height - inner[0] - top, left, width - inner[1] - left
    return cv2.copyMakeBorder(small, *sides, _BORDERS[fill]).reshape(image.shape)


@image_corruption(
    cite="mintun2021",
    factor=Param(
        "sideways motion for each pixel of height", "pixels", 0, 10, clean=0, levels=(0.08, 0.16, 0.28, 0.42, 0.6)
    ),
    fill=_fill(),
)
def shear(image: Image, rng: Generator, *, factor: float, fill: str) -> Image:
    """A scanned page pulled askew: rows slide sideways, to either side, the middle one stays."""
    slant = factor * rng.choice([-1.0, 1.0])
    return _warped(image, _about_the_centre(image, np.array([[1, slant], [0, 1]])), fill)


@image_corruption(
    cite="hartley2003",
    distance=Param(
        "largest motion of a corner, of the picture's size",
        "fraction",
        0,
        0.45,
        clean=0,
        levels=(0.06, 0.11, 0.18, 0.26, 0.36),
    ),
    fill=_fill(),
)
def perspective(image: Image, rng: Generator, *, distance: float, fill: str) -> Image:
    """A plane seen at a slant: each corner moves inwards by its own amount, at least half of the largest one."""
    height, width, _ = image.shape
    moves = rng.uniform(0, 1, (4, 2))
    moves[rng.integers(4)] = 1
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    moved = corners + (1 - 2 * corners) * moves * distance
    size = np.array([width - 1, height - 1])
    if size.min() == 0:
        return image
    matrix = cv2.getPerspectiveTransform((corners * size).astype(np.float32), (moved * size).astype(np.float32))
    return _warped(image, matrix, fill)


@image_corruption(
    cite="szegedy2015",
    kept=Param(
        "part that is seen, along each side", "fraction", 0.01, 1, clean=1, levels=(0.88, 0.75, 0.62, 0.5, 0.38)
    ),
)
def crop(image: Image, rng: Generator, *, kept: float) -> Image:
    """Too close, or badly framed: a part of the picture, at a random place, fills the frame."""
    height, width, _ = image.shape
    place = rng.random(2)
    inner = max(1, round(height * kept)), max(1, round(width * kept))
    top, left = round(place[0] * (height - inner[0])), round(place[1] * (width - inner[1]))
    part = image[top : top + inner[0], left : left + inner[1]]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR).reshape(image.shape)


@image_corruption(cite="engstrom2019", changes_meaning=True)
def upside_down(image: Image) -> Image:
    """A camera mounted the wrong way up, or orientation data ignored: the picture is turned by 180 degrees."""
    return image[::-1, ::-1].copy()


@image_corruption(cite="szegedy2015", changes_meaning=True)
def mirrored(image: Image) -> Image:
    """A selfie camera or a mirror: left and right change places, and writing cannot be read."""
    return image[:, ::-1].copy()
