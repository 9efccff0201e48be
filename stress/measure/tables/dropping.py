"""What it would buy to drop a stream that has gone bad: a degraded input can hurt more than a missing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import absent, counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.paired import from_clean
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs, beside_clean
from stress.records.cells import CellRow
from stress.statistics.intervals import sidak

__all__ = ["DROPPING", "beside_dropped", "dropping_rows"]

DROPPING: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "kind": (pa.string(), "what is done: drop streams, fill one, ask another model"),
    "action": (
        pa.string(),
        "the streams that are dropped, joined by '+', the others staying as they are in the cell; of the other kinds "
        "'fill image with mean', 'ask module:attribute'",
    ),
    "dropped": (pa.string(), "the cell in which it is done"),
    "kept": (pa.float64(), "the headline with the degraded streams"),
    "without": (pa.float64(), "the headline where it is done"),
    **INTERVAL,
    "all_low": (pa.float64(), "lower end that holds in all cells of this table at once"),
    "all_high": (pa.float64(), "upper end that holds in all cells of this table at once"),
}


def beside_dropped(context: Context) -> Needs:
    """Each degraded cell stands together with its own fallbacks, beside the cells in which all of it is dropped."""
    own: dict[str, list[int]] = {}
    for i, row in enumerate(context.frame.cells):
        if row.base is not None:
            own.setdefault(row.base, []).append(i)
    bundles = [[i, *own.get(row.cell, ())] for i, row in enumerate(context.frame.cells) if row.base is None]
    drops = [i for i, row in enumerate(context.frame.cells) if row.fallback and row.base is None]
    return Needs(bundles, list(dict.fromkeys([*beside_clean(context).beside, *drops])))


def dropping_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for each degraded cell and each fallback of it, the headline where that is done minus that without.

    Positive: do it. Both are of the same samples. Only suites with ``fallbacks`` have the cells that this needs:
    ``drop`` for all degraded streams at once, ``each`` for every single stream while the others stay as they are,
    ``{fill: mean}`` and ``{model: module:attribute}`` for stand-ins.
    """
    metric, all_pairs = context.headline, sum(map(len, _pairs(context.root).values()))
    note = absent(context, metric)
    if note is None and not all_pairs:
        note = "the run has no cell in which degraded streams are dropped: add fallbacks: [drop] to the suite"
    if note:
        return [{"metric": metric.name, **Number(note=note).row()}]
    sure, rows = sidak(context.options.confidence, all_pairs), []
    point, cells = context.values(metric).point, context.frame.cells
    for cell, fallbacks in _pairs(context).items():
        for drop in fallbacks:
            (value, ends), (_, everywhere) = (
                from_clean(context, metric, drop, "drop", level) for level in (None, sure)
            )
            note = None if np.isfinite(value[cell]) else "undefined: a cell without records"
            number = Number.within(value[cell], ends, cell, **counted(context, cell), note=note)
            row = {**cells[cell].about, **_action(cells[drop]), "dropped": cells[drop].cell}
            row |= {"metric": metric.name, "kept": point[cell], "without": point[drop]}
            row["all_low"] = np.minimum(everywhere.low[cell], ends.low[cell])  # equal but for rounding, at times
            row["all_high"] = np.maximum(everywhere.high[cell], ends.high[cell])
            rows.append({**row, **number.row()})
    return rows


def _action(cell: CellRow) -> dict[str, str]:
    kind = str(cell.fallback).split(" ")[0]
    return {"kind": kind, "action": "+".join(cell.lost) if kind == "drop" else str(cell.fallback)}


def _pairs(context: Context) -> dict[int, list[int]]:
    """Return each degraded cell, and the cells of its fallbacks: the one that drops just its streams, then its own."""
    cells = context.frame.cells
    drops: dict[frozenset[str], list[int]] = {}
    for i, row in enumerate(cells):
        if row.fallback and row.base is None:
            drops.setdefault(frozenset(row.streams), []).append(i)
    own: dict[str | None, list[int]] = {}
    for i, row in enumerate(cells):
        own.setdefault(row.base, []).append(i)
    found = {}
    for i, row in enumerate(cells):
        if not row.fallback and not row.lost and not row.clean:
            shared = [] if row.machine else drops.get(frozenset(row.streams), [])
            found[i] = [*shared, *own.get(row.cell, [])]
    return {i: fallbacks for i, fallbacks in found.items() if fallbacks}
