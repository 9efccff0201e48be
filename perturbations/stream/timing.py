"""Streams that stand still, lag behind each other or come in the wrong order.

What is looked up in other samples is their clean value: in a composition, put these faults first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numpy.random import Generator

from perturbations._core import Captured, Stream
from perturbations._declare import fault
from perturbations._params import Param
from perturbations._values import Value
from perturbations.modality import MODALITIES, modality
from perturbations.stream._around import sequences, value_at

__all__ = ["duplicated", "frozen", "lagging", "late", "out_of_order", "out_of_step", "stale"]

_DEPENDS_ON_CONTENT = "how far an older or newer value is from the present one depends on what happens in the sequence"


def _there(stream: Stream, steps: int) -> Value:
    """Return the stream's value so many samples later in the sequence, or earlier, within its bounds."""
    if stream.data is None or stream.value is None:
        return stream.value
    position = stream.data.position(stream.sample.id)
    there = sequences(stream.data).near(position, steps)
    return stream.value if there == position else value_at(stream, there)


def _of_there(steps: Callable[..., int]) -> Callable[..., Captured | None]:
    """Return what says when a value was captured that comes from so many samples later."""

    def captured(stream: Stream, *rng: Generator, **settings: Any) -> Captured | None:
        if stream.data is None:
            return Captured()
        position = stream.data.position(stream.sample.id)
        return Captured(sequences(stream.data).near(position, steps(stream, *rng, **settings)))

    return captured


def _index(stream: Stream) -> tuple[int, int]:
    """Return the sample's index in its sequence, and the sequence's length."""
    if stream.data is None:
        return 0, 1
    found, position = sequences(stream.data), stream.data.position(stream.sample.id)
    start, stop = int(found.start[position]), int(found.stop[position])
    return int(found.place[position]) - start, stop - start


def _frozen(stream: Stream, *, share: float) -> int:
    index, length = _index(stream)
    stop = math.floor((1 - share) * (length - 1) + 1e-9)
    return min(0, stop - index)


@fault(
    cite="yu2023",
    needs=("data", "sequence"),
    keeps_shape=False,
    not_monotone=_DEPENDS_ON_CONTENT,
    captured=_of_there(_frozen),
    share=Param("share of the sequence that is frozen, at its end", "of the sequence", 0, 1, clean=0,
                levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
)  # fmt: skip
def frozen(stream: Stream, *, share: float) -> Value:
    """A hung driver: from a moment on the stream stands still until the end of its sequence.

    Samples before that moment are as they were. At a share of 1 the first value is all that ever comes.
    """
    return _there(stream, _frozen(stream, share=share))


def _stale(stream: Stream, *, every: int) -> int:
    index, _ = _index(stream)
    return -(index % every)


@fault(
    cite="yu2023",
    version=2,
    needs=("data", "sequence"),
    keeps_shape=False,
    not_monotone=_DEPENDS_ON_CONTENT,
    captured=_of_there(_stale),
    every=Param(
        "samples that share one value", "samples", 1, 100_000, scale="integer", clean=1, levels=(2, 4, 6, 9, 12)
    ),
)
def stale(stream: Stream, *, every: int) -> Value:
    """An overloaded source: a new value comes only with every n-th sample, and is repeated until the next.

    At 2 each value comes twice.
    """
    return _there(stream, _stale(stream, every=every))


@fault(
    cite="chung2016",
    version=2,
    needs=("data", "sequence"),
    keeps_shape=False,
    not_monotone=_DEPENDS_ON_CONTENT,
    captured=_of_there(lambda stream, *, lag: -lag),
    lag=Param("samples that the stream is behind; ahead, where negative", "samples", -100_000, 100_000, scale="integer",
              clean=0, levels=(1, 2, 3, 5, 8)),
)  # fmt: skip
def out_of_step(stream: Stream, *, lag: int) -> Value:
    """A buffer in one branch only: the stream belongs to an earlier sample of its sequence than the others do.

    Before the sequence has gone on for so long, its first value is repeated.
    """
    return _there(stream, -lag)


def _lagging(stream: Stream, *, delay_ms: float) -> int:
    data, now = stream.data, stream.sample.time
    if data is None or now is None:
        return 0
    found, position = sequences(data), data.position(stream.sample.id)
    first, here = int(found.start[position]), int(found.place[position])
    earlier, later = first, here  # the last place whose time is at most now - delay, by bisection
    while earlier < later:
        middle = (earlier + later + 1) // 2
        time = data.times[int(found.order[middle])]
        if time is not None and time <= now - delay_ms / 1000 + 1e-9:
            earlier = middle
        else:
            later = middle - 1
    return earlier - here


@fault(
    cite="chung2016",
    needs=("data", "sequence"),
    keeps_shape=False,
    not_monotone=_DEPENDS_ON_CONTENT,
    captured=_of_there(_lagging),
    delay_ms=Param("time that the stream is behind", "ms", 0, 3.6e6, clean=0, levels=(200, 500, 1000, 2000, 5000)),
)
def lagging(stream: Stream, *, delay_ms: float) -> Value:
    """A slow network: at any time the newest value is the last one that is at least this old, by the samples' times.

    Before there is one, the first value of the sequence is repeated. To shift a recording within itself, see
    ``stream.late``.
    """
    return _there(stream, _lagging(stream, delay_ms=delay_ms))


@fault(
    cite="chung2016",
    of=tuple(name for name in MODALITIES if modality(name).late is not None),
    captured=lambda stream, *, delay_ms: Captured(behind_s=delay_ms / 1000),
    not_monotone="a voice repeats itself: it is more like itself at some delays than at shorter ones",
    delay_ms=Param(
        "time by which the recording is late", "ms", -60_000, 60_000, clean=0, levels=(40, 80, 160, 320, 640)
    ),
)
def late(stream: Stream, *, delay_ms: float) -> Value:
    """Sound behind the picture: the recording begins late, with silence, and its end is cut off.

    A negative delay cuts the beginning and ends with silence. Length and rate are kept. A series begins, or ends, with
    zeros.
    """
    if stream.value is None or (late_by := stream.modality.late) is None:
        return stream.value
    return late_by(stream.value, delay_ms)


def _out_of_order(stream: Stream, rng: Generator, *, reach: int) -> int:
    sign, size = rng.random(2)
    steps = math.ceil(size * reach) if reach else 0
    return -steps if sign < 0.5 else steps


@fault(
    cite="yu2023",
    version=2,
    needs=("data", "sequence"),
    keeps_shape=False,
    not_monotone=_DEPENDS_ON_CONTENT,
    captured=_of_there(_out_of_order),
    reach=Param("farthest sample that may arrive instead", "samples", 0, 100_000, scale="integer", clean=0,
                levels=(1, 2, 3, 5, 8)),
)  # fmt: skip
def out_of_order(stream: Stream, rng: Generator, *, reach: int) -> Value:
    """Packets that overtake each other: what arrives is a value from a little earlier or later in the sequence.

    How far it is off, and in which direction, is drawn for each sample; it grows with the reach.
    """
    return _there(stream, _out_of_order(stream, rng, reach=reach))


@fault(
    cite="perkins2003",
    share=Param("share of the value that is a repetition", "of the value", 0, 0.5, clean=0,
                levels=(0.05, 0.1, 0.2, 0.3, 0.5)),
)  # fmt: skip
def duplicated(stream: Stream, rng: Generator, *, share: float) -> Value:
    """A buffer is delivered twice: a stretch of the value is followed by itself.

    Of a recording, a series and a picture's rows, the repetition takes the place of what came next; a text grows by the
    repeated words.
    """
    place = rng.random(1).tolist()
    return None if stream.value is None else stream.modality.repeat(stream.value, share, place)
