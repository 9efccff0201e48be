"""One metric in every cell, without working out the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.measure.core.cells import absent, cell_rows, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.sections import Section, filled
from stress.measure.tables.cells import CELLS, change_rows
from stress.measure.tables.confidence import calibration_rows
from stress.measure.tables.counts import count_rows_of
from stress.measure.tables.detection import macro_rows
from stress.measure.tables.operation import latency_rows
from stress.records.pool import Pool

__all__ = ["lower_is_better", "metric_names", "metric_rows"]

_LOWER = ("ece", "ece_equal_mass", "aurc", "overconfidence", "calibration_error_debiased", "brier_miscalibration",
          "drop", "gap", "widening")  # fmt: skip

Rows = list[dict[str, Any]]


def metric_rows(context: Context, name: str) -> list[dict[str, Any]]:
    """Return the rows of the ``cells`` table that are about one metric; none where the run has no such metric."""
    found: list[dict[str, Any]] = context.once(f"rows {name}", lambda: _rows(context, name))
    return found


def lower_is_better(context: Context, name: str) -> bool:
    """Return whether a smaller value of a metric is the better one."""
    known = {metric.name: metric.better for metric in context.metrics}
    return known.get(name) == "lower" or name in _LOWER or name.startswith("latency_")


def metric_names(context: Context) -> list[str]:
    """Return every metric that ``metric_rows`` knows for these records."""
    names = [*(metric.name for metric in context.metrics), *context.others, "drop", "retention"]
    some = context.only([0]) if context.frame.large else context
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
        return _each(context, f"counts {name}", lambda some: count_rows_of(some, name), whole=True)
    if name in ("drop", "retention"):
        return [row for row in change_rows(context) if row["metric"] == name]
    latency = name.startswith("latency_")
    rows = _each(context, "latency" if latency else "surely", latency_rows if latency else _surely, whole=latency)
    return [row for row in rows if row["metric"] == name]


def _each(
    context: Context, key: str, fill: Callable[[Context], list[dict[str, Any]]], whole: bool
) -> list[dict[str, Any]]:
    """Return rows of every cell, slice by slice; ``whole``: what cannot be held is added up of pieces instead."""
    run = context.frame.run

    def work() -> Rows:
        if not context.frame.large or (whole and isinstance(run, Pool) and run.wide):
            return fill(context)
        rows: Rows = filled(context, [(Section(fill), CELLS)])[0].to_pylist()
        return rows

    found: Rows = context.once(f"all rows {key}", work)
    return found


def _surely(context: Context) -> list[dict[str, Any]]:
    """Return the rows that rest on how sure the model is: calibration and ranks, for classes only."""
    if context.frame.task != "classification":
        return []
    return [*calibration_rows(context), *macro_rows(context)]
