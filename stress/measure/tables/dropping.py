"""What it would buy to drop a stream that has gone bad: a degraded input can hurt more than a missing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import absent, counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.paired import change
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs, apart, beside_clean
from stress.statistics.intervals import sidak

__all__ = ["DROPPING", "beside_dropped", "dropping_rows"]

DROPPING: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "dropped": (pa.string(), "the cell in which this cell's streams are dropped"),
    "kept": (pa.float64(), "the headline with the degraded streams"),
    "without": (pa.float64(), "the headline with these streams dropped instead"),
    **INTERVAL,
    "all_low": (pa.float64(), "lower end that holds in all cells of this table at once"),
    "all_high": (pa.float64(), "upper end that holds in all cells of this table at once"),
}


def beside_dropped(context: Context) -> Needs:
    """Each degraded cell is compared with the one in which its streams are dropped."""
    drops = [i for i, row in enumerate(context.frame.cells) if row.fallback == "drop"]
    return Needs(apart(context).bundles, list(dict.fromkeys([*beside_clean(context).beside, *drops])))


def dropping_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for each degraded cell, the headline without its streams minus that with them (positive: drop them).

    Both are of the same samples. Only suites with ``fallbacks: [drop]`` have the cells that this needs.
    """
    metric, all_pairs = context.headline, len(_pairs(context.root))
    note = absent(context, metric)
    if note is None and not all_pairs:
        note = "the run has no cell in which degraded streams are dropped: add fallbacks: [drop] to the suite"
    if note:
        return [{"metric": metric.name, **Number(note=note).row()}]
    sure, rows = sidak(context.options.confidence, all_pairs), []
    point = context.values(metric).point
    for cell, drop in _pairs(context).items():
        (value, ends), (_, everywhere) = (change(context, metric, drop, "drop", level) for level in (None, sure))
        note = None if np.isfinite(value[cell]) else "undefined: a cell without records"
        number = Number.within(value[cell], ends, cell, **counted(context, cell), note=note)
        row = {**context.frame.cells[cell].about, "dropped": context.frame.ids[drop], "metric": metric.name}
        row |= {"kept": point[cell], "without": point[drop]}
        row |= {"all_low": everywhere.low[cell], "all_high": everywhere.high[cell]}
        rows.append({**row, **number.row()})
    return rows


def _pairs(context: Context) -> dict[int, int]:
    """Return each degraded cell, and the cell that drops just its streams."""
    cells = context.frame.cells
    drops = {frozenset(row.streams): i for i, row in enumerate(cells) if row.fallback == "drop"}
    return {
        i: drops[touched]
        for i, row in enumerate(cells)
        if not row.fallback and not row.lost and (touched := frozenset(row.streams)) in drops
    }
