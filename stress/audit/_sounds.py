"""What of a recording stays when it is cut, louder or compressed: its waveform, somewhere along the other's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.audit._tail import Pairs, none
from stress.audit._vectors import nearest

__all__ = ["near", "reduced"]

_RATE = 8000
_LONGEST = 20 * _RATE
"""Frames that are compared: the first twenty seconds."""
_BINS, _SMOOTH = 512, 15
_NEIGHBOURS = 8
"""Recordings with the most alike spectra, to which each is held in time."""
_ENERGY, _OVERLAP = 0.3, 0.5
"""Parts of both energies, and of the shorter one's length, that must lie in what two recordings share."""


def reduced(value: Any) -> NDArray[np.float32]:
    """Return a recording's wave, mono at 8 kHz; nothing of a silent one."""
    from scipy.signal import resample_poly

    wave = value.samples.mean(axis=0)[: _LONGEST * max(1, value.rate // _RATE)]
    if value.rate != _RATE and len(wave):
        common = int(np.gcd(value.rate, _RATE))
        wave = resample_poly(wave, _RATE // common, value.rate // common)
    wave = wave[:_LONGEST].astype(np.float32)
    wave -= wave.mean() if len(wave) else 0
    return wave if len(wave) > 64 and np.abs(wave).max() > 1e-4 else np.zeros(0, np.float32)


def _spectrum(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the ripple of a recording's spectrum as a unit vector: pitch and timbre, wherever it begins."""
    power = np.square(np.abs(np.fft.rfft(wave, max(16384, len(wave)))))
    edges = np.linspace(0, len(power), _BINS + 1).astype(int)[:-1]
    bands = np.add.reduceat(power, edges)
    level = np.log(bands + 1e-4 * bands.mean() + 1e-20)
    level -= np.convolve(np.pad(level, _SMOOTH // 2, mode="edge"), np.ones(_SMOOTH) / _SMOOTH, "valid")
    length = float(np.sqrt(np.square(level).sum()))
    return (level / max(length, 1e-9)).astype(np.float32)


@dataclass
class _Waves:
    """Waves with what is worked out once of each: its energy up to every frame, and its transform by length."""

    waves: Sequence[NDArray[np.float32]]
    energies: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    turned: dict[tuple[int, int], NDArray[np.complex64]] = field(default_factory=dict)

    def energy(self, row: int) -> NDArray[np.float64]:
        if row not in self.energies:
            squares = np.square(self.waves[row], dtype=np.float64)
            self.energies[row] = np.concatenate([[0.0], np.cumsum(squares)])
        return self.energies[row]

    def transform(self, row: int, size: int) -> NDArray[np.complex64]:
        from scipy.fft import rfft

        if (row, size) not in self.turned:
            self.turned[row, size] = rfft(self.waves[row], size)
        return self.turned[row, size]

    def forget(self, before: int) -> None:
        """Let go of what belongs to waves that come before one: pairs are in their order."""
        self.turned = {key: each for key, each in self.turned.items() if key[0] >= before}


def _together(waves: _Waves, row: int, column: int) -> float:
    """Return the largest correlation of two waves over all shifts at which they share enough, from 0 to 1."""
    from scipy.fft import irfft

    one, other = waves.waves[row], waves.waves[column]
    size = 1 << (len(one) + len(other) - 1).bit_length()
    crossed = irfft(waves.transform(row, size) * np.conj(waves.transform(column, size)), size)
    lags = np.arange(1 - len(other), len(one))
    start, end = np.maximum(lags, 0), np.minimum(len(one), lags + len(other))
    mine, theirs = waves.energy(row), waves.energy(column)
    here, there = mine[end] - mine[start], theirs[end - lags] - theirs[start - lags]
    enough = (here >= _ENERGY * mine[-1]) & (there >= _ENERGY * theirs[-1])
    enough &= end - start >= _OVERLAP * min(len(one), len(other))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(enough, np.abs(crossed[lags % size]) / np.sqrt(here * there), 0.0)
    return float(min(1.0, np.nan_to_num(share).max(initial=0.0)))


def near(waves: list[NDArray[np.float32]]) -> list[Pairs]:
    """Return how alike each recording is to those with the most alike spectra."""
    heard = np.array([row for row, wave in enumerate(waves) if len(wave)], np.int64)
    if len(heard) < 2:
        return [none(len(waves))]
    one, other = nearest(np.stack([_spectrum(waves[row]) for row in heard]), _NEIGHBOURS)
    known, likes = _Waves([waves[row] for row in heard]), np.zeros(len(one))
    for place, (i, j) in enumerate(zip(one.tolist(), other.tolist())):
        likes[place] = _together(known, i, j)
        if place % 4096 == 4095:
            known.forget(i)
    return [Pairs(heard[one], heard[other], likes, len(waves), float(likes.min(initial=1.0)))]
