"""What each stream is worth to the model: alone, lost, and over all combinations."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scenarios import Goals
from stress.measure.core.cells import absent
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.paired import from_clean
from stress.measure.core.rows import INTERVAL
from stress.measure.tables.balance import goals_for, judged_share
from stress.measure.tables.coalitions import (
    Subset,
    dot,
    doubtful,
    lost_cells,
    missing,
    quotient,
    resting_on,
    streams_of,
    vector,
)
from stress.measure.tables.swapped import swapped_rows
from stress.records.cells import MISSING
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, sidak
from stress.statistics.shapley import interaction_weights, shapley_weights

__all__ = ["CONTRIBUTIONS", "contribution_rows"]

CONTRIBUTIONS: Mapping[str, tuple[pa.DataType, str]] = {
    "fill": (
        pa.string(),
        "what stood in for a lost stream: none, zeros, mean …; of perceptual_score whose stream it was instead: any, "
        "same_class, other_class",
    ),
    "stream": (pa.string(), "the stream"),
    "other": (pa.string(), "the second stream, for measures of a pair"),
    "measure": (
        pa.string(),
        "total, alone, lost, necessity (what losing the stream costs: ablation), perceptual_score (what another "
        "sample's stream in its place costs: permutation), sufficiency, shapley, shapley_share, dominance; of pairs "
        "interaction, net_synergy, net_redundancy: two sides of one index, in which what a pair adds and what it "
        "repeats cancel out",
    ),
    "kind": (pa.string(), "raw (the metric's unit) or relative (a share of all streams' worth)"),
    **INTERVAL,
    "goal": (pa.float64(), "the declared share, where goals are given"),
    "verdict": (pa.string(), "whether the share is within, outside or (interval) undecided against goal ± tolerance"),
}
_DOUBTFUL = "the streams together may be worth nothing: a share of that has no interval"


def contribution_rows(context: Context) -> list[dict[str, Any]]:
    """Return what each stream, and each pair, adds to the headline metric (positive: better), for each fill rule."""
    goals = goals_for(context)
    metric, fills = context.headline, lost_cells(context)
    note = absent(context, metric)
    if not note and not fills:
        note = f"the run has no cell in which streams are lost: add a scenario of {MISSING} with grid: subsets"
    about = {"metric": metric.name}
    swapped = [] if absent(context, metric) else [about | row for row in swapped_rows(context)]
    if note:
        return [{"measure": "shapley", **about, **Number(note=note).row()}, *swapped]
    lost = [{"fill": fill, **about, **row} for fill, cells in fills.items() for row in _of_fill(context, cells, goals)]
    return [*lost, *swapped]


def _of_fill(context: Context, lost: Mapping[Subset, int], goals: Goals | None) -> list[dict[str, Any]]:
    streams, values = streams_of(context), context.values(context.headline)
    present = {frozenset(streams) - gone: cell for gone, cell in lost.items()}
    sign = 1.0 if context.headline.better == "higher" else -1.0

    def row(
        stream: str, measure: str, weights: Mapping[Subset, float], other: str | None = None, side: float = 0.0
    ) -> dict[str, Any]:
        number = _linear(context, values, present, weights, sign, streams)
        number = _clipped(number, side) if side else number
        return {"stream": stream, "other": other, "measure": measure, "kind": "raw", **number.row()}

    everything, nothing = frozenset(streams), frozenset[str]()
    rows = [row("+".join(streams), "total", {everything: 1.0, nothing: -1.0})]
    for name in streams:
        only, rest = frozenset([name]), everything - {name}
        rows += [row(name, "alone", {only: sign}), row(name, "lost", {rest: sign})]
        rows.append(row(name, "necessity", {everything: 1.0, rest: -1.0}))
        rows.append(row(name, "sufficiency", {only: 1.0, nothing: -1.0}))
        rows.append(row(name, "shapley", shapley_weights(streams, name)))
    for one, other in itertools.combinations(streams, 2):
        weights = interaction_weights(streams, one, other)
        rows.append(row(one, "interaction", weights, other))
        rows.append(row(one, "net_synergy", weights, other, 1.0))
        rows.append(row(one, "net_redundancy", weights, other, -1.0))
    return [*rows, *_shares(context, values, present, sign, streams, goals)]


def _clipped(number: Number, side: float) -> Number:
    """Return net synergy as the positive part of an interaction, net redundancy as the negative part turned round."""
    ends = [None if end is None else max(side * end, 0.0) for end in (number.low, number.value, number.high)]
    low, value, high = ends if side > 0 else ends[::-1]
    return replace(number, low=low, value=value, high=high)


def _linear(
    context: Context,
    values: Values,
    present: Mapping[Subset, int],
    weights: Mapping[Subset, float],
    sign: float,
    streams: Sequence[str],
) -> Number:
    note = missing(present, weights, streams)
    if note:
        return Number(note=note)
    used = sign * vector(present, weights, len(values.point))
    value, bounds = values.apply(lambda rows: dot(rows, used))
    known = _shown(context, values, float(value[0]), used)
    return resting_on(context, float(value[0]), known or values.widen(bounds, value), [present[s] for s in weights])


def _shown(context: Context, values: Values, value: float, vector: Floats) -> Bounds | None:
    """Return the interval of a number that the table of cells shows too: a cell's value, or its drop from clean."""
    used, clean = np.flatnonzero(vector), context.frame.clean
    if len(used) == 1 and vector[used[0]] == 1:
        return context.once(_bounds, values.metric).at([int(used[0])])
    if clean is None or len(used) != 2 or clean not in used:
        return None
    cell = int(used[used != clean][0])
    drop, bounds = from_clean(context, context.headline, clean, "drop")
    return bounds.at([cell]) if abs(drop[cell] - value) < 1e-12 else None


def _bounds(context: Context, metric: Metric) -> Bounds:
    return context.values(metric).bounds()


def _shares(
    context: Context,
    values: Values,
    present: Mapping[Subset, int],
    sign: float,
    streams: Sequence[str],
    goals: Goals | None,
) -> list[dict[str, Any]]:
    """Return each stream's share of the whole worth, its goal, and the most dominant stream."""
    total = {frozenset(streams): 1.0, frozenset[str](): -1.0}
    rows: list[dict[str, Any]] = []
    live: list[tuple[str, Number, Bounds | None]] = []
    for name in streams:
        weights = shapley_weights(streams, name)
        row = {"stream": name, "measure": "shapley_share", "kind": "relative"}
        note = missing(present, {**weights, **total}, streams)
        if note:
            rows.append({**row, **Number(note=note).row()})
            continue
        part, whole = (sign * vector(present, w, len(values.point)) for w in (weights, total))
        function = quotient(part, whole)
        value, bounds = values.apply(function)
        number = resting_on(context, float(value[0]), bounds, [present[s] for s in weights])
        if doubtful(values, whole):
            number = replace(number, low=None, high=None, method=None, few=False, note=_DOUBTFUL)
        found = {} if goals is None else judged_share(values, present, sign, streams, name, goals)
        kept: dict[str, Any] = {key: found[key] for key in ("goal", "verdict") if key in found}
        rows.append({**row, **number.row(), **kept})
        sure = replace(values, confidence=sidak(values.confidence, len(streams)))
        if number.value is not None:
            live.append((name, number, None if number.low is None else sure.apply(function)[1]))
    return [*rows, _dominance(live)] if live else rows


def _dominance(live: Sequence[tuple[str, Number, Bounds | None]]) -> dict[str, Any]:
    """Return the largest share: the interval holds it whichever stream it truly is of, so it allows for the choice."""
    name, number, _ = max(live, key=lambda entry: entry[1].value or 0.0)
    row = {"stream": name, "measure": "dominance", "kind": "relative"}
    sure = [ends for *_, ends in live if ends is not None and np.isfinite([ends.low[0], ends.high[0]]).all()]
    number = replace(number, low=None, high=None, method=None, few=False)
    if len(sure) == len(live):
        low = max(1 / len(live), *(ends.low[0] for ends in sure))  # shares add up to 1
        high = max(number.high for _, number, _ in live if number.high is not None)  # whichever it is: its own suffices
        method = f"{sure[0].method}, simultaneous over {len(live)} streams"
        number = replace(number, low=low, high=high, method=method, few=sure[0].few)
    return {**row, **number.row()}
