"""Rows of cells: how many records each rests on, its interval, and why a number is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.rows import Columns, build, expand
from stress.records.frame import DERIVED
from stress.records.metric import Metric
from stress.records.statuses import failures
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds

__all__ = ["CellColumns", "absent", "cell_table", "columns_of", "counted", "no_columns", "why"]

CellColumns: TypeAlias = dict[str, NDArray[Any]]
"""What rows say of one metric in every cell, in the order of the plan, by column."""


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


def columns_of(context: Context, metric: Metric, values: Floats, bounds: Bounds) -> CellColumns:
    """Return what the rows of all cells say of one metric, as whole columns; what is known of a cell apart."""
    known, cells = np.isfinite(bounds.low), len(context.frame.ids)
    nothing = np.full(cells, np.nan)
    trials, freedom = (nothing if each is None else np.where(known, each, np.nan) for each in _worth(bounds))
    return {
        "metric": np.full(cells, metric.name, object),
        "value": np.asarray(values, np.float64),
        "low": bounds.low,
        "high": bounds.high,
        "method": np.where(known, bounds.method, np.array(None, object)),
        "few": known & bounds.few,
        "trials": trials,
        "freedom": freedom,
        "note": _notes(context, metric, values),
    }


def _worth(bounds: Bounds) -> tuple[Floats | None, Floats | None]:
    return bounds.trials, bounds.freedom


def _notes(context: Context, metric: Metric, values: Floats) -> NDArray[np.object_]:
    """Return ``why`` of every cell."""
    n, failed = context.counts["n"], context.counts["failed"]
    found = np.full(len(n), None, object)
    for i in np.flatnonzero((n == 0) | (failed > 0) | ~np.isfinite(values)):
        found[i] = why(context, metric, int(i), float(values[i]))
    return found


def no_columns(context: Context, name: str, note: str) -> CellColumns:
    """Return what the rows of all cells say of a metric that has no value in any."""
    cells = len(context.frame.ids)
    numbers = ("value", "low", "high", "trials", "freedom")
    texts = {"metric": name, "method": None, "note": note}
    found: CellColumns = {each: np.full(cells, np.nan) for each in numbers}
    found |= {each: np.full(cells, text, object) for each, text in texts.items()}
    found["few"] = np.zeros(cells, bool)
    return found


def cell_table(context: Context, parts: Sequence[CellColumns], columns: Columns) -> pa.Table:
    """Return one row per metric and cell, the cells of a metric together, with what is known of each cell."""
    if not parts:
        return build([], columns)
    places = np.tile(np.arange(len(context.frame.ids)), len(parts))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return expand(context.frame.cells, context.counts, columns, places, found)
