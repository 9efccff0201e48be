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
from stress.measure.core.counts import formula
from stress.measure.core.marginals import Entries, entries
from stress.measure.tables.confidence import estimate
from stress.measure.tables.detection import detection_scores
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.calibration import excess_error
from stress.statistics.counts import Gradient, Marginals
from stress.statistics.numeric import left_out
from stress.statistics.ranks import auroc

__all__ = ["Measure", "measure"]

Ints = NDArray[np.int64]
Estimate = Callable[[Ints], tuple[float, Floats]]


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


def measure(context: Context, name: str, label: str | None = None) -> Measure | str | None:
    """Return a metric (of one class, where ``label`` is given), why it has none, or None: no influences."""
    return context.once(_measure, name, label)


def _measure(context: Context, name: str, label: str | None) -> Measure | str | None:
    row = context.row(name)
    if row is None or not row.interval:
        return None
    if label is not None:
        return _of_class(context, row, label)
    if row.linear:
        return absent(context, row) or _linear(context, row)
    if row.kind == "counts" and not row.base:
        return _counted(context, row)
    if row.kind == "confidence":
        return _sure(context, row)
    return _ranked(context, row, None) if name == row.shown and row.kind == "rank" else None


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

    plain = metric.bottom is None and not metric.root and metric.share and bool(np.isin(top[known], (0, 1)).all())
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


def _counted(context: Context, metric: Metric) -> Measure | str:
    found = entries(context)
    if found is None:
        return f"{metric.name} needs records with a prediction and a task with classes"
    of = _estimate(found, formula(metric), -1)
    return Measure(metric.name, of, np.ones(len(context.frame.cell), bool), metric.better, metric.bounded)


def _of_class(context: Context, metric: Metric, label: str) -> Measure | str | None:
    if metric.kind == "rank":
        return _ranked(context, metric, label)
    found = entries(context) if metric.base else None
    if found is None:
        return f"{metric.name} needs records with a prediction and a task with classes" if metric.base else None
    k, count = found.classes.index(label), len(context.frame.cell)

    def having(pair: tuple[Ints, Ints]) -> NDArray[np.bool_]:
        mask = np.zeros(count, bool)
        mask[pair[0][pair[1] == k]] = True
        return mask

    of, pairs = _estimate(found, formula(metric), k), {"truths": found.truth, "answers": found.answer}
    mine = np.logical_or.reduce([having(pairs[name]) for name in metric.base])
    if metric.base == ("truths",):  # a plain rate of the records of the class
        return Measure(metric.name, of, mine, metric.better, answers=having(found.hit).astype(np.float64))
    return Measure(metric.name, of, np.ones(count, bool), metric.better, involved=mine)


def _sure(context: Context, metric: Metric) -> Measure | str:
    frame, whole = context.frame, estimate(metric)
    if not frame.has("confidence"):
        return f"{metric.name} needs records with a confidence"
    sure, right, bins = frame.column("confidence"), frame.column("score"), context.options.bins

    def of(rows: Ints) -> tuple[float, Floats]:
        c, r = sure[rows], right[rows]
        value, parts = whole(c, r, bins)
        if parts is None:
            parts = left_out(lambda kept: whole(c[kept], r[kept], bins)[0], value, _members(context, rows))
        return value, parts

    known = ~np.isnan(sure) & ~np.isnan(right) & ~frame.failed
    kind = metric.bins
    raised = None if kind is None else (lambda rows: excess_error(sure[rows], right[rows], bins, kind))
    return Measure(metric.name, of, known, metric.better, metric.bounded, excess=raised)


def _members(context: Context, rows: Ints) -> Ints:
    return context.clusters.member[context.frame.sample[rows]]


def _ranked(context: Context, metric: Metric, label: str | None) -> Measure | str:
    found, whole = detection_scores(context), estimate(metric)
    if found is None:
        return f"{metric.shown if label is None else metric.name} needs all probabilities: Classification(keep='all')"
    scores, truth = found
    known = ~np.isnan(scores[:, 0])

    def one(rows: Ints, k: int) -> tuple[float, Floats]:
        own, positive = scores[rows, k], truth(rows, k)
        value, parts = whole(own, positive)
        if parts is None:
            parts = left_out(lambda kept: whole(own[kept], positive[kept])[0], value, _members(context, rows))
        return value, parts

    if label is not None:
        k = context.frame.declared.classes.index(label)
        positive = (lambda rows: truth(rows, k)) if metric.function is auroc else None
        return Measure(metric.name, lambda rows: one(rows, k), known, metric.better, metric.bounded, positive=positive)

    def mean(rows: Ints) -> tuple[float, Floats]:
        each = [one(rows, k) for k in range(scores.shape[1])]
        live = [(value, parts) for value, parts in each if np.isfinite(value)]
        if not live:
            return float("nan"), np.zeros(len(rows))
        return float(np.mean([value for value, _ in live])), np.asarray(np.mean([parts for _, parts in live], axis=0))

    return Measure(metric.shown, mean, known, metric.better, metric.bounded)
