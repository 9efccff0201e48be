"""Measures of counts in every cell: balanced accuracy, F1, Matthews correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.measure.core.cells import cell_rows, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.counts import count_bounds, parts_of
from stress.measure.core.marginals import labelled

__all__ = ["count_rows", "count_rows_of"]


def count_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row for every cell and measure of counts."""
    return [row for metric in context.of_kind("counts") for row in count_rows_of(context, metric.name)]


def count_rows_of(context: Context, name: str) -> list[dict[str, Any]]:
    """Return a row for every cell of one measure of counts."""
    if not labelled(context):
        return empty_rows(context, name, "the records have no column prediction")
    metric = context.metric(name)
    parts, bounds = parts_of(context, name), count_bounds(context, name)
    lost = np.isfinite(parts.value) & ~np.isfinite(bounds.low) & (parts.involved > 1)
    rows = cell_rows(context, metric, parts.value, bounds)
    return [row | {"note": _note(row["note"], bool(no))} for row, no in zip(rows, lost)]


def _note(note: str | None, lost: bool) -> str | None:
    return note or ("no interval: undefined without one of the clusters" if lost else None)
