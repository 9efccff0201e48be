"""The other samples that a fault draws from: those before it in its sequence, and those of other classes.

Everything is looked up in the index of the declared full data set – never in a batch – and is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations._core import Stream
from perturbations._values import Dataset, Value

__all__ = ["Classes", "Sequences", "by_class", "sequences", "value_at"]

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Sequences:
    """The order of every sequence.

    ``order`` holds the positions of all samples, sequence after sequence, each in the order of time; ``place`` is where
    a sample stands in it; ``start`` and ``stop`` are the bounds of its sequence there. A sample without a sequence is
    one of its own.
    """

    order: Positions
    place: Positions
    start: Positions
    stop: Positions

    def near(self, position: int, steps: int) -> int:
        """Return the position of the sample so many steps later (earlier, if negative), within the sequence."""
        there = min(max(int(self.place[position]) + steps, int(self.start[position])), int(self.stop[position]) - 1)
        return int(self.order[there])


def sequences(data: Dataset) -> Sequences:
    """Return the order of the sequences of a data set; samples without a time keep the data set's order."""
    found: Sequences = data.remember(("sequences",), lambda: _sequences(data))
    return found


def _sequences(data: Dataset) -> Sequences:
    count = len(data)
    numbers: dict[str, int] = {}
    of = np.empty(count, np.int64)
    for position, name in enumerate(data.sequences):
        of[position] = -1 - position if name is None else numbers.setdefault(name, len(numbers))
    times = np.array([np.nan if time is None else time for time in data.times], np.float64)
    order = np.lexsort((np.arange(count), times, of))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    edges = np.flatnonzero(np.diff(of[order])) + 1
    bounds = np.concatenate(([0], edges, [count]))
    which = np.searchsorted(bounds, place, side="right") - 1
    return Sequences(order, place, bounds[which], bounds[which + 1])


@dataclass(frozen=True)
class Classes:
    """All positions sorted by target: ``order``; where a sample stands, and the bounds of its class there."""

    order: Positions
    place: Positions
    start: Positions
    stop: Positions


def by_class(data: Dataset) -> Classes:
    """Return the samples of a data set by target."""
    found: Classes = data.remember(("classes",), lambda: _by_class(data))
    return found


def _by_class(data: Dataset) -> Classes:
    numbers: dict[Any, int] = {}
    of = np.array([numbers.setdefault(_name(target), len(numbers)) for target in data.targets], np.int64)
    order = np.argsort(of, kind="stable")
    place = np.empty(len(of), np.int64)
    place[order] = np.arange(len(of))
    counts = np.bincount(of, minlength=len(numbers))
    stops = np.cumsum(counts)
    return Classes(order, place, (stops - counts)[of], stops[of])


def _name(target: Any) -> Any:
    try:
        hash(target)
    except TypeError:
        return repr(target)
    return target


def value_at(stream: Stream, position: int) -> Value:
    """Return a copy of the stream's clean value in the sample at a position of the data set."""
    if stream.data is None:  # apply and suites make sure that there is a data set
        return stream.value
    value = stream.data[position].streams[stream.name]
    return None if value is None else stream.modality.copy(value)
