"""At which severity does the model give way? Where its curve first falls below a bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.robustness import first_below

__all__ = ["breaking"]


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
