"""Sounds that were recorded: the user's own noises, and another sample's voice."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.random import Generator

from perturbations._core import Stream
from perturbations._declare import audio_corruption, fault
from perturbations._params import Choice, Param
from perturbations._values import Audio
from perturbations.audio._recordings import (
    a_file,
    example_folder,
    files_in,
    read_part,
    sounding_start,
    step_energies,
    unreadable,
)
from perturbations.audio._signal import Samples, resample
from perturbations.audio.noise import mix, over, snr

__all__ = ["crosstalk", "recorded_noise"]


@audio_corruption(
    cite="shah2024",
    version=2,
    snr_db=snr(srb=True),
    snr_over=over(srb=True),
    folder=Choice("folder of recordings of noise, or one file", path=True, test=unreadable, example=example_folder),
)
def recorded_noise(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str, folder: str) -> Audio:
    """The noise of the place where it will be used: a part of one of your own recordings, mixed in.

    File and place are drawn for each clip, among the places where it sounds at least half of the time (or longest). A
    recording that is silent from start to end is refused. What is drawn is brought to the clip's rate, and repeated
    where it is too short; with another number of channels the mean of its channels is heard in all.
    """
    which, where = rng.random(2)
    if audio.frames == 0:
        return audio
    noise = read_part(a_file(files_in(folder), which), where, audio.frames, audio.rate, audio.channels)
    return mix(audio, noise, snr_db, snr_over)


def _voice(value: Audio, place: float, frames: int, rate: int, channels: int) -> Samples:
    """Return another clip at a rate and length: repeated where it is shorter, cut at a drawn sounding place if not."""
    same = value.samples if value.channels == channels else value.samples.mean(axis=0, keepdims=True)
    sound = resample(same, Fraction(rate, value.rate))
    if sound.shape[1] > frames:
        start = sounding_start(step_energies(sound, rate), rate, sound.shape[1], frames, place)
        return sound[:, start : start + frames]
    return np.tile(np.roll(sound, int(place * sound.shape[1]), axis=1), -(-frames // sound.shape[1]))[:, :frames]


@fault(
    family="audio",
    of=("audio",),
    cite="shah2024",
    version=2,
    needs=("data",),
    snr_db=Param(
        "ratio of the wanted voice's power to the other's",
        "dB",
        -30,
        100,
        levels={"default": (20, 15, 10, 5, 0), "speech-robust-bench": (30, 20, 10, 0)},
    ),
    snr_over=over(srb=True),
)
def crosstalk(stream: Stream, rng: Generator, *, snr_db: float, snr_over: str) -> Audio | None:
    """Somebody else talks at the same time: the same stream of another sample of the data set, mixed in.

    The other sample is drawn from the whole data set, never from a batch; lost and silent ones are passed over. Its
    rate and channels are matched, and it is repeated where it is shorter. A stream that is lost stays lost, and
    without another voice in the data set nothing changes.
    """
    audio, data = stream.value, stream.data
    first, place = rng.random(2)
    if not isinstance(audio, Audio) or data is None or audio.frames == 0:
        return audio if isinstance(audio, Audio) else None
    count = len(data)
    for step in range(count):
        other = data[(int(first * count) + step) % count]
        value = other.streams.get(stream.name)
        if other.id != stream.sample.id and isinstance(value, Audio) and value.samples.any():
            return mix(audio, _voice(value, place, audio.frames, audio.rate, audio.channels), snr_db, snr_over)
    return audio
