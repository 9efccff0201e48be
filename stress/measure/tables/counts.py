"""Measures of counts in every cell: balanced accuracy, F1, Matthews correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.measure.core.cells import cell_rows, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.counts import bounded, count_metrics, least, parts_of
from stress.measure.core.marginals import labelled
from stress.records.metric import Metric

__all__ = ["count_rows", "count_rows_of"]


def count_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row for every cell and measure of counts."""
    return [row for name in count_metrics(context.frame.task) for row in count_rows_of(context, name)]


def count_rows_of(context: Context, name: str) -> list[dict[str, Any]]:
    """Return a row for every cell of one measure of counts."""
    if not labelled(context):
        return empty_rows(context, name, "the records have no column prediction")
    parts = parts_of(context, name)
    bounds = bounded(context, parts, least(name))
    rows = cell_rows(context, Metric(name, name), parts.value, bounds)
    return [
        row | ({"note": _why(name)} if row["n"] and np.isnan(value) else {}) for row, value in zip(rows, parts.value)
    ]


def _why(name: str) -> str:
    return "undefined: one class only" if name == "mcc" else "undefined: nothing of any class"
