"""Signal processing that the perturbations share: draws, shaped noise, fast convolution, filters, resampling.

Everything works on ``float32 (channels, frames)`` at any rate, and keeps what is costly (filters, spectra) by its
physical parameters, never by a clip, so that a second clip of any length finds it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._tables import looked_up
from perturbations._values import Audio
from perturbations.errors import InputError

__all__ = [
    "Hertz",
    "Samples",
    "below_nyquist",
    "convolve",
    "cycle",
    "delayed",
    "fit",
    "full_scale",
    "interpolate",
    "look_up",
    "mean_square",
    "normals",
    "resample",
    "same_power",
    "shaped_noise",
]

Samples = NDArray[np.float32]
Hertz = NDArray[np.floating[Any]]
"""Frequencies, or something by frequency."""
Shape = Callable[..., Hertz]
"""Power density at frequencies in hertz, up to a factor: ``shape(hertz, *args)``."""


def full_scale(samples: Samples, rate: int) -> Audio:
    """Return a recording of samples that are ours to write to; what exceeds full scale is clipped, as a converter does.

    How much was clipped is the signal ``clipped`` of the result.
    """
    return Audio(samples.clip(-1, 1, out=samples), rate)


def below_nyquist(who: str, name: str, hertz: float, audio: Audio) -> None:
    """Raise where a frequency that must exist in a recording lies above half of its rate."""
    if hertz >= audio.rate / 2:
        raise InputError(
            f"{who}: {name} must be below half of the recording's rate, {audio.rate / 2:g} Hz, got {hertz:g}."
        )


def mean_square(samples: Samples) -> float:
    """Return the mean power over all channels; 0 for no frames."""
    flat = np.ascontiguousarray(samples).reshape(-1)
    return float(np.dot(flat, flat)) / flat.size if flat.size else 0.0


def same_power(samples: Samples, like: Samples) -> Samples:
    """Scale samples, in place, to the power of others: what changes is the sound, not its level."""
    power = mean_square(samples)
    if power > 0:
        samples *= np.float32((mean_square(like) / power) ** 0.5)
    return samples


def fit(samples: Samples, frames: int) -> Samples:
    """Cut the end, or add silence to it, so that there are as many frames as asked for."""
    if samples.shape[1] >= frames:
        return samples[:, :frames]
    return np.pad(samples, ((0, 0), (0, frames - samples.shape[1])))


@lru_cache(1)
def _quantiles() -> Samples:
    from scipy.special import ndtri

    return ndtri((np.arange(65536) + 0.5) / 65536).astype(np.float32)


def normals(rng: Generator, channels: int, frames: int) -> Samples:
    """Return standard normal draws, ten times faster than a ziggurat: the distribution's inverse at 16 random bits.

    65,536 equally likely values within ±4.3 standard deviations: finer than the samples of a CD. The first draws of
    a longer request are those of a shorter one.
    """
    count = channels * frames
    words = rng.bit_generator.random_raw(-(-count // 4)).astype("<u8", copy=False)
    return looked_up(_quantiles(), words.view("<u2")[:count]).reshape(channels, frames)


@lru_cache(32)
def _amplitude(shape: Shape, args: tuple[float, ...], size: int, rate: int) -> Samples:
    hertz = np.arange(size // 2) * (rate / size)
    power = np.zeros(size // 2)
    power[1:] = shape(hertz[1:], *args)
    return np.sqrt(power).astype(np.float32)


def shaped_noise(rng: Generator, channels: int, frames: int, rate: int, shape: Shape, *args: float) -> Samples:
    """Return Gaussian noise with a power spectrum, drawn as a spectrum: one inverse transform, no filter to settle."""
    from scipy.fft import irfft, next_fast_len

    size = 2 * next_fast_len(max(frames, 64) // 2 + 1)
    spectrum = normals(rng, channels, size).view(np.complex64) * _amplitude(shape, args, size, rate)
    return irfft(spectrum, size, overwrite_x=True)[:, :frames]


def interpolate(points: Samples, frames: int) -> Samples:
    """Return a curve of that many frames through equally spaced points, by straight lines."""
    step = max(1, -(-frames // (len(points) - 1)))
    ramp = np.arange(step, dtype=np.float32) / np.float32(step)
    return (points[:-1, None] + np.diff(points)[:, None] * ramp).reshape(-1)[:frames]


def delayed(samples: Samples, delay: Samples) -> Samples:
    """Return samples as they were so many frames ago, silence before the start; the delay may move with time.

    Between frames the value is read along a straight line; ``delay`` is at least 0.
    """
    whole = np.ceil(delay)
    share = whole - delay
    front = int(whole.max(initial=0))
    index = np.arange(front, front + samples.shape[1]) - whole.astype(np.intp)
    padded = np.pad(samples, ((0, 0), (front, 1)))
    result = np.empty_like(samples)
    for row, channel in zip(result, padded):
        early = channel.take(index)
        np.subtract(channel[1:].take(index), early, out=row)
        row *= share
        row += early
    return result


def cycle(audio: Audio, hertz: float, start: float) -> Samples:
    """Return the phase of a steady turn, in [0, 1), for every frame; ``start`` is where it begins."""
    turns = np.arange(audio.frames, dtype=np.float64)
    turns *= hertz / audio.rate
    turns += start
    turns -= np.floor(turns)
    return turns.astype(np.float32)


def look_up(table: Samples, phase: Samples) -> Samples:
    """Return a table's value at each phase in [0, 1]: the table is one turn, read at the nearest point below."""
    place = (phase * np.float32(len(table))).astype(np.int32)
    return table.take(place, mode="wrap")


def _block(taps: int, frames: int) -> int:
    """Return the transform size: a power of two, 2048 or some four times the filter, no more than is needed."""
    return 1 << max(6, min(max(11, (4 * taps - 1).bit_length()), (taps + frames - 1).bit_length()))


def convolve(
    samples: Samples, response: Callable[..., Samples], *args: float | str, symmetric: bool = False
) -> Samples:
    """Return samples filtered by ``response(*args)``, kept after its first use; the length stays the same.

    Time 0 of a ``symmetric`` response is its middle, of others its start. Overlap-save with a transform size that
    depends on the filter, so that its spectrum serves clips of any length. OpenCV's transforms of rows take a third of
    SciPy's time where it has Intel's library. Some blocks are done at once, in memory that is kept: what a thread
    asks for anew for each clip costs as much as the transforms.
    """
    channels, frames = samples.shape
    if frames == 0:
        return samples.copy()
    taps = len(_response(response, args))
    size = _block(taps, frames)
    hop = size - taps + 1
    blocks = -(-frames // hop)
    before = taps - 1 - (taps // 2 if symmetric else 0)
    gain, wet = _spectrum(response, args, size), np.empty((channels, blocks, hop), np.float32)
    rows, spectra = _kept.rows(blocks, size)
    for channel, out in zip(samples, wet):
        for first in range(0, blocks, len(rows)):
            some = min(len(rows), blocks - first)
            _cut(channel, first * hop - before, rows[:some], hop)
            _filtered(rows[:some], spectra[:some], gain)
            out[first : first + some] = rows[:some, taps - 1 :]
    return wet.reshape(channels, -1)[:, :frames]


_ROWS, _AT_ONCE = 48, 1 << 18
"""Blocks that are filtered at once, and samples in them, at most; a block is never cut."""


class _Kept(threading.local):
    """Memory of this thread: blocks of a clip and their spectra, 1 MB each (more, where one block is longer)."""

    def __init__(self) -> None:
        self._memory = tuple(np.empty(0, np.float32) for _ in range(2))

    def rows(self, blocks: int, size: int) -> tuple[Samples, Samples]:
        """Return two arrays of as many rows of a size as are done at once."""
        count = max(1, min(blocks, _ROWS, _AT_ONCE // size))
        if self._memory[0].size < count * size:
            self._memory = tuple(np.empty(count * size, np.float32) for _ in range(2))
        one, other = (each[: count * size].reshape(count, size) for each in self._memory)
        return one, other


_kept = _Kept()


def _cut(channel: Samples, start: int, rows: Samples, hop: int) -> None:
    """Fill rows with neighbouring, overlapping parts of a channel, the first from ``start`` on; silence around it."""
    count, size = rows.shape
    low, high = min(max(0, -(start // hop)), count), min((len(channel) - size - start) // hop + 1, count)
    if low < high:
        parts = np.lib.stride_tricks.sliding_window_view(channel, size)
        rows[low:high] = parts[start + low * hop : start + (high - 1) * hop + 1 : hop]
    for place in (*range(low), *range(max(low, high), count)):
        begin = start + place * hop
        held = channel[max(begin, 0) : max(begin + size, 0)]
        rows[place] = 0
        rows[place, max(-begin, 0) : max(-begin, 0) + len(held)] = held


def _filtered(rows: Samples, spectra: Samples, gain: Samples) -> None:
    """Multiply the spectrum of each row with another one, in place; ``spectra`` is memory of the same size."""
    import cv2

    cv2.dft(rows, spectra, cv2.DFT_ROWS)
    spectra[:, 0] *= gain[0]  # the constant and, at the end, half the rate: real; between them pairs of numbers
    spectra[:, -1] *= gain[-1]
    between = spectra[:, 1:-1].view(np.complex64)
    between *= gain[1:-1].view(np.complex64)
    cv2.idft(spectra, rows, cv2.DFT_ROWS | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)


@lru_cache(96)
def _response(response: Callable[..., Samples], args: tuple[float | str, ...]) -> Samples:
    return response(*args)


@lru_cache(96)
def _spectrum(response: Callable[..., Samples], args: tuple[float | str, ...], size: int) -> Samples:
    import cv2

    found: Samples = cv2.dft(fit(_response(response, args)[None, :], size), flags=cv2.DFT_ROWS)
    return found[0]


@lru_cache(64)
def _fraction(ratio: float) -> Fraction:
    """Return a fraction of numbers that transforms like (no prime above 13), nearest to a ratio: within 0.7 cents."""
    smooth = np.array([n for n in range(1, 2001) if not _rough(n)])
    error = np.abs(np.log(smooth[:, None] / smooth / ratio))
    if error.min() > 2.8e-4:
        return Fraction(ratio).limit_denominator(400)
    size = np.where(error <= 2.8e-4, smooth[:, None] + smooth, 10**6)
    up, down = np.unravel_index(np.where(size == size.min(), error, np.inf).argmin(), size.shape)
    return Fraction(int(smooth[up]), int(smooth[down]))


def _rough(number: int) -> bool:
    """Tell whether a number has a prime factor above 13."""
    for prime in (2, 3, 5, 7, 11, 13):
        while number % prime == 0:
            number //= prime
    return number > 1


@lru_cache(16)
def _edge(bins: int) -> Samples:
    """Return the gain of each bin below the lower Nyquist frequency: 1, and half a cosine over the last 7 %."""
    place = np.clip((np.arange(bins) / max(bins - 1, 1) - 0.93) / 0.07, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * place)).astype(np.float32)


def resample(samples: Samples, ratio: float | Fraction) -> Samples:
    """Return ``ratio`` times as many frames of the same sound, band-limited, through one spectrum.

    Flat to 93 % of the lower Nyquist frequency and nothing above it; time 0 stays time 0. A ratio that is not a
    fraction is taken as one that is near (within 0.7 cents) and fast. Of one frame or more there remains at least one.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    exact = ratio if isinstance(ratio, Fraction) else _fraction(float(ratio))
    up, down = exact.numerator, exact.denominator
    frames = samples.shape[1]
    if frames == 0 or up == down:
        return samples.copy()
    units = next_fast_len(-(-(frames + 512) // down))  # silence after the end, for what rings on
    spectrum = rfft(samples, units * down)
    bins = units * min(up, down) // 2 + 1
    spectrum = spectrum[:, :bins] * (_edge(bins) * np.float32(up / down))
    return irfft(spectrum, units * up, overwrite_x=True)[:, : max(1, -(-frames * up // down))]
