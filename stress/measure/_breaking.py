"""At which severity does the model give way? Where its curve first falls below a bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.tasks._metrics import Metric

__all__ = ["breaking", "first_below"]


def first_below(values: Floats, severities: Sequence[float], bar: Floats) -> Floats:
    """Return where (rows × points) curves first fall below a bar, interpolated; inf where they never do.

    A bar that is not reached even at the first point gives that point's severity.
    """
    below = values < bar[:, None]
    first = below.argmax(axis=1)
    rows, at = np.arange(len(values)), np.asarray(severities, float)
    before = np.maximum(first - 1, 0)
    above, under = values[rows, before], values[rows, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (above - bar) / (above - under), 0.0)
    found = at[before] + share * (at[first] - at[before])
    found = np.where(below.any(axis=1), found, np.inf)
    return np.where(np.isnan(values).any(axis=1) | np.isnan(bar), np.nan, found)


def breaking(
    context: Context, metric: Metric, cells: list[int], severities: list[float]
) -> Callable[[NDArray[Any]], Floats] | str:
    """Return the breaking severity as a function of (rows × cells) values, or the reason why it has none."""
    bar, share = context.options.bar, context.options.break_at
    error = metric.better == "lower"
    if bar is None and error and not metric.bounded and metric.bottom is None:
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
