"""AUROC and average precision of every class: does the model put the right ones first, whatever the threshold?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.tables.confidence import probabilities
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import clustered_error, logit
from stress.statistics.positions import distinct
from stress.statistics.ranks import auroc, average_precision, by_jackknife, delong
from stress.tasks import labels_of

__all__ = ["detection_rows", "detection_scores", "macro_rows"]

_MEASURES = {"auroc": auroc, "average_precision": average_precision}


Truth = Callable[[NDArray[np.int64], int], NDArray[np.bool_]]
"""Of which records (by position) is a class (by position) true?"""


def detection_scores(context: Context) -> tuple[Floats, Truth] | None:
    """Return (records × classes) scores and the truth: probabilities or, of two classes, what confidence implies."""
    frame = context.frame
    if frame.task == "multilabel" and frame.has("probabilities"):
        return probabilities(context)[0], _labels(context)
    if frame.task != "classification":
        return None
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
    names = [str(name) for name in context.frame.declared["classes"]]
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
            for name, measure in _MEASURES.items():
                value, parts = measure(scores[known, k], positive)
                if name == "average_precision" and not context.clusters.alone:
                    flags, member = (
                        positive.astype(np.float64),
                        context.clusters.member[context.frame.sample[known]],
                    )
                    parts = by_jackknife(scores[known, k], flags, flags, member, parts)
                result[i, name, k] = (value, parts, known)
    return result


def detection_rows(context: Context) -> list[dict[str, Any]]:
    """Return AUROC and average precision of each class against the rest, in every cell."""
    found = detection_scores(context)
    if found is None:
        return []
    truth = found[1]
    classes, rows = context.frame.declared.get("classes", ()), []
    for (i, name, k), (value, parts, known) in context.once(_each).items():
        positive = truth(known, k)
        support = int(positive.sum())
        row = {"class": str(classes[k]), "metric": name, "n": len(known), "support": support}
        row = {**context.frame.cells[i].about, **counted(context, i), **row, "value": value}
        if not np.isfinite(value):
            rows.append({**row, "note": "no sample of this class" if not support else "no sample of another class"})
            continue
        rows.append({**row, **_interval(context, name, value, parts, known, positive)})
    return rows


def _interval(
    context: Context, name: str, value: float, parts: Floats, rows: NDArray[np.int64], positive: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return the interval of a class's area; its error rests on the clusters of the rarer kind."""
    confidence, member = context.options.confidence, context.clusters.member[context.frame.sample[rows]]
    rarer = min(distinct(member[positive]), distinct(member[~positive]))
    if context.clusters.alone and context.frame.draw[rows].max(initial=0) == 0 and name == "auroc":
        return _told(*logit(value, delong(value, parts, positive), rarer, confidence), "delong, logit")
    error, count = clustered_error(parts, member)
    least, most = logit(value, error, min(rarer, count), confidence)
    return _told(least, most, "few clusters (t, linearised, logit)" if count < FEW else "linearised, logit")


def _told(low: float, high: float, method: str) -> dict[str, Any]:
    if not np.isfinite(low):
        return {"note": "one cluster only: no interval"}
    return {"low": low, "high": high, "method": method}


def macro_rows(context: Context) -> list[dict[str, Any]]:
    """Return each cell's mean AUROC and average precision over the classes for which they are defined."""
    each, rows = context.once(_each), []
    for i in range(len(context.frame.ids)):
        for name in _MEASURES:
            row = {**context.frame.cells[i].about, **counted(context, i), "metric": f"{name}_macro"}
            found = {k: each[i, name, k] for k in range(context.classes) if (i, name, k) in each}
            live = [f for f in found.values() if np.isfinite(f[0])]
            if not live:
                note = "undefined: one class only" if found else "needs all probabilities: Classification(keep='all')"
                rows.append({**row, "note": note})
                continue
            value = float(np.mean([f[0] for f in live]))
            parts = np.mean([f[1] for f in live], axis=0)
            error, count = clustered_error(parts, context.clusters.member[context.frame.sample[live[0][2]]])
            ends = logit(value, error, min(count, _rarest(context, found)), context.options.confidence)
            method = "few clusters (t, linearised, logit)" if count < FEW else "linearised, logit"
            rows.append({**row, "value": value, **_told(*ends, method)})
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
