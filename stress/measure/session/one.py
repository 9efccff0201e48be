"""One metric in every cell, without working out the others: what a gate asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from stress.measure.core.cells import absent, cell_rows, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.sections import Section, apart, filled
from stress.measure.tables.cells import CELLS, change_rows
from stress.measure.tables.confidence import calibration_rows
from stress.measure.tables.counts import count_rows_of
from stress.measure.tables.detection import macro_rows
from stress.measure.tables.operation import latency_rows

__all__ = ["metric_names", "metric_rows"]

Rows = list[dict[str, Any]]


def metric_rows(context: Context, name: str) -> list[dict[str, Any]]:
    """Return the rows of the ``cells`` table that are about one metric; none where the run has no such metric."""
    return context.once(_rows, name)


def metric_names(context: Context) -> list[str]:
    """Return every metric that ``metric_rows`` knows for these records."""
    names = [*(metric.name for metric in context.metrics), *context.others, "drop", "retention"]
    some = context.only([0])
    more = [*latency_rows(some), *_surely(some)]
    return sorted({*names, *(row["metric"] for row in more)})


def _rows(context: Context, name: str) -> list[dict[str, Any]]:
    if name in {metric.name for metric in context.metrics}:
        metric = context.metric(name)
        if note := absent(context, metric):
            return empty_rows(context, name, note)
        values = context.values(metric)
        return cell_rows(context, metric, values.point, values.bounds())
    if name in context.others:
        return _each(context, partial(count_rows_of, name=name), sums=True)
    if name in ("drop", "retention"):
        return [row for row in change_rows(context) if row["metric"] == name]
    latency = name.startswith("latency_")
    rows = context.once(_each, latency_rows if latency else _surely, latency)
    return [row for row in rows if row["metric"] == name]


def _each(context: Context, fill: Callable[[Context], Rows], sums: bool) -> Rows:
    """Return rows of every cell, slice by slice; ``sums``: a cell that cannot be held is added up of pieces instead."""
    if sums and context.frame.run.wide:
        return fill(context)
    rows: Rows = filled(context, [(Section(fill, apart), CELLS)])[0].to_pylist()
    return rows


def _surely(context: Context) -> list[dict[str, Any]]:
    """Return the rows that rest on how sure the model is: calibration and ranks, for classes only."""
    if context.frame.task != "classification":
        return []
    return [*calibration_rows(context), *macro_rows(context)]
