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
    for count, length, weight in ((60, 150.0, 0.9), (160, 60.0, 0.8)):
        starts, angles = rng.uniform(_SIDE, 2 * _SIDE, (count, 2)), rng.uniform(0, 2 * np.pi, count)
        layer = _grown(rng, starts, angles, length * rng.uniform(0.5, 1.2, count))
        folded = layer.reshape(3, _SIDE, 3, _SIDE).max(axis=(0, 2)).astype(np.float32) / 255
        canvas = np.maximum(canvas, weight * folded)
    tiled = np.tile(canvas, (3, 3))
    glow = sum(cv2.GaussianBlur(tiled, (0, 0), sigma) * gain for sigma, gain in ((0.8, 1.2), (3.0, 0.3), (9.0, 0.2)))
    whole: Field = (glow + np.float32(0.5) * tiled)[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE]
    return whole / whole.max()


def _grown(
    rng: Generator, starts: NDArray[np.float64], angles: NDArray[np.float64], lengths: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Draw branches that bend a little, and their side branches at about 60°, as ice grows: all of an age at once."""
    layer = np.zeros((3 * _SIDE, 3 * _SIDE), np.uint8)
    for depth, (every, part) in enumerate(((2, 0.42), (3, 0.38), (0, 0.0))):
        steps = np.maximum(2, (lengths / 4).astype(np.int64))
        turns = angles[:, None] + np.cumsum(rng.normal(0, 0.025, (len(steps), steps.max())), axis=1)
        ways = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * (lengths / steps)[:, None, None]
        points = starts[:, None] + np.cumsum(ways, axis=1)
        shades = (rng.uniform(120, 255, len(steps)) * 0.85**depth).astype(np.int64)
        _draw(layer, np.rint(points * 16).astype(np.int32), steps, shades, 2 - min(depth, 1))
        if every:
            knots = np.arange(0, steps.max(), every)
            shares = 1 - knots / steps[:, None]
            reach = lengths[:, None] * part * shares * rng.uniform(0.5, 1.1, shares.shape)
            away = rng.normal(np.pi / 3, 0.06, (2, *shares.shape)) * np.array([-1, 1])[:, None, None]
            stem, knot = np.nonzero(reach > 4)
            starts = np.tile(points[stem, knots[knot]], (2, 1))
            angles = (turns[:, :1] + away)[:, stem, knot].reshape(-1)
            lengths = np.tile(reach[stem, knot], 2)
    return layer


def _draw(
    layer: NDArray[np.uint8],
    points: NDArray[np.int32],
    steps: NDArray[np.int64],
    shades: NDArray[np.int64],
    thickness: int,
) -> None:
    """Draw the first so many points of each line, in sixteenths of a pixel."""
    for shade in np.unique(shades):
        lines = [points[i, : steps[i]] for i in np.flatnonzero(shades == shade)]
        cv2.polylines(layer, lines, False, int(shade), thickness, cv2.LINE_AA, shift=4)
