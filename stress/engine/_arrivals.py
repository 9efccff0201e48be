"""How the values of a cell came: whether one stands still, and how old it is, from what the cell makes of those before.

A sequence comes in the order of time, so that the value before is mostly the row before. Where it is not – at the
beginning of a unit, or in an order of chance – it is made again: records do not depend on shards, batches or workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from perturbations import Captured, Sample, Value
from perturbations.modality import MOST, Arrival, arrivals, modality
from perturbations.stream import sequences
from scenarios import CLEAN, Cell, captured
from stress.data import Samples
from stress.engine._stages import attacked
from stress.engine._streams import Shared, StreamWork, made
from stress.models import Batch

__all__ = ["Arrivals", "clean_batch", "come_in_sequences"]


def come_in_sequences(data: Samples) -> bool:
    """Return whether any sample has others before or after it."""
    found: bool = data.remember(("in sequences",), lambda: any(name is not None for name in data.sequences))
    return found


def clean_batch(samples: Sequence[Sample], data: Samples) -> Batch:
    """Return the batch of some samples that are in no cell, as they are: how their values come is told, too."""
    arrived = Arrivals(data, CLEAN, 0, 0).of(samples, {}) if come_in_sequences(data) else {}
    return Batch(
        {name: [sample.streams[name] for sample in samples] for name in data.streams},
        [sample.id for sample in samples],
        arrived,
    )


class Arrivals:
    """The arrival signals of one cell and draw, batch after batch of its samples."""

    def __init__(self, data: Samples, cell: Cell, seed: int, draw: int, shared: Shared | None = None) -> None:
        self._data, self._cell, self._seed, self._draw, self._shared = data, cell, seed, draw, shared
        self._last: dict[str, tuple[int, Value, float]] = {}

    def of(self, samples: Sequence[Sample], done: Mapping[str, StreamWork]) -> dict[str, NDArray[np.float32]]:
        """Return the signals of some samples by ``STREAM.SIGNAL``; ``done`` holds the values that are not the clean
        ones.
        """
        found: dict[str, NDArray[np.float32]] = {}
        for stream in self._data.streams:
            if stream in done:
                pairs = zip(samples, done[stream].values)
                rows = [self._measured(stream, sample, value) for sample, value in pairs]
            else:
                rows = [self._clean(stream, sample) for sample in samples]
            table = np.array(rows, np.float32).reshape(len(samples), len(arrivals.all))
            found |= {f"{stream}.{name}": table[:, k] for k, name in enumerate(arrivals.all)}
        return found

    def _clean(self, stream: str, sample: Sample) -> tuple[float, ...]:
        """Return the signals of a value that the cell leaves alone, worked out once for all such cells."""
        kept = {} if self._shared is None else self._shared.arrivals
        if (sample.id, stream) not in kept:
            kept[sample.id, stream] = self._measured(stream, sample, sample.streams[stream])
        return kept[sample.id, stream]

    def _measured(self, stream: str, sample: Sample, value: Value) -> tuple[float, ...]:
        position = self._data.position(sample.id)
        repeats = self._repeats(stream, position, value)
        if value is None or self._data.sequences[position] is None:
            return (nan,) * len(arrivals.all)
        return tuple(arrivals(Arrival(repeats, self._late(stream, sample, position))).values())

    def _repeats(self, stream: str, position: int, value: Value) -> float:
        if stream in self._cell.streams and attacked(self._cell):
            return nan  # what an attack made of the value before is not known here
        same, count = modality(self._data.streams[stream]).same, 0
        last, value_before, repeats = self._last.get(stream, (-1, None, 0.0))
        for before in self._before(position) if value is not None else ():
            if before == last:  # it was measured
                count += int(value_before is not None and same(value_before, value)) * (1 + int(repeats))
                break
            other = self._value(stream, before)
            if other is None or not same(other, value):
                break
            count += 1
        found = float(min(count, MOST))
        self._last[stream] = position, value, found
        return found

    def _before(self, position: int) -> Iterator[int]:
        """Yield the positions before one in its sequence, the nearest first, as many as are counted."""
        order = sequences(self._data)
        place, start = int(order.place[position]), int(order.start[position])
        for back in range(1, min(place - start, MOST) + 1):
            yield int(order.order[place - back])

    def _value(self, stream: str, position: int) -> Value:
        """Return what the cell makes of the stream in another sample; nothing where that fails."""
        return made(self._cell, stream, [self._data[position]], self._data, self._seed, self._draw)[0][0]

    def _late(self, stream: str, sample: Sample, position: int) -> float:
        data, conditions = self._data, self._cell.on(stream)
        found: Captured | None = Captured()
        if conditions:
            found = captured(sample, stream, conditions, data, self._seed, self._draw)
        if found is None:
            return nan
        there = position if found.position is None else found.position
        now, then = data.times[position], data.times[there]
        if now is None or then is None or data.sequences[there] != data.sequences[position]:
            return nan
        return now - then + found.behind_s
