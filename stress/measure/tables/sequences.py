"""Intervals one may look at while the run goes on: valid at every moment at once, however often one looks."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.measure.core.cells import absent, counted, empty_rows
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL, INTERVAL
from stress.statistics.sequences import confidence_sequence

__all__ = ["SEQUENCES", "sequence_rows"]

SEQUENCES = {**CELL, **INTERVAL}


def sequence_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline of every cell with an interval that stays valid however often an unfinished run is read."""
    metric, frame = context.headline, context.frame
    note = absent(context, metric)
    if not note and (metric.bottom is not None or not metric.bounded or metric.name in context.others):
        note = f"{metric.name} is no mean of scores in [0, 1]"
    if note:
        return empty_rows(context, metric.name, note)
    top, bottom = frame.sums(metric)
    # several draws of one sample, or samples of one cluster, are one observation: their mean
    above, below = context.clusters.gather(top), context.clusters.gather(bottom)
    seen = below > 0
    means = np.divide(above, below, out=np.zeros_like(above), where=seen)
    total, count = means.sum(axis=0), seen.sum(axis=0).astype(np.float64)
    low, high = confidence_sequence(total, count, context.options.confidence)
    rows = []
    for i, cell in enumerate(frame.cells):
        row = {**cell.about, **counted(context, i), "metric": metric.name}
        if count[i]:
            row |= {"value": total[i] / count[i], "low": low[i], "high": high[i], "method": "confidence sequence"}
            row["note"] = None if context.clusters.alone else "each cluster counts once"
        else:
            row |= {"low": None, "high": None, "note": "the cell has no records"}
        rows.append(row)
    return rows
