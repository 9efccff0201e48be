"""What each stream is worth to the model: alone, lost, and over all combinations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import nearest
from stress.measure.core.cells import absent
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.paired import change
from stress.measure.core.rows import INTERVAL
from stress.records.cells import MISSING
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, sidak
from stress.statistics.shapley import interaction_weights, shapley_weights

__all__ = ["CONTRIBUTIONS", "contribution_rows", "lost_cells", "streams_of"]

CONTRIBUTIONS: Mapping[str, tuple[pa.DataType, str]] = {
    "fill": (pa.string(), "what stood in for a lost stream: none, zeros, mean …"),
    "stream": (pa.string(), "the stream"),
    "other": (pa.string(), "the second stream, for measures of a pair"),
    "measure": (
        pa.string(),
        "total, alone, lost, necessity (what losing the stream costs: ablation), sufficiency, shapley, shapley_share, "
        "dominance; of pairs interaction, net_synergy, net_redundancy: two sides of one index, in which what a pair "
        "adds and what it repeats cancel out",
    ),
    "kind": (pa.string(), "raw (the metric's unit) or relative (a share of all streams' worth)"),
    **INTERVAL,
    "goal": (pa.float64(), "the declared share, where goals are given"),
    "verdict": (pa.string(), "whether the share is within, outside or (interval) undecided against goal ± tolerance"),
}
_DOUBTFUL = "the streams together may be worth nothing: a share of that has no interval"
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


def contribution_rows(context: Context) -> list[dict[str, Any]]:
    """Return what each stream, and each pair, adds to the headline metric (positive: better), for each fill rule."""
    _check_goals(context)
    metric, fills = context.headline, lost_cells(context)
    note = absent(context, metric)
    if not note and not fills:
        note = f"the run has no cell in which streams are lost: add a scenario of {MISSING} with grid: subsets"
    if note:
        return [{"measure": "shapley", "metric": metric.name, **Number(note=note).row()}]
    about = {"metric": metric.name}
    return [{"fill": fill, **about, **row} for fill, cells in fills.items() for row in _of_fill(context, cells)]


def _check_goals(context: Context) -> None:
    goals, known = context.options.goals or {}, [*streams_of(context), "tolerance"]
    for name, value in goals.items():
        if name not in known:
            raise InputError(f"measure: goals must name streams of the model, got {name!r}. {nearest(name, known)}")
        if not 0 <= float(value) <= 1:
            raise InputError(f"measure: goals must be shares in [0, 1], got {name}: {value!r}.")


def _of_fill(context: Context, lost: Mapping[Subset, int]) -> list[dict[str, Any]]:
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
    return [*rows, *_shares(context, values, present, sign, streams)]


def _clipped(number: Number, side: float) -> Number:
    """Return net synergy as the positive part of an interaction, net redundancy as the negative part turned round."""
    ends = [None if end is None else max(side * end, 0.0) for end in (number.low, number.value, number.high)]
    low, value, high = ends if side > 0 else ends[::-1]
    return replace(number, low=low, value=value, high=high)


def _missing(present: Mapping[Subset, int], needed: Mapping[Subset, float], streams: Sequence[str]) -> str | None:
    gone = [subset for subset in needed if subset not in present]
    if not gone:
        return None
    names = ["+".join(n for n in streams if n in subset) or "no stream at all" for subset in gone[:3]]
    return f"the run has no cell with only {' / '.join(names)}"


def _vector(present: Mapping[Subset, int], weights: Mapping[Subset, float], width: int) -> Floats:
    vector = np.zeros(width)
    for subset, weight in weights.items():
        vector[present[subset]] += weight
    return vector


def _linear(
    context: Context,
    values: Values,
    present: Mapping[Subset, int],
    weights: Mapping[Subset, float],
    sign: float,
    streams: Sequence[str],
) -> Number:
    note = _missing(present, weights, streams)
    if note:
        return Number(note=note)
    vector = sign * _vector(present, weights, len(values.point))
    value, bounds = values.apply(lambda rows: _dot(rows, vector))
    known = _shown(context, values, float(value[0]), vector)
    return _number(context, float(value[0]), known or values.widen(bounds, value), [present[s] for s in weights])


def _shown(context: Context, values: Values, value: float, vector: Floats) -> Bounds | None:
    """Return the interval of a number that the table of cells shows too: a cell's value, or its drop from clean."""
    used, clean = np.flatnonzero(vector), context.frame.clean
    if len(used) == 1 and vector[used[0]] == 1:
        return context.once(_bounds, values.metric).at([int(used[0])])
    if clean is None or len(used) != 2 or clean not in used:
        return None
    cell = int(used[used != clean][0])
    drop, bounds = change(context, context.headline, clean, "drop")
    return bounds.at([cell]) if abs(drop[cell] - value) < 1e-12 else None


def _bounds(context: Context, metric: Metric) -> Bounds:
    return context.values(metric).bounds()


def _dot(rows: Floats, vector: Floats) -> Floats:
    used = np.flatnonzero(vector)
    return (np.asarray(rows[:, used], np.float64) @ vector[used])[:, None]


def _number(context: Context, value: float, bounds: Bounds, cells: Sequence[int]) -> Number:
    """Return a number that rests on the records of several cells."""
    counts = context.counts
    n, failed = int(counts["n"][list(cells)].sum()), int(counts["failed"][list(cells)].sum())
    note = None if np.isfinite(value) else "undefined: a cell without records, or streams that are worth nothing"
    return Number.within(value, bounds, n=n, failed=failed, note=note)


def _shares(
    context: Context, values: Values, present: Mapping[Subset, int], sign: float, streams: Sequence[str]
) -> list[dict[str, Any]]:
    """Return each stream's share of the whole worth, its goal, and the most dominant stream."""
    total = {frozenset(streams): 1.0, frozenset[str](): -1.0}
    rows: list[dict[str, Any]] = []
    live: list[tuple[str, Number, Bounds | None]] = []
    for name in streams:
        weights = shapley_weights(streams, name)
        row = {"stream": name, "measure": "shapley_share", "kind": "relative"}
        note = _missing(present, {**weights, **total}, streams)
        if note:
            rows.append({**row, **Number(note=note).row()})
            continue
        part, whole = (sign * _vector(present, w, len(values.point)) for w in (weights, total))
        function = _quotient(part, whole)
        value, bounds = values.apply(function)
        number = _number(context, float(value[0]), bounds, [present[s] for s in weights])
        if _doubtful(values, whole):
            number = replace(number, low=None, high=None, method=None, few=False, note=_DOUBTFUL)
        rows.append({**row, **number.row(), **_verdict(context, name, number)})
        sure = replace(values, confidence=sidak(values.confidence, len(streams)))
        if number.value is not None:
            live.append((name, number, None if number.low is None else sure.apply(function)[1]))
    return [*rows, _dominance(live)] if live else rows


def _doubtful(values: Values, whole: Floats) -> bool:
    """Whether all streams together may be worth nothing: a share of it then has no bounds (Fieller 1954)."""
    _, bounds = values.apply(lambda rows: _dot(rows, whole))
    return bool(bounds.low[0] <= 0 <= bounds.high[0])


def _dominance(live: Sequence[tuple[str, Number, Bounds | None]]) -> dict[str, Any]:
    """Return the largest share: the interval holds it whichever stream it truly is of, so it allows for the choice."""
    name, number, _ = max(live, key=lambda entry: entry[1].value or 0.0)
    row = {"stream": name, "measure": "dominance", "kind": "relative"}
    sure = [ends for *_, ends in live if ends is not None and np.isfinite([ends.low[0], ends.high[0]]).all()]
    number = replace(number, low=None, high=None, method=None, few=False)
    if len(sure) == len(live):
        low, high = max(ends.low[0] for ends in sure), max(ends.high[0] for ends in sure)
        method = f"{sure[0].method}, simultaneous over {len(live)} streams"
        number = replace(number, low=low, high=high, method=method, few=sure[0].few)
    return {**row, **number.row()}


def _quotient(part: Floats, whole: Floats) -> Function:
    def share(rows: Floats) -> Floats:
        below = _dot(rows, whole)
        return np.where(np.abs(below) > 1e-12, _dot(rows, part) / below, np.nan)

    return share


def _verdict(context: Context, name: str, number: Number) -> dict[str, Any]:
    goals = context.options.goals or {}
    if name not in goals:
        return {}
    goal, tolerance = float(goals[name]), float(goals.get("tolerance", 0.1))
    least, most = goal - tolerance, goal + tolerance
    low, high = number.low, number.high
    if low is None or high is None:
        verdict = "undecided"
    elif low >= least and high <= most:
        verdict = "within"
    elif high < least or low > most:
        verdict = "outside"
    else:
        verdict = "undecided"
    return {"goal": goal, "verdict": verdict}
