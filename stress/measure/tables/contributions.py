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
        "total, alone, lost, necessity, sufficiency, shapley, shapley_share, dominance; of pairs interaction, "
        "synergy, redundancy",
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
        return [{"measure": "shapley", "metric": metric.name, "note": note}]
    rows = []
    for fill, cells in fills.items():
        for row in _of_fill(context, cells):
            rows.append({"fill": fill, "metric": metric.name, **row})
    return rows


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

    def row(stream: str, measure: str, weights: Mapping[Subset, float], **more: Any) -> dict[str, Any]:
        return {"stream": stream, "measure": measure, "kind": "raw", **more} | _linear(
            context, values, present, weights, sign, streams
        )

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
        rows.append(row(one, "interaction", weights, other=other))
        rows.append(row(one, "synergy", weights, other=other) | {"positive": 1.0})
        rows.append(row(one, "redundancy", weights, other=other) | {"positive": -1.0})
    return [*(_clipped(r) for r in rows), *_shares(context, values, present, sign, streams)]


def _clipped(row: dict[str, Any]) -> dict[str, Any]:
    """Return synergy as the positive part of an interaction, redundancy as the negative part turned round."""
    side = row.pop("positive", None)
    if side is None or row.get("value") is None:
        return row
    ends = [side * row[name] for name in ("low", "value", "high")]
    low, value, high = (max(v, 0.0) for v in (ends if side > 0 else ends[::-1]))
    return row | {"low": low, "value": value, "high": high}


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
) -> dict[str, Any]:
    note = _missing(present, weights, streams)
    if note:
        return {"note": note}
    vector = sign * _vector(present, weights, len(values.point))
    value, bounds = values.apply(lambda rows: _dot(rows, vector))
    known = _shown(context, values, float(value[0]), vector)
    return _told(context, float(value[0]), known or values.widen(bounds, value), [present[s] for s in weights])


def _shown(context: Context, values: Values, value: float, vector: Floats) -> Bounds | None:
    """Return the interval of a number that the table of cells shows too: a cell's value, or its drop from clean."""
    used, clean = np.flatnonzero(vector), context.frame.clean
    if len(used) == 1 and vector[used[0]] == 1:
        return _only(context.once(_bounds, values.metric), int(used[0]))
    if clean is None or len(used) != 2 or clean not in used:
        return None
    cell = int(used[used != clean][0])
    drop, bounds = change(context, context.headline, clean, "drop")
    return _only(bounds, cell) if abs(drop[cell] - value) < 1e-12 else None


def _bounds(context: Context, metric: Metric) -> Bounds:
    return context.values(metric).bounds()


def _only(bounds: Bounds, cell: int) -> Bounds:
    return Bounds(bounds.low[[cell]], bounds.high[[cell]], bounds.method)


def _dot(rows: Floats, vector: Floats) -> Floats:
    used = np.flatnonzero(vector)
    return (np.asarray(rows[:, used], np.float64) @ vector[used])[:, None]


def _told(context: Context, value: float, bounds: Bounds, cells: Sequence[int]) -> dict[str, Any]:
    counts = context.counts
    n, failed = int(counts["n"][list(cells)].sum()), int(counts["failed"][list(cells)].sum())
    found = {"value": value, "low": float(bounds.low[0]), "high": float(bounds.high[0]), "n": n, "failed": failed}
    note = None if np.isfinite(value) else "undefined: a cell without records, or streams that are worth nothing"
    return {**found, "method": bounds.method if np.isfinite(bounds.low[0]) else None, "note": note}


def _shares(
    context: Context, values: Values, present: Mapping[Subset, int], sign: float, streams: Sequence[str]
) -> list[dict[str, Any]]:
    """Return each stream's share of the whole worth, its goal, and the most dominant stream."""
    total = {frozenset(streams): 1.0, frozenset[str](): -1.0}
    rows: list[dict[str, Any]] = []
    found: list[tuple[dict[str, Any], Bounds]] = []
    for name in streams:
        weights = shapley_weights(streams, name)
        row = {"stream": name, "measure": "shapley_share", "kind": "relative"}
        note = _missing(present, {**weights, **total}, streams)
        if note:
            rows.append({**row, "note": note})
            continue
        part, whole = (sign * _vector(present, w, len(values.point)) for w in (weights, total))
        function = _quotient(part, whole)
        value, bounds = values.apply(function)
        rows.append({**row, **_told(context, float(value[0]), bounds, [present[s] for s in weights])})
        if _doubtful(values, whole):
            rows[-1] |= {"low": None, "high": None, "method": None, "note": _DOUBTFUL}
            bounds = Bounds(np.full(1, np.nan), np.full(1, np.nan), bounds.method)
        rows[-1] |= _verdict(context, name, rows[-1])
        sure = replace(values, confidence=sidak(values.confidence, len(streams)))
        found.append((rows[-1], bounds if np.isnan(bounds.low[0]) else sure.apply(function)[1]))
    live = [(row, ends) for row, ends in found if np.isfinite(row["value"])]
    return [*rows, _dominance(live)] if live else rows


def _doubtful(values: Values, whole: Floats) -> bool:
    """Whether all streams together may be worth nothing: a share of it then has no bounds (Fieller 1954)."""
    _, bounds = values.apply(lambda rows: _dot(rows, whole))
    return bool(bounds.low[0] <= 0 <= bounds.high[0])


def _dominance(live: Sequence[tuple[dict[str, Any], Bounds]]) -> dict[str, Any]:
    """Return the largest share: the interval holds it whichever stream it truly is of, so it allows for the choice."""
    first = max((row for row, _ in live), key=lambda row: float(row["value"]))
    row = {**first, "measure": "dominance", "goal": None, "verdict": None}
    low, high = (np.array([float(getattr(ends, side)[0]) for _, ends in live]) for side in ("low", "high"))
    if not np.isfinite([low, high]).all():
        return {**row, "low": None, "high": None, "method": None}
    method = f"{live[0][1].method}, simultaneous over {len(live)} streams"
    return {**row, "low": float(low.max()), "high": float(high.max()), "method": method}


def _quotient(part: Floats, whole: Floats) -> Function:
    def share(rows: Floats) -> Floats:
        below = _dot(rows, whole)
        return np.where(np.abs(below) > 1e-12, _dot(rows, part) / below, np.nan)

    return share


def _verdict(context: Context, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    goals = context.options.goals or {}
    if name not in goals:
        return {}
    goal, tolerance = float(goals[name]), float(goals.get("tolerance", 0.1))
    least, most = goal - tolerance, goal + tolerance
    low, high = row["low"], row["high"]
    if low is None or high is None:
        verdict = "undecided"
    elif low >= least and high <= most:
        verdict = "within"
    elif high < least or low > most:
        verdict = "outside"
    else:
        verdict = "undecided"
    return {"goal": goal, "verdict": verdict}
