"""Which groups are hurt most: every group and intersection, the gaps between them, and whether stress widens a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.bygroup import ByGroup, Estimate, by_group, wanted
from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL, expand
from stress.measure.tables.widening import widening
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import (
    ROUNDING,
    Bounds,
    degenerate,
    mover,
    of_few,
    sidak,
    t_quantiles,
)
from stress.statistics.rates import clopper_pearson, effective, rates

__all__ = ["GAPS", "GROUPS", "gap_rows", "group_number", "group_rows"]

GROUPS: Mapping[str, tuple[pa.DataType, str]] = {
    "by": (pa.string(), "the group's name: language, speaker, domain; joined by '*' for an intersection"),
    "group": (pa.string(), "the group's value"),
    "samples": (pa.int64(), "samples of this group"),
    **CELL,
    **INTERVAL,
}
GAPS: Mapping[str, tuple[pa.DataType, str]] = {
    "by": GROUPS["by"],
    "best": (pa.string(), "the group with the best value in this cell"),
    "worst": (pa.string(), "the group with the worst value in this cell"),
    **CELL,
    **INTERVAL,
    "high_alone": (
        pa.float64(),
        "the greatest upper end of any two groups' gap, each pair by itself: every pair surely keeps a bar above it",
    ),
}


def ends_of(context: Context, e: Estimate, plain: NDArray[np.bool_], confidence: float) -> Bounds:
    """Return intervals of every (group × cell): mid-P for shares, linearised otherwise, in the metric's range."""
    count = np.maximum(e.clusters, 1)
    if context.headline.share and context.headline.linear:
        size = count.astype(np.float64) if e.size is None else e.size
        found = effective(e.value, np.square(e.error), size, e.records, confidence, squared=e.squared)
    else:
        reach = t_quantiles(confidence, e.clusters - 1) * e.error
        flat = (e.error <= ROUNDING) & (e.clusters > 1)
        reach = np.where(flat, degenerate(count, confidence), reach)
        low, high = e.value - reach, e.value + reach
        if context.headline.bounded:
            low, high = np.maximum(low, context.headline.low), np.minimum(high, context.headline.high)
        found = Bounds(low, high, "linearised")
    if e.records is None or not plain.any():
        return found
    exact = rates(np.round(e.value * e.records), e.records, confidence)
    return replace(found, low=np.where(plain, exact.low, found.low), high=np.where(plain, exact.high, found.high))


def group_number(context: Context, s: ByGroup, g: int, cell: int, **more: Any) -> Number:
    """Return a group's value in a cell with its interval; ``more`` are further fields: ``n``, ``note``."""
    return _own(s, own_ends(context, s), g, cell, **more)


def own_ends(context: Context, s: ByGroup) -> Bounds:
    """Return the intervals of all groups in all cells."""
    return _sides(context, s, "own", context.options.confidence)


def _own(s: ByGroup, ends: Bounds, g: int, cell: int, **more: Any) -> Number:
    value, low, high = float(s.own.value[g, cell]), float(ends.low[g, cell]), float(ends.high[g, cell])
    if not np.isfinite(low):
        return Number(value, **more)
    if s.plain[cell]:
        return Number(value, low, high, method="mid-p", trials=float(s.bottom[g, cell]), **more)
    few = bool(s.own.clusters[g, cell] < FEW)
    if ends.trials is not None and ends.freedom is not None:
        more = {"trials": float(ends.trials[g, cell]), "freedom": float(ends.freedom[g, cell]), **more}
    return Number(value, low, high, method=of_few(ends.method) if few else ends.method, few=few, **more)


def _sides(context: Context, s: ByGroup, side: str, confidence: float) -> Bounds:
    """Return the intervals of the groups (own) or of all other samples (rest), worked out once."""
    return context.once(_ends, s, side, confidence)


def _ends(context: Context, s: ByGroup, side: str, confidence: float) -> Bounds:
    return ends_of(context, s.own if side == "own" else s.rest, s.plain, confidence)


def group_rows(context: Context) -> list[dict[str, Any]] | pa.Table:
    """Return the headline for every group and cell, and its difference to all others (the group's minus theirs)."""
    metric = context.headline
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": metric.name, **Number(note=note).row()}]
    return pa.concat_tables(_group_table(context, by_group(context, by, metric)) for by in wanted(context))


def _group_table(context: Context, s: ByGroup) -> pa.Table:
    """Return the rows of one way to slice, as whole columns: two for each group and cell."""
    own, apart = own_ends(context, s), _apart(context, s)
    groups, cells = s.own.value.shape
    sides = [_own_columns(s, own), _rest_columns(s, apart)]
    notes = _notes(context, s)
    known: list[dict[str, Any]] = [
        {"note": notes},
        {
            "note": np.where(
                np.isfinite(sides[1]["value"]), notes, "no records of this group, or of any other, in this cell"
            )
        },
    ]
    found: dict[str, NDArray[Any]] = {}
    for name in ("value", "low", "high", "method", "few", "trials", "freedom", "note"):
        pair = [({**side, **more})[name] for side, more in zip(sides, known)]
        found[name] = np.stack(pair, axis=-1).ravel()
    twice = np.full((groups, cells, 2), 1.0)
    found["n"] = (
        (s.bottom[:, :, None] * twice).ravel() if context.headline.bottom is None else np.full(twice.size, None)
    )
    found["failed"] = (s.failed[:, :, None] * twice).ravel()
    found["metric"] = np.tile(np.array([context.headline.name, "minus_rest"], object), groups * cells)
    found["by"] = np.full(twice.size, s.by, object)
    found["group"] = np.repeat(np.array(s.names, object), cells * 2)
    found["samples"] = np.repeat(s.samples, cells * 2)
    found["unchanged"] = np.full(twice.size, np.nan)
    place = np.tile(np.repeat(np.arange(cells), 2), groups)
    return expand(context.frame.cells, context.counts, GROUPS, place, found)


def _own_columns(s: ByGroup, ends: Bounds) -> dict[str, NDArray[Any]]:
    """Return ``_own`` of all groups in all cells, as (groups × cells) columns."""
    value, known = s.own.value, np.isfinite(ends.low)
    plain = np.broadcast_to(s.plain, value.shape) & known
    few = (s.own.clusters < FEW) & known & ~plain
    method = np.where(known, np.where(few, of_few(ends.method), ends.method), np.array(None, object))
    trials, freedom = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    if ends.trials is not None and ends.freedom is not None:
        trials, freedom = np.where(known, ends.trials, np.nan), np.where(known & ~plain, ends.freedom, np.nan)
    return {
        "value": value,
        "low": np.where(known, ends.low, np.nan),
        "high": np.where(known, ends.high, np.nan),
        "method": np.where(plain, "mid-p", method),
        "few": few,
        "trials": np.where(plain, s.bottom, trials),
        "freedom": freedom,
    }


def _rest_columns(s: ByGroup, ends: Bounds) -> dict[str, NDArray[Any]]:
    """Return each group's value minus that of all other samples, with its interval, as (groups × cells) columns."""
    with np.errstate(invalid="ignore"):
        value = s.own.value - s.rest.value
    known = np.isfinite(value) & np.isfinite(ends.low)
    names = np.array([_unpaired(ends, s, cell) for cell in range(value.shape[1])], object)
    nothing = np.full(value.shape, np.nan)
    return {
        "value": value,
        "low": np.where(known, ends.low, np.nan),
        "high": np.where(known, ends.high, np.nan),
        "method": np.where(known, np.broadcast_to(names, value.shape), np.array(None, object)),
        "few": np.zeros(value.shape, bool),
        "trials": nothing,
        "freedom": nothing,
    }


def _notes(context: Context, s: ByGroup) -> NDArray[np.object_]:
    """Return what to know of each group in each cell, or nothing."""
    small = [f"small group: {n} samples" if n < context.options.small else None for n in s.samples.tolist()]
    found = np.repeat(np.array(small, object)[:, None], s.own.value.shape[1], axis=1)
    one = np.where(s.plain, "one sample only", "one cluster only: no interval").astype(object)
    found = np.where(s.own.clusters < 2, one, found)
    return np.where(s.bottom == 0, "no records of this group in this cell", found)


def _apart(context: Context, s: ByGroup) -> Bounds:
    """Return the intervals of every group's value minus that of all other samples; the two share no sample."""
    own, rest = (_sides(context, s, side, context.options.confidence) for side in ("own", "rest"))
    low, high = mover(s.own.value, own, s.rest.value, rest)
    known = np.isfinite(low) & np.isfinite(high)
    return Bounds(np.where(known, low, np.nan), np.where(known, high, np.nan), own.method)


def _unpaired(ends: Bounds, s: ByGroup, cell: int) -> str:
    """Return the name of the interval of a difference between two groups in a cell."""
    return "newcombe" if s.plain[cell] else f"{ends.method}, mover"


def gap_rows(context: Context) -> list[dict[str, Any]]:
    """Return the gap between the best and the worst group in every cell, and how much wider it is than when clean."""
    metric, rows = context.headline, []
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": "gap", **Number(note=note).row()}]
    for by in wanted(context):
        s = by_group(context, by, metric)
        large = np.flatnonzero(s.samples >= context.options.small)
        small = [f"{s.names[g]} ({s.samples[g]} samples)" for g in range(len(s.names)) if g not in large]
        left = f"left out, small: {', '.join(small[:5])}{' …' if len(small) > 5 else ''}" if small else None
        for i, cell in enumerate(context.frame.cells):
            rows += [{"by": by, **cell.about, **row} for row in _gaps(context, s, large, i, left)]
    return rows


def _gaps(context: Context, s: ByGroup, large: NDArray[np.int64], cell: int, left: str | None) -> list[dict[str, Any]]:
    live = [int(g) for g in large if np.isfinite(s.own.value[g, cell]) and s.own.clusters[g, cell] > 1]
    if len(live) < 2:
        reason = "fewer than two groups to compare" + (f"; {left}" if left else "")
        return [{"metric": name, **Number(note=reason).row()} for name in ("gap", "widening")]
    sign = 1.0 if context.headline.better == "higher" else -1.0
    value = s.own.value[live, cell]
    best, worst = int((sign * value).argmax()), int((sign * value).argmin())
    level = sidak(context.options.confidence, len(live) * (len(live) - 1) // 2)
    all_ends = _sides(context, s, "own", level)
    ends = all_ends.at((live, cell))
    rows, columns = ends.at(np.s_[:, None]), ends.at(np.s_[None, :])
    low, _ = mover(value[:, None], rows, value[None, :], columns)  # of all pairs, in both directions
    about = {"best": s.names[live[best]], "worst": s.names[live[worst]]}
    known = {"n": s.bottom[live, cell].sum(), "failed": s.failed[live, cell].sum(), "note": left}
    method = f"{_unpaired(ends, s, cell)}, simultaneous over all pairs"
    each = _alone(context, s, live, cell)
    # every pair's true gap is at most the greatest: that pair's own upper end suffices, the lower allows for the choice
    alone = _sides(context, s, "own", context.options.confidence).at((live, cell))
    high = mover(value[:, None], alone.at(np.s_[:, None]), value[None, :], alone.at(np.s_[None, :]))[1]
    gap = Number(abs(value[best] - value[worst]), max(low.max(), 0.0), high.max(), method=method, **known)
    wider = Number(**known | widening(context, s, live[best], live[worst], cell, len(live)))
    both = [{**about, "metric": name, **number.row()} for name, number in (("gap", gap), ("widening", wider))]
    return [both[0] | {"high_alone": float(each.max())}, both[1]]


def _alone(context: Context, s: ByGroup, live: list[int], cell: int) -> Floats:
    """Return the upper ends of the gaps of all pairs, each by itself, from the exact ends of plain rates."""
    value, confidence = s.own.value[live, cell], context.options.confidence
    ends = _sides(context, s, "own", confidence).at((live, cell))
    if s.plain[cell] and s.own.records is not None:
        n = s.own.records[live, cell]
        low, high = clopper_pearson(np.round(value * n), n, confidence)
        ends = replace(ends, low=low, high=high)
    return mover(value[:, None], ends.at(np.s_[:, None]), value[None, :], ends.at(np.s_[None, :]))[1]
