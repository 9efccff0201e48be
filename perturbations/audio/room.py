"""Rooms and distance between the source and the microphone."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import audio_corruption
from perturbations._keys import Key, generator
from perturbations._params import Choice, Param
from perturbations._values import Audio
from perturbations.audio._recordings import a_file, example_response, files_in, read_response, unreadable
from perturbations.audio._signal import Samples, convolve, full_scale, normals, same_power

__all__ = ["echo", "far_field", "impulse_response", "reverb"]

_ROOMS = 16
"""Rooms in the bank: a clip draws one, so that its response is computed once for thousands of clips."""
_NEAR_M = 0.3
"""Distance at which the clean recording was made: a headset or a hand-held telephone."""


def room_tail(room: int, rate: int, rt60_s: float, direct_db: float, direct: float) -> Samples:
    """Return the response of a room of the bank: the direct sound, then exponentially decaying noise.

    ``direct_db`` is the direct sound's energy over the echo's; ``direct`` scales both.
    """
    length = max(2, round(rt60_s * rate))
    echo = normals(generator(Key(0, "room bank", sample=str(room))), 1, length)[0]
    echo *= np.exp(np.arange(length, dtype=np.float32) * np.float32(-np.log(1000) / (rt60_s * rate)))
    echo[0] = 0
    response = echo * np.float32(direct * (10 ** (-direct_db / 10) / np.dot(echo, echo)) ** 0.5)
    response[0] = direct
    return response


@audio_corruption(
    cite="schroeder1965",
    version=3,
    rt60_s=Param("time in which the echo falls by 60 dB", "s", 0.01, 10, scale="log", levels=(0.2, 0.4, 0.8, 1.5, 3.0)),
    direct_db=Param("level of the direct sound over the echo", "dB", -30, 60, levels=(10, 6, 3, 0, -3)),
)
def reverb(audio: Audio, rng: Generator, *, rt60_s: float, direct_db: float) -> Audio:
    """A bare room: the direct sound, followed by an echo of exponentially decaying noise.

    The room is one of a bank of 16, drawn for each clip and the same for all its channels. Length and rate are kept;
    so is the power, so only the room changes.
    """
    room = int(rng.integers(_ROOMS))
    wet = convolve(audio.samples, room_tail, room, audio.rate, rt60_s, direct_db, 1.0)
    return full_scale(same_power(wet, audio.samples), audio.rate)


@audio_corruption(
    cite="kuttruff2016",
    version=2,
    distance_m=Param("distance of the source", "m", 0.3, 50, scale="log", clean=0.3, levels=(0.5, 0.75, 1.1, 1.6, 3.2)),
    rt60_s=Param("time in which the room's echo falls by 60 dB", "s", 0.05, 10, scale="log", default=0.5),
    volume_m3=Param("volume of the room", "m³", 5, 100_000, scale="log", default=200),
)
def far_field(audio: Audio, rng: Generator, *, distance_m: float, rt60_s: float, volume_m3: float) -> Audio:
    """A talker across the room: the direct sound weakens with distance, the room's echo does not.

    The direct sound falls by 6 dB a doubling from 0.3 m, where the clean recording is taken to be made; the diffuse
    echo has its level at the critical distance 0.057 √(volume / RT60) (Kuttruff), 1.1 m in the classroom that is the
    default. Beyond three times that distance there is nothing but echo, and more of it changes little. No gain makes up
    for the loss.
    """
    room = int(rng.integers(_ROOMS))
    critical = 0.057 * (volume_m3 / rt60_s) ** 0.5
    ratio_db = 20 * float(np.log10(critical / distance_m))
    wet = convolve(audio.samples, room_tail, room, audio.rate, rt60_s, ratio_db, _NEAR_M / distance_m)
    return full_scale(wet, audio.rate)


@audio_corruption(
    cite="shah2024",
    not_monotone={
        "speech-robust-bench": "Later echoes are worse to understand, yet no louder; one after the clip's end is not "
        "heard at all."
    },
    delay_ms=Param(
        "time after which the sound comes again",
        "ms",
        1,
        10_000,
        scale="log",
        levels={"default": (30, 60, 125, 250, 500), "speech-robust-bench": (125, 250, 500, 1000)},
    ),
    level_db=Param(
        "level of the echo over the direct sound",
        "dB",
        -60,
        0,
        levels={"default": (-12, -10, -8, -6, -3), "speech-robust-bench": (-8.52, -8.52, -8.52, -8.52)},
    ),
)
def echo(audio: Audio, *, delay_ms: float, level_db: float) -> Audio:
    """A far wall or a looped-back line: the sound comes once more, later and weaker.

    Speech Robust Bench mixes 0.8 of the sound with 0.3 of its echo: −8.52 dB. The echo of the end is cut off.
    """
    delay = round(delay_ms * audio.rate / 1000)
    result = audio.samples.copy()
    if 0 < delay < audio.frames:
        result[:, delay:] += np.float32(10 ** (level_db / 20)) * audio.samples[:, :-delay]
    return full_scale(result, audio.rate)


@audio_corruption(
    cite="schroeder1965",
    version=2,
    wet=Param("share of the room in what is heard", "fraction", 0, 1, clean=0, levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
    response=Choice(
        "file with a room's impulse response, or a folder of them",
        path=True,
        test=unreadable,
        example=example_response,
    ),
)
def impulse_response(audio: Audio, rng: Generator, *, wet: float, response: str) -> Audio:
    """A room that was measured: the recording is convolved with an impulse response of your own.

    Of a folder one response is drawn for each clip. It is brought to the clip's rate and one channel, and shifted so
    that its strongest sound (the direct one) comes at time 0. The power of the clip is kept.
    """
    chosen = rng.random()
    path = a_file(files_in(response), chosen)
    heard = convolve(audio.samples, read_response, str(path), path.stat().st_mtime, audio.rate)
    same_power(heard, audio.samples)
    if wet < 1:
        heard *= np.float32(wet)
        heard += np.float32(1 - wet) * audio.samples
        same_power(heard, audio.samples)
    return full_scale(heard, audio.rate)
