"""Longer or shorter at the same pitch: a phase vocoder without a single sine or arctangent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations.audio._signal import Samples

__all__ = ["stretch"]

_HOP_S = 0.016
"""A third of the window: with a squared Hann window the overlapping parts still add up to a constant, 9/8."""
_ONSET = np.float32(2)
"""A bin that grows by so much from one window to the next starts anew, with the phase it has: attacks stay sharp."""
_NOTHING = np.float32(1e-12)
_AT_ONCE = 64
"""Windows that are worked on together: as many as a processor's cache holds."""
Spectra = NDArray[np.complex64]


def stretch(samples: Samples, rate: int, factor: float) -> Samples:
    """Return samples ``factor`` times as fast, at their pitch: ``round(frames / factor)`` frames, one at least.

    Windows of 48 ms. Magnitudes are read between neighbouring windows; phases advance by what the neighbours differ
    in (Laroche & Dolson 1999). The step out is the step in, so that advance need not be unwrapped: it is a product
    of unit numbers. Phases of neighbouring bins are tied to each other (Puckette 1995), or tones would lose 2 dB.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    channels, frames = samples.shape
    wanted = max(1, round(frames / factor)) if frames else 0
    if wanted == 0 or factor == 1:
        return samples[:, :wanted].copy()
    hop = 2 * next_fast_len(max(4, round(_HOP_S * rate / 2)), real=True)
    window = np.hanning(3 * hop + 1)[:-1].astype(np.float32)
    count = -(-wanted // hop) + 3
    place = np.arange(count) * factor
    first = place.astype(np.intp)
    padded = np.zeros((channels, max((int(first[-1]) + 5) * hop, frames + 2 * hop)), np.float32)
    padded[:, 2 * hop : 2 * hop + frames] = samples
    cut = np.lib.stride_tricks.sliding_window_view(padded, 3 * hop, axis=1)[:, : (int(first[-1]) + 2) * hop : hop]
    share = (place - first).astype(np.float32)
    result = np.zeros((channels, count + 2, hop), np.float32)
    phase = None
    for begin in range(0, count, _AT_ONCE):
        before = 1 if begin else 0  # the last step of what is done, to go on from
        steps = slice(begin - before, min(begin + _AT_ONCE, count))
        here = first[steps]
        spectra = rfft(cut[:, here[0] : here[-1] + 2] * window)
        moved, phase = _advance(spectra, here - here[0], share[steps], phase)
        parts = irfft(moved[:, before:], 3 * hop)
        parts *= window / np.float32(1.125)
        for third in range(3):
            result[:, begin + third : begin + third + parts.shape[1]] += parts[:, :, third * hop : (third + 1) * hop]
    return result.reshape(channels, -1)[:, 2 * hop : 2 * hop + wanted]


def _advance(
    spectra: Spectra, first: NDArray[np.intp], share: Samples, phase: Spectra | None
) -> tuple[Spectra, Spectra]:
    """Return the spectra at fractional places between windows, with phases that run on until a sound starts anew.

    ``phase`` are the unit numbers at the first place, where others came before; those at the last are returned, too.
    """
    magnitude = np.abs(spectra)
    early, late = magnitude[:, first], magnitude[:, first + 1]
    starts = early > _ONSET * np.roll(early, 1, axis=1)
    fresh = spectra[:, first]
    turn = np.conj(fresh)
    turn *= spectra[:, first + 1]
    length = early * late
    late -= early
    late *= share[:, None]
    late += early
    late += _NOTHING
    np.maximum(length, _NOTHING**2, out=length)
    np.divide(late[:, 1:], length[:, :-1], out=length[:, :-1])
    turn *= length  # from one place to the next, and as loud as it is there
    fresh *= late / np.maximum(early, _NOTHING)
    result = _run_on(fresh, starts, turn, phase)
    last = result[:, -1].copy()
    result *= late
    return result, last


def _run_on(fresh: Spectra, starts: NDArray[np.bool_], turn: Spectra, phase: Spectra | None) -> Spectra:
    """Return unit numbers that turn from window to window, each tied to its neighbours by their loudness."""
    phases = np.empty_like(fresh)
    for channel, rows in enumerate(phases):
        known = None if phase is None else phase[channel]
        _turned(rows, fresh[channel], starts[channel], turn[channel], known)
    return phases


def _turned(phases: Spectra, fresh: Spectra, starts: NDArray[np.bool_], turn: Spectra, known: Spectra | None) -> None:
    """Fill in the unit numbers of one channel, ``(windows, bins)``; those of the first window may be ``known``.

    ``fresh`` and ``turn`` are written to.

    The neighbours of a tone's bin have the opposite phase, since time 0 is the window's start. The one loop over
    windows here: every step needs the one before. A step takes as long as its eight calls, hardly longer for its
    arithmetic: rows of one dimension and buffers, one bin wider on each side, halve what a call takes.
    """
    bins = phases.shape[1]
    loud, tied, inverse = (np.zeros(bins + wider, np.complex64) for wider in (2, 0, 0))
    inner, below, above = loud[1:-1], loud[:-2], loud[2:]
    size, scale = np.empty(bins, np.float32), inverse.real

    def tie(row: Spectra) -> None:
        np.add(below, above, tied)
        np.subtract(inner, tied, tied)
        np.absolute(tied, size)
        np.maximum(size, _NOTHING, out=size)
        np.reciprocal(size, scale)
        np.multiply(tied, inverse, row)

    if known is None:
        inner[:] = fresh[0]
        tie(phases[0])
    else:
        phases[0] = known
    turn[:-1] *= ~starts[1:]  # what starts anew is added to nothing: sooner done than copied in each step
    fresh[1:] *= starts[1:]
    for row, before, move, begin in zip(phases[1:], phases, turn, fresh[1:]):
        np.multiply(before, move, inner)
        np.add(inner, begin, inner)
        tie(row)
