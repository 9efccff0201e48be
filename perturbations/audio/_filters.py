"""Filters by their physics, as impulse responses for ``convolve``: each is designed once and kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations.audio._signal import Samples

__all__ = ["band_limit", "butterworth", "shelf", "tilt_response"]

_FLOOR = 1e-6
"""A response ends where what is left of it is below −120 dB."""


def _impulse(sections: NDArray[np.float64], rate: int, slowest_s: float) -> Samples:
    """Return the impulse response of second-order sections, to −120 dB; ``slowest_s`` is the longest time constant."""
    from scipy.signal import sosfilt

    impulse = np.zeros(max(64, int(slowest_s * rate * -np.log(_FLOOR)) + 1))
    impulse[0] = 1
    return sosfilt(sections, impulse).astype(np.float32)


def _slowest(sections: NDArray[np.float64], rate: int) -> float:
    """Return the longest time constant of the poles, in seconds."""
    radius = max(float(np.abs(np.roots(row[3:])).max(initial=0.0)) for row in sections)
    return -1 / (rate * np.log(min(max(radius, 1e-12), 1 - 1e-9)))


def butterworth(kind: str, hertz: float, rate: int, order: int) -> Samples:
    """Return the response of a low- or high-pass (``"low"``, ``"high"``) that is 3 dB down at a frequency."""
    from scipy.signal import butter

    sections = butter(order, hertz, kind, fs=rate, output="sos")
    return _impulse(sections, rate, _slowest(sections, rate))


def shelf(kind: str, hertz: float, gain_db: float, rate: int, slope: float) -> Samples:
    """Return the response of a tone control: ``gain_db`` below ("bass") or above ("treble") a corner.

    The biquad of Bristow-Johnson's Audio EQ Cookbook; at the corner half of the decibels are reached.
    """
    amplitude = 10 ** (gain_db / 40)
    turn = 2 * np.pi * hertz / rate
    alpha = np.sin(turn) / 2 * ((amplitude + 1 / amplitude) * (1 / slope - 1) + 2) ** 0.5
    sign = 1 if kind == "bass" else -1
    cosine, root = sign * np.cos(turn), 2 * amplitude**0.5 * alpha
    above, below = amplitude + 1, amplitude - 1
    b = amplitude * np.array(
        [above - below * cosine + root, 2 * sign * (below - above * cosine), above - below * cosine - root]
    )
    a = np.array([above + below * cosine + root, -2 * sign * (below + above * cosine), above + below * cosine - root])
    sections = np.concatenate([b, a])[None, :] / a[0]
    return _impulse(sections, rate, _slowest(sections, rate))


def band_limit(rate_hz: float, rate: int) -> Samples:
    """Return what is left after a good converter to a lower rate and back: a symmetric filter below half of it.

    Flat to 90 % of the lower Nyquist frequency and 80 dB down at it (Kaiser window).
    """
    from scipy.signal import firwin, kaiserord

    taps, beta = kaiserord(80, 0.1 * rate_hz / rate)
    return firwin(taps | 1, 0.95 * rate_hz / 2, window=("kaiser", beta), fs=rate).astype(np.float32)


def tilt_response(slope_db: float, pivot_hz: float, rate: int) -> Samples:
    """Return a symmetric filter whose gain changes by ``slope_db`` an octave, 0 dB at the pivot, flat below 50 Hz."""
    taps = 2 * round(0.04 * rate) + 1
    hertz = np.maximum(np.fft.rfftfreq(taps, 1 / rate), 50)
    response = np.fft.irfft(10 ** (slope_db / 20 * np.log2(hertz / pivot_hz)), taps)
    return (np.roll(response, taps // 2) * np.hanning(taps + 2)[1:-1]).astype(np.float32)
