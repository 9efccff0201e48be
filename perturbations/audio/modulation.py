"""Sounds that move: effects of players, loudspeakers and processing that sweep through the clip."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.audio._signal import Samples, cycle, delayed, full_scale, same_power

__all__ = ["chorus", "phaser", "tremolo"]


def _triangle(audio: Audio, hertz: float, start: float) -> Samples:
    """Return a triangle wave in [0, 1]."""
    return np.abs(np.float32(2) * cycle(audio, hertz, start) - np.float32(1))


def _sine(audio: Audio, hertz: float, start: float) -> Samples:
    """Return a sine in [0, 1]."""
    return np.float32(0.5) + np.float32(0.5) * np.sin(np.float32(2 * np.pi) * cycle(audio, hertz, start))


@audio_corruption(
    cite="shah2024",
    depth=Param(
        "share of the amplitude that goes at the lowest point",
        "fraction",
        0,
        1,
        clean=0,
        levels={"default": (0.3, 0.5, 0.7, 0.85, 1.0), "speech-robust-bench": (0.5, 0.66, 0.83, 1.0)},
    ),
    speed_hz=Param("speed of the change", "Hz", 0.1, 100, scale="log", default=20),
)
def tremolo(audio: Audio, rng: Generator, *, depth: float, speed_hz: float) -> Audio:
    """A voice through a fan: the level swings up and down, from full to 1 − depth, along a sine."""
    gain = np.float32(1) - np.float32(depth) * _sine(audio, speed_hz, rng.random())
    return Audio(audio.samples * gain, audio.rate)


@audio_corruption(
    cite="shah2024",
    not_monotone={
        "default": "Copies that come a little later can weaken what earlier ones have strengthened.",
        "speech-robust-bench": "Only the delay grows: copies that come later are no louder.",
    },
    delay_ms=Param(
        "delay of the first copy; the second comes 10 ms later",
        "ms",
        1,
        500,
        levels={"default": (20, 25, 30, 40, 50), "speech-robust-bench": (30, 50, 70, 90)},
    ),
    wet=Param(
        "strength of the copies, of Speech Robust Bench's",
        "fraction",
        0,
        2,
        levels={"default": (0.2, 0.4, 0.6, 0.8, 1.0), "speech-robust-bench": (1, 1, 1, 1)},
    ),
)
def chorus(audio: Audio, rng: Generator, *, delay_ms: float, wet: float) -> Audio:
    """Several devices play the same call: two copies whose delays sway, so that the voices beat against each other.

    The mixture of Speech Robust Bench (SoX): 0.63 of the sound, 0.36 of a copy that sways by 2 ms every 4 s, 0.27 of
    another that sways by 2 ms every 2.5 s.
    """
    start = rng.random(2)
    per_ms, late = np.float32(audio.rate / 1000), np.float32(delay_ms)
    first = (late + 2 * _triangle(audio, 0.25, start[0])) * per_ms
    second = (late + 10 + 2 * _sine(audio, 0.4, start[1])) * per_ms
    copies = np.float32(0.36) * delayed(audio.samples, first) + np.float32(0.27) * delayed(audio.samples, second)
    mixed = audio.samples * np.float32(0.63)
    mixed += np.float32(wet) * copies
    return full_scale(mixed, audio.rate)


@audio_corruption(
    cite="shah2024",
    decay=Param(
        "share of the delayed sound that is fed back",
        "fraction",
        0,
        0.95,
        clean=0,
        levels={"default": (0.2, 0.35, 0.5, 0.7, 0.85), "speech-robust-bench": (0.3, 0.5, 0.7, 0.9)},
    ),
    speed_hz=Param("speed of the sweep", "Hz", 0.05, 20, scale="log", default=2),
)
def phaser(audio: Audio, rng: Generator, *, decay: float, speed_hz: float) -> Audio:
    """A call that comes back through the other side's loudspeaker while somebody moves: a comb sweeps the spectrum.

    A feedback comb with a delay between 0.1 and 3 ms, along a triangle, as in Speech Robust Bench (SoX). The infinite
    series of repeats is multiplied out in pairs, 1 + z + z² + … = (1 + z)(1 + z²)(1 + z⁴)…, with the delay of the
    moment; the power of the clip is kept.
    """
    per_ms = np.float32(audio.rate / 1000)
    sweep = (np.float32(0.1) + np.float32(2.9) * _triangle(audio, speed_hz, rng.random())) * per_ms
    wet: Samples = audio.samples
    for doubling in range(6):
        gain = decay ** (2**doubling)
        if gain > 1e-3:
            wet = wet + np.float32(gain) * delayed(wet, sweep * np.float32(2**doubling))
    return full_scale(same_power(np.array(wet), audio.samples), audio.rate)
