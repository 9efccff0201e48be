"""One stream of a shard under its conditions: the values, how far they are from clean, and which did not change.

What cells have in common is worked out once: a stream's value depends on its own conditions alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Sample, StressError, Value
from perturbations.errors import MissingExtraError
from perturbations.modality import Lexicon, Modality, Signal, arrivals, modality, size_of
from scenarios import Cell, Condition, perturb_stream
from stress.data import Samples

__all__ = [
    "Recorded",
    "Shared",
    "StreamWork",
    "compared",
    "made",
    "measured_columns",
    "recorded",
    "said",
    "signals_of",
    "work_on",
]

_BUDGET = 512 * 2**20
"""Bytes of perturbed values that are kept for cells to come."""


@dataclass(frozen=True)
class Recorded:
    """Which signals are recorded beside an answer; with a ``lexicon`` also the sentiment of texts."""

    which: Literal["none", "cheap", "all"] = "cheap"
    lexicon: Lexicon | None = None


@dataclass(frozen=True)
class StreamWork:
    """Values of one stream for some samples, with one number a sample and measure, and what stayed as it was.

    ``errors`` holds, by row, what a perturbation raised: there is no value there, and nothing to ask the model about.
    """

    values: Sequence[Value]
    distortion: Mapping[str, NDArray[np.float32]]
    unchanged: NDArray[np.bool_]
    errors: Mapping[int, str] = field(default_factory=dict)

    def rows(self, start: int, stop: int) -> StreamWork:
        """Return the part for some of the samples."""
        part = slice(start, stop)
        distortion = {name: numbers[part] for name, numbers in self.distortion.items()}
        errors = {row - start: text for row, text in self.errors.items() if start <= row < stop}
        return StreamWork(self.values[part], distortion, self.unchanged[part], errors)

    @property
    def nbytes(self) -> int:
        """Memory that the values take, roughly."""
        return sum(map(size_of, self.values))


def work_on(cell: Cell, stream: str, samples: Sequence[Sample], data: Samples, seed: int, draw: int) -> StreamWork:
    """Return a stream's values in a cell. A measure that is undefined – of another shape, or lost – is NaN."""
    values, errors = made(cell, stream, samples, data, seed, draw)
    return replace(compared(stream, samples, values, data), errors=errors)


def made(
    cell: Cell, stream: str, samples: Sequence[Sample], data: Samples, seed: int, draw: int
) -> tuple[list[Value], dict[int, str]]:
    """Return a stream's values in a cell, and by row what a perturbation raised."""
    values: list[Value] = [None] * len(samples)
    errors: dict[int, str] = {}
    if cell.fallback != "drop":
        conditions = cell.on(stream)
        for row, sample in enumerate(samples):
            try:
                values[row] = perturb_stream(sample, stream, conditions, data, seed, draw)
            except MissingExtraError:
                raise
            except Exception as error:
                errors[row] = said(conditions, error)
    return values, errors


def said(conditions: Sequence[Condition], error: Exception) -> str:
    """Return what a record says of an error inside a perturbation; one of this package's own is to be reported."""
    names = " > ".join(condition.perturbation for condition in conditions)
    own = all(c.declaration.function.__module__.startswith("perturbations.") for c in conditions)
    ours = " (a fault of ours: please report it)" if own and not isinstance(error, StressError) else ""
    return f"{names}: {type(error).__name__}: {error}{ours}"


def compared(stream: str, samples: Sequence[Sample], values: Sequence[Value], data: Samples) -> StreamWork:
    """Return a stream's new values, measured against the clean ones."""
    kind = modality(data.streams[stream])
    rows: list[Mapping[str, float]] = []
    unchanged = np.zeros(len(samples), bool)
    for row, (sample, after) in enumerate(zip(samples, values)):
        before = sample.streams[stream]
        lost = before is None or after is None
        rows.append({} if lost else kind.distortion(before, after))
        unchanged[row] = before is None and after is None if lost else kind.same(before, after)
    names = {name for found in rows for name in found}
    distortion = {name: np.array([found.get(name, np.nan) for found in rows], np.float32) for name in names}
    distortion["missing"] = np.array([value is None for value in values], np.float32)
    return StreamWork(values, distortion, unchanged)


def recorded(kind: Modality, wanted: Recorded) -> tuple[Signal, ...]:
    """Return the signals of a modality that are recorded."""
    return () if wanted.which == "none" else kind.signals.chosen(wanted.which, wanted.lexicon)


def measured_columns(streams: Mapping[str, str], wanted: Recorded, arriving: bool) -> tuple[str, ...]:
    """Return the names of the distortion columns and of the signals that are recorded."""
    names = []
    for stream, kind in streams.items():
        of = modality(kind)
        witness = of.witness()
        names += [f"distortion.{stream}.{name}" for name in (*of.distortion(witness, witness), "missing")]
        names += [f"signal.{stream}.{one.name}" for one in recorded(of, wanted)]
        names += [f"signal.{stream}.{name}" for name in (arrivals.all if arriving else ())]
    return tuple(names)


def signals_of(kind: str, value: Value, wanted: Recorded) -> tuple[float, ...]:
    """Return the recorded signals of a value, in order; all undefined where the stream is lost."""
    of = modality(kind)
    if value is None or wanted.which == "none":
        return (float("nan"),) * len(recorded(of, wanted))
    return tuple(of.signals(value, wanted.which, wanted.lexicon).values())


class Shared:
    """What several cells of a shard need, kept until the last of them has had it, within a budget of memory.

    ``signals`` are those of clean values, by sample and stream, ``arrivals`` those of how they came.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._users: dict[Any, int] = {}
        for cell in cells:
            for stream in cell.streams:
                key = _key(cell, stream)
                self._users[key] = self._users.get(key, 0) + 1
        self._had: dict[Any, int] = {}
        self.signals: dict[tuple[str, str], tuple[float, ...]] = {}
        self.arrivals: dict[tuple[str, str], tuple[float, ...]] = {}
        self._kept: OrderedDict[Any, StreamWork] = OrderedDict()
        self._busy: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def wanted(self, cell: Cell, stream: str) -> bool:
        """Return whether another cell needs the same."""
        return self._users[_key(cell, stream)] > 1

    def get(self, cell: Cell, stream: str, draw: int, compute: Callable[[], StreamWork]) -> StreamWork:
        """Return the kept result, or compute and keep it; two threads never compute the same at once."""
        key = (_key(cell, stream), draw)
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            with self._lock:
                found = self._kept.pop(key, None)
            found = found or compute()
            with self._lock:
                self._had[key] = self._had.get(key, 0) + 1
                if self._had[key] < self._users[key[0]]:
                    self._kept[key] = found
                while len(self._kept) > 1 and sum(work.nbytes for work in self._kept.values()) > _BUDGET:
                    self._kept.popitem(last=False)
            return found


def _key(cell: Cell, stream: str) -> Any:
    if cell.fallback == "drop":
        return stream, "drop"
    return stream, tuple(repr(sorted(c.identity().items(), key=str)) for c in cell.on(stream))
