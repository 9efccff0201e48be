"""Every cell and every metric, with an interval: what each condition alone does to the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from stress.measure._context import Context, Values
from stress.measure._frame import DERIVED, FAILURES, Floats
from stress.measure._intervals import Bounds, paired_proportions
from stress.measure._tables import CELL, INTERVAL, about_cell
from stress.measure._values import discordant, shared
from stress.tasks._metrics import Metric

__all__ = [
    "CELLS",
    "absent",
    "cell_rows",
    "change",
    "change_rows",
    "counted",
    "empty_rows",
    "linear_rows",
    "sides",
    "why",
]

CELLS = {**CELL, **INTERVAL}


def counted(context: Context, cell: int) -> dict[str, Any]:
    """Return how many records a cell has, and what became of them."""
    counts = context.counts
    n = int(counts["n"][cell])
    share = float(counts["unchanged"][cell]) / n if n else None
    return {"n": n, "failed": int(counts["failed"][cell]), "unchanged": share}


def absent(context: Context, metric: Metric) -> str | None:
    """Return why a metric has no value in any cell, where that is so."""
    for column in (metric.top, metric.bottom):
        if column is not None and not context.frame.has(column):
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
    if metric.failed is None and failed and metric.top not in FAILURES:
        if failed == n:
            return "all answers failed"
        return f"{failed} failed records left out: {metric.name} has no price for a failure"
    return None if np.isfinite(value) else "undefined: nothing to divide by"


def cell_rows(context: Context, metric: Metric, values: Floats, bounds: Bounds) -> list[dict[str, Any]]:
    """Return one row per cell for one metric."""
    found = []
    for i, row in enumerate(context.frame.cells):
        found.append(
            {
                **about_cell(row),
                **counted(context, i),
                "metric": metric.name,
                "value": values[i],
                "low": bounds.low[i],
                "high": bounds.high[i],
                "method": bounds.method if np.isfinite(bounds.low[i]) else None,
                "note": why(context, metric, i, float(values[i])),
            }
        )
    return found


def empty_rows(context: Context, name: str, note: str) -> list[dict[str, Any]]:
    """Return one row per cell for a metric that has no value in any."""
    rows = enumerate(context.frame.cells)
    return [{**about_cell(row), **counted(context, i), "metric": name, "note": note} for i, row in rows]


def linear_rows(context: Context) -> list[dict[str, Any]]:
    """Return the rows of the metrics that are means or ratios, and the headline's change against clean."""
    found = []
    for metric in context.metrics:
        note = absent(context, metric)
        if note is None:
            values = context.values(metric)
            found += cell_rows(context, metric, values.point, values.bounds())
        else:
            found += empty_rows(context, metric.name, note)
    return found + change_rows(context)


Sides = Callable[[Floats], tuple[Floats, Floats]]


def sides(context: Context, metric: Metric, clean: int) -> tuple[Values, Sides]:
    """Return values, and what splits their (rows × columns) into each cell's own and clean's on the samples it shares.

    Drops are paired: both are taken over the samples that the two cells share, also where a run was cut short.
    """
    values, split = _paired(context, metric, clean)

    def both(rows: Floats) -> tuple[Floats, Floats]:
        if rows.shape[1] > split:
            return rows[:, :split], rows[:, split:]
        return rows, np.broadcast_to(rows[:, [clean]], rows.shape)

    return values, both


def change(
    context: Context, metric: Metric, clean: int, name: str, confidence: float | None = None
) -> tuple[Floats, Bounds]:
    """Return every cell's ``drop`` (positive: worse) or ``retention`` against the clean cell, paired by sample.

    The one interval that such a number has, in whichever table it is shown. Not only clean can be compared with.
    """
    level = confidence or context.options.confidence

    def work() -> tuple[Floats, Bounds]:
        values, both = sides(context, metric, clean)
        values = replace(values, confidence=level)
        sign = 1.0 if metric.better == "higher" else -1.0

        def drop(rows: Floats) -> Floats:
            after, before = both(rows)
            return sign * (before - after)

        def retention(rows: Floats) -> Floats:
            after, before = both(rows)
            return np.where(before > 0, after / before, np.nan)

        value, bounds = values.apply(drop if name == "drop" else retention)
        if name == "drop" and context.values(metric).plain is not None:
            return value, _plain_drop(context, metric, clean, level)
        scale = 1.0 if name == "drop" else 1 / max(float(values.point[clean]), 1e-9)
        found = values.widen(bounds, value, scale)
        return value, replace(found, low=np.maximum(found.low, 0.0)) if name == "retention" else found

    result: tuple[Floats, Bounds] = context.once(f"{name} {metric.name} {clean} {level}", work)
    return result


def _paired(context: Context, metric: Metric, clean: int) -> tuple[Values, int]:
    """Return values of all cells, followed by the clean ones on each cell's own samples where cells are incomplete."""
    cells = len(context.frame.ids)
    if metric.name in context.others:  # no sum over samples: each side is over all records of its cell
        return context.values(metric), cells
    if context.stream is not None:
        return context.stream.paired(metric) or context.values(metric), cells
    above, below, complete = shared(*context.frame.sums(metric), clean)
    return context.values(metric) if complete else context.ratio(metric, above, below), cells


def change_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline's ``drop`` and ``retention`` against clean, in every cell."""
    metric, clean = context.headline, context.frame.clean
    note = absent(context, metric)
    if note is None and clean is None:
        note = "the run has no clean cell to compare with"
    if note is not None or clean is None:
        return [row for name in ("drop", "retention") for row in empty_rows(context, name, note or "")]
    values = context.values(metric)
    found = []
    for name in ("drop", "retention"):
        if name == "retention" and metric.better == "lower":
            found += empty_rows(
                context, name, f"{metric.name} is an error: its drop is given, a share kept has no meaning"
            )
            continue
        value, bounds = change(context, metric, clean, name)
        for i, row in enumerate(cell_rows(context, Metric(name, metric.top), value, bounds)):
            if i == clean:
                row |= {"low": value[i], "high": value[i], "method": "by definition"}
            if np.isnan(value[i]) and row["n"]:
                row["note"] = f"undefined: clean {metric.name} is {values.point[clean]:.3g}"
            found.append(row)
    return found


def _plain_drop(context: Context, metric: Metric, clean: int, confidence: float) -> Bounds:
    """Return paired-proportion intervals, for plain answers: one a sample, right or wrong."""
    if context.stream is not None:
        lost, kept, count = context.stream.discordant(metric)
    else:
        lost, kept, count = discordant(*context.frame.sums(metric), clean)
    if metric.better == "lower":
        lost, kept = kept, lost
    found = paired_proportions(lost, kept, count, confidence)
    nothing = count == 0
    return Bounds(np.where(nothing, np.nan, found.low), np.where(nothing, np.nan, found.high), found.method)
