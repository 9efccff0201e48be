"""One metric in every cell, without working out the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from stress.measure.core.cells import cell_table
from stress.measure.core.context import Context
from stress.measure.core.paired import sides
from stress.measure.core.rows import tabled
from stress.measure.core.sections import Fill, Section, apart, filled
from stress.measure.tables.calibration import calibration_table
from stress.measure.tables.cells import CELLS, from_clean_columns, metric_columns
from stress.measure.tables.cost import cost_rows
from stress.measure.tables.counts import count_table
from stress.measure.tables.detection import macro_rows
from stress.measure.tables.operation import latency_rows
from stress.records.metric import Kind

__all__ = ["lower_is_better", "metric_names", "metric_rows", "sum_up"]

Rows = list[dict[str, Any]]
_FILLS: Mapping[Kind, Fill] = {
    "confidence": calibration_table,
    "rank": macro_rows,
    "latency": latency_rows,
    "cost": cost_rows,
}
"""Who fills the rows of a kind of metric: all of that kind at once, but of confidence the one that is asked for."""


def metric_rows(context: Context, name: str) -> list[dict[str, Any]]:
    """Return the rows of the ``cells`` table that are about one metric; none where the run has no such metric."""
    return context.once(_rows, name)


def lower_is_better(context: Context, name: str) -> bool:
    """Return whether a smaller value of a metric is the better one."""
    row = context.row(name)
    return row is not None and row.better == "lower"


def metric_names(context: Context) -> list[str]:
    """Return every metric that ``metric_rows`` knows for these records."""
    timed = context.frame.has("seconds")
    rows = [metric for metric in context.declared if not metric.base and (timed or metric.kind != "latency")]
    return sorted({*(metric.shown for metric in rows), "drop", "retention"})


def sum_up(context: Context, name: str) -> None:
    """Sum up what a metric is resampled from, if it is: a mean, a ratio, a measure of counts, a change from clean."""
    headline, clean = context.headline, context.frame.clean
    if name in ("drop", "retention"):
        if clean is not None and all(map(context.frame.has, headline.needs)):
            sides(context, headline, clean)
    elif name in context.others or name in {metric.name for metric in context.metrics}:
        context.prepare([context.metric(name)])


def _rows(context: Context, name: str) -> list[dict[str, Any]]:
    if name in {metric.name for metric in context.metrics}:
        return _plain(cell_table(context, [metric_columns(context, context.metric(name))], CELLS))
    if name in context.others:
        return _each(context, lambda some: count_table(some, name), sums=True)
    if name in ("drop", "retention"):
        return _plain(cell_table(context, [from_clean_columns(context, name)], CELLS))
    row = context.row(name)
    if row is None or row.kind not in _FILLS:
        return []
    if row in context.of_kind("confidence"):
        rows = _each(context, partial(calibration_table, only=row.name), False)
    else:
        rows = context.once(_each, _FILLS[row.kind], row.kind in ("latency", "cost"))
    return [row for row in rows if row["metric"] == name]


def _each(context: Context, fill: Fill, sums: bool) -> Rows:
    """Return rows of every cell, portion by portion; ``sums``: those of a cell that cannot be held are added up."""
    if sums and context.frame.run.wide:
        return _plain(tabled(fill(context), CELLS))
    return _plain(filled(context, [(Section(fill, apart), CELLS)])[0])


def _plain(table: pa.Table) -> Rows:
    rows: Rows = table.to_pylist()
    return rows
