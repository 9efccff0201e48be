"""Noise of microphones and mains, at a signal-to-noise ratio."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import audio_corruption
from perturbations._params import Choice, Param
from perturbations._values import Audio
from perturbations.audio._signal import Hertz, Samples, cycle, full_scale, look_up, mean_square, normals, shaped_noise
from perturbations.modality.audio import active_power

__all__ = ["brown_noise", "mains_hum", "mix", "over", "pink_noise", "snr", "wavetable", "white_noise"]

_LOWEST_HZ = 20.0
"""Below what is heard, 1/f noise would hold ever more power: its spectrum ends here."""


def snr(srb: bool = False) -> Param:
    """Return the row of a signal-to-noise ratio; with the levels of Speech Robust Bench where it has this noise."""
    bench = {"speech-robust-bench": (30, 20, 10, 0)} if srb else {}
    levels = {"default": (30, 20, 10, 5, 0), **bench}
    return Param("ratio of the signal's power to the noise's", "dB", -30, 100, levels=levels)


def over(srb: bool = False) -> Choice:
    """Return the row that says of what part the signal's power is; Speech Robust Bench divides sums over the clip."""
    return Choice(
        "what the signal's power is the mean of: its active part (frames of 20 ms within 40 dB of the loudest), or the "
        "whole clip with its pauses",
        ("active", "clip"),
        default="active",
        by_profile={"speech-robust-bench": "clip"} if srb else {},
    )


def mix(audio: Audio, noise: Samples, snr_db: float, snr_over: str) -> Audio:
    """Add noise – one channel heard in all, or one for each – at a ratio to the signal's active part, or to all of it.

    What exceeds full scale is clipped. Silence, and a noise without power, leave the recording as it is: a ratio to
    nothing is not defined.
    """
    signal = active_power(audio) if snr_over == "active" else mean_square(audio.samples)
    power = mean_square(noise)
    if signal == 0 or power == 0:
        return audio
    heard = noise * np.float32((signal / power * 10 ** (-snr_db / 10)) ** 0.5)
    heard = np.add(heard, audio.samples, out=heard if heard.shape == audio.samples.shape else None)
    return full_scale(heard, audio.rate)


def power_law(hertz: Hertz, exponent: float) -> Hertz:
    """Return a power density that falls with frequency, from the lowest audible one up."""
    return np.where(hertz >= _LOWEST_HZ, np.maximum(hertz, _LOWEST_HZ) ** -exponent, 0.0)


@audio_corruption(cite="shah2024", version=3, snr_db=snr(srb=True), snr_over=over(srb=True))
def white_noise(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """Hiss of a microphone preamplifier: independent normal draws, the same power at every frequency."""
    return mix(audio, normals(rng, audio.channels, audio.frames), snr_db, snr_over)


@audio_corruption(cite="voss1978", snr_db=snr(), snr_over=over())
def pink_noise(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """Flicker noise of electronics and ventilation: the same power in every octave (−3 dB an octave from 20 Hz up)."""
    return mix(audio, shaped_noise(rng, audio.channels, audio.frames, audio.rate, power_law, 1.0), snr_db, snr_over)


@audio_corruption(cite="voss1978", snr_db=snr(), snr_over=over())
def brown_noise(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """Rumble of a distant road or a cabin: a random walk's spectrum (−6 dB an octave from 20 Hz up)."""
    return mix(audio, shaped_noise(rng, audio.channels, audio.frames, audio.rate, power_law, 2.0), snr_db, snr_over)


def wavetable(partials: NDArray[np.floating[Any]], phases: NDArray[np.floating[Any]], points: int = 8192) -> Samples:
    """Return one cycle of a periodic sound, of partials with amplitudes and phases (in cycles)."""
    turn = np.arange(points) / points
    orders = np.arange(1, len(partials) + 1)
    return (
        (partials[:, None] * np.sin(2 * np.pi * (orders[:, None] * turn + phases[:, None]))).sum(0).astype(np.float32)
    )


@audio_corruption(
    cite="iec61000",
    snr_db=snr(),
    snr_over=over(),
    mains=Choice("frequency of the mains in hertz", ("50", "60"), default="50"),
)
def mains_hum(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str, mains: str) -> Audio:
    """A ground loop: the mains frequency and its harmonics, of which the odd ones are the strong ones.

    Amplitudes fall as 1/order, even orders 10 dB lower, up to the 20th or half of the rate.
    """
    start, phases = rng.random(), rng.random(20)
    count = min(20, int(audio.rate / 2 / float(mains)))
    if count == 0:
        return audio
    orders = np.arange(1, count + 1)
    table = wavetable(np.where(orders % 2, 1.0, 10**-0.5) / orders, phases[:count])
    return mix(audio, look_up(table, cycle(audio, float(mains), start))[None, :], snr_db, snr_over)
