"""Curves against severity, and what each says in one number: drop, retention, area, where the model breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.bands import bands
from stress.measure.core.cells import absent, columns_of, counted, no_columns
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.paired import as_from_clean, from_clean, lost_share, sides
from stress.measure.core.rare import merged, of_rare_changes, of_rare_errors
from stress.measure.core.rows import CELL, INTERVAL, expand
from stress.measure.tables.breaking import breaking, broken_at, no_interval
from stress.measure.tables.curves import AGAINST, Curve, curves, from_start, starting
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds
from stress.statistics.robustness import area, mmi, relative_robustness

__all__ = ["CURVES", "ROBUSTNESS", "curve_table", "robustness_rows"]

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
    "start": (
        pa.string(),
        "the cell it starts from: drop, retention and mmi at clean; area, relative_robustness and breaking_severity of "
        "a curve with streams lost all along at the cell that only loses these, where the run has it",
    ),
    **INTERVAL,
    "holds": (pa.bool_(), "for breaking_severity: whether the curve stays above the bar up to its last severity"),
    "last_severity": (pa.float64(), "for breaking_severity: the last severity of the curve"),
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


def curve_table(context: Context, metrics: Sequence[Metric]) -> pa.Table:
    """Return one row per metric and point of each graded curve, the point where it starts first."""
    graded = [curve for curve in curves(context) if curve.severities]
    parts, cells = [], [from_start(context, curve)[0] for curve in graded]
    place = np.array([cell for some in cells for cell in some], np.int64)
    for metric in metrics:
        note = absent(context, metric)
        if note and metric is not context.headline:
            continue
        if note:
            found = no_columns(context, metric.name, note)
            ends = [Bounds(np.full(len(some), np.nan), np.full(len(some), np.nan), "") for some in cells]
        else:
            values = context.values(metric)
            found, ends = columns_of(context, metric, values.point, values.bounds()), bands(values, cells)
        part = {name: column[place] for name, column in found.items()}
        for side, name in (("low", "band_low"), ("high", "band_high")):
            part[name] = np.concatenate([np.zeros(0), *(getattr(each, side) for each in ends)])
        parts.append(part)
    about = _points(context, graded)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    joined |= {name: np.tile(column, len(parts)) for name, column in about.items()}
    return expand(context.frame.cells, context.counts, CURVES, np.tile(place, len(parts)), joined)


def _points(context: Context, graded: Sequence[Curve]) -> dict[str, NDArray[Any]]:
    """Return what is known of each point of each curve but its value, as columns."""
    rows = []
    for curve in graded:
        for cell, severity in zip(*from_start(context, curve)):
            rows.append({**curve.about, "severity": severity, "cell": context.frame.ids[cell]})
    found: dict[str, NDArray[Any]] = {}
    for name, (kind, _) in CELL.items():
        values = [row[name] for row in rows]
        found[name] = np.array(values, np.float64 if pa.types.is_floating(kind) else object)
    return found


def robustness_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for each curve (and the ungraded cells of each scenario), what it says in single numbers."""
    metric = context.headline
    note, clean = absent(context, metric), context.frame.clean
    found = []
    for curve in curves(context):
        if note is not None or clean is None:
            missing = Number(note=note or "the run has no clean cell")
            found += [_row(context, curve, name, missing) for name in KINDS]
        else:
            found += _summarise(context, curve, context.values(metric), clean)
    return found


def _rests_on(context: Context, cells: tuple[int, ...]) -> tuple[int, int, float | None]:
    """Return how many records some cells have, how many failed, and the share that nothing acted on."""
    counts = [counted(context, i) for i in cells]
    n, failed = sum(c["n"] for c in counts), sum(c["failed"] for c in counts)
    return n, failed, sum((c["unchanged"] or 0) * c["n"] for c in counts) / n if n else None


def _row(context: Context, curve: Curve, measure: str, number: Number, **more: Any) -> dict[str, Any]:
    """Return a row; a number that does not say what it rests on rests on all records of the curve."""
    n, failed, same = context.once(_rests_on, curve.cells)
    about = {name: curve.about[name] for name in ROBUSTNESS if name in CELL and name != "cell"}
    row = {**about, "measure": measure, "kind": KINDS[measure], "metric": context.headline.name}
    if number.n is None:
        number = replace(number, n=n, failed=failed, unchanged=same)
    return {**row, "start": starting(context, curve, measure), **number.row(), **more}


def _summarise(context: Context, curve: Curve, values: Values, clean: int) -> list[dict[str, Any]]:
    gaps = [context.frame.ids[i] for i in curve.cells if not np.isfinite(values.point[i])]
    if gaps:
        missing = Number(note=f"undefined: cell {gaps[0]} has no {values.metric.name}")
        return [_row(context, curve, m, missing) for m in KINDS]
    found = []
    for measure, function in _functions(context, curve, values.metric, clean).items():
        more: dict[str, Any] = {}
        if measure == "worst":
            number, more["cell"] = _worst(context, curve, values)
        elif isinstance(function, str):
            number = Number(note=function)
        elif measure == "breaking_severity":
            number, holds = broken_at(values, *values.apply(function), curve.severities[-1])
            more = {"holds": holds, "last_severity": curve.severities[-1]}
        elif measure in ("drop", "retention") and len(curve.cells) == 1:  # the number that the table of cells shows
            value, bounds = from_clean(context, values.metric, clean, measure)
            one = curve.cells[0]
            number = _noted(values, value[one], bounds.at([one]), clean)
        else:
            number = _number(context, curve, measure, function, clean)
        found.append(_row(context, curve, measure, number, **more))
    return found


def _functions(context: Context, curve: Curve, metric: Metric, clean: int) -> dict[str, Any]:
    """Return each measure as a function of (rows × cells) values, or the reason why it has none."""
    cells = list(curve.cells)
    sign = 1.0 if metric.better == "higher" else -1.0
    both, severities = from_start(context, curve)
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


def _number(context: Context, curve: Curve, measure: str, function: Callable[[Floats], Floats], clean: int) -> Number:
    metric = context.headline
    values = sides(context, metric, clean)[0] if measure in AGAINST else context.values(metric)
    found, bounds = values.apply(function)
    if measure in ("drop", "retention", "mmi", "area"):
        scale = 1.0 if measure in ("drop", "area") else 1 / max(float(values.point[clean]), 1e-9)
        bounds = values.widen(bounds, found, scale)
    rare = _of_rare(context, curve, measure, values, clean)
    return _noted(values, float(found[0]), merged(bounds, rare) if rare else bounds, clean)


def _of_rare(context: Context, curve: Curve, measure: str, values: Values, clean: int) -> Bounds | None:
    """Return the interval of a mean over a curve, or of its change, where answers rarely differ; NaN elsewhere."""
    if values.records is None or values.given is not None or values.clusters < 2:
        return None
    if measure in AGAINST:
        known = context.once(_rare_drop, curve.cells, clean)
        return known and as_from_clean(known[0], measure, values.metric, known[1])
    cells, severities = from_start(context, curve)
    if not severities or measure not in ("area", "relative_robustness"):
        return None
    value, rows = area(values.point[None, cells], severities), area(values.rows[:, cells], severities)[:, None]
    found = of_rare_errors(values, value, rows, values.size(cells).min(keepdims=True))
    scale = 1.0 if measure == "area" else severities[-1] - severities[0]
    return replace(found, low=found.low * scale, high=found.high * scale)


def _rare_drop(context: Context, cells: tuple[int, ...], clean: int) -> tuple[Bounds, Floats] | None:
    """Return the interval of clean minus the mean over some cells, NaN where many answers differ, and clean's value."""
    metric = context.headline
    lost, (values, split) = context.once(lost_share, metric, clean), sides(context, metric, clean)
    if lost is None:
        return None
    some = list(cells)
    (after, before), (now, then) = (split(rows) for rows in (values.point[None, :], values.rows))
    first, last, was, is_ = (side[:, some].mean(axis=1, keepdims=True) for side in (before, after, then, now))
    size = values.size(some).min(keepdims=True)
    return of_rare_changes(values, (first - last)[0], was - is_, lost[some].mean(keepdims=True), size), first[0]


def _noted(values: Values, value: float, bounds: Bounds, clean: int) -> Number:
    """Return a number with its interval, and a note where one of them is missing."""
    if not np.isfinite(value):
        note = f"undefined: clean {values.metric.name} is {values.point[clean]:.3g}"
        return Number(low=bounds.low[0], high=bounds.high[0], method=bounds.method, few=bounds.few, note=note)
    return Number.within(value, bounds, note=no_interval(values, bounds))


def _bands(context: Context, metric: Metric) -> dict[tuple[int, ...], Bounds]:
    """Return the simultaneous bands of all curves and ungraded scenarios, by their cells."""
    each = [curve.cells for curve in curves(context)]
    return dict(zip(each, bands(context.values(metric), each)))


def _worst(context: Context, curve: Curve, values: Values) -> tuple[Number, str]:
    """Return the value of the curve's worst cell, with an interval that allows for having chosen it, and the cell."""
    cells = list(curve.cells)
    sign = 1.0 if values.metric.better == "higher" else -1.0
    at = int((sign * values.point[cells]).argmin())
    ends = context.once(_bands, values.metric)[curve.cells]
    low, high = (ends.low.min(), ends.high.min()) if sign > 0 else (ends.low.max(), ends.high.max())
    method = f"simultaneous over {len(cells)} cells"
    known = {"value": values.point[cells[at]], **counted(context, cells[at])}
    if np.isfinite(low):
        known |= {"low": low, "high": high, "method": method}
    else:
        known["note"] = "one cluster only: no interval"
    return Number(**known), context.frame.ids[cells[at]]
