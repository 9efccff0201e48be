"""Tables of a run that stopped by what it saw: no interval as if its end had been fixed before.

A mean of scores in [0, 1] of one cell has the confidence sequence of bets instead, which holds wherever it stopped; any
other number of cells that stopped has none, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.context import Context
from stress.records.metric import Metric
from stress.records.stopping import stopped_cells
from stress.statistics.betting import betting_sequence

__all__ = ["as_stopped"]

_NOTE = "the run stopped early: an interval as if its end were fixed would be wrong"
_FIXED = ("low", "high", "method", "few", "trials", "freedom", "low_alone", "high_alone")


def as_stopped(context: Context, name: str, table: pa.Table) -> pa.Table:
    """Return a table as it can be shown of a run that may have stopped; the table itself of one that is whole."""
    if name == "sequences" or "low" not in table.column_names:
        return table
    stopped = context.once(_stopped)
    if not stopped:
        return table
    ends = context.once(_sequences) if name in ("cells", "curves") else {}
    rows = [_row(row, stopped, ends) for row in table.to_pylist()]
    return pa.Table.from_pylist(rows, schema=table.schema)


def _stopped(context: Context) -> frozenset[str]:
    return stopped_cells((context.whole or context).frame.run)


def _row(
    row: Mapping[str, Any], stopped: frozenset[str], ends: Mapping[tuple[str, str], tuple[float, float]]
) -> Mapping[str, Any]:
    if row["low"] is None and row["high"] is None:
        return row
    if row.get("cell") is not None and row["cell"] not in stopped and row.get("metric") not in ("drop", "retention"):
        return row  # of all samples
    kept: dict[str, Any] = {key: (False if key == "few" else None) for key in _FIXED if key in row}
    if (row.get("cell"), row.get("metric")) in ends:
        low, high = ends[row["cell"], row["metric"]]
        return {**row, **kept, "low": low, "high": high, "method": "betting sequence"}
    if "note" in row:
        kept["note"] = "; ".join(filter(None, [row["note"], _NOTE]))
    return {**row, **kept}


def _sequences(context: Context) -> Mapping[tuple[str, str], tuple[float, float]]:
    """Return the ends of the confidence sequence of each mean in [0, 1] of each cell."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for metric in context.metrics:
        if metric.kind == "mean" and metric.bottom is None and metric.share and not metric.root and metric.interval:
            found |= _of(context, metric)
    return found


def _of(context: Context, metric: Metric) -> Mapping[tuple[str, str], tuple[float, float]]:
    if any(not context.frame.has(column) for column in metric.needs):
        return {}
    top, bottom = (context.clusters.gather(each) for each in context.frame.sums(metric))
    seen = bottom > 0
    values = np.divide(top, bottom, out=np.zeros_like(top), where=seen)
    low, high = betting_sequence(values, bottom / max(float(bottom.max(initial=0)), 1.0), context.options.confidence)
    ids = context.frame.ids
    return {(ids[i], metric.name): (float(low[i]), float(high[i])) for i in np.flatnonzero(seen.any(axis=0))}
