"""Longer or shorter at the same pitch: a phase vocoder without a single sine or arctangent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations.audio._signal import Samples

__all__ = ["stretch"]

_HOP_S = 0.016
"""A third of the window: with a squared Hann window the overlapping parts still add up to a constant, 9/8."""
_ONSET = np.float32(2)
"""A bin that grows by so much from one window to the next starts anew, with the phase it has: attacks stay sharp."""
_NOTHING = np.float32(1e-12)
Spectra = NDArray[np.complex64]


def stretch(samples: Samples, rate: int, factor: float) -> Samples:
    """Return samples ``factor`` times as fast, at their pitch: ``round(frames / factor)`` frames.

    Windows of 48 ms. Magnitudes are read between neighbouring windows; phases advance by what the neighbours differ
    in (Laroche & Dolson 1999). The step out is the step in, so that advance need not be unwrapped: it is a product
    of unit numbers. Phases of neighbouring bins are tied to each other (Puckette 1995), or tones would lose 2 dB.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    channels, frames = samples.shape
    wanted = round(frames / factor)
    if frames == 0 or wanted == 0 or factor == 1:
        return samples[:, :wanted].copy()
    hop = 2 * next_fast_len(max(4, round(_HOP_S * rate / 2)), real=True)
    window = np.hanning(3 * hop + 1)[:-1].astype(np.float32)
    count = -(-wanted // hop) + 3
    place = np.arange(count) * factor
    first = place.astype(np.intp)
    padded = np.zeros((channels, max((int(first[-1]) + 5) * hop, frames + 2 * hop)), np.float32)
    padded[:, 2 * hop : 2 * hop + frames] = samples
    cut = np.lib.stride_tricks.sliding_window_view(padded, 3 * hop, axis=1)[:, : (int(first[-1]) + 2) * hop : hop]
    spectra = rfft(cut * window)
    spectra[:, :, 1::2] *= -1  # time 0 to the window's middle: the bins of one tone then share its phase
    moved = _advance(spectra, first, (place - first).astype(np.float32))
    moved[:, :, 1::2] *= -1
    parts = irfft(moved, 3 * hop) * (window / np.float32(1.125))
    result = np.zeros((channels, count + 2, hop), np.float32)
    for third in range(3):
        result[:, third : third + count] += parts[:, :, third * hop : (third + 1) * hop]
    return result.reshape(channels, -1)[:, 2 * hop : 2 * hop + wanted]


def _advance(spectra: Spectra, first: NDArray[Any], share: Samples) -> Spectra:
    """Return the spectra at fractional places between windows, with phases that run on until a sound starts anew."""
    magnitude = np.abs(spectra)
    unit = spectra * np.reciprocal(np.maximum(magnitude, _NOTHING)).astype(np.complex64)
    unit[magnitude <= _NOTHING] = 1
    early, late = magnitude[:, first], magnitude[:, first + 1]
    starts = early > _ONSET * np.roll(early, 1, axis=1)
    late -= early
    late *= share[:, None]
    late += early
    late += _NOTHING
    fresh, turn = unit[:, first], unit[:, first + 1]
    turn *= np.conj(fresh)
    weight = late.astype(np.complex64)
    result = _run_on(fresh, starts, turn, weight)
    result *= weight
    return result


def _run_on(fresh: Spectra, starts: NDArray[np.bool_], turn: Spectra, weight: Spectra) -> Spectra:
    """Return unit numbers that turn from window to window, each tied to its neighbours by their loudness.

    The one loop over windows here: every step needs the one before. It works in buffers, one bin wider on each side.
    """
    channels, steps, bins = fresh.shape
    phases = np.empty((channels, steps, bins), np.complex64)
    loud = np.zeros((channels, bins + 2), np.complex64)
    inner, below, above = loud[:, 1:-1], loud[:, :-2], loud[:, 2:]
    tied, inverse = (np.zeros((channels, bins), np.complex64) for _ in range(2))
    size = np.empty((channels, bins), np.float32)
    phase = fresh[:, 0].copy()
    anew = np.any(starts, axis=(0, 2)).tolist()
    for step in range(steps):
        if anew[step]:
            np.copyto(phase, fresh[:, step], where=starts[:, step])
        np.multiply(phase, weight[:, step], out=inner)
        np.add(below, above, out=tied)
        np.add(tied, inner, out=tied)
        np.absolute(tied, out=size)
        np.maximum(size, _NOTHING, out=size)
        np.reciprocal(size, out=inverse.real)
        np.multiply(tied, inverse, out=phases[:, step])
        np.multiply(phases[:, step], turn[:, step], out=phase)
    return phases
