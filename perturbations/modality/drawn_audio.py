"""How a recording is drawn: its waveform above its spectrogram, and to play."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Audio, Image

__all__ = ["SPECTRUM", "WAVE", "WIDE", "columns_of", "draw_recording", "extremes", "spectrogram"]

WIDE, WAVE, SPECTRUM = 176, 36, 72
"""Pixels of the clean recording's duration, of a waveform's and of a spectrogram's height."""
_FLOOR_DB = 90.0
"""A spectrogram shows this many decibels below full scale."""


def columns_of(sound: Audio, clean: Audio) -> int:
    """Return the pixels of a sound: as many a second as the clean one has, at most twice its width."""
    return max(1, min(2 * WIDE, round(WIDE * sound.seconds / clean.seconds))) if clean.frames else WIDE


def extremes(sound: Audio, columns: int) -> NDArray[np.float64]:
    """Return the lowest and the highest sample of the first channel in every column: (columns, 2)."""
    if sound.frames == 0:
        return np.zeros((columns, 2))
    edges = np.linspace(0, sound.frames, columns + 1).astype(int)[:-1]
    edges = np.minimum(edges, sound.frames - 1)
    one = sound.samples[0]
    return np.stack([np.minimum.reduceat(one, edges), np.maximum.reduceat(one, edges)], axis=1).astype(float)


def spectrogram(sound: Audio, columns: int) -> Image:
    """Return the first channel's spectrogram: 25 ms windows, linear frequency up to half the rate, 90 dB."""
    import cv2

    length = max(16, round(0.025 * sound.rate))
    padded = np.pad(sound.samples[0], (length // 2, length))
    starts = np.linspace(0, max(sound.frames - 1, 0), columns).astype(int)
    window = np.hanning(length)
    power = np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(length)] * window)) * (2 / window.sum())
    level = 20 * np.log10(np.maximum(power, 1e-9)) / _FLOOR_DB + 1
    grey = np.clip(255 * level.T[::-1], 0, 255).astype(np.uint8)
    scaled = cv2.resize(grey, (columns, SPECTRUM), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)


def draw_recording(sound: Audio, clean: Audio, words: str) -> str:
    """Return a recording's waveform, its spectrogram, and a player, on the clean one's scale of time."""
    import cv2

    columns, said = columns_of(sound, clean), escape(words)
    path = "".join(f"M{x} {-high:.3f}V{-low:.3f}" for x, (low, high) in enumerate(extremes(sound, columns)))
    picture = cv2.cvtColor(spectrogram(sound, columns), cv2.COLOR_RGB2BGR)
    content = b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()
    return (
        f"<svg width='{columns}' height='{WAVE}' viewBox='0 -1 {columns} 2' preserveAspectRatio='none' role='img' "
        f"aria-label='{said}'><path d='{path}' stroke='#28508c' vector-effect='non-scaling-stroke'/></svg>"
        f"<img alt='{said}' width='{columns}' height='{SPECTRUM}' src='data:image/png;base64,{content}'>"
        f"<audio controls preload='none' src='data:audio/flac;base64,{_flac(sound)}'></audio>"
    )


def _flac(sound: Audio) -> str:
    """Return the sound as FLAC, 16 bits, in base64."""
    import soundfile

    memory = BytesIO()
    soundfile.write(memory, sound.samples.T[:, :2], sound.rate, format="FLAC", subtype="PCM_16")
    return b64encode(memory.getvalue()).decode()
