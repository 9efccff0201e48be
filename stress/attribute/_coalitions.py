"""What each set of streams is worth for a sample, and what streams add: alone, beside the others, and together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np

from perturbations import InputError
from stress.attribute._asking import Asker, Row
from stress.attribute._paths import Integrated, integrated
from stress.statistics.arrays import Floats, Ints

__all__ = ["MOST_STREAMS", "Lost", "by_gradients", "occluded", "together", "worth_of_sets"]

MOST_STREAMS = 6
"""Streams of which every set is asked about."""

Lost = Callable[[int, str], object]
"""Returns what stands for a stream of the sample at a place when it is lost."""


def worth_of_sets(asker: Asker, rows: Sequence[Row], streams: Sequence[str], lost: Lost, labels: Ints) -> Floats:
    """Return the probability of each sample's class for each set of streams, (samples × sets).

    The bits of a set's number are the streams that are there, the first stream the lowest bit; the others are lost.
    """
    if len(streams) > MOST_STREAMS:
        raise InputError(f"attribute: the data must have at most {MOST_STREAMS} streams, got {len(streams)}.")
    gone = [{name: lost(place, name) for name in streams} for place in range(len(rows))]
    found = np.empty((len(rows), 2 ** len(streams)))
    for number in range(found.shape[1]):
        there = [name for k, name in enumerate(streams) if number >> k & 1]
        asked = [{**row, **{n: v for n, v in out.items() if n not in there}} for row, out in zip(rows, gone)]
        found[:, number] = asker.worth(asked, labels)
    return found


def together(worth: Floats) -> Floats:
    """Return what each set adds beyond all that is in it (Harsanyi's dividends), (samples × sets).

    Of one stream what it adds alone, of two what only both together add. They sum to what all streams are worth.
    """
    found = worth.copy()
    for bit in range(int(np.log2(worth.shape[1]))):
        there = np.arange(worth.shape[1]) >> bit & 1 == 1
        found[:, there] -= found[:, ~there]
    return found


def occluded(worth: Floats) -> Floats:
    """Return what losing each stream alone takes away, (samples × streams)."""
    last, count = worth.shape[1] - 1, int(np.log2(worth.shape[1]))
    return np.stack([worth[:, last] - worth[:, last ^ 1 << k] for k in range(count)], axis=1)


def by_gradients(
    asker: Asker,
    rows: Sequence[Row],
    starts: Sequence[Row],
    streams: Sequence[str],
    moving: Sequence[str],
    labels: Ints,
) -> tuple[Floats, Integrated]:
    """Return what each stream adds by integrated gradients, (samples × streams), and the way with all streams there.

    A stream that cannot move little by little – a text – is there or not. It is one player, all that move are another:
    each is added after any set of the others, weighted as in a Shapley value, so that all of it still adds up.
    """
    whole = [name for name in streams if name not in moving]
    found = np.zeros((len(rows), len(streams)))
    ends: dict[frozenset[str], Integrated] = {}
    for number in range(2 ** len(whole)):
        there = frozenset(name for k, name in enumerate(whole) if number >> k & 1)
        gone = [{n: start[n] for n in whole if n not in there} for start in starts]
        asked = [{**row, **out} for row, out in zip(rows, gone)]
        ends[there] = way = integrated(asker, asked, starts, moving, labels)
        for name in moving:
            found[:, streams.index(name)] += _weight(len(there), len(whole) + 1) * way.total(name)
    for name in whole:
        column = streams.index(name)
        for there, way in ends.items():
            if name in there:
                before = ends[there - {name}]
                size = len(there) - 1
                found[:, column] += _weight(size, len(whole) + 1) * (way.start - before.start)
                found[:, column] += _weight(size + 1, len(whole) + 1) * (way.end - before.end)
    last = ends[frozenset(whole)]
    worst = np.max([way.gap for way in ends.values()], axis=0)
    return found, Integrated(last.parts, last.start, last.end, worst)


def _weight(size: int, players: int) -> float:
    """Return the weight of one set of so many players before another one, in its Shapley value."""
    return factorial(size) * factorial(players - size - 1) / factorial(players)
