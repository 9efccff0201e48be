"""Who is hurt most: every group and intersection, the gaps between them, and whether stress widens a gap."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure._cells import absent
from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._intervals import degenerate, t_quantile, wilson, z_quantile
from stress.measure._slices import Slices, codes_of, influences, slices, wanted
from stress.measure._tables import CELL, INTERVAL, about_cell
from stress.measure._weights import FEW

__all__ = ["GAPS", "GROUPS", "end_rows", "gap_rows", "group_rows"]

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


def end_rows(context: Context, s: Slices, g: int) -> tuple[Floats, Floats, list[str]]:
    """Return low, high and method of a group's value in every cell."""
    confidence = context.options.confidence
    reach = np.array([t_quantile(confidence, int(c) - 1) for c in s.own.clusters[g]]) * s.own.error[g]
    flat = (s.own.error[g] == 0) & (s.own.clusters[g] > 1)
    reach = np.where(flat, [degenerate(max(int(c), 1), confidence) for c in s.own.clusters[g]], reach)
    low, high = s.own.value[g] - reach, s.own.value[g] + reach
    method = ["few clusters (t, linearised)" if c < FEW else "linearised" for c in s.own.clusters[g]]
    ends = wilson(s.top[g], s.bottom[g], z_quantile(confidence))
    low, high = np.where(s.plain, ends.low, low), np.where(s.plain, ends.high, high)
    return low, high, [ends.method if plain else said for plain, said in zip(s.plain, method)]


def group_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline for every group and cell, and its difference to everybody else (the group's minus theirs)."""
    metric, rows = context.headline, []
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": metric.name, "note": note}]
    for by in wanted(context):
        s = slices(context, by, metric)
        for g, name in enumerate(s.names):
            low, high, method = end_rows(context, s, g)
            for i, cell in enumerate(context.frame.cells):
                about = {"by": by, "group": name, "samples": s.samples[g], **about_cell(cell)}
                about |= {"n": s.bottom[g, i] if metric.bottom is None else None, "failed": s.failed[g, i]}
                note = _note(context, s, g, i)
                row = {"value": s.own.value[g, i], "low": low[i], "high": high[i], "note": note}
                row["method"] = method[i] if np.isfinite(low[i]) else None
                rows.append({**about, "metric": metric.name, **row})
                rows.append({**about, "metric": "minus_rest", "note": note, **_against_rest(context, s, g, i)})
    return rows


def _note(context: Context, s: Slices, g: int, cell: int) -> str | None:
    if not s.bottom[g, cell]:
        return "no records of this group in this cell"
    if s.own.clusters[g, cell] < 2:
        return "one cluster only: no interval" if not s.plain[cell] else "one sample only"
    if s.samples[g] < context.options.small:
        return f"small group: {s.samples[g]} samples"
    return None


def _against_rest(context: Context, s: Slices, g: int, cell: int) -> dict[str, Any]:
    """Return a group's value minus that of all other samples; the two share no sample."""
    own, rest = s.own.clusters[g, cell], s.rest.clusters[g, cell]
    value = s.own.value[g, cell] - s.rest.value[g, cell]
    if not np.isfinite(value):
        return {"value": None, "note": "no records of this group, or of any other, in this cell"}
    with np.errstate(invalid="ignore"):
        error = float(np.hypot(s.own.error[g, cell], s.rest.error[g, cell]))
    reach = t_quantile(context.options.confidence, int(min(own, rest)) - 1) * error
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

    return float(studentized_range.ppf(confidence, groups, freedom) / np.sqrt(2))


def _rounded(freedom: int) -> int:
    """Return degrees of freedom rounded down, on the safe side: each costs the quantile a tenth of a second."""
    steps = (60, 80, 100, 120, 150, 200, 300, 500, 1000, 10_000)
    return max((step for step in steps if step <= freedom), default=max(freedom, 1))


def gap_rows(context: Context) -> list[dict[str, Any]]:
    """Return the gap between the best and the worst group in every cell, and how much wider it is than when clean."""
    metric, rows = context.headline, []
    note = absent(context, metric) or ("the samples carry no group" if not wanted(context) else None)
    if note:
        return [{"metric": "gap", "note": note}]
    for by in wanted(context):
        s = slices(context, by, metric)
        large = np.flatnonzero(s.samples >= context.options.small)
        small = [f"{s.names[g]} ({s.samples[g]} samples)" for g in range(len(s.names)) if g not in large]
        left = f"left out, small: {', '.join(small[:5])}{' …' if len(small) > 5 else ''}" if small else None
        for i, cell in enumerate(context.frame.cells):
            rows += [{"by": by, **about_cell(cell), **row} for row in _gaps(context, s, large, i, left)]
    return rows


def _gaps(context: Context, s: Slices, large: NDArray[np.int64], cell: int, left: str | None) -> list[dict[str, Any]]:
    live = [int(g) for g in large if np.isfinite(s.own.value[g, cell]) and s.own.clusters[g, cell] > 1]
    if len(live) < 2:
        reason = "fewer than two groups to compare" + (f"; {left}" if left else "")
        return [{"metric": name, "note": reason} for name in ("gap", "widening")]
    sign = 1.0 if context.headline.better == "higher" else -1.0
    value, error = sign * s.own.value[live, cell], _errors(s, live, cell)
    best, worst = int(value.argmax()), int(value.argmin())
    freedom = int(s.own.clusters[live, cell].sum()) - len(live)
    reach = tukey(context.options.confidence, len(live), _rounded(freedom)) * np.hypot(error[:, None], error)
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
    if not s.plain[cell]:
        error = s.own.error[live, cell]
        floor = [degenerate(int(c)) / z_quantile(0.95) for c in s.own.clusters[live, cell]]
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
    shifts = [_shift(context, s, g, cell, clean) for g in (best, worst)]
    if min(count for _, _, count in shifts) < 2:
        return {"note": "too few samples of these groups have both clean records and records of this cell"}
    value = sign * (shifts[0][0] - shifts[1][0])
    error = float(np.sqrt(sum(square * count / (count - 1) for _, square, count in shifts)))
    reach = t_quantile(context.options.confidence, min(count for _, _, count in shifts) - 1) * error
    return {"value": value, "low": value - reach, "high": value + reach, "method": "linearised, paired"}


def _shift(context: Context, s: Slices, g: int, cell: int, clean: int) -> tuple[float, float, int]:
    """Return how far a group's value is from its clean one, the sum of squared influences, and its clusters."""
    if s.parts is not None:
        parts = s.parts[g][:, cell] - s.parts[g][:, clean]
        count = int(min(s.own.clusters[g, cell], s.own.clusters[g, clean]))
        return float(s.own.value[g, cell] - s.own.value[g, clean]), float(np.square(parts).sum()), count
    top, bottom = context.once(f"sums {context.headline.name}", lambda: context.frame.sums(context.headline))
    codes, _ = codes_of(context, s.by)
    rows = np.flatnonzero((codes == g) & (bottom[:, cell] > 0) & (bottom[:, clean] > 0))
    if not len(rows):
        return float("nan"), 0.0, 0
    now, before = (influences(top[rows, c], bottom[rows, c]) for c in (cell, clean))
    names, inverse = np.unique(context.clusters.member[rows], return_inverse=True)
    parts = np.bincount(inverse, weights=now[1] - before[1], minlength=len(names)).astype(np.float64)
    return now[0] - before[0], float(np.square(parts).sum()), len(names)
