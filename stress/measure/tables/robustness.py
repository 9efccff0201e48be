"""Curves against severity, and what each says in one number: drop, retention, area, where the model breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.bands import bands
from stress.measure.core.cells import absent, columns_of, counted, no_columns
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.paired import from_clean
from stress.measure.core.rows import CELL, INTERVAL, expand
from stress.measure.tables.along import Along, along
from stress.measure.tables.breaking import broken_at, no_interval
from stress.measure.tables.curves import Curve, curves, from_start, starting
from stress.records.metric import Metric
from stress.statistics.intervals import Bounds

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
    every, metric, clean = curves(context), context.headline, context.frame.clean
    note = absent(context, metric) or (None if clean is not None else "the run has no clean cell")
    found: dict[int, list[dict[str, Any]]] = {}
    if note is None and clean is not None:
        for alike in along(context, clean):
            found |= zip(alike.places, _summarised(alike))
    for k, curve in enumerate(every):
        if k not in found:
            missing = Number(note=note or _gap(context, curve))
            about, rests = _about(context, curve), _rests_on(context, curve.cells)
            found[k] = [_row(about, rests, name, starting(context, curve, name), missing) for name in KINDS]
    return [row for k in range(len(every)) for row in found[k]]


def _gap(context: Context, curve: Curve) -> str:
    values = context.values(context.headline)
    first = next(context.frame.ids[i] for i in curve.cells if not np.isfinite(values.point[i]))
    return f"undefined: cell {first} has no {values.metric.name}"


def _rests_on(context: Context, cells: tuple[int, ...]) -> dict[str, Any]:
    """Return how many records some cells have, how many failed, and the share that nothing acted on."""
    n, failed, same = (int(context.counts[name][list(cells)].sum()) for name in ("n", "failed", "unchanged"))
    return {"n": n, "failed": failed, "unchanged": same / n if n else None}


def _about(context: Context, curve: Curve) -> dict[str, Any]:
    about = {name: curve.about[name] for name in ROBUSTNESS if name in CELL and name != "cell"}
    return about | {"metric": context.headline.name}


def _row(
    about: Mapping[str, Any], rests: Mapping[str, Any], measure: str, start: str | None, number: Number, **more: Any
) -> dict[str, Any]:
    """Return a row; a number that does not say what it rests on rests on all records of the curve."""
    rests = rests if number.n is None else {}
    return {**about, "measure": measure, "kind": KINDS[measure], "start": start, **number.row(), **rests, **more}


def _summarised(alike: Along) -> list[list[dict[str, Any]]]:
    """Return the rows of each of some curves of one shape, measure by measure."""
    context, found = alike.context, [list[dict[str, Any]]() for _ in alike.curves]
    about = [(_about(context, curve), _rests_on(context, curve.cells)) for curve in alike.curves]
    for measure in KINDS:
        known = _measured(alike, measure)
        for k, (curve, (number, more)) in enumerate(zip(alike.curves, known)):
            start = starting(context, curve, measure)
            found[k].append(_row(*about[k], measure, start, number, **more))
    return found


def _measured(alike: Along, measure: str) -> list[tuple[Number, dict[str, Any]]]:
    """Return a measure of each of some curves of one shape, and what else its row says."""
    context, values, clean = alike.context, alike.values, alike.clean
    if measure == "worst":
        return [_worst(context, curve, values) for curve in alike.curves]
    if measure in alike.reasons:
        return [(Number(note=alike.reasons[measure]), {}) for _ in alike.curves]
    if measure == "breaking_severity":
        found, last = [], alike.curves[0].severities[-1]
        for value, bounds in alike.ends(measure):
            number, holds = broken_at(values, value, bounds, last)
            found.append((number, {"holds": holds, "last_severity": last}))
        return found
    if measure in ("drop", "retention") and len(alike.cells[0]) == 1:  # the number that the table of cells shows
        each, ends = from_clean(context, values.metric, clean, measure)
        return [(_noted(values, each[i], ends.at([i]), clean), {}) for i in alike.cells[:, 0]]
    return [(_noted(values, value, bounds, clean), {}) for value, bounds in alike.ends(measure)]


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


def _worst(context: Context, curve: Curve, values: Values) -> tuple[Number, dict[str, Any]]:
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
    return Number(**known), {"cell": context.frame.ids[cells[at]]}
