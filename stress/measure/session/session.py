"""A run that is read once: its tables, its summary and what is compared with it share what was read and resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, Unpack

import pyarrow as pa

from stress.measure.core.context import Context
from stress.measure.session.registry import context_of, make, make_all
from stress.measure.session.summary import summarise
from stress.records.source import Source

__all__ = ["Measurable", "MeasureOptions", "Measured", "measured", "summary", "table"]


class MeasureOptions(TypedDict, total=False):
    """What can be asked of every table; ``stress.measure.table`` says what each means."""

    cluster: str | None
    confidence: float
    resamples: int
    seed: int
    metric: str | None
    break_at: float
    bar: float | None
    top_k: tuple[int, ...]
    bins: int
    by: Sequence[str] | None
    small: int
    goals: Mapping[str, float] | None
    reference: Source | None
    limit: int


class Measurable(Source, Protocol):
    """A run that can be read once for all questions: it may remember what was read."""

    def measured(self, **options: Unpack[MeasureOptions]) -> Measured:
        """Return the run read once; see ``measured``."""
        ...


@dataclass(frozen=True)
class Measured:
    """A run and what is asked of it (``measured`` makes one): each table is worked out once, no record read twice."""

    context: Context
    _tables: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    _rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)

    @property
    def run(self) -> Source:
        """The run."""
        return self.context.frame.run

    def table(self, name: str) -> pa.Table:
        """Return a table; see ``stress.measure.table``. Raises InputError where there is none of that name."""
        if name not in self._tables:
            self._tables[name] = make(self.context, name)
        return self._tables[name]

    def ahead(self, names: Sequence[str]) -> None:
        """Work out several tables at once, where that saves reading: those of a large run share what is read."""
        if self.context.frame.large:
            self._tables.update(make_all(self.context, [name for name in names if name not in self._tables]))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a table as plain rows, which are not to be changed."""
        if name not in self._rows:
            self._rows[name] = self.table(name).to_pylist()
        return self._rows[name]

    def summary(self) -> Mapping[str, Any]:
        """Return the headline numbers as plain data; see ``stress.measure.summary``."""
        return self.context.once(summarise)


def measured(run: Source, **given: Any) -> Measured:
    """Return a run to ask several things of: ``measured(run, cluster="speaker").table("cells")``.

    Options are those of ``table``.
    """
    return Measured(context_of(run, **given))


def table(run: Source, name: str, **given: Any) -> pa.Table:
    """Return a table of a run: ``TABLES`` names them and documents their columns.

    Options: ``cluster`` (the group whose samples make one cluster), ``confidence`` (0.95), ``resamples`` (2000),
    ``seed``, ``metric`` (the headline), ``break_at`` (share of clean) or ``bar`` (absolute), ``top_k``, ``bins``,
    ``by`` (groups to slice by), ``small`` (samples under which a group is marked), ``goals``, ``reference`` (a run),
    ``limit`` (4 million): a run of more records is read in blocks of samples and slices of cells, with the same weights
    and results.
    A number that is undefined is null, and the column ``note`` says why. Raises InputError for an unknown table,
    option, group or metric.
    """
    return measured(run, **given).table(name)


def summary(run: Source, **given: Any) -> Mapping[str, Any]:
    """Return a run's headline numbers as plain data, ready to print, to write as JSON or to draw.

    ``task``, ``metric``, ``better``, ``samples``, ``cells``, ``records``; ``clean`` (value, low, high, n, failed);
    ``scenarios``: a row for each curve or ungraded scenario, each measure a mapping with value, low, high, note;
    ``statuses``: how many records ended how; ``errors``: the most frequent messages; ``warnings``: plain sentences.
    Options are those of ``table``.
    """
    return measured(run, **given).summary()
