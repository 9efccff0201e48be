"""The breaking severity: where a curve first falls below a bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds
from stress.statistics.robustness import first_below

__all__ = ["breaking", "broken_at", "no_interval"]


def breaking(
    context: Context, metric: Metric, cells: list[int], severities: list[float]
) -> Callable[[NDArray[Any]], Floats] | str:
    """Return the breaking severity as a function of (rows × cells) values, or the reason why it has none."""
    bar, share = context.options.bar, context.options.break_at
    error = metric.better == "lower"
    if bar is None and error and not metric.share and metric.bottom is None:
        return f"{metric.name} has no best value: give bar= in its unit"

    def severity(rows: NDArray[Any]) -> Floats:
        values = np.asarray(rows[:, cells], np.float64)
        if bar is not None:
            return first_below(-values if error else values, severities, np.full(len(rows), -bar if error else bar))[
                :, None
            ]
        values = 1 - values if error else values
        return first_below(values, severities, share * values[:, 0])[:, None]

    return severity


def broken_at(values: Values, found: Floats, bounds: Bounds, last: float) -> tuple[Number, bool]:
    """Return a breaking severity with its interval, and whether the curve holds: up to ``last``, its last severity.

    An end, or a value, that lies beyond the scale of severities is infinite in what is given, and None in the number.
    """
    value, low, high = float(found[0]), float(bounds.low[0]), float(bounds.high[0])
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
