"""Does each stream have the share of the model's worth that it is meant to have, on clean input and under stress?

A share is a Shapley value over the worth of all streams together. Under stress every stream that is there is degraded
as in the cell, so that a share says what the model makes of the stream in that state. Goals are equal, given by number,
or adaptive: in proportion to what each stream achieves alone in the same state, so that a model is asked to lean on
what is reliable there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from scenarios import Goals, goals_of
from stress.measure.core.cells import absent
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.rows import INTERVAL
from stress.measure.tables.coalitions import (
    Function,
    Subset,
    dot,
    doubtful,
    lost_cells,
    missing,
    quotient,
    resting_on,
    streams_of,
    vector,
    worlds,
)
from stress.statistics.arrays import Floats
from stress.statistics.intervals import sidak
from stress.statistics.shapley import shapley_weights

__all__ = ["BALANCE", "balance_rows", "goals_for", "judged_share"]

BALANCE: Mapping[str, tuple[pa.DataType, str]] = {
    "fill": (pa.string(), "what stood in for a lost stream: none, zeros, mean …"),
    "scenario": (pa.string(), "clean, or the scenario by which the streams that are there are degraded"),
    "severity": (pa.float64(), "its severity"),
    "cell": (pa.string(), "clean, or the degraded cell"),
    "stream": (pa.string(), "the stream; of the joint verdict all of them"),
    "measure": (pa.string(), "shapley_share, or joint: all shares of all cells held against the goals at once"),
    **INTERVAL,
    "goal": (pa.float64(), "the declared share; adaptive: as the streams alone achieve there"),
    "off": (pa.float64(), "share − goal"),
    "off_low": (pa.float64(), "lower end of its interval"),
    "off_high": (pa.float64(), "upper end of its interval"),
    "verdict": (
        pa.string(),
        "within, outside or (interval) undecided against goal ± tolerance; joint: within where every share is, outside "
        "where one is after correction for their number",
    ),
}
_DOUBTFUL = "the streams together may be worth nothing: a share of that has no interval"
_NO_GOAL = "no stream alone achieves more than none: an adaptive goal needs one that does"


def goals_for(context: Context) -> Goals | None:
    """Return the goals that were asked for, else those of the run's suite. Raises InputError where they do not fit."""
    found = context.options.goals
    if found is None:
        suite = context.root.frame.run.info.get("suite")
        given = suite.get("goals") if isinstance(suite, Mapping) else None
        found = None if given is None else goals_of(given)
    if isinstance(found, str):
        raise InputError(f"measure: {found}")
    if found is not None and (wrong := found.mismatch(streams_of(context))):
        raise InputError(f"measure: {wrong}")
    return found


def balance_rows(context: Context) -> list[dict[str, Any]]:
    """Return each stream's share in every world that a run shows whole, its goal, and one joint verdict a fill rule."""
    goals, metric, fills = goals_for(context), context.headline, lost_cells(context)
    note = absent(context, metric)
    if not note and not fills:
        note = "the run has no cell in which streams are lost: add a scenario of stream.missing with grid: subsets"
    if note:
        return [{"measure": "joint", "metric": metric.name, **Number(note=note).row()}]
    rows = []
    for fill, lost in fills.items():
        about = {"fill": fill, "metric": metric.name}
        mine = [{**about, **row} for row in _of_fill(context, fill, lost, goals)]
        rows += [*mine, *([] if goals is None else [{**about, **_joint(mine, streams_of(context))}])]
    return [{name: value for name, value in row.items() if name != "sure"} for row in rows]


def _of_fill(context: Context, fill: str, lost: Mapping[Subset, int], goals: Goals | None) -> list[dict[str, Any]]:
    streams, values = streams_of(context), context.values(context.headline)
    sign = 1.0 if context.headline.better == "higher" else -1.0
    every = list(worlds(context, fill, lost))
    count = len(every) * len(streams)
    rows = []
    for cell, present in every:
        about = {"scenario": "clean", "severity": 0.0, "cell": "clean"}
        about |= {} if cell is None else {"scenario": cell.scenario, "severity": cell.severity, "cell": cell.cell}
        for name in streams:
            row = {**about, "stream": name, "measure": "shapley_share"}
            number = _share(context, values, present, sign, streams, name)
            kept = {}
            if goals is not None and number.value is not None:
                kept = judged_share(values, present, sign, streams, name, goals, count)
            rows.append({**row, **number.row(), **kept})
    return rows


def _parts(
    values: Values, present: Mapping[Subset, int], sign: float, streams: Sequence[str], name: str
) -> tuple[Floats, Floats]:
    """Return the weights of cells in a stream's Shapley value, and in the worth of all streams."""
    total = {frozenset(streams): 1.0, frozenset[str](): -1.0}
    part, whole = (sign * vector(present, w, len(values.point)) for w in (shapley_weights(streams, name), total))
    return part, whole


def _share(
    context: Context, values: Values, present: Mapping[Subset, int], sign: float, streams: Sequence[str], name: str
) -> Number:
    needed = {**shapley_weights(streams, name), frozenset(streams): 1.0, frozenset[str](): -1.0}
    if note := missing(present, needed, streams):
        return Number(note=note)
    part, whole = _parts(values, present, sign, streams, name)
    value, bounds = values.apply(quotient(part, whole))
    number = resting_on(context, float(value[0]), bounds, [present[s] for s in needed])
    if doubtful(values, whole):
        return replace(number, low=None, high=None, method=None, few=False, note=_DOUBTFUL)
    return number


def judged_share(
    values: Values,
    present: Mapping[Subset, int],
    sign: float,
    streams: Sequence[str],
    name: str,
    goals: Goals,
    count: int = 1,
) -> dict[str, Any]:
    """Return a stream's goal, how far its share is off, and the verdict; ``sure`` is that of ``count`` at once."""
    part, whole = _parts(values, present, sign, streams, name)
    share, goal = quotient(part, whole), _goal(values, present, sign, streams, name, goals)
    if goal is None:
        return {}
    at = float(values.apply(goal)[0][0])
    if not np.isfinite(at):
        return {"verdict": "undecided", "note": _NO_GOAL}

    def off(rows: Floats) -> Floats:
        return share(rows) - goal(rows)

    distance, bounds = values.apply(off)
    if doubtful(values, whole):
        return {"goal": at, "off": float(distance[0]), "verdict": "undecided", "sure": "undecided"}
    _, wide = replace(values, confidence=sidak(values.confidence, count)).apply(off)
    low, high = float(bounds.low[0]), float(bounds.high[0])
    return {
        "goal": at,
        "off": float(distance[0]),
        "off_low": low,
        "off_high": high,
        "verdict": _verdict(low, high, goals.tolerance),
        "sure": _verdict(float(wide.low[0]), float(wide.high[0]), goals.tolerance),
    }


def _goal(
    values: Values, present: Mapping[Subset, int], sign: float, streams: Sequence[str], name: str, goals: Goals
) -> Function | None:
    """Return a stream's goal as a function of the cells' values: only an adaptive one moves with them."""
    if goals.kind == "adaptive":
        alone = {s: {frozenset([s]): 1.0, frozenset[str](): -1.0} for s in streams}
        if any(missing(present, weights, streams) for weights in alone.values()):
            return None
        own = {s: sign * vector(present, weights, len(values.point)) for s, weights in alone.items()}

        def goal(rows: Floats) -> Floats:
            each = {s: np.maximum(dot(rows, weights), 0.0) for s, weights in own.items()}
            total = sum(each.values(), np.zeros_like(each[name]))
            return np.where(total > 1e-12, each[name] / np.where(total > 1e-12, total, 1.0), np.nan)

        return goal
    fixed = 1 / len(streams) if goals.kind == "equal" else goals.shares.get(name)
    return None if fixed is None else lambda rows: np.full((len(rows), 1), fixed)


def _verdict(low: float, high: float, tolerance: float) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return "undecided"
    if -tolerance <= low and high <= tolerance:
        return "within"
    return "outside" if high < -tolerance or low > tolerance else "undecided"


def _joint(rows: Sequence[Mapping[str, Any]], streams: Sequence[str]) -> dict[str, Any]:
    """Return one verdict: within needs every share within (an intersection–union test, which needs no correction)."""
    judged = [row for row in rows if row.get("verdict") or row["value"] is None]
    verdict = "undecided"
    if judged and all(row.get("verdict") == "within" for row in judged):
        verdict = "within"
    elif any(row.get("sure") == "outside" for row in judged):
        verdict = "outside"
    off = [row for row in judged if row.get("off") is not None]
    furthest = max(off, key=lambda row: abs(row["off"]), default=None)
    note = None if furthest is None else f"furthest off: {furthest['stream']} in {furthest['cell']}"
    found = {"stream": "+".join(streams), "measure": "joint", **Number(note=note).row(), "verdict": verdict}
    return found | ({} if furthest is None else {"off": furthest["off"]})
