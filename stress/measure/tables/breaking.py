"""The breaking severity: where a curve first falls below a bar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.records.metric import Metric
from stress.statistics.arrays import Floats, Ints
from stress.statistics.intervals import Bounds
from stress.statistics.robustness import first_below

__all__ = ["breaking", "broken_at", "no_interval", "unbroken"]


def unbroken(context: Context, metric: Metric) -> str | None:
    """Return why curves of a metric have no breaking severity, where that is so."""
    if context.options.bar is None and metric.better == "lower" and not metric.share and metric.bottom is None:
        return f"{metric.name} has no best value: give bar= in its unit"
    return None


def breaking(context: Context, metric: Metric, cells: Ints, severities: list[float], rows: NDArray[Any]) -> Floats:
    """Return the (rows × curves) breaking severities of (curves × points) cells from (rows × all cells) values."""
    bar, share, error = context.options.bar, context.options.break_at, metric.better == "lower"
    values = np.asarray(rows[:, cells], np.float64).reshape(-1, cells.shape[1])
    if bar is not None:
        values, below = (-values, -bar) if error else (values, bar)
        found = first_below(values, severities, np.full(len(values), below))
    else:
        values = 1 - values if error else values
        found = first_below(values, severities, share * values[:, 0])
    return found.reshape(len(rows), len(cells))


def broken_at(values: Values, value: float, bounds: Bounds, last: float) -> tuple[Number, bool]:
    """Return a breaking severity with its interval, and whether the curve holds: up to ``last``, its last severity.

    An end, or a value, that lies beyond the scale of severities is infinite in what is given, and None in the number.
    """
    low, high = float(bounds.low[0]), float(bounds.high[0])
    holds, note = bool(np.isinf(value)), no_interval(values, bounds)
    known = note is None or not np.isfinite(value)
    if holds:
        note = f"holds up to severity {last:g}"
    elif np.isinf(high):
        note = f"the upper end lies beyond severity {last:g}"
    elif not np.isfinite(value):
        note = None
    method = bounds.method if known else None
    return Number(value, low, high, method=method, few=known and bounds.few, note=note), holds


def no_interval(values: Values, bounds: Bounds) -> str | None:
    """Return why a function of the cells' values has no interval, where that is so."""
    if not np.isnan(bounds.low[0]):
        return None
    if values.clusters < 2:
        return "one cluster only: no interval"
    return "undefined in too many resamples: no interval"
