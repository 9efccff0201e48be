"""Things in front of the scene."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Choice, Param
from perturbations._values import Image
from perturbations.image._filters import to_image
from perturbations.image._light import coordinates, spread

__all__ = ["bars", "occlusion", "typographic_overlay"]

_APART = np.array([0.7548776662, 0.5698402910])
"""Steps of the plane's most even additive sequence: patches keep apart, wherever the first one is."""


@image_corruption(
    cite="devries2017",
    share=Param(
        "area of all patches, of the picture's", "fraction", 0, 1, clean=0, levels=(0.06, 0.12, 0.22, 0.35, 0.5)
    ),
    patches=Param("number of patches", "patches", 1, 64, scale="integer", default=3),
    fill=Choice("what is seen instead", ("black", "grey", "mean", "noise"), default="grey"),
)
def occlusion(image: Image, rng: Generator, *, share: float, patches: int, fill: str) -> Image:
    """Something stands in the way: rectangular patches hide parts of the picture. They grow about fixed places.

    Patches may overlap, so that less than the share may be hidden.
    """
    height, width, channels = image.shape
    places = (rng.random(2) + np.arange(64)[:, None] * _APART) % 1
    stretches = np.exp2(rng.uniform(-0.6, 0.6, 64))
    noise = rng.integers(0, 256, image.shape, np.uint8) if fill == "noise" else None
    flat = {"black": np.zeros(channels), "grey": np.full(channels, 128.0), "mean": image.mean(axis=(0, 1))}
    result = image.copy()
    side = (share / patches) ** 0.5
    for place, stretch in zip(places[:patches], stretches[:patches], strict=True):
        tall = min(height, max(1, round(height * min(1.0, side * stretch))))
        wide = min(width, max(1, round(width * min(1.0, side / stretch))))
        top, left = round(place[0] * (height - tall)), round(place[1] * (width - wide))
        box = np.s_[top : top + tall, left : left + wide]
        result[box] = noise[box] if noise is not None else np.rint(flat[fill]).astype(np.uint8)
    return result


@image_corruption(
    cite="fawzi2016",
    share=Param("share of the view that bars hide", "fraction", 0, 1, clean=0, levels=(0.12, 0.22, 0.34, 0.48, 0.64)),
    count=Param("bars along the picture's longer side", "bars", 1, 200, default=7),
)
def bars(image: Image, rng: Generator, *, share: float, count: float) -> Image:
    """A fence, a grille or a window blind in front of the scene: dark parallel bars, at any angle."""
    height, width, _ = image.shape
    y, x = coordinates(image)
    angle, phase = rng.uniform(0, np.pi), rng.random()
    longer = max(height, width)
    along = (x * width * np.cos(angle) + y * height * np.sin(angle)) / longer
    place = np.mod(along * np.float32(count / 2) + np.float32(phase), 1)
    sharp = np.float32(longer / count)  # pixels from one bar to the next
    cover = np.clip((np.float32(share / 2) - np.abs(place - 0.5)) * sharp + 0.5, 0, 1).astype(np.float32)
    return to_image(image + spread(cover, image) * (np.float32(38) - image), image)


def _not_printable(word: str) -> str | None:
    if word.strip() and word.isascii() and word.isprintable():
        return None
    return f"must be printable ASCII text (the built-in font has no other signs), got {word!r}."


@image_corruption(
    cite="goh2021",
    width=Param("width of the label, of the picture's", "fraction", 0, 1, clean=0, levels=(0.2, 0.35, 0.5, 0.7, 0.95)),
    word=Choice("what the label says", default="banana", test=_not_printable),
)
def typographic_overlay(image: Image, rng: Generator, *, width: float, word: str) -> Image:
    """A label in the picture names something else: models that read believe the word, not the scene."""
    place = rng.random(2)
    label = _label(word)
    wide = min(image.shape[1], max(1, round(width * image.shape[1])))
    tall = min(image.shape[0], max(1, round(wide * label.shape[0] / label.shape[1])))
    if width == 0:
        return image
    small = cv2.resize(label, (wide, tall), interpolation=cv2.INTER_AREA)
    top, left = round(place[0] * (image.shape[0] - tall)), round(place[1] * (image.shape[1] - wide))
    result = image.copy()
    result[top : top + tall, left : left + wide] = small[..., None]
    return result


@lru_cache(maxsize=32)
def _label(word: str) -> Image:
    """Return black letters on white paper, large."""
    (wide, tall), below = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 2.0, 4)
    paper = np.full((tall + below + 40, wide + 60), 250, np.uint8)
    cv2.putText(paper, word, (30, tall + 20), cv2.FONT_HERSHEY_DUPLEX, 2.0, 20, 4, cv2.LINE_AA)
    return paper
