"""Recordings: ``Audio(samples: float32 (channels, frames), rate)`` with full scale ±1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from perturbations._values import Audio
from perturbations.errors import InputError, short
from perturbations.modality import Look, Modality
from perturbations.modality._heard import Heard
from perturbations.modality._layout import Layout
from perturbations.modality.audio_signals import SIGNALS
from perturbations.modality.drawn_audio import draw_recording
from perturbations.modality.stored_audio import FEW, STORED

__all__ = ["MODALITY", "active_power"]

_CHANNELS = 64


def _holds(value: object) -> bool:
    return isinstance(value, Audio)


def _check(value: Any, who: str) -> None:
    if not isinstance(value, Audio):
        raise InputError(f"{who}: a recording must be Audio(samples, rate), got {short(value)}.")
    if value.frames == 0:
        return
    if value.channels > max(value.frames, FEW) or value.channels > _CHANNELS:
        wanted = f"at most {_CHANNELS} channels, and no more channels than frames"
        hint = "Frames come last; else say so: stress.audio(array, rate, layout='channels_last')."
        raise InputError(f"{who}: a recording must have {wanted}, got {short(value.samples)}. {hint}")
    low, high = float(value.samples.min()), float(value.samples.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{who}: samples must be finite, got NaN or infinity in {short(value.samples)}.")
    if low < -1.0 or high > 1.0:
        slight = max(-low, high) < 2
        hint = "clip=True cuts the peaks" if slight else "full_scale=32768 is that of 16-bit samples"
        raise InputError(
            f"{who}: samples must be within ±1 (full scale), got [{low:g}, {high:g}]. In stress.audio(…), {hint}."
        )


_LAYOUT = Layout(
    axes=("channels", "frames"),
    extent=(1,),
    dtype=np.float32,
    array=lambda value: value.samples,
    build=lambda samples, facts: Audio(samples, facts["rate"]),
    facts=lambda value: {"rate": value.rate},
    remedies={
        "channels": "Mix the recordings down, or choose a channel, in the model.",
        "frames": "Give frames=N: each is cut, or padded with silence, to that length.",
        "rate": "Resample the recordings to one rate in the model.",
    },
)


def _digest(value: Audio) -> bytes:
    return f"{value.rate} {value.samples.shape}".encode() + value.samples.tobytes()


def _mean(values: Iterable[Audio], like: Audio) -> Audio:
    """Return the sample-wise mean waveform of the recordings with this rate, cut or padded to this length."""
    total = np.zeros(like.samples.shape, np.float64)
    count = 0
    for value in values:
        if value.rate != like.rate:
            continue
        frames = min(value.frames, like.frames)
        total[:, :frames] += value.samples[:, :frames].mean(axis=0)
        count += 1
    return Audio((total / max(count, 1)).astype(np.float32), like.rate)


def _level(values: Sequence[Audio]) -> np.float32:
    """Return the root mean square of a data set's recordings, each counted once; 0 where all are empty."""
    power = [float(np.mean(np.square(value.samples))) for value in values if value.frames]
    return np.float32(np.sqrt(np.mean(power))) if power else np.float32(0)


def _noise(value: Audio, level: np.float32, rng: Generator) -> Audio:
    noise = rng.standard_normal(value.samples.shape, dtype=np.float32) * level
    return Audio(np.clip(noise, -1, 1), value.rate)


def active_power(value: Audio) -> float:
    """Return the mean square of the part where something sounds, over all channels; 0 for silence.

    The recording is cut into frames of 20 ms; those within 40 dB of the loudest are active. Pauses would otherwise
    make the same noise count as louder in a clip with long pauses.
    """
    return Heard(value).power


def _distortion(clean: Audio, perturbed: Audio) -> Mapping[str, float]:
    """Signal-to-noise ratio in dB of the difference; infinite where nothing changed, undefined where the shape did."""
    if clean.samples.shape != perturbed.samples.shape or clean.rate != perturbed.rate:
        return {"snr_db": float("nan")}
    difference = perturbed.samples - clean.samples
    noise = float(np.mean(np.square(difference, dtype=np.float64))) if clean.frames else 0.0
    if noise == 0:
        return {"snr_db": float("inf")}
    signal = active_power(clean)
    return {"snr_db": float("-inf") if signal == 0 else float(10 * np.log10(signal / noise))}


def _witness() -> Audio:
    """One second of something like speech: harmonics of a moving pitch in syllables, with pauses, at 16 kHz."""
    rate = 16_000
    time = np.arange(rate) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 1.5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(order * phase) / order for order in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, None) ** 0.5 * (time < 0.8)
    return Audio((0.2 * voice * syllables).astype(np.float32)[None, :], rate)


_EXCERPT_S = 3.0
"""Seconds of a recording that are kept to be heard."""


def _excerpt(value: Audio) -> Audio:
    """Return the first seconds of the first two channels."""
    return Audio(value.samples[:2, : round(_EXCERPT_S * value.rate)].copy(), value.rate)


MODALITY = Modality(
    name="audio",
    takes="an Audio(samples, rate)",
    holds=_holds,
    check=_check,
    shown=lambda value: f"{value.channels} × {value.rate} Hz",
    array=_LAYOUT.array,
    with_array=_LAYOUT.with_array,
    shape=_LAYOUT.shape,
    facts=_LAYOUT.facts,
    size=_LAYOUT.size,
    copy=_LAYOUT.copy,
    freeze=_LAYOUT.freeze,
    same=_LAYOUT.same,
    digest=_digest,
    pack=_LAYOUT.pack,
    unpack=_LAYOUT.unpack,
    stack=_LAYOUT.stack,
    zeros=_LAYOUT.zeros,
    mean=_mean,
    level=_level,
    noise=_noise,
    cut=_LAYOUT.cut,
    repeat=_LAYOUT.repeat,
    late=_LAYOUT.late,
    vary=lambda value, number: _LAYOUT.rolled(value, 997 * number),
    distortion=_distortion,
    falls=True,
    signals=SIGNALS,
    witness=_witness,
    stored=STORED,
    look=Look("#b44a00", "#f09a5e", "dark_orange3", "s", {"snr_db": "SNR, dB"}, draw_recording, _excerpt),
)
