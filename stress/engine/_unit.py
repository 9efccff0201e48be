"""A unit of work: one cell on one shard – perturb, ask, measure the distortion, and return the records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import Sample
from perturbations.modality import modality
from scenarios import Cell, perturb
from stress.data import Samples
from stress.engine._ask import Answered, ask
from stress.engine._tables import record_schema
from stress.models import Batch
from stress.tasks import Task

__all__ = ["Job", "Shard", "Unit", "measured_columns"]


@dataclass(frozen=True, order=True)
class Unit:
    """The name of a unit: positions of the cell and the shard in the plan, and the draw."""

    shard: int
    cell: int
    draw: int


class Shard:
    """The samples of a shard, decoded once and kept while its cells run; ``done`` lets go of them after the last."""

    def __init__(self, data: Samples, positions: NDArray[np.int64], uses: int) -> None:
        self.positions = positions
        self._data, self._uses, self._lock = data, uses, threading.Lock()
        self._samples: list[Sample] | None = None

    def samples(self) -> list[Sample]:
        """Return the decoded samples."""
        with self._lock:
            if self._samples is None:
                self._samples = [self._data[int(position)] for position in self.positions]
            return self._samples

    def done(self) -> None:
        """Say that one more unit is finished."""
        with self._lock:
            self._uses -= 1
            if self._uses == 0:
                self._samples = None


def measured_columns(streams: Mapping[str, str], signals: bool) -> tuple[str, ...]:
    """Return the names of the distortion columns and, where asked for, the signal columns."""
    names = []
    for stream, kind in streams.items():
        of = modality(kind)
        witness = of.witness()
        names += [f"distortion.{stream}.{name}" for name in (*of.distortion(witness, witness), "missing")]
        names += [f"signal.{stream}.{name}" for name in of.signals(witness)] if signals else []
    return tuple(names)


@dataclass(frozen=True)
class Job:
    """Everything that is the same for all units of a run."""

    predict: Callable[[Batch], Any]
    task: Task
    data: Samples
    cells: Sequence[Cell]
    seed: int
    batch_size: int
    signals: bool = False
    timeout: float | None = None

    @property
    def schema(self) -> pa.Schema:
        """Columns of the records."""
        return record_schema(self.task.columns, measured_columns(self.data.streams, self.signals))

    def records(self, cell: Cell, samples: Sequence[Sample], positions: Sequence[int], draw: int) -> pa.Table:
        """Return the records of a cell on some samples."""
        answered: list[Answered] = []
        measured: list[dict[str, float]] = []
        for start in range(0, len(samples), self.batch_size):
            clean = samples[start : start + self.batch_size]
            seen = [perturb(cell, sample, self.data, self.seed, draw) for sample in clean]
            found = ask(self.predict, seen, [sample.target for sample in clean], self.task, self.timeout)
            for i, (before, after) in enumerate(zip(clean, seen)):
                measured.append(self._measure(cell, before, after))
                if found.status[i] == "ok" and cell.conditions and self.unchanged(cell, before, after):
                    found.status[i] = "unchanged"
            answered.append(found)
        return self._table(cell, draw, positions, Answered.join(answered), measured)

    def unchanged(self, cell: Cell, before: Sample, after: Sample) -> bool:
        """Return whether no touched stream differs from the clean one."""
        for name in cell.streams:
            one, other = before.streams[name], after.streams[name]
            if (one is None) != (other is None):
                return False
            if one is not None and not modality(self.data.streams[name]).same(one, other):
                return False
        return True

    def _measure(self, cell: Cell, before: Sample, after: Sample) -> dict[str, float]:
        row: dict[str, float] = {}
        for name, kind in self.data.streams.items():
            one, other = before.streams[name], after.streams[name]
            if name in cell.streams:
                row[f"distortion.{name}.missing"] = float(other is None)
                if one is not None and other is not None:
                    found = modality(kind).distortion(one, other)
                    row |= {f"distortion.{name}.{key}": value for key, value in found.items()}
            if self.signals and other is not None:
                row |= {f"signal.{name}.{key}": value for key, value in modality(kind).signals(other).items()}
        return row

    def _table(
        self, cell: Cell, draw: int, positions: Sequence[int], found: Answered, measured: Sequence[Mapping[str, float]]
    ) -> pa.Table:
        count = len(positions)
        columns: dict[str, Any] = {
            "cell": [cell.id] * count,
            "sample": positions,
            "draw": [draw] * count,
            "status": found.status,
            **found.columns,
            **{n: [row.get(n) for row in measured] for n in measured_columns(self.data.streams, self.signals)},
            "error": found.error,
            "seconds": found.seconds,
            "batch": found.batch,
        }
        schema = self.schema
        return pa.table([_column(columns[field.name], field.type) for field in schema], schema=schema)


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)
