"""Does the answer stay when nothing that matters changes? From draw to draw, and from severity to severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.cells import absent, counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs, beside_clean
from stress.measure.core.shares import share
from stress.measure.tables.curves import Curve, curves
from stress.records.metric import Metric
from stress.statistics.variance import variance_parts

__all__ = ["DRAWS", "STABILITY", "draw_rows", "flip_rows", "step_rows", "whole_curves"]

STABILITY = {**CELL, **INTERVAL}
DRAWS: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "metric": (pa.string(), "what is measured"),
    "draws": (pa.int64(), "draws of each sample's perturbation"),
    "samples": (pa.int64(), "samples with all of them"),
    "between_samples": (pa.float64(), "standard deviation of the samples' own expected scores"),
    "between_draws": (pa.float64(), "standard deviation of one sample's score from draw to draw"),
    "share_of_draws": (pa.float64(), "of all variance, the part that is due to the draw"),
    "error_samples": (pa.float64(), "standard error of the cell's value that more draws would not lower"),
    "error_draws": (pa.float64(), "standard error of the cell's value that more draws would lower"),
    "lowest": (pa.float64(), "the cell's value in the draw with the lowest value"),
    "highest": (pa.float64(), "the cell's value in the draw with the highest value"),
    "note": (pa.string(), "why a number is missing"),
}


def draw_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for every cell, how much of its uncertainty is the draw's and how much the samples'."""
    frame, rows = context.frame, []
    note = absent(context, context.headline)
    if not note and context.headline.bottom is not None:
        note = f"{context.headline.name} is a ratio: its records are no scores of equal weight"
    for i, cell in enumerate(frame.cells):
        row = {**cell.about, "metric": context.headline.name}
        rows.append(row | ({"note": note} if note else _draws(context, i)))
    return rows


def _draws(context: Context, cell: int) -> dict[str, Any]:
    frame, metric = context.frame, context.headline
    rows = frame.by_cell[cell]
    draws = int(frame.draw[rows].max()) + 1 if len(rows) else 0
    if draws < 2:
        return {"draws": draws, "note": "one draw only: nothing to compare" if draws else "the cell has no records"}
    values = frame.above(metric)[rows]
    if metric.failed is not None:
        values = np.where(frame.failed[rows], metric.failed, values)
    table = np.full((len(frame.samples), draws), np.nan)
    table[frame.sample[rows], frame.draw[rows]] = values
    table = table[~np.isnan(table).any(axis=1)]
    if len(table) < 2:
        return {"draws": draws, "samples": len(table), "note": "fewer than two samples with all draws"}
    between, within = variance_parts(table)
    whole = between + within
    each = table.mean(axis=0)
    return {
        "draws": draws,
        "samples": len(table),
        "between_samples": np.sqrt(between),
        "between_draws": np.sqrt(within),
        "share_of_draws": within / whole if whole else None,
        "error_samples": np.sqrt(between / len(table)),
        "error_draws": np.sqrt(within / draws / len(table)),
        "lowest": each.min(),
        "highest": each.max(),
        "note": None if whole else "every score is the same",
    }


def flip_rows(context: Context) -> list[dict[str, Any]]:
    """Return flips of every cell: against the clean answer, and between draws.

    ``flip_rate`` is of all answers; ``lost`` of those right when clean that are wrong here; ``gained`` the reverse;
    ``draw_flip_rate`` between the first draw and the others.
    """
    frame = context.frame
    if not frame.has("prediction"):
        return [{"metric": "flip_rate", **Number(note="the records have no column prediction").row()}]
    rows = []
    for i, cell in enumerate(frame.cells):
        for name, found in _flips(context, i).items():
            rows.append({**cell.about, "metric": name, **found.row()})
    return rows


def whole_curves(context: Context) -> Needs:
    """The severities of a graded curve are compared with one another and with clean."""
    return Needs([c.cells for c in curves(context) if c.severities], beside_clean(context).beside)


def step_rows(context: Context) -> list[dict[str, Any]]:
    """Return flips along each graded curve: from severity to severity, and back to the clean answer.

    Draw by draw: the same draw of a sample is the same event, more severe. What was drawn once stands beside each.
    ``step_flip_rate`` is against the next lower severity of the curve; ``returned`` of those that flipped at some lower
    severity, back at the clean answer here.
    """
    known = context.frame.has("prediction")
    return [row for curve in curves(context) if known for row in _steps(context, curve)]


def _drawn(context: Context, cell: int) -> int:
    """Return how many draws of its samples a cell has."""
    return int(context.frame.draw[context.frame.by_cell[cell]].max(initial=0)) + 1


def _table(context: Context, cell: int, column: NDArray[Any], draws: int) -> NDArray[Any]:
    """Return the (samples × draws) entries of a record column in a cell, −1 where there are none.

    What was drawn once is the same in every draw.
    """
    frame, own = context.frame, _drawn(context, cell)
    found = np.full((len(context.frame.samples), max(own, draws)), -1, np.int64)
    rows = frame.by_cell[cell]
    rows = rows[~frame.failed[rows]]
    found[frame.sample[rows], frame.draw[rows]] = column[rows]
    return np.broadcast_to(found[:, :1], (len(found), draws)) if own == 1 else found[:, :draws]


def _flips(context: Context, cell: int) -> dict[str, Number]:
    frame, rows = context.frame, context.frame.by_cell[cell]
    found: dict[str, Number] = {}
    if frame.clean is not None and cell != frame.clean:
        flip = frame.column("flip")[rows]
        flip = np.where(frame.failed[rows] & ~np.isnan(flip), 1.0, flip)
        found["flip_rate"] = _of(context, cell, np.nan_to_num(flip), ~np.isnan(flip))
        if context.right is not None:
            right, before = context.once(_right, context.right, frame.clean)
            was, now = before[frame.sample[rows]], right[rows]
            found["lost"] = _of(context, cell, was & ~now, was)
            found["gained"] = _of(context, cell, ~was & now, ~was)
    if len(rows) and frame.draw[rows].max() > 0:
        answers = frame.predictions[0]
        first = _table(context, cell, answers, 1)[frame.sample[rows], 0]
        others = (frame.draw[rows] > 0) & (first >= 0)
        found["draw_flip_rate"] = _of(context, cell, others & (answers[rows] != first), others)
    return found


def _right(context: Context, metric: Metric, clean: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which records are right, and which samples are in the clean cell."""
    frame = context.frame
    right, rows = np.nan_to_num(frame.above(metric)) >= 1, frame.by_cell[clean]
    before = np.zeros(len(frame.samples), bool)
    before[frame.sample[rows]] = right[rows]
    return right, before


def _steps(context: Context, curve: Curve) -> list[dict[str, Any]]:
    frame = context.frame
    if not curve.severities or frame.clean is None:
        return []
    answers, draws = frame.predictions[0], max(_drawn(context, cell) for cell in curve.cells)
    clean = before = _table(context, frame.clean, answers, draws)
    where = np.repeat(np.arange(len(clean)), draws)
    flipped, rows = np.zeros(clean.shape, bool), []
    for cell in curve.cells:
        now = _table(context, cell, answers, draws)
        about, rest = frame.cells[cell].about, _rest(context, cell)
        known = (now >= 0) & (before >= 0)
        step = _ratio(context, known & (now != before), known, where, rest)
        back = flipped & (now >= 0) & (clean >= 0)
        home = _ratio(context, back & (now == clean), back, where, rest)
        rows += [{**about, "metric": "step_flip_rate", **step.row()}, {**about, "metric": "returned", **home.row()}]
        flipped |= (now >= 0) & (clean >= 0) & (now != clean)
        before = now
    return rows


def _ratio(
    context: Context, yes: NDArray[Any], of: NDArray[Any], samples: NDArray[np.int64], rest: dict[str, Any]
) -> Number:
    top, bottom = (each.ravel().astype(np.float64) for each in (yes, of))
    return share(context, top, bottom, samples, **rest)


def _of(context: Context, cell: int, yes: NDArray[Any], of: NDArray[Any]) -> Number:
    """Return the share of a cell's records ``of`` which ``yes`` holds for."""
    samples = context.frame.sample[context.frame.by_cell[cell]]
    return share(context, yes.astype(np.float64) * of, of.astype(np.float64), samples, **_rest(context, cell))


def _rest(context: Context, cell: int) -> dict[str, Any]:
    """Return how many of a cell's records failed, and the share of them that no perturbation could act on."""
    counts = counted(context, cell)
    return {name: counts[name] for name in ("failed", "unchanged")}
