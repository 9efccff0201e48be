"""Every cell and every metric, with an interval: what each condition alone does to the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from stress.measure.core.cells import absent, cell_rows, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.paired import from_clean
from stress.measure.core.rows import CELL, INTERVAL
from stress.records.metric import FROM_CLEAN

__all__ = ["CELLS", "from_clean_rows", "linear_rows"]

CELLS = {**CELL, **INTERVAL}


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
    return found + from_clean_rows(context)


def from_clean_rows(context: Context) -> list[dict[str, Any]]:
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
        value, bounds = from_clean(context, metric, clean, name)
        for i, row in enumerate(cell_rows(context, FROM_CLEAN[name], value, bounds)):
            number = Number.of(row)
            if i == clean:
                number = replace(number, low=value[i], high=value[i], method="by definition", few=False)
            if np.isnan(value[i]) and number.n:
                number = replace(number, note=f"undefined: clean {metric.name} is {values.point[clean]:.3g}")
            found.append(row | number.row())
    return found
