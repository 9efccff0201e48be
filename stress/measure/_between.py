"""Did this release get worse? Differences between two runs, sample by sample, each with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure._cells import absent
from stress.measure._context import Context, Values
from stress.measure._frame import Floats
from stress.measure._intervals import Bounds, paired_proportions
from stress.measure._one import metric_rows
from stress.measure._views import AFTER, BEFORE
from stress.tasks._metrics import Metric

__all__ = ["CHANGES", "change_rows", "distinct", "lower_is_better"]

CHANGES: Mapping[str, tuple[pa.DataType, str]] = {
    "part": (pa.string(), "the cell, or the slice of several cells"),
    "metric": (pa.string(), "what is measured"),
    "before": (pa.float64(), "its value in the earlier run"),
    "after": (pa.float64(), "its value in the later run, on the same samples"),
    "drop": (pa.float64(), "how much worse the later run is: positive is worse, whichever way the metric points"),
    "low": (pa.float64(), "lower end of the drop's confidence interval"),
    "high": (pa.float64(), "upper end of the drop's confidence interval"),
    "n": (pa.int64(), "records that each side rests on"),
    "samples": (pa.int64(), "distinct samples among them"),
    "clusters": (pa.int64(), "clusters that these samples are drawn in"),
    "failed": (pa.int64(), "of the later run's records, those without a usable answer"),
    "lost": (pa.int64(), "records right before and wrong after; null where an answer is not right or wrong"),
    "gained": (pa.int64(), "records wrong before and right after"),
    "method": (pa.string(), "how the interval was found"),
    "note": (pa.string(), "why a number is missing, or what to know before using it"),
}
_LOWER = ("ece", "ece_equal_mass", "calibration_error_debiased", "aurc", "brier_miscalibration", "overconfidence")


def lower_is_better(context: Context, name: str) -> bool:
    """Return whether a smaller value of a metric of the ``cells`` table is the better one."""
    known = {metric.name: metric.better for metric in context.metrics}
    return known.get(name) == "lower" or name in _LOWER or name == "drop" or name.startswith("latency_")


def change_rows(context: Context, name: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the change of a metric in every part of a view of two runs (``beside``), as rows of ``CHANGES``.

    Paired where the metric is a mean, a ratio or made of counts; where it is not (quantiles, ranks, calibration),
    from the two intervals by squaring and adding (MOVER, Zou & Donner 2008).
    """
    if name in {metric.name for metric in context.metrics} or name in context.others:
        return _paired(context, context.metric(name), parts)
    return _apart(context, name, parts)


def _places(context: Context, parts: Sequence[str]) -> tuple[list[int], list[int]]:
    ids = {name: i for i, name in enumerate(context.frame.ids)}
    return [ids[AFTER + part] for part in parts], [ids[BEFORE + part] for part in parts]


def distinct(context: Context, cell: str, target: str | None = None) -> dict[str, int]:
    """Return how many samples, and how many clusters of them, a cell has records of (of one class, where given)."""
    frame = context.frame
    samples = np.unique(frame.sample[frame.by_cell[frame.ids.index(cell)]])
    if target is not None:
        samples = samples[[str(frame.targets[i]) == target for i in samples]]
    return {"samples": len(samples), "clusters": len(np.unique(context.clusters.member[samples]))}


def _about(context: Context, name: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    counts = context.counts
    return [
        {"part": part, "metric": name, "n": counts["n"][i], "failed": counts["failed"][i]}
        | distinct(context, AFTER + part)
        for part, i in zip(parts, _places(context, parts)[0])
    ]


def _paired(context: Context, metric: Metric, parts: Sequence[str]) -> list[dict[str, Any]]:
    found = _about(context, metric.name, parts)
    note = absent(context, metric) if metric.name not in context.others else None
    if note is not None:
        return [{**row, "note": note} for row in found]
    values, after, before = _values(context, metric, *_places(context, parts))
    sign = 1.0 if metric.better == "higher" else -1.0
    drop, bounds = values.apply(lambda rows: sign * (rows[:, before] - rows[:, after]))
    bounds = values.widen(bounds, drop)
    exact, lost, gained = _answers(context, metric, parts)
    for k, row in enumerate(found):
        use = bounds if np.isnan(exact.low[k]) else exact
        row |= {"before": values.point[before[k]], "after": values.point[after[k]], "drop": drop[k]}
        row |= {"low": use.low[k], "high": use.high[k], "method": use.method if np.isfinite(use.low[k]) else None}
        row |= {"lost": _whole(lost[k]), "gained": _whole(gained[k])}
        if not np.isfinite(drop[k]):
            row["note"] = "no records that both runs have" if not row["n"] else "undefined in one of the runs"
    return found


def _whole(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None


def _values(
    context: Context, metric: Metric, after: list[int], before: list[int]
) -> tuple[Values, list[int], list[int]]:
    """Return the metric in all parts, and where the later and the earlier run's are, on samples that both answered."""
    if metric.name in context.others:
        return context.values(metric), after, before
    top, bottom = context.frame.sums(metric)
    both = (bottom[:, after] > 0) & (bottom[:, before] > 0)
    above = np.concatenate([top[:, after] * both, top[:, before] * both], axis=1)
    below = np.concatenate([bottom[:, after] * both, bottom[:, before] * both], axis=1)
    count = len(after)
    return context.ratio(metric, above, below), list(range(count)), list(range(count, 2 * count))


def _answers(context: Context, metric: Metric, parts: Sequence[str]) -> tuple[Bounds, Floats, Floats]:
    """Return paired-proportion intervals (one plain answer a side), and the numbers of answers lost and gained."""
    nothing = np.full(len(parts), np.nan)
    lost, gained, single = nothing.copy(), nothing.copy(), np.zeros(len(parts), bool)
    frame = context.frame
    if metric.name not in context.others and metric.bottom is None and not metric.root and metric.failed is not None:
        column = np.where(frame.failed, metric.failed, frame.column(metric.top))
        for k, (a, b) in enumerate(zip(*_places(context, parts))):
            one, other = column[frame.by_cell[b]], column[frame.by_cell[a]]  # the same samples in the same order
            if len(one) and np.isin(one, (0, 1)).all() and np.isin(other, (0, 1)).all():
                worse, better = int((one > other).sum()), int((one < other).sum())
                lost[k], gained[k] = (worse, better) if metric.better == "higher" else (better, worse)
                single[k] = context.clusters.alone and len(np.unique(frame.sample[frame.by_cell[a]])) == len(one)
    count = np.array([len(frame.by_cell[a]) for a in _places(context, parts)[0]], np.float64)
    exact = paired_proportions(lost, gained, count, context.options.confidence)
    ends = Bounds(np.where(single, exact.low, np.nan), np.where(single, exact.high, np.nan), exact.method)
    return ends, lost, gained


def _apart(context: Context, name: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    known = {row["cell"]: row for row in metric_rows(context, name)}
    sign = -1.0 if lower_is_better(context, name) else 1.0
    found = _about(context, name, parts)
    for row in found:
        after, before = known.get(AFTER + row["part"], {}), known.get(BEFORE + row["part"], {})
        sides = [side.get(key) for side in (before, after) for key in ("value", "low", "high")]
        row |= {"before": before.get("value"), "after": after.get("value")}
        ends = [float(end) for end in sides if end is not None]
        if len(ends) < len(sides):
            row["note"] = after.get("note") or before.get("note") or "one of the runs has no interval of it"
            continue
        (b, b_low, b_high), (a, a_low, a_high) = ends[:3], ends[3:]
        down, up = np.hypot(b - b_low, a_high - a), np.hypot(b_high - b, a - a_low)
        worse, better = (down, up) if sign > 0 else (up, down)
        drop = sign * (b - a)
        row |= {"drop": drop, "low": drop - worse, "high": drop + better, "method": "mover (unpaired)"}
    return found
