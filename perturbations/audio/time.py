"""Time, tempo and pitch: how fast the sound runs, and where it begins and ends."""

from __future__ import annotations

import numpy as np

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.audio._signal import Samples, fit, full_scale, resample
from perturbations.audio._vocoder import stretch

__all__ = [
    "late_start",
    "pitch_down",
    "pitch_up",
    "slow_down",
    "speed_up",
    "start_offset",
    "tempo_down",
    "tempo_up",
    "truncation",
]

_FASTER = {"default": (1.1, 1.2, 1.35, 1.6, 2.0), "speech-robust-bench": (1.25, 1.5, 1.75, 2.0)}
_SLOWER = {"default": (0.9, 0.8, 0.7, 0.6, 0.5), "speech-robust-bench": (0.875, 0.75, 0.625, 0.5)}


def _faster() -> Param:
    return Param("factor of the speed", "×", 1, 4, scale="log", clean=1, levels=_FASTER)


def _slower() -> Param:
    return Param("factor of the speed", "×", 0.25, 1, scale="log", clean=1, levels=_SLOWER)


@audio_corruption(cite=("shah2024", "ko2015"), keeps_shape=False, factor=_faster())
def speed_up(audio: Audio, *, factor: float) -> Audio:
    """A tape that runs too fast, or a wrong rate in a header: shorter and higher; the clip's length changes."""
    return full_scale(resample(audio.samples, 1 / factor), audio.rate)


@audio_corruption(cite=("shah2024", "ko2015"), keeps_shape=False, factor=_slower())
def slow_down(audio: Audio, *, factor: float) -> Audio:
    """A tape that runs too slowly, or a wrong rate in a header: longer and lower; the clip's length changes."""
    return full_scale(resample(audio.samples, 1 / factor), audio.rate)


@audio_corruption(cite=("shah2024", "laroche1999"), version=3, keeps_shape=False, factor=_faster())
def tempo_up(audio: Audio, *, factor: float) -> Audio:
    """A hurried talker, or a message played faster: the same pitch in less time (phase vocoder); shorter."""
    return full_scale(stretch(audio.samples, audio.rate, factor), audio.rate)


@audio_corruption(cite=("shah2024", "laroche1999"), version=2, keeps_shape=False, factor=_slower())
def tempo_down(audio: Audio, *, factor: float) -> Audio:
    """A slow talker, or a message played slower: the same pitch in more time (phase vocoder); longer."""
    return full_scale(stretch(audio.samples, audio.rate, factor), audio.rate)


def _shifted(audio: Audio, semitones: float) -> Audio:
    """Return the sound at another pitch, in the same time and at the same formant ratios: stretched and resampled."""
    ratio = 2 ** (semitones / 12)
    if audio.frames == 0 or semitones == 0:
        return audio
    if ratio > 1:  # the shorter way round: fewer frames to stretch
        moved: Samples = stretch(resample(audio.samples, 1 / ratio), audio.rate, 1 / ratio)
    else:
        moved = resample(stretch(audio.samples, audio.rate, 1 / ratio), 1 / ratio)
    return full_scale(np.ascontiguousarray(fit(moved, audio.frames)), audio.rate)


_SATURATES = "Once the pitch differs, the waveforms have nothing in common: their difference stays at its limit."


@audio_corruption(
    cite=("shah2024", "laroche1999"),
    version=2,
    not_monotone=_SATURATES,
    semitones=Param(
        "shift of the pitch",
        "semitones",
        0,
        24,
        clean=0,
        levels={"default": (1, 2, 4, 7, 12), "speech-robust-bench": (3, 6, 9, 12)},
    ),
)
def pitch_up(audio: Audio, *, semitones: float) -> Audio:
    """Another voice, or a wrong playback rate put right in time only: higher, formants too, in the same time."""
    return _shifted(audio, semitones)


@audio_corruption(
    cite=("shah2024", "laroche1999"),
    version=2,
    not_monotone=_SATURATES,
    semitones=Param(
        "shift of the pitch",
        "semitones",
        -24,
        0,
        clean=0,
        levels={"default": (-1, -2, -4, -7, -12), "speech-robust-bench": (-3, -6, -9, -12)},
    ),
)
def pitch_down(audio: Audio, *, semitones: float) -> Audio:
    """Another voice, or a wrong playback rate put right in time only: lower, formants too, in the same time."""
    return _shifted(audio, semitones)


@audio_corruption(
    cite="itu_p800",
    not_monotone="A waveform moved by half a period is as far from the clean one as it can get; more is not further.",
    delay_ms=Param("silence before the clip", "ms", 0, 60_000, clean=0, levels=(20, 50, 100, 200, 400)),
)
def start_offset(audio: Audio, *, delay_ms: float) -> Audio:
    """A trigger that fires too early: the clip starts with silence, and as much of its end is lost."""
    shift = min(audio.frames, round(delay_ms * audio.rate / 1000))
    result = np.zeros_like(audio.samples)
    result[:, shift:] = audio.samples[:, : audio.frames - shift]
    return Audio(result, audio.rate)


@audio_corruption(
    cite="itu_p800",
    keeps_shape=False,
    share=Param("share of the clip that is cut off", "fraction", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.35, 0.5)),
)
def late_start(audio: Audio, *, share: float) -> Audio:
    """A voice detector that opens too late: the first part was never recorded; the clip is shorter."""
    return Audio(audio.samples[:, round(share * audio.frames) :].copy(), audio.rate)


@audio_corruption(
    cite="itu_p800",
    keeps_shape=False,
    share=Param("share of the clip that is cut off", "fraction", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.35, 0.5)),
)
def truncation(audio: Audio, *, share: float) -> Audio:
    """A recorder that stops too early: the last part was never recorded; the clip is shorter."""
    return Audio(audio.samples[:, : audio.frames - round(share * audio.frames)].copy(), audio.rate)
