"""Ice on a window, grown by rule: fern-like crystals over rime. Made once for each process, then only cut from.

The reference uses five of six photographs, which cannot be shipped. These textures have no light and dark of their own
copied from anywhere; only the mean and the spread of each channel are those of the photographs. A score on them is
comparable between models, not with published frost errors to the digit: reports say so beside an mCE.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image._draw import Field, uniforms
from perturbations.image._plasma import plasma

__all__ = ["TEXTURES", "cut", "texture"]

_SIDE = 512
TEXTURES = (
    ((78, 149, 166), (27, 16, 15)),
    ((201, 205, 214), (21, 22, 23)),
    ((201, 205, 214), (21, 22, 23)),
    ((138, 153, 165), (28, 28, 30)),
    ((112, 123, 135), (44, 43, 42)),
)
"""Mean and standard deviation (levels, RGB) of the five photographs that the reference draws from."""


def cut(index: int, scale: float, top: float, left: float, height: int, width: int) -> Image:
    """Return a piece of a texture; ``top`` and ``left`` are shares of its side, beyond which it repeats."""
    whole = texture(index, scale)
    side = len(whole)
    y, x = int(top * side), int(left * side)
    if y + height <= side and x + width <= side:
        return whole[y : y + height, x : x + width]
    rows, columns = np.arange(y, y + height) % side, np.arange(x, x + width) % side
    return whole.take(rows, axis=0).take(columns, axis=1)


@lru_cache(maxsize=16)
def texture(index: int, scale: float) -> Image:
    """Return a square RGB texture that repeats without a seam."""
    if scale != 1:
        side = max(1, round(_SIDE * scale))
        return cv2.resize(texture(index, 1), (side, side), interpolation=cv2.INTER_AREA)
    rng = Generator(Philox(key=index))
    rime = plasma(uniforms(rng, (_SIDE, _SIDE)), 1.9) - np.float32(0.5)
    grain = plasma(uniforms(rng, (_SIDE, _SIDE)), 1.1) - np.float32(0.5)
    ice = _ferns(rng)
    relief = np.float32(0.3) * rime + np.float32(0.9) * grain + np.float32(1.3) * ice * (np.float32(0.8) + rime)
    relief -= relief.mean()
    relief *= np.float32(1) / relief.std()
    np.clip(relief, -2.6, 2.9, out=relief)
    mean, spread = (np.array(row, np.float32) for row in TEXTURES[index])
    picture = np.clip(np.rint(relief[..., None] * spread + mean), 0, 255).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def _ferns(rng: Generator) -> Field:
    """Return brightness of crystals in about 0..1: stems with side branches that branch once more."""
    canvas = np.zeros((_SIDE, _SIDE), np.float32)
    for depth, count, length, weight in ((0, 60, 150.0, 0.9), (0, 160, 60.0, 0.8)):
        layer = np.zeros((3 * _SIDE, 3 * _SIDE), np.uint8)
        for _ in range(count):
            start = rng.uniform(_SIDE, 2 * _SIDE, 2)
            _grow(layer, rng, start, rng.uniform(0, 2 * np.pi), length * rng.uniform(0.5, 1.2), depth)
        folded = layer.reshape(3, _SIDE, 3, _SIDE).max(axis=(0, 2)).astype(np.float32) / 255
        canvas = np.maximum(canvas, weight * folded)
    tiled = np.tile(canvas, (3, 3))
    glow = sum(cv2.GaussianBlur(tiled, (0, 0), sigma) * gain for sigma, gain in ((0.8, 1.2), (3.0, 0.3), (9.0, 0.2)))
    whole: Field = (glow + np.float32(0.5) * tiled)[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE]
    return whole / whole.max()


def _grow(
    layer: NDArray[np.uint8], rng: Generator, start: NDArray[np.float64], angle: float, length: float, depth: int
) -> None:
    """Draw a branch that bends a little, and its side branches at about 60°, as ice grows."""
    steps = max(2, int(length / 4))
    turns = angle + np.cumsum(rng.normal(0, 0.025, steps))
    points = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / steps), axis=0)
    shade = int(rng.uniform(120, 255) * (0.85**depth))
    cv2.polylines(layer, [np.rint(points * 16).astype(np.int32)], False, shade, 2 - min(depth, 1), cv2.LINE_AA, shift=4)
    if depth == 2:
        return
    for number, point in enumerate(points[:: 2 if depth == 0 else 3]):
        share = 1 - number * (2 if depth == 0 else 3) / steps
        reach = length * (0.42 if depth == 0 else 0.38) * share * rng.uniform(0.5, 1.1)
        if reach > 4:
            for side in (-1, 1):
                _grow(layer, rng, point, turns[0] + side * rng.normal(np.pi / 3, 0.06), reach, depth + 1)
