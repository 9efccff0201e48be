"""A run that is read once: its tables, its summary and what is compared with it share what was read and resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypedDict, Unpack

import pyarrow as pa

from stress.measure.core.context import Context
from stress.measure.session.registry import context_of, make, make_all
from stress.measure.session.summary import summarise
from stress.records.folder import Folder
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
    reference: Folder | None
    limit: int


class Measurable(Source, Protocol):
    """A run that can be read once for everybody who asks: it may remember what was read."""

    def measured(self, **options: Unpack[MeasureOptions]) -> Measured:
        """Return the run read once; see ``measured``."""
        ...


@dataclass(frozen=True)
class Measured:
    """A run and what is asked of it (``measured`` makes one): each table is worked out once, no record read twice."""

    context: Context

    @property
    def run(self) -> Source:
        """The run."""
        return self.context.frame.run

    def table(self, name: str) -> pa.Table:
        """Return a table; see ``stress.measure.table``. Raises InputError where there is none of that name."""
        return self.context.once(f"table {name}", lambda: make(self.context, name))

    def ahead(self, names: Sequence[str]) -> None:
        """Work out several tables at once: those of a large run share what is read for them."""
        found = make_all(self.context, names)
        for name in names:
            self.context.once(f"table {name}", partial(found.__getitem__, name))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a table as plain rows, which are not to be changed."""
        found: list[dict[str, Any]] = self.context.once(f"rows of {name}", lambda: self.table(name).to_pylist())
        return found

    def summary(self) -> Mapping[str, Any]:
        """Return the headline numbers as plain data; see ``stress.measure.summary``."""
        found: Mapping[str, Any] = self.context.once("summary", lambda: summarise(self.context))
        return found


def measured(run: Folder, **given: Any) -> Measured:
    """Return a run to ask several things of: ``measured(run, cluster="speaker").table("cells")``.

    Options are those of ``table``.
    """
    return Measured(context_of(run, **given))


def table(run: Folder, name: str, **given: Any) -> pa.Table:
    """Return a table of a run: ``TABLES`` names them and documents their columns.

    Options: ``cluster`` (the group whose samples are drawn together), ``confidence`` (0.95), ``resamples`` (2000),
    ``seed``, ``metric`` (the headline), ``break_at`` (share of clean) or ``bar`` (absolute), ``top_k``, ``bins``,
    ``by`` (groups to slice by), ``small`` (samples under which a group is marked), ``goals``, ``reference`` (a run),
    ``limit`` (4 million): a run of more records is read in blocks of samples and slices of cells, with the same weights
    and results.
    A number that is undefined is null, and the column ``note`` says why. Raises InputError for an unknown table,
    option, group or metric.
    """
    return measured(run, **given).table(name)


def summary(run: Folder, **given: Any) -> Mapping[str, Any]:
    """Return a run's headline numbers as plain data, ready to print, to write as JSON or to draw.

    ``task``, ``metric``, ``better``, ``samples``, ``cells``, ``records``; ``clean`` (value, low, high, n, failed);
    ``scenarios``: a row for each curve or ungraded scenario, each measure a mapping with value, low, high, note;
    ``statuses``: how many records ended how; ``errors``: the most frequent messages; ``warnings``: plain sentences.
    Options are those of ``table``.
    """
    return measured(run, **given).summary()
