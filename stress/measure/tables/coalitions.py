"""A model with some of its streams lost: the cells that show it, clean and under stress, and shares of worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.records.cells import MISSING, CellRow
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds

__all__ = [
    "Subset",
    "dot",
    "doubtful",
    "lost_cells",
    "missing",
    "quotient",
    "resting_on",
    "streams_of",
    "vector",
    "worlds",
]

Subset = frozenset[str]
Function = Callable[[Floats], Floats]


def streams_of(context: Context) -> tuple[str, ...]:
    """Return the names of the model's streams."""
    data = context.frame.run.info.get("identity", {}).get("data", {})
    declared = data.get("streams") if isinstance(data, Mapping) else None
    if declared:
        return tuple(declared)
    return tuple(dict.fromkeys(name for row in context.root.frame.cells for name in row.streams))


def lost_cells(context: Context) -> dict[str, dict[Subset, int]]:
    """Return, for each fill rule, the cell in which exactly these streams are lost and nothing else is wrong."""
    found: dict[str, dict[Subset, int]] = {}
    for i, row in enumerate(context.frame.cells):
        if row.only_lost:
            found.setdefault(str(row.fill), {}).setdefault(frozenset(row.lost), i)
    if context.frame.clean is not None:
        for cells in found.values():
            cells[frozenset()] = context.frame.clean
    return found


def missing(present: Mapping[Subset, int], needed: Mapping[Subset, float], streams: Sequence[str]) -> str | None:
    """Return which cells are missing, or nothing."""
    gone = [subset for subset in needed if subset not in present]
    if not gone:
        return None
    names = ["+".join(n for n in streams if n in subset) or "no stream at all" for subset in gone[:3]]
    return f"the run has no cell with only {' / '.join(names)}"


def vector(present: Mapping[Subset, int], weights: Mapping[Subset, float], width: int) -> Floats:
    """Return the weights of subsets as weights of all cells."""
    found = np.zeros(width)
    for subset, weight in weights.items():
        found[present[subset]] += weight
    return found


def dot(rows: Floats, weights: Floats) -> Floats:
    """Return (rows × 1) sums of cells' values, (rows × cells), with these weights."""
    used = np.flatnonzero(weights)
    return (np.asarray(rows[:, used], np.float64) @ weights[used])[:, None]


def resting_on(context: Context, value: float, bounds: Bounds, cells: Sequence[int]) -> Number:
    """Return a number that rests on the records of several cells."""
    counts = context.counts
    n, failed = int(counts["n"][list(cells)].sum()), int(counts["failed"][list(cells)].sum())
    note = None if np.isfinite(value) else "undefined: a cell without records, or streams that are worth nothing"
    return Number.within(value, bounds, n=n, failed=failed, note=note)


def doubtful(values: Values, whole: Floats) -> bool:
    """Whether all streams together may be worth nothing: a share of it then has no bounds (Fieller 1954)."""
    _, bounds = values.apply(lambda rows: dot(rows, whole))
    return bool(bounds.low[0] <= 0 <= bounds.high[0])


def quotient(part: Floats, whole: Floats) -> Function:
    """Return one weighted sum as a share of another, of cells' values; NaN where that is worth nothing."""

    def share(rows: Floats) -> Floats:
        below = dot(rows, whole)
        return np.where(np.abs(below) > 1e-12, dot(rows, part) / below, np.nan)

    return share


def worlds(
    context: Context, fill: str, lost: Mapping[Subset, int]
) -> Iterator[tuple[CellRow | None, dict[Subset, int]]]:
    """Yield the clean world, then each degraded cell beside which every loss of streams was run too.

    Of each: its cell (None: clean), and the cells by which streams are there. The streams that are there are degraded
    as in the cell, the others lost; a degraded stream that is lost is like any other lost one.
    """
    streams = streams_of(context)
    yield None, {frozenset(streams) - gone: cell for gone, cell in lost.items()}
    cells = context.frame.cells
    known: dict[frozenset[tuple[str, str]], int] = {}
    for i, row in enumerate(cells):
        known.setdefault(frozenset(_state(row).items()), i)
    for row in cells:
        if row.clean or row.lost or row.fallback or not row.conditions:
            continue
        state = _state(row)
        present: dict[Subset, int] = {}
        for there in _subsets(streams):
            wanted = {name: state[name] for name in there if name in state}
            wanted |= {name: f"lost {fill}" for name in streams if name not in there}
            wanted |= {name: does for name, does in state.items() if not name}  # a machine is the same beside all
            if (found := known.get(frozenset(wanted.items()))) is not None:
                present[there] = found
        if len(present) == 2 ** len(streams):
            yield row, present


def _subsets(streams: Sequence[str]) -> Iterator[Subset]:
    for number in range(2 ** len(streams)):
        yield frozenset(name for i, name in enumerate(streams) if number >> i & 1)


def _state(row: CellRow) -> dict[str, str]:
    """Return what befalls each stream that is touched in a cell."""
    if row.only_lost:
        return dict.fromkeys(row.lost, f"lost {row.fill}")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for condition in row.conditions:
        found.setdefault(str(condition["stream"]), []).append(condition)
    return {
        name: f"lost {each[0]['settings']['fill']}"
        if len(each) == 1 and each[0]["perturbation"] == MISSING
        else json.dumps(each, sort_keys=True)
        for name, each in found.items()
    }
