"""Intervals one may look at while the run goes on: valid at every moment at once, however often one looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import absent, cell_table, counted, no_columns
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.statistics.sequences import confidence_sequence

__all__ = ["SEQUENCES", "sequence_rows"]

SEQUENCES = {**CELL, **INTERVAL}


def sequence_rows(context: Context) -> list[dict[str, Any]] | pa.Table:
    """Return the headline of every cell with an interval that stays valid however often an unfinished run is read."""
    metric, frame = context.headline, context.frame
    note = absent(context, metric)
    if not note and (metric.bottom is not None or not metric.share or not metric.linear):
        note = f"{metric.name} is no mean of scores in [0, 1]"
    if note:
        return cell_table(context, [no_columns(context, metric.name, note)], SEQUENCES)
    top, bottom = frame.sums(metric)
    # several draws of one sample, or samples of one cluster, are one observation: their mean
    above, below = context.clusters.gather(top), context.clusters.gather(bottom)
    seen = below > 0
    means = np.divide(above, below, out=np.zeros_like(above), where=seen)
    total, count = means.sum(axis=0), seen.sum(axis=0).astype(np.float64)
    low, high = confidence_sequence(total, count, context.options.confidence)
    rows = []
    for i, cell in enumerate(frame.cells):
        number = Number(**counted(context, i), note="the cell has no records")
        if count[i]:
            note = None if context.clusters.alone else "each cluster counts once"
            ends = {"low": low[i], "high": high[i], "method": "confidence sequence"}
            number = replace(number, value=total[i] / count[i], **ends, note=note)
        rows.append({**cell.about, "metric": metric.name, **number.row()})
    return rows
