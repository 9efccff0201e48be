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
_NOTHING = np.float32(1e-20)
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
    unit = spectra / np.maximum(magnitude, _NOTHING)
    unit[magnitude <= _NOTHING] = 1
    turn = unit[:, 1:] * unit[:, :-1].conj()
    weight = share[:, None]
    wanted = magnitude[:, first] * (1 - weight) + magnitude[:, first + 1] * weight + _NOTHING
    starts = magnitude[:, first] > _ONSET * np.roll(magnitude[:, first], 1, axis=1)
    fresh = unit[:, first]
    phase = fresh[:, 0].copy()
    result = np.empty((len(spectra), len(first), spectra.shape[2]), np.complex64)
    for step in range(len(first)):
        np.copyto(phase, fresh[:, step], where=starts[:, step])
        loud = np.multiply(phase, wanted[:, step], out=result[:, step])
        tied = loud.copy()
        tied[:, 1:] += loud[:, :-1]
        tied[:, :-1] += loud[:, 1:]
        size = np.abs(tied)
        np.divide(tied, np.maximum(size, _NOTHING, out=size), out=phase)
        np.multiply(phase, wanted[:, step], out=loud)
        phase *= turn[:, first[step]]
    return result
