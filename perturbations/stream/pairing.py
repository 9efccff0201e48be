"""Streams that do not belong together."""

from __future__ import annotations

from numpy.random import Generator

from perturbations._core import Captured, Stream
from perturbations._declare import fault
from perturbations._params import Choice
from perturbations._values import Value
from perturbations.stream._around import by_class, value_at

__all__ = ["wrong_pairing"]

_TRIES = 8


def _paired(stream: Stream, rng: Generator, partner: str) -> tuple[int | None, Value]:
    """Return whose stream it is instead, by position, and its value; nobody's where it stays as it is."""
    draws = rng.random(_TRIES)
    if stream.data is None or stream.value is None:
        return None, stream.value
    for draw in draws:
        position = _partner(stream, float(draw), partner)
        if position is None:
            break
        if (value := value_at(stream, position)) is not None:
            return position, value
    return None, stream.value


def _when(stream: Stream, rng: Generator, *, partner: str) -> Captured:
    return Captured(_paired(stream, rng, partner)[0])


@fault(
    cite="tian2021",
    needs=("data",),
    keeps_shape=False,
    captured=_when,
    partner=Choice(
        "whose stream it is instead",
        ("any", "same_class", "other_class"),
        default="any",
        axis=True,
        needs={"same_class": ("target",), "other_class": ("target",)},
    ),
)
def wrong_pairing(stream: Stream, rng: Generator, *, partner: str) -> Value:
    """A slip in the index: the stream is that of another sample, drawn from the declared full data set.

    ``same_class`` tells how much the model binds streams beyond their class; ``other_class`` makes the streams
    contradict each other. Streams that share a ``key:`` get the same partner, and so agree on the wrong answer. Where
    there is no such partner the stream stays as it is; a partner that has lost the stream is passed over.
    """
    return _paired(stream, rng, partner)[1]


def _partner(stream: Stream, draw: float, partner: str) -> int | None:
    """Return the position of a partner, each with the same chance; nothing where there is none."""
    data = stream.data
    if data is None:
        return None
    here = data.position(stream.sample.id)
    if partner == "any":
        other = int(draw * (len(data) - 1))
        return None if len(data) < 2 else other + (other >= here)
    classes = by_class(data)
    start, stop, place = int(classes.start[here]), int(classes.stop[here]), int(classes.place[here])
    if partner == "same_class":
        other = start + int(draw * (stop - start - 1))
        return None if stop - start < 2 else int(classes.order[other + (other >= place)])
    others = len(data) - (stop - start)
    other = int(draw * others)
    return None if others == 0 else int(classes.order[other if other < start else other + (stop - start)])
