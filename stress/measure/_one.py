"""One metric in every cell, without working out the others: what a gate asks for."""

from __future__ import annotations

from typing import Any

from stress.measure._cells import absent, cell_rows, change_rows, empty_rows
from stress.measure._confidence import calibration_rows
from stress.measure._context import Context
from stress.measure._counts import count_rows_of
from stress.measure._detection import macro_rows
from stress.measure._operation import latency_rows

__all__ = ["metric_names", "metric_rows"]


def metric_rows(context: Context, name: str) -> list[dict[str, Any]]:
    """Return the rows of the ``cells`` table that are about one metric; none where the run has no such metric."""
    found: list[dict[str, Any]] = context.once(f"rows {name}", lambda: _rows(context, name))
    return found


def metric_names(context: Context) -> list[str]:
    """Return every metric that ``metric_rows`` knows for these records."""
    names = [*(metric.name for metric in context.metrics), *context.others, "drop", "retention"]
    more = [*latency_rows(context), *_surely(context)]
    return sorted({*names, *(row["metric"] for row in more)})


def _rows(context: Context, name: str) -> list[dict[str, Any]]:
    if name in {metric.name for metric in context.metrics}:
        metric = context.metric(name)
        if note := absent(context, metric):
            return empty_rows(context, name, note)
        values = context.values(metric)
        return cell_rows(context, metric, values.point, values.bounds())
    if name in context.others:
        return count_rows_of(context, name)
    if name in ("drop", "retention"):
        return [row for row in change_rows(context) if row["metric"] == name]
    source = latency_rows if name.startswith("latency_") else _surely
    rows: list[dict[str, Any]] = context.once(f"all rows {source.__name__}", lambda: source(context))
    return [row for row in rows if row["metric"] == name]


def _surely(context: Context) -> list[dict[str, Any]]:
    """Return the rows that rest on how sure the model is: calibration and ranks, for classes only."""
    if context.frame.task != "classification":
        return []
    return [*calibration_rows(context), *macro_rows(context)]
