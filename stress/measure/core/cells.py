"""Rows of cells: how many records each rests on, its interval, and why a number is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.records.frame import DERIVED
from stress.records.metric import Metric
from stress.records.statuses import failures
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds

__all__ = ["absent", "cell_rows", "counted", "empty_rows", "why"]


def counted(context: Context, cell: int) -> dict[str, Any]:
    """Return how many records a cell has, and what became of them."""
    counts = context.counts
    n = int(counts["n"][cell])
    share = float(counts["unchanged"][cell]) / n if n else None
    return {"n": n, "failed": int(counts["failed"][cell]), "unchanged": share}


def absent(context: Context, metric: Metric) -> str | None:
    """Return why a metric has no value in any cell, where that is so."""
    for column in metric.needs:
        if not context.frame.has(column):
            return f"the records have no column {DERIVED.get(column, column)}: the model gave no such answer"
    if metric.top == "flip" and context.frame.clean is None:
        return "the run has no clean cell"
    return None


def why(context: Context, metric: Metric, cell: int, value: float) -> str | None:
    """Return what to know about a cell's value: why it is missing, or what it leaves out."""
    counts = context.counts
    n, failed = int(counts["n"][cell]), int(counts["failed"][cell])
    if not n:
        return "the cell has no records"
    if metric.failed is None and failed and metric.top not in failures():
        if failed == n:
            return "all answers failed"
        return f"{failed} failed records left out: {metric.name} is undefined for failures"
    return None if np.isfinite(value) else metric.undefined


def cell_rows(context: Context, metric: Metric, values: Floats, bounds: Bounds) -> list[dict[str, Any]]:
    """Return one row per cell for one metric."""
    found = []
    for i, row in enumerate(context.frame.cells):
        note = why(context, metric, i, float(values[i]))
        number = Number.within(values[i], bounds, i, **counted(context, i), note=note)
        found.append({**row.about, "metric": metric.name, **number.row()})
    return found


def empty_rows(context: Context, name: str, note: str) -> list[dict[str, Any]]:
    """Return one row per cell for a metric that has no value in any."""
    each = [Number(**counted(context, i), note=note) for i in range(len(context.frame.cells))]
    return [{**row.about, "metric": name, **number.row()} for row, number in zip(context.frame.cells, each)]
