"""Every cell and every metric, with an interval: what each condition alone does to the model."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import CellColumns, absent, cell_table, columns_of, no_columns
from stress.measure.core.context import Context
from stress.measure.core.paired import from_clean
from stress.measure.core.rows import CELL, INTERVAL
from stress.records.metric import FROM_CLEAN, Metric

__all__ = ["CELLS", "from_clean_columns", "linear_table", "metric_columns"]

CELLS = {**CELL, **INTERVAL}


def linear_table(context: Context) -> pa.Table:
    """Return the rows of the metrics that are means or ratios, and the headline's change against clean."""
    context.prepare(context.metrics)
    parts = [metric_columns(context, metric) for metric in context.metrics]
    return cell_table(context, [*parts, *(from_clean_columns(context, name) for name in ("drop", "retention"))], CELLS)


def metric_columns(context: Context, metric: Metric) -> CellColumns:
    """Return a mean or ratio in every cell, as columns of rows."""
    if note := absent(context, metric):
        return no_columns(context, metric.name, note)
    values = context.values(metric)
    return columns_of(context, metric, values.point, values.bounds())


def from_clean_columns(context: Context, name: str) -> CellColumns:
    """Return the headline's ``drop`` or ``retention`` against clean in every cell, as columns of rows."""
    metric, clean = context.headline, context.frame.clean
    note = absent(context, metric)
    if note is None and clean is None:
        note = "the run has no clean cell to compare with"
    if note is None and name == "retention" and metric.better == "lower":
        note = f"{metric.name} is an error: its drop is given, a share kept has no meaning"
    if note is not None or clean is None:
        return no_columns(context, name, note or "")
    value, bounds = from_clean(context, metric, clean, name)
    found = columns_of(context, FROM_CLEAN[name], value, bounds)
    missing = np.isnan(value) & (context.counts["n"] > 0)
    if missing.any():
        found["note"][missing] = f"undefined: clean {metric.name} is {context.values(metric).point[clean]:.3g}"
    low, high = found["low"].copy(), found["high"].copy()
    low[clean] = high[clean] = value[clean]
    found["method"][clean], found["few"][clean] = "by definition", False
    return found | {"low": low, "high": high}
