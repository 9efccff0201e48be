"""Curves against severity, and what each says in one number: drop, retention, area, where the model breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.bands import simultaneous
from stress.measure.core.cells import absent, counted, why
from stress.measure.core.context import Context, Values
from stress.measure.core.paired import change, sides
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.tables.breaking import breaking
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds
from stress.statistics.robustness import area, mmi, relative_robustness

__all__ = ["CURVES", "ROBUSTNESS", "Curve", "curve_rows", "curves", "robustness_rows", "start_of"]

CURVES: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    **INTERVAL,
    "band_low": (pa.float64(), "lower end of the simultaneous band: the whole curve lies in it at once"),
    "band_high": (pa.float64(), "upper end of the simultaneous band"),
}
ROBUSTNESS: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: CELL[name] for name in ("scenario", "stream", "modality", "perturbation", "profile", "fallback")},
    "measure": (pa.string(), "drop, retention, area, breaking_severity, worst, mmi, relative_robustness"),
    "kind": (pa.string(), "raw (the metric's unit), normalised (a share of a range) or relative (to the clean value)"),
    "cell": (pa.string(), "for worst: the cell"),
    **INTERVAL,
}
KINDS = {
    "drop": "raw",
    "retention": "relative",
    "mmi": "relative",
    "area": "normalised",
    "relative_robustness": "raw",
    "breaking_severity": "raw",
    "worst": "raw",
}


_AGAINST = ("drop", "retention", "mmi")
"""Measures over the samples that each cell shares with clean."""


@dataclass(frozen=True)
class Curve:
    """Cells of one scenario that belong together; with severities, in their order, where it is graded."""

    about: Mapping[str, Any]
    cells: tuple[int, ...]
    severities: tuple[float, ...] = ()


def curves(context: Context) -> list[Curve]:
    """Return the graded curves, and one entry for the ungraded cells of each scenario."""
    return context.once(_curves)


def _curves(context: Context) -> list[Curve]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(context.frame.cells):
        if i == context.frame.clean:
            continue
        about, graded = row.about, row.graded
        names = ("stream", "modality", "perturbation", "profile", "category", "lost") if graded else ()
        which = (*(about[name] for name in names), row.coordinates if graded else "")
        found.setdefault((graded, about["scenario"], about["fallback"], *which), []).append(i)
    return [_curve(context, cells, key[0]) for key, cells in found.items()]


def _curve(context: Context, cells: list[int], graded: bool) -> Curve:
    rows = [context.frame.cells[i].about for i in cells]
    about = {name: value if all(r[name] == value for r in rows) else None for name, value in rows[0].items()}
    if not graded:
        return Curve(about, tuple(cells))
    order = sorted(range(len(cells)), key=lambda i: float(rows[i]["severity"]))
    return Curve(about, tuple(cells[i] for i in order), tuple(float(rows[i]["severity"]) for i in order))


def start_of(context: Context, curve: Curve) -> int | None:
    """Return where a curve starts: clean or, with streams lost all along, the cell that only loses these."""
    first = context.frame.cells[curve.cells[0]]
    for i, row in enumerate(context.frame.cells if first.lost else ()):
        if row.only_lost and set(row.lost) == set(first.lost) and row.fill == first.fill:
            return i
    return context.frame.clean


def _from_start(context: Context, curve: Curve) -> tuple[list[int], list[float]]:
    start = start_of(context, curve)
    first = [] if start is None else [start]
    return [*first, *curve.cells], [*(0.0 for _ in first), *curve.severities]


def curve_rows(context: Context, metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """Return one row per point of each graded curve, the point where it starts first."""
    found = []
    for metric in metrics:
        note = absent(context, metric)
        if note and metric is not context.headline:
            continue
        values = None if note else context.values(metric)
        bounds = values.bounds() if values else None
        for curve in curves(context):
            if curve.severities:
                found += _points(context, metric, curve, values, bounds, note)
    return found


def _points(
    context: Context, metric: Metric, curve: Curve, values: Values | None, bounds: Bounds | None, note: str | None
) -> list[dict[str, Any]]:
    cells, severities = _from_start(context, curve)
    ends = simultaneous(values, cells) if values else None
    found = []
    for k, (i, severity) in enumerate(zip(cells, severities)):
        row = {**curve.about, "severity": severity, "cell": context.frame.ids[i], "metric": metric.name}
        row |= {**counted(context, i), "note": note}
        if values is not None and bounds is not None and ends is not None:
            value = float(values.point[i])
            row |= {
                "value": value,
                "low": bounds.low[i],
                "high": bounds.high[i],
                "note": why(context, metric, i, value),
            }
            row |= {"method": bounds.method if np.isfinite(bounds.low[i]) else None}
            row |= {"band_low": ends.low[k], "band_high": ends.high[k]}
        found.append(row)
    return found


def robustness_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for each curve (and the ungraded cells of each scenario), what it says in single numbers."""
    metric = context.headline
    note, clean = absent(context, metric), context.frame.clean
    found = []
    for curve in curves(context):
        if note is not None or clean is None:
            found += [_row(context, curve, name, {"note": note or "the run has no clean cell"}) for name in KINDS]
        else:
            found += _summarise(context, curve, context.values(metric), clean)
    return found


def _row(context: Context, curve: Curve, measure: str, more: Mapping[str, Any]) -> dict[str, Any]:
    counts = [counted(context, i) for i in curve.cells]
    n, failed = sum(c["n"] for c in counts), sum(c["failed"] for c in counts)
    same = sum((c["unchanged"] or 0) * c["n"] for c in counts) / n if n else None
    about = {name: curve.about[name] for name in ROBUSTNESS if name in CELL and name != "cell"}
    row = {**about, "measure": measure, "kind": KINDS[measure], "metric": context.headline.name}
    return {**row, "n": n, "failed": failed, "unchanged": same, **more}


def _summarise(context: Context, curve: Curve, values: Values, clean: int) -> list[dict[str, Any]]:
    gaps = [context.frame.ids[i] for i in curve.cells if not np.isfinite(values.point[i])]
    if gaps:
        return [
            _row(context, curve, m, {"note": f"undefined: cell {gaps[0]} has no {values.metric.name}"}) for m in KINDS
        ]
    found = []
    for measure, function in _functions(context, curve, values.metric, clean).items():
        if measure == "worst":
            more = _worst(context, curve, values)
        elif isinstance(function, str):
            more = {"note": function}
        elif measure in ("drop", "retention") and len(curve.cells) == 1:  # the number that the table of cells shows
            value, bounds = change(context, values.metric, clean, measure)
            one = list(curve.cells)
            ends = Bounds(bounds.low[one], bounds.high[one], bounds.method)
            more = _told(curve, measure, values, value[one], ends, clean)
        else:
            chosen = sides(context, values.metric, clean)[0] if measure in _AGAINST else values
            more = _number(curve, measure, chosen, function, clean)
        found.append(_row(context, curve, measure, more))
    return found


def _functions(context: Context, curve: Curve, metric: Metric, clean: int) -> dict[str, Any]:
    """Return each measure as a function of (rows × cells) values, or the reason why it has none."""
    cells = list(curve.cells)
    sign = 1.0 if metric.better == "higher" else -1.0
    both, severities = _from_start(context, curve)
    split = sides(context, metric, clean)[1]

    def means(rows: Floats) -> tuple[Floats, Floats]:
        after, before = split(rows)
        return before[:, cells].mean(axis=1, keepdims=True), after[:, cells].mean(axis=1, keepdims=True)

    def kept(rows: Floats) -> Floats:
        before, after = means(rows)
        return np.where(before > 0, after / before, np.nan)

    found: dict[str, Any] = {
        "drop": lambda rows: sign * np.subtract(*means(rows)),
        "retention": kept,
        "mmi": lambda rows: mmi(*means(rows)),
        "area": lambda rows: area(rows[:, both], severities)[:, None],
        "relative_robustness": lambda rows: relative_robustness(rows[:, both], severities)[:, None],
        "breaking_severity": breaking(context, metric, both, severities),
        "worst": None,
    }
    if metric.better == "lower":
        reason = f"{metric.name} is an error: its drop is given, a share kept has no meaning"
        found |= {"retention": reason, "mmi": reason}
    if not curve.severities:
        reason = "the scenario has no severities"
        found |= {"area": reason, "relative_robustness": reason, "breaking_severity": reason}
    return found


def _number(
    curve: Curve, measure: str, values: Values, function: Callable[[Floats], Floats], clean: int
) -> dict[str, Any]:
    found, bounds = values.apply(function)
    if measure in ("drop", "retention", "mmi", "area"):
        scale = 1.0 if measure in ("drop", "area") else 1 / max(float(values.point[clean]), 1e-9)
        bounds = values.widen(bounds, found, scale)
    return _told(curve, measure, values, found, bounds, clean)


def _told(curve: Curve, measure: str, values: Values, found: Floats, bounds: Bounds, clean: int) -> dict[str, Any]:
    """Return a number with its interval as the part of a row, and what to know of it."""
    value, low, high = float(found[0]), float(bounds.low[0]), float(bounds.high[0])
    row: dict[str, Any] = {"value": value, "low": low, "high": high, "method": bounds.method}
    if measure == "breaking_severity":
        last = curve.severities[-1]
        if np.isinf(value):
            row["note"] = f"holds up to severity {last:g}"
        elif np.isinf(high):
            row["note"] = f"the upper end lies beyond severity {last:g}"
    elif not np.isfinite(value):
        row["note"] = f"undefined: clean {values.metric.name} is {values.point[clean]:.3g}"
    if np.isfinite(value) and np.isnan(low):
        why_not = (
            "one cluster only: no interval" if values.clusters < 2 else "undefined in too many resamples: no interval"
        )
        row |= {"method": None, "note": row.get("note") or why_not}
    return row


def _worst(context: Context, curve: Curve, values: Values) -> dict[str, Any]:
    cells = list(curve.cells)
    sign = 1.0 if values.metric.better == "higher" else -1.0
    at = int((sign * values.point[cells]).argmin())
    ends = simultaneous(values, cells)
    low, high = (ends.low.min(), ends.high.min()) if sign > 0 else (ends.low.max(), ends.high.max())
    method = f"simultaneous over {len(cells)} cells"
    row = {"cell": context.frame.ids[cells[at]], "value": values.point[cells[at]], "low": low, "high": high}
    if not np.isfinite(low):
        return {**row, "note": "one cluster only: no interval", **counted(context, cells[at])}
    return {**row, "method": method, **counted(context, cells[at])}
