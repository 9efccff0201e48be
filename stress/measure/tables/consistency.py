"""Do the streams give the same answer when asked alone, and which one does the model follow when they do not?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs, apart, beside_clean
from stress.measure.core.shares import share
from stress.measure.tables.coalitions import lost_cells, streams_of
from stress.records.cells import MISSING

__all__ = ["CONSISTENCY", "beside_single", "consistency_rows"]

CONSISTENCY: Mapping[str, tuple[pa.DataType, str]] = {
    "fill": (pa.string(), "what stood in for the other streams when one was asked alone"),
    "one": (pa.string(), "a stream, asked alone on clean input"),
    "other": (pa.string(), "a second stream, asked alone on clean input"),
    **CELL,
    **INTERVAL,
}
_NEEDS = f"needs cells with only one stream left: a scenario of {MISSING} with grid: subsets"
Ints = NDArray[np.int64]


def _answers(context: Context, cell: int) -> Ints:
    """Return each sample's (first) answer in a cell, as a position among predictions; -1 where there is none."""
    frame, found = context.frame, np.full(len(context.frame.samples), -1, np.int64)
    rows = frame.by_cell[cell][::-1]
    rows = rows[~frame.failed[rows]]
    found[frame.sample[rows]] = frame.predictions[0][rows]
    return found


def beside_single(context: Context) -> Needs:
    """Each cell is compared with clean and with those in which one stream is left."""
    streams, base = streams_of(context), list(beside_clean(context).beside)
    for cells in lost_cells(context).values():
        base += [cells[gone] for name in streams if (gone := frozenset(streams) - {name}) in cells]
    return Needs(apart(context).bundles, list(dict.fromkeys(base)))


def consistency_rows(context: Context) -> list[dict[str, Any]]:
    """Return agreement of single streams with each other and with the model's answer in every cell.

    ``pair_agreement`` and ``conflict_rate``: two streams alone, on clean input. ``agreement``: one stream alone (clean)
    against what the model says in this cell, in every draw, with all it has there. ``follows``: where two streams alone
    contradict, how often the model says what ``one`` says; ``follows_neither``: neither.
    """
    if not context.frame.has("prediction"):
        return [{"metric": "agreement", "note": "the records have no column prediction"}]
    streams, rows = streams_of(context), []
    for fill, cells in lost_cells(context).items():
        alone = {}
        for name in streams:
            cell = cells.get(frozenset(streams) - {name})
            if cell is not None and len(streams) > 1:
                alone[name] = _answers(context, cell)
        rows += [{"fill": fill, **row} for row in _of_fill(context, alone)]
    return rows or [{"metric": "agreement", "note": _NEEDS}]


def _of_fill(context: Context, alone: Mapping[str, Ints]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for one, other in itertools.combinations(alone, 2):
        known = (alone[one] >= 0) & (alone[other] >= 0)
        same = known & (alone[one] == alone[other])
        about = {"one": one, "other": other, "scenario": "clean", "cell": "clean"}
        every = np.arange(len(known))
        rows.append({**about, "metric": "pair_agreement", **_share(context, same, known, every).row()})
        rows.append({**about, "metric": "conflict_rate", **_share(context, known & ~same, known, every).row()})
    for i, cell in enumerate(context.frame.cells):
        (samples, said), about = _said(context, i), dict(cell.about)
        single = {one: answers[samples] for one, answers in alone.items()}
        for one, its in single.items():
            same = _share(context, (its >= 0) & (said == its), its >= 0, samples)
            rows.append({"one": one, **about, "metric": "agreement", **same.row()})
        for one, other in itertools.permutations(single, 2):
            its, others = single[one], single[other]
            conflict = (its >= 0) & (others >= 0) & (its != others)
            row = {"one": one, "other": other, **about, "metric": "follows"}
            rows.append(row | _share(context, conflict & (said == its), conflict, samples).row())
            if one < other:
                neither = conflict & (said != its) & (said != others)
                rows.append(row | {"metric": "follows_neither"} | _share(context, neither, conflict, samples).row())
    return rows


def _said(context: Context, cell: int) -> tuple[Ints, Ints]:
    """Return the samples of a cell's answered records, of every draw, and what was answered."""
    frame = context.frame
    rows = frame.by_cell[cell]
    rows = rows[~frame.failed[rows]]
    return frame.sample[rows], frame.predictions[0][rows]


def _share(context: Context, yes: NDArray[np.bool_], of: NDArray[np.bool_], samples: Ints) -> Number:
    found = share(context, yes.astype(np.float64), of.astype(np.float64), samples)
    if found.n:
        return found
    return replace(found, note="the streams never contradict each other here, or nothing was answered")
