"""Sounds that mix with the wanted one, at a signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.modality.audio import active_power

__all__ = ["mix", "white_noise"]


def mix(audio: Audio, noise: NDArray[np.float32], snr_db: float) -> Audio:
    """Add noise of the same shape at a ratio to the active part of the signal; what exceeds full scale is clipped.

    Silence, and a noise without power, leave the recording as it is: a ratio to nothing is not defined.
    """
    signal, power = active_power(audio), float(np.mean(np.square(noise), dtype=np.float64)) if noise.size else 0.0
    if signal == 0 or power == 0:
        return audio
    mixed = noise * np.float32((signal / power * 10 ** (-snr_db / 10)) ** 0.5)
    mixed += audio.samples
    return Audio(np.clip(mixed, -1, 1, out=mixed), audio.rate)


@audio_corruption(
    cite="shah2024",
    snr_db=Param(
        "ratio of the active signal to the noise",
        "dB",
        -30,
        100,
        levels={"default": (30, 20, 10, 5, 0), "speech-robust-bench": (30, 20, 10, 0)},
    ),
)
def white_noise(audio: Audio, rng: Generator, *, snr_db: float) -> Audio:
    """Hiss of a microphone preamplifier: independent normal draws, the same power at every frequency."""
    return mix(audio, rng.standard_normal(audio.samples.shape, dtype=np.float32), snr_db)
