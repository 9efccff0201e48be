"""Any metric of any set of records, with what each record adds to its error: what differences are made of.

The *influences* of a value (the infinitesimal jackknife, Efron 1982) can be summed by cluster and subtracted between
runs, cells and groups, so one rule gives the interval of every difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.measure.core.marginals import Entries, entries
from stress.measure.tables.detection import detection_scores
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.calibration import calibration_error, excess_error
from stress.statistics.counts import MEASURES, Gradient, Marginals, measure_by_class
from stress.statistics.ranks import aurc, auroc, average_precision

__all__ = ["BY_CLASS", "Measure", "lower_is_better", "measure"]

Ints = NDArray[np.int64]
Estimate = Callable[[Ints], tuple[float, Floats]]
_SURE = ("ece", "ece_equal_mass", "aurc", "overconfidence", "auroc_confidence")
_LOWER = (*_SURE[:4], "calibration_error_debiased", "brier_miscalibration", "drop", "gap", "widening")
BY_CLASS = ("recall", "precision", "f1", "auroc", "average_precision")
"""Measures of one class."""
_RANKED = {"auroc": auroc, "average_precision": average_precision}


@dataclass(frozen=True)
class Measure:
    """A metric as a function of records (by position): its value, and each record's influence on it.

    ``known`` are the records that it can be worked out from. ``answers`` are those of a plain rate: 0 or 1 a record.
    ``involved`` are the records that have a part in it, where not all have: those of a class. ``positive`` says which
    records should rank first, of an AUROC. ``excess`` is by how much chance alone may have raised the value.
    """

    name: str
    of: Estimate
    known: NDArray[np.bool_]
    better: str = "higher"
    bounded: bool = True
    answers: Floats | None = None
    involved: NDArray[np.bool_] | None = None
    positive: Callable[[Ints], NDArray[np.bool_]] | None = None
    excess: Callable[[Ints], float] | None = None


def lower_is_better(context: Context, name: str) -> bool:
    """Return whether a smaller value of a metric is the better one."""
    known = {metric.name: metric.better for metric in context.metrics}
    return known.get(name) == "lower" or name in _LOWER or name.startswith("latency_")


def measure(context: Context, name: str, label: str | None = None) -> Measure | str | None:
    """Return a metric (of one class, where ``label`` is given), why it has none, or None: no influences."""
    return context.once(_measure, name, label)


def _measure(context: Context, name: str, label: str | None) -> Measure | str | None:
    if label is not None:
        return _of_class(context, name, label)
    if name in {metric.name for metric in context.metrics}:
        metric = context.metric(name)
        return absent(context, metric) or _linear(context, metric)
    if name in MEASURES:
        return _counted(context, name)
    if name in _SURE:
        return _sure(context, name)
    if name.removesuffix("_macro") in _RANKED:
        return _ranked(context, name.removesuffix("_macro"), None)
    return None


def _linear(context: Context, metric: Metric) -> Measure:
    top, bottom = context.frame.terms(metric)
    known = ~np.isnan(top) & ~np.isnan(bottom)

    def of(rows: Ints) -> tuple[float, Floats]:
        above, below = top[rows], bottom[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            value = above.sum() / below.sum()
            parts = (above - value * below) / below.sum()
            if metric.root:
                value = np.sqrt(value)
                parts = parts / (2 * value) if value > 0 else np.zeros(len(rows))
        return float(value), parts

    plain = metric.bottom is None and not metric.root and metric.bounded and bool(np.isin(top[known], (0, 1)).all())
    return Measure(metric.name, of, known, metric.better, metric.bounded, top if plain else None)


def _within(pair: tuple[Ints, Ints], rows: Ints) -> tuple[Ints, Ints]:
    """Return the labels of some records, and whose they are: positions in ``rows``. Records come in ascending order."""
    record, label = pair
    first = np.searchsorted(record, rows, side="left")
    count = np.searchsorted(record, rows, side="right") - first
    at = np.repeat(np.arange(len(rows)), count)
    return at, label[np.repeat(first - np.cumsum(count) + count, count) + np.arange(len(at))]


def _estimate(found: Entries, gradient: Callable[[Marginals], Gradient], label: int) -> Estimate:
    """Return how a measure of counts is worked out: its one value, or that of a class (by position)."""
    size = len(found.classes)

    def of(rows: Ints) -> tuple[float, Floats]:
        pairs = [_within(pair, rows) for pair in (found.hit, found.answer, found.truth)]
        hits, answers, truths = (np.bincount(k, minlength=size)[None, :].astype(np.float64) for _, k in pairs)
        slope = gradient(Marginals(hits, answers, truths, np.array([float(len(rows))])))
        parts = np.zeros(len(rows)) if slope.records is None else np.full(len(rows), float(slope.records[0]))
        for (at, labels), weight in zip(pairs, (slope.hits, slope.answers, slope.truths)):
            mine = weight[0, labels] if label < 0 else np.where(labels == label, weight[0, label], 0.0)
            parts += np.bincount(at, weights=mine, minlength=len(rows))
        return float(slope.value.flat[max(label, 0)]), parts

    return of


def _counted(context: Context, name: str) -> Measure | str:
    found = entries(context)
    if found is None or name not in context.others:
        return f"{name} needs records with a prediction and a task with classes"
    return Measure(name, _estimate(found, MEASURES[name], -1), np.ones(len(context.frame.cell), bool))


def _of_class(context: Context, name: str, label: str) -> Measure | str | None:
    if name in _RANKED:
        return _ranked(context, name, label)
    found = entries(context)
    if found is None:
        return f"{name} needs records with a prediction and a task with classes"
    k, count = found.classes.index(label), len(context.frame.cell)

    def having(pair: tuple[Ints, Ints]) -> NDArray[np.bool_]:
        mask = np.zeros(count, bool)
        mask[pair[0][pair[1] == k]] = True
        return mask

    of = _estimate(found, lambda counts: measure_by_class(name, counts), k)
    truth = having(found.truth)
    if name == "recall":  # a plain rate of the records of the class
        return Measure(name, of, truth, answers=having(found.hit).astype(np.float64))
    mine = having(found.answer) if name == "precision" else truth | having(found.answer)
    return Measure(name, of, np.ones(count, bool), involved=mine)


def _sure(context: Context, name: str) -> Measure | str:
    frame = context.frame
    if frame.task != "classification" or not frame.has("confidence"):
        return f"{name} needs records with a confidence, of a classification"
    sure, right, bins = frame.column("confidence"), frame.column("score"), context.options.bins

    def of(rows: Ints) -> tuple[float, Floats]:
        c, r = sure[rows], right[rows]
        if name == "overconfidence":
            return float((c - r).mean()), (c - r - (c - r).mean()) / len(c)
        if name == "aurc":
            return aurc(c, 1 - r)
        if name == "auroc_confidence":
            return auroc(c, r > 0.5)
        return calibration_error(c, r, bins, kind)

    kind = "mass" if name == "ece_equal_mass" else "width"
    known = ~np.isnan(sure) & ~np.isnan(right) & ~frame.failed
    raised = (lambda rows: excess_error(sure[rows], right[rows], bins, kind)) if name.startswith("ece") else None
    return Measure(name, of, known, "lower" if name in _LOWER else "higher", excess=raised)


def _ranked(context: Context, name: str, label: str | None) -> Measure | str:
    found = detection_scores(context)
    if found is None:
        return f"{name} needs all probabilities: Classification(keep='all')"
    scores, truth = found
    known = ~np.isnan(scores[:, 0])
    if label is not None:
        k = [str(each) for each in context.frame.declared["classes"]].index(label)

        def one(rows: Ints) -> tuple[float, Floats]:
            return _RANKED[name](scores[rows, k], truth(rows, k))

        return Measure(name, one, known, positive=(lambda rows: truth(rows, k)) if name == "auroc" else None)

    def mean(rows: Ints) -> tuple[float, Floats]:
        each = [_RANKED[name](scores[rows, k], truth(rows, k)) for k in range(scores.shape[1])]
        live = [(value, parts) for value, parts in each if np.isfinite(value)]
        if not live:
            return float("nan"), np.zeros(len(rows))
        return float(np.mean([value for value, _ in live])), np.asarray(np.mean([parts for _, parts in live], axis=0))

    return Measure(f"{name}_macro", mean, known)
