"""Does the answer stay when nothing that matters changes? From draw to draw, and from severity to severity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL, build, expand
from stress.measure.core.sections import Needs, beside_clean
from stress.measure.core.shares import shares
from stress.measure.tables.curves import curves
from stress.records.metric import Metric
from stress.statistics.arrays import Floats, Ints
from stress.statistics.variance import variance_parts

__all__ = ["DRAWS", "STABILITY", "draw_rows", "flip_table", "step_table", "whole_curves"]

STABILITY = {**CELL, **INTERVAL}
Flags = NDArray[np.bool_]
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


def flip_table(context: Context) -> pa.Table:
    """Return flips of every cell: against the clean answer, and between draws.

    ``flip_rate`` is of all answers; ``lost`` of those right when clean that are wrong here; ``gained`` the reverse;
    ``draw_flip_rate`` between the first draw and the others.
    """
    frame = context.frame
    if not frame.has("prediction"):
        return build([{"metric": "flip_rate", **Number(note="the records have no column prediction").row()}], STABILITY)
    every = np.arange(len(frame.ids))
    parts: list[Part] = []
    if frame.clean is not None:
        other = every[every != frame.clean]
        parts += [(name, other, *_sums(context, yes, of, other)) for name, yes, of in _against_clean(context)]
    drawn = np.unique(frame.cell[frame.draw > 0])
    if len(drawn):
        first = _grid(context, frame.predictions[0], 0)[frame.sample, frame.cell]
        others = (frame.draw > 0) & (first >= 0)
        parts.append(("draw_flip_rate", drawn, *_sums(context, frame.predictions[0] != first, others, drawn)))
    return _tabled(
        context, parts, np.argsort(np.concatenate([np.zeros(0, int), *(p[1] for p in parts)]), kind="stable")
    )


Part = tuple[str, Ints, Floats, Floats]
"""A metric, the cells of its rows, and (samples × rows) sums above and below the line."""


def _tabled(context: Context, parts: Sequence[Part], order: Ints) -> pa.Table:
    """Return the shares of some metrics as rows in an order."""
    if not len(order):
        return build([], STABILITY)
    each = [
        shares(context, top, bottom) | {"metric": np.full(len(at), name, object)} for name, at, top, bottom in parts
    ]
    found = {name: np.concatenate([columns[name] for columns in each])[order] for name in each[0]}
    cells = np.concatenate([at for _, at, _, _ in parts])[order]
    return expand(context.frame.cells, context.counts, STABILITY, cells, found)


def _sums(context: Context, yes: Flags, of: Flags, cells: Ints) -> tuple[Floats, Floats]:
    """Return (samples × cells) numbers of the records ``of`` which ``yes`` holds for, and of all of these."""
    grid = context.frame.grid
    return grid((yes & of).astype(np.float64))[:, cells], grid(of.astype(np.float64))[:, cells]


def _against_clean(context: Context) -> Iterator[tuple[str, Flags, Flags]]:
    """Yield the changes against the clean answer: of which records, and for which of these it holds."""
    frame, flip = context.frame, context.frame.column("flip")
    known = ~np.isnan(flip)
    yield "flip_rate", known & (frame.failed | (np.nan_to_num(flip) > 0)), known
    if context.right is not None and frame.clean is not None:
        right, before = context.once(_right, context.right, frame.clean)
        was = before[frame.sample]
        yield "lost", ~right, was
        yield "gained", right, ~was


def whole_curves(context: Context) -> Needs:
    """The severities of a graded curve are compared with one another and with clean."""
    return Needs([c.cells for c in curves(context) if c.severities], beside_clean(context).beside)


def step_table(context: Context) -> pa.Table:
    """Return flips along each graded curve: from severity to severity, and back to the clean answer.

    Draw by draw: the same draw of a sample is the same event, more severe. What was drawn once stands beside each.
    ``step_flip_rate`` is against the next lower severity of the curve; ``returned`` of those that flipped at some lower
    severity, back at the clean answer here.
    """
    frame, clean = context.frame, context.frame.clean
    graded = [curve for curve in curves(context) if curve.severities]
    if not graded or clean is None or not frame.has("prediction"):
        return build([], STABILITY)
    drawn = np.ones(len(frame.ids), np.int64)
    np.maximum.at(drawn, frame.cell, frame.draw.astype(np.int64) + 1)
    parts, places = [], []
    draws = [int(drawn[list(curve.cells)].max()) for curve in graded]
    begins = np.cumsum([0, *(len(curve.cells) for curve in graded)])
    for count in dict.fromkeys(draws):
        some = [k for k, each in enumerate(draws) if each == count]
        for at, part in _steps(context, clean, [graded[k].cells for k in some], drawn, count):
            row = np.array([begins[some[k]] for k in at[0]], np.int64) + at[1]
            parts += part
            places += [2 * row, 2 * row + 1]
    return _tabled(context, parts, np.argsort(np.concatenate(places)))


def _steps(
    context: Context, clean: int, each: Sequence[tuple[int, ...]], drawn: Ints, draws: int
) -> Iterator[tuple[tuple[list[int], int], list[Part]]]:
    """Yield, severity by severity, which of the curves have so many and the sums of their two metrics."""
    answers = [_answers_of(context, draw, drawn) for draw in range(draws)]
    flipped = [np.zeros((len(answers[0]), len(each)), bool) for _ in answers]
    for at in range(max(map(len, each))):
        mine = [k for k, cells in enumerate(each) if len(cells) > at]
        cells = np.array([each[k][at] for k in mine], np.int64)
        before = np.array([each[k][at - 1] if at else clean for k in mine], np.int64)
        sums = [np.zeros((len(answers[0]), len(mine))) for _ in range(4)]
        for held, moved in zip(answers, flipped):
            now, last, first = held[:, cells], held[:, before], held[:, [clean]]
            known, own = (now >= 0) & (last >= 0), (now >= 0) & (first >= 0)
            back = moved[:, mine] & own
            for total, more in zip(sums, (known & (now != last), known, back & (now == first), back)):
                total += more
            moved[:, mine] |= own & (now != first)
        yield (mine, at), [("step_flip_rate", cells, sums[0], sums[1]), ("returned", cells, sums[2], sums[3])]


def _answers_of(context: Context, draw: int, drawn: Ints) -> Ints:
    """Return the (samples × cells) answers of a draw, −1 where there is none; what was drawn once is so in every."""
    found = _grid(context, context.frame.predictions[0], draw)
    return np.where(drawn == 1, _grid(context, context.frame.predictions[0], 0), found) if draw else found


def _grid(context: Context, column: Ints, draw: int) -> Ints:
    """Return the (samples × cells) entries of a record column of a draw, −1 where there are none."""
    frame = context.frame
    found = np.full((len(frame.samples), len(frame.ids)), -1, np.int64)
    rows = np.flatnonzero(~frame.failed & (frame.draw == draw))
    found[frame.sample[rows], frame.cell[rows]] = column[rows]
    return found


def _right(context: Context, metric: Metric, clean: int) -> tuple[Flags, Flags]:
    """Return which records are right, and which samples are in the clean cell."""
    frame = context.frame
    right, rows = np.nan_to_num(frame.above(metric)) >= 1, frame.by_cell[clean]
    before = np.zeros(len(frame.samples), bool)
    before[frame.sample[rows]] = right[rows]
    return right, before
