"""Who is hurt most: every group and intersection, the gaps between them, and whether stress widens a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure._cells import absent
from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._intervals import degenerate, t_quantile, wilson, z_quantile
from stress.measure._tables import CELL, INTERVAL, about_cell
from stress.measure._weights import FEW
from stress.tasks._metrics import Metric

__all__ = ["GAPS", "GROUPS", "gap_rows", "group_rows"]

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
}
_MANY = 50
"""Groups with more values than this are sliced on request (``by``) only."""


@dataclass(frozen=True)
class Slices:
    """A metric in every (group × cell): value, standard error, clusters, records, samples."""

    by: str
    names: tuple[str, ...]
    samples: NDArray[np.int64]
    value: Floats
    error: Floats
    clusters: NDArray[np.int64]
    top: Floats
    bottom: Floats
    failed: Floats
    plain: bool


def _codes(context: Context, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return each sample's group as a position (-1: none), and the groups' names."""

    def work() -> tuple[NDArray[np.int64], tuple[str, ...]]:
        parts = [context.frame.group(name) for name in ([by] if by in context.frame.groups else by.split("*"))]
        names = [None if None in values else " × ".join(map(str, values)) for values in zip(*parts)]
        known = tuple(sorted({name for name in names if name is not None}))
        position = {name: i for i, name in enumerate(known)}
        return np.array([-1 if name is None else position[name] for name in names], np.int64), known

    found: tuple[NDArray[np.int64], tuple[str, ...]] = context.once(f"codes {by}", work)
    return found


def wanted(context: Context) -> list[str]:
    """Return what to slice by: as asked, or each group of at most 50 values and each pair of those."""
    if context.options.by is not None:
        return list(context.options.by)
    single = [name for name in context.frame.groups if 1 < len(_codes(context, name)[1]) <= _MANY]
    plain = [name for name in single if "*" not in name]
    pairs = [f"{one}*{other}" for i, one in enumerate(plain) for other in plain[i + 1 :]]
    return [*single, *(pair for pair in pairs if len(_codes(context, pair)[1]) <= _MANY)]


def slices(context: Context, by: str, metric: Metric) -> Slices:
    """Return a metric by group, with linearised (clustered) standard errors."""

    def work() -> Slices:
        codes, names = _codes(context, by)
        top, bottom = context.once(f"sums {metric.name}", lambda: context.frame.sums(metric))
        lost = context.once("failed grid", lambda: context.frame.grid(context.frame.failed.astype(np.float64)))
        shape = (len(names) + 1, top.shape[1])  # the last row is everybody
        value, error, above, below, failed = (np.full(shape, np.nan) for _ in range(5))
        count, samples = np.zeros(shape, np.int64), np.zeros(shape[0], np.int64)
        for g in range(shape[0]):
            rows = np.flatnonzero(codes == g) if g < len(names) else np.arange(len(codes))
            above[g], below[g], failed[g] = top[rows].sum(axis=0), bottom[rows].sum(axis=0), lost[rows].sum(axis=0)
            value[g], error[g], count[g] = _ratio(top[rows], bottom[rows], context.clusters.member[rows])
            samples[g] = len(rows)
        plain = context.clusters.alone and metric.bottom is None and _flags(top) and _flags(bottom)
        return Slices(by, names, samples, value, error, count, above, below, failed, plain)

    found: Slices = context.once(f"slices {by} {metric.name}", work)
    return found


def _flags(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _ratio(top: Floats, bottom: Floats, member: NDArray[np.int64]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return a ratio of sums, its clustered standard error and the clusters it rests on, for each column."""
    total = bottom.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = top.sum(axis=0) / total
        parts = np.nan_to_num((top - value * bottom) / total)
        names = np.unique(member)
        there = bottom > 0
        if len(names) < len(member):
            order = np.argsort(member, kind="stable")
            starts = np.searchsorted(member[order], names)
            parts = np.add.reduceat(parts[order], starts, axis=0)
            there = np.add.reduceat(there[order], starts, axis=0) > 0
        count = there.sum(axis=0)
        error = np.sqrt(np.square(parts).sum(axis=0) * count / (count - 1))
    return value, error, count


def _end_rows(context: Context, s: Slices, g: int) -> tuple[Floats, Floats, list[str]]:
    """Return low, high and method of a group's value in every cell."""
    confidence = context.options.confidence
    reach = np.array([t_quantile(confidence, int(c) - 1) for c in s.clusters[g]]) * s.error[g]
    flat = (s.error[g] == 0) & (s.clusters[g] > 1)
    reach = np.where(flat, [degenerate(max(int(c), 1), confidence) for c in s.clusters[g]], reach)
    low, high = s.value[g] - reach, s.value[g] + reach
    method = ["few clusters (t, linearised)" if c < FEW else "linearised" for c in s.clusters[g]]
    if s.plain:
        ends = wilson(s.top[g], s.bottom[g], z_quantile(confidence))
        return ends.low, ends.high, [ends.method] * len(low)
    return low, high, method


def group_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline for every group and cell, and its difference to everybody else (positive: better)."""
    metric, rows = context.headline, []
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": metric.name, "note": note}]
    for by in wanted(context):
        s = slices(context, by, metric)
        for g, name in enumerate(s.names):
            low, high, method = _end_rows(context, s, g)
            for i, cell in enumerate(context.frame.cells):
                about = {"by": by, "group": name, "samples": s.samples[g], **about_cell(cell)}
                about |= {"n": s.bottom[g, i] if metric.bottom is None else None, "failed": s.failed[g, i]}
                note = _note(context, s, g, i)
                row = {"value": s.value[g, i], "low": low[i], "high": high[i], "note": note}
                row["method"] = method[i] if np.isfinite(low[i]) else None
                rows.append({**about, "metric": metric.name, **row})
                rows.append({**about, "metric": "minus_rest", **_against_rest(context, s, g, i), "note": note})
    return rows


def _note(context: Context, s: Slices, g: int, cell: int) -> str | None:
    if not s.bottom[g, cell]:
        return "no records of this group in this cell"
    if s.clusters[g, cell] < 2:
        return "one cluster only: no interval" if not s.plain else "one sample only"
    if s.samples[g] < context.options.small:
        return f"small group: {s.samples[g]} samples"
    return None


def _against_rest(context: Context, s: Slices, g: int, cell: int) -> dict[str, Any]:
    """Return a group's value minus that of all other samples; the two share no sample."""
    top, bottom = s.top[-1, cell] - s.top[g, cell], s.bottom[-1, cell] - s.bottom[g, cell]
    if not bottom or not s.bottom[g, cell]:
        return {"value": None}
    share = s.bottom[g, cell] / s.bottom[-1, cell]
    # the whole is a mixture of the group and the rest: var(whole) = share² var(group) + (1 − share)² var(rest)
    rest = max(s.error[-1, cell] ** 2 - (share * s.error[g, cell]) ** 2, 0.0) / (1 - share) ** 2
    error = float(np.sqrt(s.error[g, cell] ** 2 + rest))
    reach = t_quantile(context.options.confidence, int(s.clusters[g, cell]) - 1) * error
    value = s.value[g, cell] - top / bottom
    sure = np.isfinite(reach) and reach > 0
    return {
        "value": value,
        "low": value - reach if sure else None,
        "high": value + reach if sure else None,
        "method": "linearised" if sure else None,
    }


@lru_cache(maxsize=1024)
def tukey(confidence: float, groups: int, freedom: int) -> float:
    """Return the critical value of all pairwise differences at once (Tukey 1949, Kramer 1956)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(confidence, groups, min(freedom, 10_000)) / np.sqrt(2))


def gap_rows(context: Context) -> list[dict[str, Any]]:
    """Return the gap between the best and the worst group in every cell, and how much wider it is than when clean."""
    metric, rows = context.headline, []
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": "gap", "note": note}]
    for by in wanted(context):
        s = slices(context, by, metric)
        large = np.flatnonzero(s.samples[:-1] >= context.options.small)
        small = [f"{s.names[g]} ({s.samples[g]} samples)" for g in range(len(s.names)) if g not in large]
        left = f"left out, small: {', '.join(small[:5])}{' …' if len(small) > 5 else ''}" if small else None
        for i, cell in enumerate(context.frame.cells):
            rows += [{"by": by, **about_cell(cell), **row} for row in _gaps(context, s, large, i, left)]
    return rows


def _gaps(context: Context, s: Slices, large: NDArray[np.int64], cell: int, left: str | None) -> list[dict[str, Any]]:
    live = [int(g) for g in large if np.isfinite(s.value[g, cell]) and s.clusters[g, cell] > 1]
    if len(live) < 2:
        reason = "fewer than two groups to compare" + (f"; {left}" if left else "")
        return [{"metric": name, "note": reason} for name in ("gap", "widening")]
    sign = 1.0 if context.headline.better == "higher" else -1.0
    value, error = sign * s.value[live, cell], _errors(s, live, cell)
    best, worst = int(value.argmax()), int(value.argmin())
    freedom = int(s.clusters[live, cell].sum()) - len(live)
    reach = tukey(context.options.confidence, len(live), max(freedom, 1)) * np.hypot(error[:, None], error)
    apart = value[:, None] - value
    about = {"best": s.names[live[best]], "worst": s.names[live[worst]], "note": left}
    about |= {"n": s.bottom[live, cell].sum(), "failed": s.failed[live, cell].sum()}
    gap = {
        "value": apart[best, worst],
        "low": max(float((apart - reach).max()), 0.0),
        "high": float((apart + reach).max()),
    }
    rows = [{**about, "metric": "gap", **gap, "method": "tukey-kramer"}]
    return [*rows, {**about, "metric": "widening", **_widening(context, s, live[best], live[worst], cell, sign)}]


def _errors(s: Slices, live: list[int], cell: int) -> Floats:
    """Return standard errors that do not vanish where nobody, or everybody, failed (rates: Agresti & Caffo 2000)."""
    if not s.plain:
        error = s.error[live, cell]
        floor = [degenerate(int(c)) / z_quantile(0.95) for c in s.clusters[live, cell]]
        return np.where(error > 0, error, floor)
    n = s.bottom[live, cell] + 2
    share = (s.top[live, cell] + 1) / n
    return np.sqrt(share * (1 - share) / n)


def _widening(context: Context, s: Slices, best: int, worst: int, cell: int, sign: float) -> dict[str, Any]:
    """Return this cell's gap minus the same two groups' gap on clean input, paired by sample."""
    clean = context.frame.clean
    if clean is None:
        return {"note": "the run has no clean cell"}
    if cell == clean:
        return {"value": 0.0, "low": 0.0, "high": 0.0, "method": "by definition"}
    top, bottom = context.once(f"sums {context.headline.name}", lambda: context.frame.sums(context.headline))
    codes, _ = _codes(context, s.by)
    value, square, least = 0.0, 0.0, 10**9
    for g, side in ((best, 1.0), (worst, -1.0)):
        rows = np.flatnonzero((codes == g) & (bottom[:, cell] > 0) & (bottom[:, clean] > 0))
        if not len(rows):
            return {"note": "the groups' clean records and this cell's are of different samples"}
        change = [_influences(top[rows, c], bottom[rows, c]) for c in (cell, clean)]
        member = context.clusters.member[rows]
        names, inverse = np.unique(member, return_inverse=True)
        parts = np.bincount(inverse, weights=change[0][1] - change[1][1], minlength=len(names))
        value += side * sign * (change[0][0] - change[1][0])
        square += float(np.square(parts).sum()) * len(names) / max(len(names) - 1, 1)
        least = min(least, len(names))
    reach = t_quantile(context.options.confidence, least - 1) * float(np.sqrt(square))
    return {"value": value, "low": value - reach, "high": value + reach, "method": "linearised, paired"}


def _influences(top: Floats, bottom: Floats) -> tuple[float, Floats]:
    value = float(top.sum() / bottom.sum())
    return value, (top - value * bottom) / bottom.sum()
