"""Packets, plugs and buffers: parts of the sound that arrive late or not at all."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import audio_corruption
from perturbations._params import Choice, Param
from perturbations._values import Audio
from perturbations.audio._signal import interpolate, normals
from perturbations.errors import InputError

__all__ = ["dropouts", "gilbert_elliott", "jitter", "muted", "packet_loss"]


def gilbert_elliott(draws: NDArray[np.float64], loss: float, burst: float) -> NDArray[np.bool_]:
    """Return which packets are lost: a chain of two states with a loss rate and a mean burst length in packets.

    One uniform draw a packet. The chain starts in its stationary law; harder settings lose a superset.
    """
    stay = 1 - 1 / burst
    enter = loss / burst / (1 - loss) if loss < 1 else 1.0
    if enter > 1 - 1e-12 and loss < 1:
        raise InputError(f"audio.packet_loss: burst must be at least {loss / (1 - loss):.3g} packets, got {burst:g}.")
    lost = bool(len(draws)) and bool(draws[0] < loss)
    state: list[bool] = []
    for draw in draws.tolist():
        if state:
            lost = draw < (stay if lost else enter)
        state.append(lost)
    return np.array(state, np.bool_)


def _long_witness() -> Audio:
    """Twenty seconds: in one second the first levels lose as many packets, or gaps, and all may fall into pauses."""
    from perturbations.modality.audio import MODALITY

    second = MODALITY.witness()
    return Audio(np.tile(second.samples, 20), second.rate)


@audio_corruption(
    cite=("gilbert1960", "elliott1963", "itu_g711_1"),
    witness=_long_witness,
    loss=Param("share of packets that are lost", "fraction", 0, 0.95, clean=0, levels=(0.02, 0.05, 0.1, 0.2, 0.35)),
    burst=Param("mean number of packets lost in a row", "packets", 1, 100, levels=(1.2, 1.5, 2, 3, 4), clean=1),
    packet_ms=Param("length of a packet", "ms", 1, 200, default=20),
    conceal=Choice("what is played instead", ("silence", "repeat"), default="repeat"),
)
def packet_loss(audio: Audio, rng: Generator, *, loss: float, burst: float, packet_ms: float, conceal: str) -> Audio:
    """A call over a bad network: packets are lost in bursts (Gilbert–Elliott).

    ``repeat`` plays the last packet that arrived again, 6 dB weaker each time, as simple receivers do; ``silence``
    plays nothing. All channels of a packet are lost together.
    """
    length = max(1, round(packet_ms * audio.rate / 1000))
    count = -(-audio.frames // length)
    lost = gilbert_elliott(rng.random(count), loss, burst)
    padded = np.zeros((audio.channels, count, length), np.float32)
    filled = padded.reshape(audio.channels, -1)
    filled[:, : audio.frames] = audio.samples
    kept = np.maximum.accumulate(np.where(lost, -1, np.arange(count))) if count else np.zeros(0, np.int64)
    gain = np.where(lost, 0.5 ** (np.arange(count) - kept), 1.0).astype(np.float32)
    gain[lost & ((kept < 0) | (conceal == "silence"))] = 0
    result = padded[:, np.maximum(kept, 0)] * gain[:, None]
    return Audio(result.reshape(audio.channels, -1)[:, : audio.frames].copy(), audio.rate)


@audio_corruption(
    cite="itu_p800",
    witness=_long_witness,
    share=Param("share of the time that is silent", "fraction", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.35, 0.5)),
    gap_ms=Param("length of a gap", "ms", 1, 5000, scale="log", default=40),
)
def dropouts(audio: Audio, rng: Generator, *, share: float, gap_ms: float) -> Audio:
    """A loose plug: the sound is gone for moments, and back at once.

    The clip is divided into slots of the gap's length; that share of them (to the nearest, at least one) is silent.
    """
    length = max(1, round(gap_ms * audio.rate / 1000))
    count = -(-audio.frames // length)
    rank = rng.random(count).argsort().argsort()
    silent = rank < (max(1, round(share * count)) if share else 0)
    return Audio(audio.samples * np.repeat(~silent, length)[: audio.frames], audio.rate)


@audio_corruption(
    cite="itu_p800",
    share=Param("share of the clip that is silent", "fraction", 0, 1, clean=0, levels=(0.1, 0.2, 0.3, 0.45, 0.6)),
)
def muted(audio: Audio, rng: Generator, *, share: float) -> Audio:
    """Somebody touched the mute key: one part of the clip is silent, the longer one around the shorter one."""
    place, length = rng.random(), round(share * audio.frames)
    start = int(place * (audio.frames - length))
    result = audio.samples.copy()
    result[:, start : start + length] = 0
    return Audio(result, audio.rate)


@audio_corruption(
    cite="rfc3550",
    not_monotone="A waveform moved by half a period is as far from the clean one as it can get; more is not further.",
    jitter_ms=Param("standard deviation of the playing time", "ms", 0, 500, clean=0, levels=(1, 3, 8, 20, 40)),
    wander_s=Param("time over which the delay changes", "s", 0.02, 10, scale="log", default=0.2),
)
def jitter(audio: Audio, rng: Generator, *, jitter_ms: float, wander_s: float) -> Audio:
    """Packets come unevenly and the player follows: the sound runs faster, then slower, and pitch wavers.

    The delay is a normal draw every ``wander_s`` with straight lines between; the length stays. Time never runs
    backwards: where the delay would grow faster than time passes, the sound stands still.
    """
    steps = max(2, int(np.ceil(audio.seconds / wander_s)) + 1)
    delay = interpolate(normals(rng, 1, steps)[0], audio.frames) * np.float32(jitter_ms * audio.rate / 1000)
    place = np.maximum.accumulate(np.arange(audio.frames) - delay)
    np.clip(place, 0, max(audio.frames - 1, 0), out=place)
    first = place.astype(np.intp)
    weight = (place - first).astype(np.float32)
    padded = np.pad(audio.samples, ((0, 0), (0, 1)))
    early = padded.take(first, axis=1)
    return Audio(early + weight * (padded.take(first + 1, axis=1) - early), audio.rate)
