"""A run that is read once: its tables, its summary and what is compared with it share what was read and resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from stress.engine._folder import Run
from stress.measure._context import Context
from stress.measure._registry import context_of, make, make_all
from stress.measure._summary import summarise

__all__ = ["REMEMBERED", "Measured", "measured", "summary", "table"]

REMEMBERED = 1_000_000
"""Records up to which a run remembers what was read for its last options: about 200 bytes each, as long as it lives."""


@dataclass(frozen=True)
class Measured:
    """A run and what is asked of it (``measured`` makes one): each table is worked out once, no record read twice."""

    context: Context

    @property
    def run(self) -> Run:
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


def measured(run: Run, **given: Any) -> Measured:
    """Return a run to ask several things of: ``measured(run, cluster="speaker").table("cells")``.

    Options are those of ``table``. A run remembers what was read for the last options, unless it is large, so that
    ``run.table`` twice reads once; records that were written since are seen, as they would be by a new run.
    """
    context = context_of(run, **given)
    state = (context.options, [(part.name, part.stat().st_size, part.stat().st_mtime_ns) for part in run.parts])
    known, found = run.kept.get("measured", (None, None))
    if known == state:
        kept: Measured = found
        return kept
    fresh = Measured(context)
    run.kept.clear()
    if context.options.reference is None and state[1] and run.count <= REMEMBERED:
        run.kept["measured"] = state, fresh
    return fresh


def table(run: Run, name: str, **given: Any) -> pa.Table:
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


def summary(run: Run, **given: Any) -> Mapping[str, Any]:
    """Return a run's headline numbers as plain data, ready to print, to write as JSON or to draw.

    ``task``, ``metric``, ``better``, ``samples``, ``cells``, ``records``; ``clean`` (value, low, high, n, failed);
    ``scenarios``: a row for each curve or ungraded scenario, each measure a mapping with value, low, high, note;
    ``statuses``: how many records ended how; ``errors``: the most frequent messages; ``warnings``: plain sentences.
    Options are those of ``table``.
    """
    return measured(run, **given).summary()
