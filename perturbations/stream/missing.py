"""A stream that does not arrive: wholly, now and then, or in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from perturbations._core import Captured, Stream
from perturbations._declare import fault
from perturbations._params import Choice, Param
from perturbations._values import Audio, Dataset, Value
from perturbations.stream._around import sequences, value_at

__all__ = ["dead_channel", "intermittent", "missing", "partly_missing"]

FILLS = ("none", "zeros", "mean", "noise", "previous")
"""What the model can be given in place of a lost stream."""

_LOOKED_AT = 256
"""Samples of a data set that the noise fill takes its level from, evenly spread over it."""


def _values(data: Dataset, name: str) -> Iterator[Any]:
    return (value for sample in data if (value := sample.streams[name]) is not None)


def _mean(stream: Stream) -> Value:
    """Return the mean of the stream over the declared data set, in the shape of the value it replaces."""
    data, value = stream.data, stream.value
    if data is None or value is None:  # apply and suites make sure that there is a data set
        return None
    key = ("mean", stream.name, stream.modality.shape(value))
    mean = data.remember(key, lambda: stream.modality.mean(_values(data, stream.name), value))
    return stream.modality.copy(mean)


def _spread(data: Dataset, name: str) -> list[Any]:
    step = max(1, len(data) // _LOOKED_AT)
    found = (data[i].streams[name] for i in range(0, len(data), step))
    return [value for value in found if value is not None]


def _noise(stream: Stream, rng: Generator) -> Value:
    """Return noise at the data set's own level, in the shape of the value: of texts, words that occur in it."""
    data, value = stream.data, stream.value
    if data is None or value is None:
        return None
    level = data.remember(("noise level", stream.name), lambda: stream.modality.level(_spread(data, stream.name)))
    return stream.modality.noise(value, level, rng)


def _previous(stream: Stream) -> Value:
    """Return the value before in the sequence; at its start nothing has arrived yet, so it is that of ``zeros``."""
    if stream.data is None or stream.value is None:
        return None
    position = stream.data.position(stream.sample.id)
    before = sequences(stream.data).near(position, -1)
    return stream.modality.zeros(stream.value) if before == position else value_at(stream, before)


def _fill(stream: Stream, rng: Generator, fill: str) -> Value:
    if fill == "none" or stream.value is None:
        return None
    if fill == "zeros":
        return stream.modality.zeros(stream.value)
    if fill == "mean":
        return _mean(stream)
    return _noise(stream, rng) if fill == "noise" else _previous(stream)


def _when(stream: Stream, rng: Generator, *, fill: str) -> Captured | None:
    """Say when a filled value was captured: only the one before was, at any time."""
    if fill != "previous" or stream.data is None:
        return None
    position = stream.data.position(stream.sample.id)
    before = sequences(stream.data).near(position, -1)
    return None if before == position else Captured(before)


def _when_lost(stream: Stream, rng: Generator, *, rate: float, fill: str) -> Captured | None:
    return _when(stream, rng, fill=fill) if rng.random() < rate else Captured()


def _choice(still: tuple[str, ...] = ()) -> Choice:
    needs = {"mean": ("data",), "noise": ("data",), "previous": ("data", "sequence")}
    return Choice("what the model is given instead", FILLS, default="none", needs=needs, still=still)


@fault(
    cite="ma2022",
    keeps_shape=False,
    captured=_when,
    fill=_choice(still=tuple(fill for fill in FILLS if fill != "noise")),
)
def missing(stream: Stream, rng: Generator, *, fill: str) -> Value:
    """A sensor, cable or service is down: the stream is lost, and a fill rule says what the model sees.

    ``none`` gives the model nothing; ``zeros`` a black picture, silence, a series of zeros – each of the same size – or
    an empty text; ``mean`` the mean of the declared data set (of texts, the most typical one); ``noise`` noise at the
    data set's own level, or words drawn from it; ``previous`` the value before in the sequence. A stream lost already
    stays lost.
    """
    return _fill(stream, rng, fill)


@fault(
    cite="ma2021",
    keeps_shape=False,
    captured=_when_lost,
    rate=Param(
        "share of the samples that lose the stream", "of samples", 0, 1, clean=0, levels=(0.1, 0.3, 0.5, 0.7, 0.9)
    ),
    fill=_choice(),
)
def intermittent(stream: Stream, rng: Generator, *, rate: float, fill: str) -> Value:
    """A loose contact: each sample loses the stream with the same chance, the missing rate of the literature.

    Samples that lose it at a low rate lose it at every higher one. The fill rules are those of ``missing``.
    """
    lost = bool(rng.random() < rate)
    return _fill(stream, rng, fill) if lost else stream.value


@fault(
    cite="zhong2020",
    share=Param("share that is lost", "of the value", 0, 1, clean=0, levels=(0.1, 0.25, 0.4, 0.6, 0.8)),
)
def partly_missing(stream: Stream, rng: Generator, *, share: float) -> Value:
    """A hand before the lens, a dropped connection, a torn page: one stretch of the value is gone.

    Of a picture, a rectangle of its own proportions and this share of its area turns black; of a recording, a stretch
    turns silent, of a series zero; of a text, words in a row are gone. A larger share contains the smaller one, up to
    rounding.
    """
    place = rng.random(2).tolist()
    return None if stream.value is None else stream.modality.cut(stream.value, share, place)


def _stereo() -> Audio:
    from perturbations.modality.audio import MODALITY

    mono = MODALITY.witness()
    return Audio(np.concatenate([mono.samples, np.roll(mono.samples, 400, axis=1)]), mono.rate)


@fault(cite="barker2018", of=("audio",), witness=_stereo)
def dead_channel(stream: Stream, rng: Generator) -> Value:
    """One microphone of several is dead: a channel, drawn for each sample, is silent.

    A recording of one channel stays as it is; to lose that, see ``stream.missing``.
    """
    value, draw = stream.value, rng.random()
    if not isinstance(value, Audio) or value.channels == 1:
        return value
    samples = value.samples.copy()
    samples[int(draw * value.channels)] = 0
    return Audio(samples, value.rate)
