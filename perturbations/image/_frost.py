"""Ice on a window: textures grown by rule, made once for each process and then only cut from, or the user's own.

The reference uses five of six photographs, which cannot be shipped. Crystals here are drawn (see ``_ferns``); what is
taken from the photographs are statistics of the five that the frost of the ImageNet-C release is cut from: mean,
spread and correlation of their channels, quantiles of their brightness and the course of their power spectra. Measured
as the photographs were (their middle, under a Hann window, whole and shrunk to a fifth), slopes of spectra and shares
of variance by octave band agree within a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.image._draw import Field
from perturbations.image._ferns import SIDE, clouds, ice
from perturbations.image._frost_table import ROWS, Row
from perturbations.image._photographs import files_in, photograph

__all__ = ["cut", "texture"]

_ROUNDS = 5
"""Rounds in which the spectrum is brought to its course, as the tone curve bends it again each time."""
_GREY = np.array([0.299, 0.587, 0.114])
_SHARES = np.array([0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100]) / 100


def cut(folder: str, which: float, scale: float, top: float, left: float, height: int, width: int) -> Image:
    """Return a piece of a texture, RGB: of the one that ``which`` in 0..1 falls on, at shares of the room there is.

    A grown texture goes on without a seam; a photograph that is too small goes on mirrored.
    """
    if folder:
        files = files_in(folder)
        whole = photograph(*files[int(which * len(files))], scale)
        rows, columns = (
            _mirrored(share, length, wanted) for share, length, wanted in zip((top, left), whole.shape, (height, width))
        )
    else:
        whole = texture(int(which * len(ROWS)), scale)
        side = len(whole)
        rows, columns = ((int(share * side) + np.arange(n)) % side for share, n in ((top, height), (left, width)))
    if rows[-1] - rows[0] == height - 1 and columns[-1] - columns[0] == width - 1:
        return whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return whole.take(rows, axis=0).take(columns, axis=1)


def _mirrored(share: float, length: int, wanted: int) -> NDArray[np.int64]:
    """Return where to read ``wanted`` neighbours out of ``length``, which are mirrored at their ends."""
    place = (int(share * max(length - wanted, 1)) + np.arange(wanted)) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


@lru_cache(maxsize=16)
def texture(index: int, scale: float) -> Image:
    """Return a square RGB texture that repeats without a seam; shrunk by two taps, as the definition does it.

    Two taps of a linear kernel leave out most pixels: fine ice keeps its contrast, and aliases.
    """
    if scale != 1:
        side = max(1, round(SIDE * scale))
        return cv2.resize(texture(index, 1), (side, side), interpolation=cv2.INTER_LINEAR)
    row = ROWS[index]
    rng = Generator(Philox(key=row.key))
    relief = np.roll(ice(rng), (-row.origin[0], -row.origin[1]), axis=(0, 1))
    picture = _coloured(_shaped(relief, row), clouds(rng), row)
    picture.flags.writeable = False
    return picture


def _coloured(grey: Field, tint: Field, row: Row) -> Image:
    """Return RGB whose brightness is ``grey``: each channel leans a little from it towards the tint, to either side."""
    lean, spread, mean = np.radians(row.hues), np.array(row.spread), np.array(row.mean)
    lean -= np.arctan2(_GREY * spread @ np.sin(lean), _GREY * spread @ np.cos(lean))
    level = _GREY @ mean
    deviation = (_GREY * spread) @ np.cos(lean)
    values = (grey - level)[..., None] * (spread * np.cos(lean) / deviation) + tint[..., None] * spread * np.sin(lean)
    return np.clip(np.rint(values + mean), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class _Rings:
    """Rings of alike frequency in the half plane of a real transform; each bin stands for ``counts``."""

    of: NDArray[np.int64]
    counts: Field
    members: NDArray[np.floating[Any]]
    cycles: NDArray[np.float64]

    def shares(self, power: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the mean power in each ring, of all power together."""
        found = np.bincount(self.of.ravel(), (power * self.counts).ravel(), len(self.members))
        return found / np.maximum(self.members, 1) / found.sum()


def _rings() -> _Rings:
    cycles = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)) * SIDE
    edges = np.concatenate([np.arange(0.5, 12.5), np.geomspace(12.5, SIDE * 0.5**0.5 + 1, 40)])
    of = np.digitize(cycles, edges)
    counts = np.full(cycles.shape, 2, np.float32)
    counts[:, [0, -1]] = 1
    members: NDArray[np.float64] = np.bincount(of.ravel(), counts.ravel(), len(edges) + 1).astype(np.float64)
    return _Rings(of, counts, members, cycles)


def _shaped(relief: Field, row: Row) -> Field:
    """Return the relief with the row's course of the power spectrum and quantiles of brightness, in levels.

    Phases, which hold the crystals, stay: each ring of frequencies is amplified, then the tone curve is laid on, and
    what that did to the spectrum goes into the next round's amplification.
    """
    from scipy.fft import irfft2, rfft2

    rings = _rings()
    steps = np.geomspace(1, SIDE * 0.5**0.5, len(row.density))
    density = np.exp(np.interp(np.log(np.maximum(rings.cycles, 1)), np.log(steps), row.density))
    density[0, 0] = 0
    wanted = rings.shares(density)
    first = rfft2(relief - relief.mean())
    own = first
    gain = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        gain *= np.sqrt(wanted / np.maximum(rings.shares(np.abs(own) ** 2), 1e-20))
        field = irfft2(first * gain.astype(np.float32)[rings.of], s=(SIDE, SIDE))
        toned = np.interp(field, np.quantile(field[::2, ::2], _SHARES), row.quantiles).astype(np.float32)
        own = rfft2(toned - toned.mean())
    return toned
