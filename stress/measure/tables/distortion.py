"""How far the perturbed inputs were from the clean ones, per cell and stream: what a severity means on this data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL, INTERVAL
from stress.records.metric import Metric

__all__ = ["DISTORTION", "distortion_rows"]

DISTORTION: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "of": (pa.string(), "the stream that was measured"),
    **INTERVAL,
}


def distortion_rows(context: Context) -> list[dict[str, Any]]:
    """Return the mean distortion of each touched stream in each cell; streams that were lost have none."""
    frame = context.frame
    names = [n for n in frame.schema if n.startswith("distortion.") and not n.endswith(".missing")]
    found: list[tuple[int, dict[str, Any]]] = []
    for name in names:
        stream, _, measure = name.removeprefix("distortion.").rpartition(".")
        column = frame.column(name)
        kept = np.isfinite(column)
        top, bottom = frame.grid(np.where(kept, column, 0.0)), frame.grid(kept.astype(np.float64))
        values = context.ratio(Metric(measure, name, bounded=False), top, bottom)
        bounds, count = values.bounds(), frame.count(kept)
        for i, row in enumerate(frame.cells):
            if stream not in (row.streams):
                continue
            entry = {**row.about, **counted(context, i), "of": stream, "metric": measure, "n": int(count[i])}
            entry |= {"value": values.point[i], "low": bounds.low[i], "high": bounds.high[i]}
            entry |= {"method": bounds.method if np.isfinite(bounds.low[i]) else None}
            found.append((i, {**entry, "note": _note(int(count[i]), counted(context, i)["n"])}))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def _note(measured: int, records: int) -> str | None:
    if not measured:
        return "nothing to compare: the stream was lost, resized or unchanged in every record"
    if measured < records:
        return f"over the {measured} of {records} records in which it is finite (lost, resized or unchanged otherwise)"
    return None
