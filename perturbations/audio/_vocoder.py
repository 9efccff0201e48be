"""Longer or shorter at the same pitch: a phase vocoder without a single sine or arctangent."""

from __future__ import annotations

import numpy as np

from perturbations.audio._signal import Samples

__all__ = ["stretch"]

_HOP_S = 0.016
"""A third of the window: with a squared Hann window the overlapping parts still add up to a constant."""


def _window(hop: int) -> Samples:
    return np.hanning(3 * hop + 1)[:-1].astype(np.float32)


def stretch(samples: Samples, rate: int, factor: float) -> Samples:
    """Return samples ``factor`` times as fast, at their pitch: ``round(frames / factor)`` frames.

    Windows of 48 ms at three places an analysis window. Magnitudes are read between neighbouring windows; phases
    advance by what the neighbours differ in (Laroche & Dolson 1999). Hop and step are one length, so that advance
    need not be unwrapped: it is a product of unit numbers.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    channels, frames = samples.shape
    wanted = round(frames / factor)
    if frames == 0 or wanted == 0 or factor == 1:
        return samples[:, :wanted].copy()
    hop = next_fast_len(max(8, round(_HOP_S * rate)), real=True)
    window = _window(hop)
    count = -(-wanted // hop) + 3
    place = np.arange(count) * factor
    first = place.astype(np.intp)
    padded = np.zeros((channels, (int(first[-1]) + 5) * hop + frames % hop), np.float32)
    end = min(frames, padded.shape[1] - 2 * hop)
    padded[:, 2 * hop : 2 * hop + end] = samples[:, :end]
    cut = np.lib.stride_tricks.sliding_window_view(padded, 3 * hop, axis=1)[:, ::hop]
    moved = _advance(rfft(cut * window), first, (place - first).astype(np.float32))
    parts = irfft(moved, 3 * hop) * (window / np.float32(1.125))
    result = np.zeros((channels, count + 2, hop), np.float32)
    for third in range(3):
        result[:, third : third + count] += parts[:, :, third * hop : (third + 1) * hop]
    return result.reshape(channels, -1)[:, 2 * hop : 2 * hop + wanted]


def _advance(spectrum: Samples, first: np.ndarray, share: Samples) -> np.ndarray:
    """Return the spectra at fractional places between windows, with phases that run on."""
    magnitude = np.abs(spectrum)
    unit = spectrum / np.maximum(magnitude, np.float32(1e-20))
    unit[magnitude < 1e-20] = 1
    turn = unit[:, 1:] * unit[:, :-1].conj()
    phase = np.concatenate([unit[:, first[:1]], turn[:, first[:-1]]], axis=1)
    np.cumprod(phase, axis=1, out=phase)
    weight = share[:, None]
    phase *= magnitude[:, first] * (1 - weight) + magnitude[:, first + 1] * weight
    return phase
