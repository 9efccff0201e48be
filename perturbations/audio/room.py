"""Rooms and distance between the source and the microphone."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio

__all__ = ["reverb"]


@audio_corruption(
    cite="schroeder1965",
    rt60_s=Param("time in which the echo falls by 60 dB", "s", 0.01, 10, scale="log", levels=(0.2, 0.4, 0.8, 1.5, 3.0)),
    direct_db=Param("level of the direct sound over the echo", "dB", -30, 60, levels=(10, 6, 3, 0, -3)),
)
def reverb(audio: Audio, rng: Generator, *, rt60_s: float, direct_db: float) -> Audio:
    """A bare room: the direct sound, followed by an echo of exponentially decaying noise.

    Length and rate are kept; the loudness of the result is that of the input, so only the room changes.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    frames = audio.frames
    if frames == 0 or not audio.samples.any():
        return audio
    tail = min(frames, max(1, round(rt60_s * audio.rate)))
    echo = rng.standard_normal(frames, dtype=np.float32)[:tail]
    echo *= np.exp(np.arange(tail, dtype=np.float32) * np.float32(-np.log(1000) / (rt60_s * audio.rate)))
    echo[0] = 0
    energy = float(np.sum(np.square(echo), dtype=np.float64))
    response = echo * np.float32((10 ** (-direct_db / 10) / energy) ** 0.5) if energy else echo
    response[0] = 1
    size = next_fast_len(frames + tail - 1, real=True)
    wet = irfft(rfft(audio.samples, size) * rfft(response, size), size)[:, :frames].astype(np.float32)
    before, after = float(np.square(audio.samples).mean()), float(np.square(wet).mean())
    wet *= np.float32((before / after) ** 0.5)
    return Audio(np.clip(wet, -1, 1, out=wet), audio.rate)
