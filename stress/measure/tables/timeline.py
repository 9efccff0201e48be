"""The headline over time, in cells whose severity follows the order of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.bygroup import summed
from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.tables.groups import group_number

__all__ = ["TIMELINE", "timeline_rows"]

WINDOWS = 10
"""Equal parts of the span of time that a curve over time has."""

TIMELINE: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: CELL[name] for name in ("scenario", "stream", "modality", "perturbation", "cell")},
    "start": (pa.float64(), "where the window begins, as a share of the whole span of time"),
    "stop": (pa.float64(), "where it ends"),
    "met": (pa.float64(), "the mean severity that its samples met"),
    "clean": (pa.float64(), "the metric of the same samples on clean input"),
    **INTERVAL,
}


def timeline_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline in ten windows of time, for every cell along a timeline, beside the clean one."""
    frame, metric = context.frame, context.headline
    if not frame.has("place"):
        return []
    note = absent(context, metric) or (
        f"{metric.name} is no mean of samples: windows are given for means" if metric.name in context.others else None
    )
    found = []
    for i, cell in enumerate(frame.cells):
        if cell.grid == "timeline":
            about = {name: value for name, value in cell.about.items() if name in TIMELINE}
            found += [{**about, "metric": metric.name, "note": note}] if note else _windows(context, i, about)
    return found


def _windows(context: Context, cell: int, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    frame, metric = context.frame, context.headline
    rows = frame.by_cell[cell]
    rows = rows[np.isfinite(frame.column("place")[rows])]
    place, met = frame.column("place")[rows], frame.column("severity")[rows]
    window = np.minimum((place * WINDOWS).astype(np.int64), WINDOWS - 1)
    codes = np.full(len(frame.samples), -1, np.int64)
    codes[frame.sample[rows]] = window
    found = summed(context, "place", codes, tuple(map(str, range(WINDOWS))), metric)
    result = []
    for g in range(WINDOWS):
        row: dict[str, Any] = {**about, "metric": metric.name, "start": g / WINDOWS, "stop": (g + 1) / WINDOWS}
        if not found.bottom[g, cell]:
            result.append({**row, **Number(note="no samples in this window").row()})
            continue
        counts = {"n": (window == g).sum(), "failed": found.failed[g, cell]}
        row |= {"met": float(met[window == g].mean()), **group_number(context, found, g, cell, **counts).row()}
        if frame.clean is not None:
            row["clean"] = found.own.value[g, frame.clean]
        result.append(row)
    return result
