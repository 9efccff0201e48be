"""How far the perturbed inputs were from the clean ones, per cell and stream: what a severity means on this data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import counted
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.records.metric import Metric
from stress.statistics.arrays import Ints

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
    for name, (values, count) in {name: _means(context, name) for name in names}.items():
        stream, _, measure = name.removeprefix("distortion.").rpartition(".")
        bounds = values.bounds()
        for i, row in enumerate(frame.cells):
            if stream not in (row.streams):
                continue
            about = counted(context, i)
            about |= {"note": _note(int(count[i]), about["n"]), "n": count[i]}
            number = Number.within(values.point[i], bounds, i, **about)
            found.append((i, {**row.about, "of": stream, "metric": measure, **number.row()}))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def _means(context: Context, name: str) -> tuple[Values, Ints]:
    """Return the mean of a column over the records in which it is finite, and how many these are, of every cell."""
    frame = context.frame
    column = frame.column(name)
    kept = np.isfinite(column)
    top, bottom = frame.grid(np.where(kept, column, 0.0)), frame.grid(kept.astype(np.float64))
    metric = Metric(name.rpartition(".")[2], top=name, low=-math.inf, high=math.inf)
    return context.ratio(metric, top, bottom), frame.count(kept)


def _note(measured: int, records: int) -> str | None:
    if not measured:
        return "nothing to compare: the stream was lost, resized or unchanged in every record"
    if measured < records:
        return f"over the {measured} of {records} records in which it is finite (lost, resized or unchanged otherwise)"
    return None
