"""How ice grows on a cold window: stems with side branches, needles between them, thick here and thin there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations.image._draw import Field

__all__ = ["SIDE", "clouds", "ice"]

SIDE = 640
"""Side of a texture in pixels: a multiple of five, so that a fifth of it is every fifth pixel, as in the definition."""
_GROWTH = ((70, 170.0, 0.9, 2), (260, 60.0, 0.8, 2), (1500, 18.0, 0.6, 1))
"""Number, length and brightness of what grows, and the stems' thickness: large ferns, small ones, needles."""
_BRANCHING = ((2, 0.42), (3, 0.38), (0, 0.0))
"""For each generation: at every how many steps it branches, and how long a branch is, of what is left of the stem."""


def ice(rng: Generator) -> Field:
    """Return a square relief of ice that continues itself at its edges: crystals, clouds of rime and fine grain."""
    crystals = np.zeros((SIDE, SIDE), np.float32)
    for count, length, weight, thickness in _GROWTH:
        starts, angles = rng.uniform(SIDE, 2 * SIDE, (count, 2)), rng.uniform(0, 2 * np.pi, count)
        layer = _grown(rng, starts, angles, length * rng.uniform(0.5, 1.2, count), thickness)
        folded = layer.reshape(3, SIDE, 3, SIDE).max(axis=(0, 2)).astype(np.float32) / 255
        crystals = np.maximum(crystals, np.float32(weight) * folded)
    rime, grain = clouds(rng), rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    contrast = crystals.std()
    return crystals * np.exp(np.float32(0.45) * rime) + contrast * (np.float32(0.12) * rime + np.float32(0.15) * grain)


def clouds(rng: Generator) -> Field:
    """Return a smooth random field of mean 0 and standard deviation 1, whose amplitude falls as frequency^-1.6."""
    from scipy.fft import irfft2, rfft2

    turns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)
    frequency = np.hypot(*turns) * SIDE
    frequency[0, 0] = np.inf
    field = irfft2(rfft2(rng.normal(size=(SIDE, SIDE))) * frequency**-1.6, s=(SIDE, SIDE))
    scaled: Field = (field / field.std()).astype(np.float32)
    return scaled


def _grown(
    rng: Generator,
    starts: NDArray[np.float64],
    angles: NDArray[np.float64],
    lengths: NDArray[np.float64],
    thickness: int,
) -> NDArray[np.uint8]:
    """Draw branches that bend a little, and their side branches at about 60°, as ice grows: all of an age at once."""
    layer = np.zeros((3 * SIDE, 3 * SIDE), np.uint8)
    for depth, (every, part) in enumerate(_BRANCHING):
        if not len(lengths):
            break
        steps = np.maximum(2, (lengths / 4).astype(np.int64))
        turns = angles[:, None] + np.cumsum(rng.normal(0, 0.025, (len(steps), steps.max())), axis=1)
        ways = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * (lengths / steps)[:, None, None]
        points = starts[:, None] + np.cumsum(ways, axis=1)
        shades = (rng.uniform(120, 255, len(steps)) * 0.9**depth).astype(np.int64)
        _draw(layer, np.rint(points * 16).astype(np.int32), steps, shades, max(1, thickness - depth))
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
