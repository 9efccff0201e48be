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
from stress.measure.core.rows import about_cell
from stress.measure.tables.confidence import probabilities
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import Bounds, clustered_error, logit
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

    def work() -> dict[tuple[int, str, int], tuple[float, Floats, NDArray[np.int64]]]:
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

    found: dict[tuple[int, str, int], tuple[float, Floats, NDArray[np.int64]]] = context.once("detection", work)
    return found


def detection_rows(context: Context) -> list[dict[str, Any]]:
    """Return AUROC and average precision of each class against the rest, in every cell."""
    found = detection_scores(context)
    if found is None:
        return []
    truth = found[1]
    classes, rows = context.frame.declared.get("classes", ()), []
    for (i, name, k), (value, parts, known) in _each(context).items():
        positive = truth(known, k)
        support = int(positive.sum())
        row = {**about_cell(context.frame.cells[i]), "class": str(classes[k]), "metric": name, "support": support}
        if np.isfinite(value):
            number = _interval(context, name, value, parts, known, positive)
        else:
            number = Number(note="no sample of this class" if not support else "no sample of another class")
        rows.append({**row, **replace(number, **counted(context, i) | {"n": len(known)}).row()})
    return rows


def _interval(
    context: Context, name: str, value: float, parts: Floats, rows: NDArray[np.int64], positive: NDArray[np.bool_]
) -> Number:
    """Return a class's area with its interval; its error rests on the clusters of the rarer kind."""
    confidence, member = context.options.confidence, context.clusters.member[context.frame.sample[rows]]
    rarer = min(distinct(member[positive]), distinct(member[~positive]))
    if context.clusters.alone and context.frame.draw[rows].max(initial=0) == 0 and name == "auroc":
        return _number(value, logit(value, delong(value, parts, positive), rarer, confidence), "delong, logit")
    error, count = clustered_error(parts, member)
    return _number(value, logit(value, error, min(rarer, count), confidence), "linearised, logit", count < FEW)


def _number(value: float, ends: tuple[float, float], method: str, few: bool = False) -> Number:
    if not np.isfinite(ends[0]):
        return Number(value, note="one cluster only: no interval")
    bounds = Bounds(np.array([ends[0]]), np.array([ends[1]]), method)
    return Number.within(value, bounds.of_few() if few else bounds)


def macro_rows(context: Context) -> list[dict[str, Any]]:
    """Return each cell's mean AUROC and average precision over the classes for which they are defined."""
    each, rows = _each(context), []
    for i in range(len(context.frame.ids)):
        for name in _MEASURES:
            row = {**about_cell(context.frame.cells[i]), "metric": f"{name}_macro"}
            found = {k: each[i, name, k] for k in range(context.classes) if (i, name, k) in each}
            live = [f for f in found.values() if np.isfinite(f[0])]
            if not live:
                note = "undefined: one class only" if found else "needs all probabilities: Classification(keep='all')"
                rows.append({**row, **Number(**counted(context, i), note=note).row()})
                continue
            value = float(np.mean([f[0] for f in live]))
            parts = np.mean([f[1] for f in live], axis=0)
            error, count = clustered_error(parts, context.clusters.member[context.frame.sample[live[0][2]]])
            ends = logit(value, error, min(count, _rarest(context, found)), context.options.confidence)
            number = _number(value, ends, "linearised, logit", count < FEW)
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
