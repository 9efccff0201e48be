"""A recording, and what its signals share: powers of frames, spectra, and the noise that is always there."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Audio

__all__ = ["ACTIVE_DB", "FRAME_S", "Heard", "decibels", "k_weighting", "noise_floor", "power_spectra"]

FRAME_S = 0.02
"""Length of the frames that tell speech from pauses."""
ACTIVE_DB = 40.0
_SECONDS = 10.0
"""Of a longer recording the costly signals read so much, from its middle."""
_QUANTILE, _BINS = 0.3, 0.2
_NAN = float("nan")


def _frame_powers(value: Audio) -> NDArray[np.float64]:
    """Return the mean square over all channels of each frame of 20 ms; a shorter last one counts as one."""
    samples = value.samples
    if samples.size == 0:
        return np.empty(0)
    length = max(1, round(value.rate * FRAME_S))
    whole = samples.shape[1] // length * length
    power = np.square(samples, dtype=np.float32)
    power = power[0] if len(power) == 1 else power.mean(axis=0, dtype=np.float32)
    frames = _row_sums(power[:whole].reshape(-1, length)) / length if whole else np.empty(0)
    if whole < samples.shape[1]:
        frames = np.append(frames, power[whole:].mean(dtype=np.float64))
    return frames


def _row_sums(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of each row, in double precision, at a sixth of numpy's time."""
    import cv2

    sums: NDArray[np.float64] = cv2.reduce(rows, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)
    return sums[:, 0]


def decibels(power: float) -> float:
    return float(10 * np.log10(power)) if power > 0 else _NAN


@lru_cache(maxsize=16)
def _white(length: int) -> float:
    """Return what the estimate of noise finds of white noise of power 1: it looks at low quantiles of few frames."""
    rng = np.random.default_rng(length)
    found = [_low(_spectra(rng.standard_normal(16 * length), length)) for _ in range(32)]
    return float(np.mean(found)) / float(np.square(np.hanning(length)).sum())


def _spectra(wave: NDArray[np.floating], length: int) -> NDArray[np.floating]:
    """Return power spectra of overlapping windows, (windows × frequencies)."""
    if len(wave) < length:
        wave = np.pad(wave, (0, length - len(wave)))
    windows = np.lib.stride_tricks.sliding_window_view(wave, length)[:: length // 2]
    return power_spectra(windows * np.hanning(length).astype(wave.dtype))


def power_spectra(waves: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the power spectrum of each row."""
    from scipy.fft import rfft

    found = rfft(waves, axis=-1)
    power: NDArray[np.floating] = np.square(found.real) + np.square(found.imag)
    return power


def _low(spectra: NDArray[np.floating]) -> float:
    """Return the power that is there most of the time at most frequencies: between words, beside harmonics."""
    at = int(_QUANTILE * (len(spectra) - 1))
    quiet = np.partition(spectra, at, axis=0)[at, 1:]
    return float(np.quantile(quiet, _BINS))


def noise_floor(heard: Heard) -> float:
    """Return the mean of the power spectra of the noise, if it is white, in units of ``Heard.spectra``."""
    return _low(heard.spectra) / (_white(heard.length) or 1.0)


class Heard:
    """A recording, and what its signals share."""

    def __init__(self, value: Audio) -> None:
        self.value, self.rate = value, value.rate
        self.length = max(16, 4 * round(value.rate * 0.032 / 4))

    @cached_property
    def frames(self) -> NDArray[np.float64]:
        return _frame_powers(self.value)

    @cached_property
    def peak(self) -> float:
        """Largest size of any sample."""
        samples = self.value.samples
        return float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Frames within 40 dB of the loudest."""
        loudest = self.frames.max(initial=0.0)
        return (self.frames >= loudest * 10 ** (-ACTIVE_DB / 10)) & (loudest > 0)

    @cached_property
    def power(self) -> float:
        """Mean square where something sounds."""
        return float(self.frames[self.active].mean()) if self.active.any() else 0.0

    @cached_property
    def middle(self) -> NDArray[np.float32]:
        """All channels as one, ten seconds at most, from the middle."""
        most = int(_SECONDS * self.rate)
        start = max(0, self.value.frames - most) // 2
        part = self.value.samples[:, start : start + most]
        return part[0] if len(part) == 1 else part.mean(axis=0)

    @cached_property
    def spectra(self) -> NDArray[np.floating]:
        return _spectra(self.middle, self.length)

    @cached_property
    def spectrum(self) -> NDArray[np.float64]:
        """Mean power at each frequency."""
        return self.spectra.mean(axis=0, dtype=np.float64)


@lru_cache(maxsize=16)
def k_weighting(rate: int, frames: int) -> NDArray[np.float64]:
    """Return what each line of the power spectrum of so many frames counts, so that their sum is the mean square."""
    from scipy.signal import freqz

    k, quality = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196
    gain = 10 ** (3.999843853973347 / 20)
    slope = gain**0.4996667741545416
    shelf = (
        [gain + slope * k / quality + k * k, 2 * (k * k - gain), gain - slope * k / quality + k * k],
        [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k],
    )
    k, quality = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    scale = 1 + k / quality + k * k
    high = ([1, -2, 1], [1, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale])  # as the standard prints it
    lines = np.arange(frames // 2 + 1) / frames * 2 * np.pi
    found = np.square(np.abs(freqz(*shelf, worN=lines)[1] * freqz(high[0], high[1], worN=lines)[1]))
    twice = np.full(len(lines), 2.0)
    twice[0] = 1.0
    if frames % 2 == 0:
        twice[-1] = 1.0
    weights: NDArray[np.float64] = found * twice / frames**2
    return weights
