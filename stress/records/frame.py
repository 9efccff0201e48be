"""Records as arrays: which sample, which cell, what became of it, and any column on demand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perturbations import InputError
from stress.records import statuses
from stress.records.cells import CellRow, cell_rows
from stress.records.declared import Declared
from stress.records.decoded import named, wide
from stress.records.keys import Keys, read_keys
from stress.records.metric import Metric
from stress.records.outcomes import Failure, StatusCounts
from stress.records.samples import SampleTable
from stress.records.source import Source
from stress.statistics.arrays import Floats, Ints

__all__ = ["DERIVED", "LIMIT", "Floats", "Frame"]

LIMIT, HELD = 4_000_000, 20_000_000
"""Records (about 200 bytes each) that are held at once, and as an exception: by what needs all at once."""
DERIVED = dict.fromkeys(("absolute_error", "squared_error"), "residual") | {"flip": "prediction"}
DERIVED |= {f"hit_{k}": "rank" for k in range(1, 1001)}
"""Columns that are worked out from a stored one."""


@dataclass(frozen=True)
class Frame:
    """The records of a run, one array per column, with cells and samples as positions.

    Failed records are kept: a column of theirs is NaN, and ``failed`` says so. Records of a status that is left out of
    all numbers are not: they are in ``status_counts`` and ``failures`` only.
    """

    run: Source
    limit: int | None = None
    """Records above which they are not held in memory at once; None: hold any number."""
    whole: SampleTable | None = None
    """The samples of the run that these records are a part of: what is known of them is read once, there."""
    known: SampleTable | None = None
    """These very samples, where they were read before; nothing is taken from records other than these."""
    _columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    @cached_property
    def declared(self) -> Declared:
        """What the task said of itself: its name, classes, headline."""
        return Declared.of(self.run.info)

    @cached_property
    def cells(self) -> list[CellRow]:
        """The cells, in the order of the plan."""
        return cell_rows(self.run.cells)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the cells."""
        return [str(name) for name in self.run.cells["cell"].to_pylist()]

    @cached_property
    def clean(self) -> int | None:
        """Position of the clean cell, where the run has one."""
        return self.ids.index("clean") if "clean" in self.ids else None

    @cached_property
    def sample_table(self) -> SampleTable:
        """The samples, with what the whole run says of them."""
        return self.whole or self.known or SampleTable(self.run, self.declared.classes)

    @property
    def samples(self) -> list[str]:
        """Ids of the samples, by position."""
        return self.sample_table.ids

    @property
    def targets(self) -> list[Any]:
        """Targets of the samples, by position."""
        return self.sample_table.targets

    @property
    def truths(self) -> Ints:
        """Position of each sample's target among the classes; −1 where it is none of them."""
        return self.sample_table.truths

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that samples carry."""
        return self.sample_table.groups

    def group(self, name: str) -> list[str | None]:
        """Return a group's value for each sample; ``sequence`` and ``split`` can be asked for like a group."""
        return self.sample_table.group(name)

    @cached_property
    def _all(self) -> Keys:
        return read_keys(self._held(), self.ids, self.sample_table.place)

    @cached_property
    def _keys(self) -> Keys:
        return self._all if self._all.counted is None else self._all.of(self._all.counted)

    @property
    def cell(self) -> Ints:
        """Position of each record's cell."""
        return self._keys.cell

    @property
    def sample(self) -> Ints:
        """Position of each record's sample."""
        return self._keys.sample

    @property
    def draw(self) -> NDArray[np.int16]:
        """Number of each record's draw."""
        return self._keys.draw

    @property
    def status(self) -> Ints:
        """Position of each record's status in ``statuses.names()``."""
        return self._keys.status

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        """Whether the model gave no usable answer."""
        return np.asarray(statuses.flags(lambda status: status.counts == "failed")[self.status])

    @cached_property
    def schema(self) -> tuple[str, ...]:
        """Names of the record columns on disk."""
        return self.run.columns

    @cached_property
    def large(self) -> bool:
        """Whether there is more than may be held at once."""
        some = self.limit is not None and not self.run.held and self.run.count > 0
        return some and self.run.count * self.weight > (self.limit or 0)

    @property
    def room(self) -> float:
        """How many records may be held at once; all, where they may."""
        return (self.limit or 0) / self.weight if self.large else float("inf")

    @cached_property
    def weight(self) -> float:
        """How many times the room of a plain record one of these takes: more with the probabilities of all classes."""
        return 1 + (len(self.declared.classes) / 12 if "probabilities" in self.schema else 0)

    def _held(self) -> Source:
        """Return the run to read all records of. Raises InputError where these are more than may be held."""
        most = HELD if self.limit == LIMIT else (self.limit or 0)
        if self.large and self.run.count * self.weight > most:
            raise InputError(
                f"measure: this needs all {self.run.count:,} records in memory, more than {most:,}. Give limit= where "
                "there is room (about 200 bytes a record), or compare runs of fewer cells or samples."
            )
        return self.run

    def has(self, column: str) -> bool:
        """Whether ``column`` can be asked for."""
        return column in ("failed", *statuses.failures()) or DERIVED.get(column, column) in self.schema

    def column(self, name: str) -> Floats:
        """Return a numeric record column, NaN where it is null; ``failed`` and a few others are worked out."""
        if name not in self._columns:
            self._columns[name] = self._load(name)
        return self._columns[name]

    def _load(self, name: str) -> Floats:
        if name == "failed":
            return self.failed.astype(np.float64)
        if name in statuses.failures():
            return (self.status == statuses.names().index(name)).astype(np.float64)
        if name == "flip":
            return self._flips()
        if name in ("absolute_error", "squared_error"):
            return np.abs(self.column("residual")) ** (1 if name == "absolute_error" else 2)
        if name.startswith("hit_"):
            rank = self.column("rank")
            return np.where(np.isnan(rank), np.nan, (rank <= int(name[4:])).astype(np.float64))
        return pc.cast(self.raw(name), pa.float64()).to_numpy().astype(np.float64)

    def raw(self, name: str) -> pa.ChunkedArray:
        """Return a record column as it is stored."""
        values = self._held().column(name)
        return values if self._all.counted is None else values.take(pa.array(self._all.counted))

    @cached_property
    def probabilities(self) -> Floats:
        """(records × classes) probabilities, NaN of records that have none; of no class where none are kept."""
        return wide(self.raw("probabilities")) if "probabilities" in self.schema else np.empty((len(self.cell), 0))

    @cached_property
    def predictions(self) -> tuple[Ints, list[str]]:
        """Each record's prediction as a position in a list of names (-1: none), and the list."""
        return named(self.raw("prediction"), self.declared.classes)

    @cached_property
    def _clean_predictions(self) -> Ints | None:
        if self.clean is None:
            return None
        found = np.full(len(self.samples), -1, np.int64)
        rows = np.flatnonzero((self.cell == self.clean) & ~self.failed)
        rows = rows[np.argsort(-self.draw[rows], kind="stable")]  # the first draw is written last
        found[self.sample[rows]] = self.predictions[0][rows]
        return found

    def _flips(self) -> Floats:
        """Whether the prediction differs from the clean one: NaN where there is no clean answer."""
        clean = self._clean_predictions
        if clean is None:
            return np.full(len(self.cell), np.nan)
        return np.where((before := clean[self.sample]) < 0, np.nan, (self.predictions[0] != before).astype(np.float64))

    def per_sample(self, name: str) -> Floats:
        """Return what a column says of a sample in any record: the words of its reference, say. NaN where none does."""
        if self.whole is not None:
            return self.whole.stated(name)
        values = self.column(name)
        rows = np.flatnonzero(~np.isnan(values))
        found = np.full(len(self.samples), np.nan)
        found[self.sample[rows]] = values[rows]
        return found

    def grid(self, values: Floats) -> Floats:
        """Return (samples × cells) sums of a value per record; NaN counts nothing."""
        shape, unknown = (len(self.samples), len(self.ids)), np.isnan(values)
        weights = np.where(unknown, 0.0, values) if unknown.any() else values
        sums = np.bincount(self._place, weights, shape[0] * shape[1]).astype(np.float64)  # of no records, integers
        return sums.reshape(shape)

    @cached_property
    def _place(self) -> Ints:
        """Where each record lies in a (samples × cells) array, taken as one row."""
        return self.sample * len(self.ids) + self.cell

    def above(self, metric: Metric) -> Floats:
        """Return what each record adds above a metric's line; NaN where a column that it needs is null."""
        if metric.function is None:
            return self.column(str(metric.top))
        given = np.array([self.column(name) for name in metric.columns])
        found = metric.function(*given.copy())
        return np.where(np.isnan(given).any(axis=0), np.nan, found if metric.bottom is None else found[0])

    def _filled(self, name: str) -> Floats:
        """Return a column, with what other records say of a sample where a record's own is null."""
        return np.where(np.isnan(values := self.column(name)), self.per_sample(name)[self.sample], values)

    def terms(self, metric: Metric) -> tuple[Floats, Floats]:
        """Return what each record adds above and below a metric's line, failures counted as it says; NaN: nothing."""
        top = self.above(metric)
        if metric.bottom is None:
            bottom = np.ones(len(top))
        elif metric.function is None:
            bottom = self._filled(metric.bottom)
        else:
            bottom = metric.function(*map(self._filled, metric.columns))[1]
        if metric.failed is not None:
            top = np.where(self.failed, metric.failed * bottom, top)
        return top, bottom

    def sums(self, metric: Metric) -> tuple[Floats, Floats]:
        """Return the (samples × cells) sums above and below a metric's line, failures counted as it says."""
        top, bottom = self.terms(metric)
        unknown = np.isnan(top)
        if metric.bottom is None and not unknown.any():
            return self.grid(top), self._records
        return self.grid(top), self.grid(np.where(unknown, 0.0, bottom))

    @cached_property
    def _records(self) -> Floats:
        """(samples × cells) number of records: the denominator of every mean that leaves nothing out."""
        return self.grid(np.ones(len(self.cell)))

    def count(self, mask: NDArray[np.bool_] | None = None) -> Ints:
        """Return how many records each cell has, of those in a mask."""
        return np.bincount(self.cell if mask is None else self.cell[mask], minlength=len(self.ids))

    @cached_property
    def by_cell(self) -> list[Ints]:
        """Positions of each cell's records."""
        order = np.argsort(self.cell, kind="stable")
        return np.split(order, np.searchsorted(self.cell[order], np.arange(1, len(self.ids))))

    @cached_property
    def status_counts(self) -> StatusCounts:
        """What became of the records of each cell."""
        return StatusCounts(self._all.by_status(len(self.ids)), (self._records > 0).sum(axis=0))

    @cached_property
    def failures(self) -> Counter[Failure]:
        """How many records have no usable answer, by cell, status and message."""
        return self._all.failures((lambda: self._held().column("error")) if self.has("error") else None)
