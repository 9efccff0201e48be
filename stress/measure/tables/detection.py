"""AUROC and average precision of every class: does the model put the right ones first, whatever the threshold?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.tables.confidence import estimate, probabilities
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import Bounds, clustered_error, logit, t_quantile
from stress.statistics.numeric import left_out
from stress.statistics.positions import distinct
from stress.statistics.ranks import auroc, delong
from stress.tasks import labels_of

__all__ = ["detection_rows", "detection_scores", "macro_rows"]


Truth = Callable[[NDArray[np.int64], int], NDArray[np.bool_]]
"""Of which records (by position) is a class (by position) true?"""


def detection_scores(context: Context) -> tuple[Floats, Truth] | None:
    """Return (records × classes) scores and the truth: probabilities or, of two classes, what confidence implies."""
    frame = context.frame
    if not context.classes or not context.of_kind("rank"):
        return None
    if not frame.declared.single:
        return (probabilities(context)[0], _labels(context)) if frame.has("probabilities") else None
    if frame.has("probabilities"):
        scores, target = probabilities(context)
        return scores, lambda rows, k: target[rows] == k
    if context.classes != 2 or not frame.has("confidence"):
        return None
    answer, confidence = frame.predictions[0], frame.column("confidence")
    first = np.where(answer == 0, confidence, 1 - confidence)
    target = frame.truths[frame.sample]
    return np.stack([first, 1 - first], axis=1), lambda rows, k: target[rows] == k


def _labels(context: Context) -> Truth:
    sets = [set(labels_of(target)) for target in context.frame.targets]
    names = context.frame.declared.classes
    table = np.array([[name in labels for name in names] for labels in sets], bool)
    return lambda rows, k: table[context.frame.sample[rows], k]


def _each(context: Context) -> dict[tuple[int, str, int], tuple[float, Floats, NDArray[np.int64]]]:
    """Return value, influences and records for each (cell, measure, class)."""
    found = detection_scores(context)
    if found is None:
        return {}
    scores, truth = found
    result = {}
    for i, rows in enumerate(context.frame.by_cell):
        known = rows[~np.isnan(scores[rows, 0])] if len(rows) else rows
        for k in range(context.classes if len(known) else 0):
            positive = truth(known, k)
            for metric in context.of_kind("rank"):
                result[i, metric.name, k] = (*_ranked(context, metric, scores[known, k], positive, known), known)
    return result


def _ranked(
    context: Context, metric: Metric, scores: Floats, positive: NDArray[np.bool_], rows: NDArray[np.int64]
) -> tuple[float, Floats]:
    """Return a metric of one class and each record's influence on it."""
    whole, member = estimate(metric), context.clusters.member[context.frame.sample[rows]]
    value, parts = whole(scores, positive)
    if parts is None:
        return value, left_out(lambda kept: whole(scores[kept], positive[kept])[0], value, member)
    if metric.clustered is not None and not context.clusters.alone:
        parts = metric.clustered(scores, positive.astype(np.float64), member, parts)
    return value, parts


def detection_rows(context: Context) -> list[dict[str, Any]]:
    """Return AUROC and average precision of each class against the rest, in every cell."""
    found = detection_scores(context)
    if found is None:
        return []
    truth = found[1]
    classes, rows = context.frame.declared.classes, []
    kinds = {metric.name: metric for metric in context.of_kind("rank")}
    for (i, name, k), (value, parts, known) in context.once(_each).items():
        positive = truth(known, k)
        support = int(positive.sum())
        row = {**context.frame.cells[i].about, "class": str(classes[k]), "metric": name, "support": support}
        if np.isfinite(value):
            number = _interval(context, kinds[name], value, parts, known, positive)
        else:
            number = Number(note="no sample of this class" if not support else "no sample of another class")
        rows.append({**row, **replace(number, **counted(context, i) | {"n": len(known)}).row()})
    return rows


def _interval(
    context: Context, metric: Metric, value: float, parts: Floats, rows: NDArray[np.int64], positive: NDArray[np.bool_]
) -> Number:
    """Return a class's ranking with its interval; its error rests on the clusters of the rarer kind."""
    confidence, member = context.options.confidence, context.clusters.member[context.frame.sample[rows]]
    rarer = min(distinct(member[positive]), distinct(member[~positive]))
    if context.clusters.alone and context.frame.draw[rows].max(initial=0) == 0 and metric.function is auroc:
        return _number(value, logit(value, delong(value, parts, positive), rarer, confidence), "delong, logit")
    error, count = clustered_error(parts, member)
    return _bounded(metric, value, error, min(rarer, count), count, confidence)


def _bounded(metric: Metric, value: float, error: float, rarer: int, count: int, confidence: float) -> Number:
    """Return a value with its interval: on the scale of log odds where the metric lies in [0, 1], else symmetric."""
    if count > 1 and not np.isfinite(error):
        return Number(value, note="no interval: undefined without one of the clusters")
    if metric.share:
        ends, method = logit(value, error, rarer, confidence), "linearised, logit"
    else:
        reach = t_quantile(confidence, rarer - 1) * error if rarer > 1 else float("nan")
        ends, method = (max(value - reach, metric.low), min(value + reach, metric.high)), "linearised"
    return _number(value, ends, method, count < FEW)


def _number(value: float, ends: tuple[float, float], method: str, few: bool = False) -> Number:
    if not np.isfinite(ends[0]):
        return Number(value, note="one cluster only: no interval")
    bounds = Bounds(np.array([ends[0]]), np.array([ends[1]]), method)
    return Number.within(value, bounds.of_few() if few else bounds)


def macro_rows(context: Context) -> list[dict[str, Any]]:
    """Return each cell's mean AUROC and average precision over the classes for which they are defined."""
    each, rows = context.once(_each), []
    for i in range(len(context.frame.ids)):
        for metric in context.of_kind("rank"):
            name = metric.name
            row = {**context.frame.cells[i].about, "metric": metric.shown}
            found = {k: each[i, name, k] for k in range(context.classes) if (i, name, k) in each}
            live = [f for f in found.values() if np.isfinite(f[0])]
            if not live:
                note = metric.undefined if found else "needs all probabilities: Classification(keep='all')"
                rows.append({**row, **Number(**counted(context, i), note=note).row()})
                continue
            value = float(np.mean([f[0] for f in live]))
            parts = np.mean([f[1] for f in live], axis=0)
            error, count = clustered_error(parts, context.clusters.member[context.frame.sample[live[0][2]]])
            rarest = min(count, _rarest(context, found))
            number = _bounded(metric, value, error, rarest, count, context.options.confidence)
            rows.append({**row, **replace(number, **counted(context, i)).row()})
    return rows


def _rarest(context: Context, found: Mapping[int, tuple[float, Floats, NDArray[np.int64]]]) -> int:
    """Return the fewest clusters that any class is seen in: most of a mean's error is the rarest class's."""
    scores = detection_scores(context)
    if scores is None:
        return 0
    member, sizes = context.clusters.member[context.frame.sample], []
    for k, (value, _, known) in found.items():
        if np.isfinite(value):
            positive = scores[1](known, k)
            sizes += [distinct(member[known[side]]) for side in (positive, ~positive)]
    return min(sizes, default=0)
