"""A unit of work: one cell on one shard – perturb, ask, measure the distortion, and return the records."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import Sample
from perturbations.modality import modality
from scenarios import CLEAN, Cell, course_of
from stress.data import Samples
from stress.engine._arrivals import Arrivals, come_in_sequences
from stress.engine._ask import Answered, Predict, ask, failed
from stress.engine._attack import COST, Attacker
from stress.engine._columns import column_of, named, nothing, ranges, repeated
from stress.engine._machine import judged, on_terms, terms, waits
from stress.engine._meter import COST_COLUMNS, Meter
from stress.engine._stages import attacked
from stress.engine._streams import (
    Recorded,
    Shared,
    StreamWork,
    measured_columns,
    recorded,
    signals_of,
    work_on,
)
from stress.models import Batch, held_as
from stress.records.schema import record_schema
from stress.records.statuses import CRASH, OK, PERTURBATION_ERROR, TIMEOUT, UNCHANGED
from stress.tasks import Task, TieBreak

__all__ = ["Job"]


WHEN = ("place", "severity")
"""Record columns of a cell along a timeline: where in time the sample lies (0 to 1), and the severity it met."""


@dataclass(frozen=True)
class Job:
    """Everything that is the same for all units of a run."""

    predict: Predict
    task: Task
    data: Samples
    cells: Sequence[Cell]
    seed: int
    batch_size: int
    signals: Recorded = field(default_factory=Recorded)
    timeout: float | None = None
    positions: Sequence[int] | None = None
    """Of the samples that the run is about; all of the data, where there are none."""
    others: Mapping[str, Predict] = field(default_factory=dict)
    """Models that are asked in some cells instead, by name."""
    meter: Meter | None = None
    """What reads the cost of answering, where that is asked for."""
    reports: Sequence[str] = ()
    """Columns of numbers that the model's answers bring."""
    billed: bool = False
    """Whether calls are paid for: records name the answers that they rest on."""
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of the records."""
        costs = COST if any(map(attacked, self.cells)) else ()
        when = WHEN if any(cell.grid == "timeline" for cell in self.cells) else ()
        spent = () if self.meter is None else COST_COLUMNS
        columns = measured_columns(self.data.streams, self.signals, self.arriving)
        measured = (*columns, *costs, *when, *self.reports, *spent)
        return record_schema(self.task.columns, measured, kept=self.billed)

    @cached_property
    def arriving(self) -> bool:
        """Whether it is recorded how values came."""
        return self.signals.which != "none" and come_in_sequences(self.data)

    @cached_property
    def _fields(self) -> list[tuple[str, pa.DataType]]:
        return list(zip(self.schema.names, self.schema.types))

    @cached_property
    def attacker(self) -> Attacker:
        """Who runs the attacks of the cells that have any."""
        ids = self.data.ids
        attacked = ids if self.positions is None else [ids[position] for position in self.positions]
        return Attacker(self.predict, self.task, self.data, self.seed, self.batch_size, attacked, self.timeout)

    def records(
        self, cell: Cell, samples: Sequence[Sample], positions: Sequence[int], draw: int, shared: Shared | None = None
    ) -> pa.Table:
        """Return the records of a cell on some samples."""
        whole = {
            stream: shared.get(cell, stream, draw, lambda stream=stream: self.work(cell, stream, samples, draw))  # type: ignore[misc]
            for stream in cell.streams
            if shared is not None and not attacked(cell) and shared.wanted(cell, stream)
        }
        if self.meter is not None:
            self.meter.begin()
        answered: list[Answered] = []
        measured: list[Mapping[str, NDArray[np.float32]]] = []
        size, came = terms(cell).batch or self.batch_size, Arrivals(self.data, cell, self.seed, draw, shared)
        for start in range(0, len(samples), size):
            stop = min(start + size, len(samples))
            clean = samples[start:stop]
            there = {name: work.rows(start, stop) for name, work in whole.items()}
            done, costs, errors = self._done(cell, clean, draw, there)
            arrived = came.of(clean, done) if self.arriving else {}
            answers = self._asked(cell, clean, done, draw, arrived).without(errors)
            if done and not cell.machine:
                same = np.logical_and.reduce([work.unchanged for work in done.values()])
                for row in np.flatnonzero(same):
                    if answers.status[row] == OK.name:
                        answers.status[row] = UNCHANGED.name
            answered.append(answers)
            when = self._when(cell, positions[start:stop], draw)
            came_by = {f"signal.{name}": numbers for name, numbers in arrived.items()}
            measured.append({**self._measure(clean, done, shared), **came_by, **costs, **when})
        return self._table(cell, draw, positions, Answered.join(answered), measured)

    def _when(self, cell: Cell, positions: Sequence[int], draw: int) -> Mapping[str, NDArray[np.float32]]:
        """Return the place in time and the severity of each sample, in a cell along a timeline."""
        if cell.grid != "timeline":
            return {}
        if (cell.id, draw) not in self._courses:
            self._courses[cell.id, draw] = course_of(cell, self.data, self.seed, draw)
        found = self._courses[cell.id, draw] or ()
        return {name: values[list(positions)].astype(np.float32) for name, values in zip(WHEN, found)}

    @cached_property
    def _courses(self) -> dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]] | None]:
        return {}

    def _done(
        self, cell: Cell, samples: Sequence[Sample], draw: int, there: Mapping[str, StreamWork]
    ) -> tuple[Mapping[str, StreamWork], Mapping[str, NDArray[np.float32]], Mapping[int, BaseException]]:
        """Return what a cell makes of its streams, and of an attack what it took and where it crashed."""
        if attacked(cell):
            return self.attacker.work(cell, samples, draw)
        return {name: there.get(name) or self.work(cell, name, samples, draw) for name in cell.streams}, {}, {}

    def died(self, cell: Cell, positions: Sequence[int], draw: int, error: str, stuck: bool = False) -> pa.Table:
        """Return the records of a cell on samples that took the worker down with them, or on which it was stuck."""
        status = TIMEOUT.name if stuck else CRASH.name
        return self._table(cell, draw, positions, failed(status, error, len(positions), self.task, 0.0), [])

    def work(self, cell: Cell, stream: str, samples: Sequence[Sample], draw: int = 0) -> StreamWork:
        """Return what a cell makes of one stream of some samples."""
        return work_on(cell, stream, samples, self.data, self.seed, draw)

    def asked_in(self, cell: Cell) -> Predict:
        """Return the model that is asked in a cell: the run's or its fallback's, with weights as its machine has."""
        found = self.predict if cell.model is None else self.others[cell.model]
        form = terms(cell).weights
        if form is None:
            return found
        with self._making:
            if (cell.model, form) not in self._smaller:
                self._smaller[cell.model, form] = held_as(found, form)
            return self._smaller[cell.model, form]

    @cached_property
    def _smaller(self) -> dict[tuple[str | None, str], Predict]:
        return {}

    def answers(
        self,
        samples: Sequence[Sample],
        done: Mapping[str, StreamWork],
        cell: Cell = CLEAN,
        draw: int = 0,
        arrived: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> Answered:
        """Return the scored answers to some samples, of which some streams are replaced, by a cell's model.

        A cell's machine is there for the call: its threads, its memory; and its deadline for the time that was taken.
        """
        batch = self.batch(samples, done, cell, draw, arrived)
        ties = TieBreak(self.seed, batch.ids)
        targets = [sample.target for sample in samples]
        predict, found = self.asked_in(cell), terms(cell)
        try:
            with on_terms(found):
                answers = ask(predict, batch, targets, self.task, self.timeout, ties, self.meter)
        except MemoryError as error:  # there was not even enough to say that there was too little
            if found.headroom_mb is None:
                raise
            return failed(CRASH.name, f"MemoryError: {error}", len(samples), self.task, 0.0)
        return judged(answers, found, waits(cell, batch.ids, self.seed, draw)) if cell.machine else answers

    def _asked(
        self,
        cell: Cell,
        samples: Sequence[Sample],
        done: Mapping[str, StreamWork],
        draw: int,
        arrived: Mapping[str, NDArray[np.float32]],
    ) -> Answered:
        """Return the answers, asking only about the samples that every perturbation could change without an error."""
        errors = {row: text for work in done.values() for row, text in work.errors.items()}
        if not errors:
            return self.answers(samples, done, cell, draw, arrived)
        parts = []
        for start, stop in ranges(len(samples), errors):
            if start in errors:
                parts.append(failed(PERTURBATION_ERROR.name, errors[start], 1, self.task, 0.0))
            else:
                some = {name: w.rows(start, stop) for name, w in done.items()}
                came = {name: numbers[start:stop] for name, numbers in arrived.items()}
                parts.append(self.answers(samples[start:stop], some, cell, draw, came))
        return Answered.join(parts)

    def batch(
        self,
        samples: Sequence[Sample],
        done: Mapping[str, StreamWork],
        cell: Cell = CLEAN,
        draw: int = 0,
        arrived: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> Batch:
        """Return what the model is called with; how the values ``arrived`` is worked out where it is not given."""
        if arrived is None:
            arrived = Arrivals(self.data, cell, self.seed, draw).of(samples, done) if self.arriving else {}
        return Batch(
            {
                name: done[name].values if name in done else [sample.streams[name] for sample in samples]
                for name in self.data.streams
            },
            [sample.id for sample in samples],
            arrived,
        )

    def _measure(
        self, clean: Sequence[Sample], done: Mapping[str, StreamWork], shared: Shared | None
    ) -> Mapping[str, NDArray[np.float32]]:
        found = {
            f"distortion.{stream}.{name}": numbers
            for stream, work in done.items()
            for name, numbers in work.distortion.items()
        }
        for stream, kind in self.data.streams.items():
            if not (chosen := recorded(modality(kind), self.signals)):
                continue
            if stream in done:
                rows = [signals_of(kind, value, self.signals) for value in done[stream].values]
            else:
                rows = [self._clean_signals(sample, stream, shared) for sample in clean]
            table = np.array(rows, np.float32).reshape(len(clean), len(chosen))
            found |= {f"signal.{stream}.{one.name}": table[:, k] for k, one in enumerate(chosen)}
        return found

    def _clean_signals(self, sample: Sample, stream: str, shared: Shared | None) -> tuple[float, ...]:
        """Return the signals of a clean value, worked out once for all cells that leave it alone."""
        key, kind, value = (sample.id, stream), self.data.streams[stream], sample.streams[stream]
        if shared is None:
            return signals_of(kind, value, self.signals)
        if key not in shared.signals:
            shared.signals[key] = signals_of(kind, value, self.signals)
        return shared.signals[key]

    def _table(
        self,
        cell: Cell,
        draw: int,
        positions: Sequence[int],
        found: Answered,
        measured: Sequence[Mapping[str, NDArray[np.float32]]],
    ) -> pa.Table:
        count = len(positions)
        void = found.failed if found.errors or set(found.status) != {OK.name} else None
        columns: dict[str, pa.Array] = {
            "cell": repeated(cell.id, count),
            "sample": pa.array(positions, pa.int32()),
            "draw": pa.array(np.full(count, draw, np.int16)),
            "status": named(found.status),
            "error": named(list(map(found.errors.get, range(count)))) if found.errors else nothing(count),
            "seconds": pa.array(found.seconds),
            "batch": pa.array(found.batch),
        }
        for name, values in found.columns.items():
            columns[name] = column_of(values, self.schema.field(name).type, void)
        for name in (*self.reports, *(["answer"] if self.billed else [])) if found.took else ():
            brought = [each.get(name) for each in found.took]
            columns[name] = named(brought) if name == "answer" else pa.array(brought, pa.float32(), from_pandas=True)
        peaks = {} if self.meter is None else self.meter.peaks()
        spent = {**found.spent, **{name: np.full(count, np.nan if v is None else v) for name, v in peaks.items()}}
        columns |= {name: pa.array(values, pa.float32(), from_pandas=True) for name, values in spent.items()}
        for name, kind in self._fields:
            if name not in columns:
                parts = [part[name] for part in measured if name in part]
                whole = np.concatenate(parts) if parts and len(parts) == len(measured) else None
                columns[name] = nothing(count, kind) if whole is None else pa.array(whole, kind, from_pandas=True)
        return pa.table([columns[name] for name, _ in self._fields], schema=self.schema)
