"""Recall, precision, F1 and their means over classes, as far as wrong labels let them be known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.counts import clustered, count_bounds, counts_of, formula
from stress.measure.core.marginals import Entries, entries
from stress.measure.tables.classes import class_table
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.counts import Gradient, Macro, Marginals, measure_by_class
from stress.statistics.flips import class_ends, macro_ends
from stress.statistics.intervals import ROUNDING, degenerate, influence

__all__ = ["flipped_rows", "undone_rows"]

_MEANS = ("recall", "f1")
"""Measures whose mean over classes has bounds."""
_BOUNDS = "Manski's bounds"


def flipped_rows(context: Context, rate: float) -> Iterator[dict[str, Any]]:
    """Yield each measure by class, and each mean of one, in every cell, as it may be with a share of wrong labels.

    The interval is that under the labels as they are, as far to either side as the bounds lie from the number.
    """
    counts = _counts(context)
    if counts is None:
        return
    # a wrong label is a whole one
    wrong = np.floor(rate * counts.records + 1e-9)
    for metric, name in _measures(context):
        if isinstance(metric.function, Macro):
            if name in _MEANS:
                ends, point = macro_ends(name, counts, wrong), formula(metric)(counts).value
                bounds = count_bounds(context, metric.name)
                known = [(point[i], bounds.low[i], bounds.high[i]) for i in range(len(point))]
                yield from _rows(context, metric, known, ends, rate)
        else:
            least, most = class_ends(name, counts, wrong)
            told = _told(context, metric)
            for k, label in enumerate(context.frame.declared.classes):
                ends = least[:, k], most[:, k]
                known = [told.get((cell, str(label)), (None,) * 3) for cell in context.frame.ids]
                yield from _rows(context, metric, known, ends, rate, str(label))


def _counts(context: Context) -> Marginals | None:
    """Return the counts of every cell, where each record has one label."""
    found = entries(context)
    return counts_of(context) if found is not None and found.single else None


def _measures(context: Context) -> Iterator[tuple[Metric, str]]:
    """Yield the measures by class and the means of them, each with the name of the measure."""
    for metric in context.declared:
        if isinstance(metric.function, Macro):
            yield metric, metric.function.name
        elif isinstance(metric.function, partial) and metric.function.func is measure_by_class:
            yield metric, metric.function.args[0]


def _told(context: Context, metric: Metric) -> Mapping[tuple[str, str], tuple[Any, Any, Any]]:
    """Return a measure of each cell and class under the labels as they are, with its interval."""
    rows = context.once(class_table).to_pylist()
    return {
        (row["cell"], row["class"]): (row["value"], row["low"], row["high"])
        for row in rows
        if row["metric"] == metric.name
    }


def _rows(
    context: Context,
    metric: Metric,
    known: Sequence[tuple[Any, Any, Any]],
    ends: tuple[Floats, Floats],
    rate: float,
    label: str | None = None,
) -> Iterator[dict[str, Any]]:
    for i, ((value, low, high), least, most) in enumerate(zip(known, *ends)):
        if not context.counts["n"][i]:
            continue
        about = {**context.frame.cells[i].about, "class": label, "metric": metric.name, "rate": rate}
        if value is None or not np.isfinite(value):
            yield {**about, "least": float(least), "most": float(most), **counted(context, i), "note": metric.undefined}
            continue
        away = {"as_given": float(value), "least": float(least), "most": float(most)}
        sure = low is not None and high is not None and np.isfinite(low) and np.isfinite(high)
        if sure:
            away |= {"low": max(0.0, least - (value - low)), "high": min(1.0, most + (high - value))}
        method = f"the interval, and {_BOUNDS}" if sure else None
        yield {**about, **away, **counted(context, i), "method": method}


def undone_rows(context: Context, undone: Floats) -> Iterator[dict[str, Any]]:
    """Yield the same measures as points, where it is known how labels go wrong.

    ``undone`` (true class × given label) says how much of each true class a record of a given label counts; the
    interval is linearised, of what each cluster adds to it.
    """
    found = entries(context)
    if found is None or not found.single:
        return
    truth, answer = single_labels(context, found)
    counts = _corrected(context, truth, answer, undone)
    there = (clustered(context, np.ones(len(truth))) > 0).sum(axis=0)
    for metric, _ in _measures(context):
        gradient, given = formula(metric)(counts), formula(metric)(_counts(context) or counts).value
        if isinstance(metric.function, Macro):
            yield from _points(
                context, metric, gradient, _moved(context, truth, answer, undone, gradient), there, given
            )
            continue
        for k, label in enumerate(found.classes):
            own = np.zeros(len(found.classes))
            own[k] = 1.0
            one = Gradient(gradient.value[:, k], *(each * own for each in _slopes(gradient)))
            moved = _moved(context, truth, answer, undone, one)
            yield from _points(context, metric, one, moved, there, given[:, k], str(label))


def _slopes(gradient: Gradient) -> tuple[Floats, Floats, Floats]:
    return gradient.hits, gradient.answers, gradient.truths


def single_labels(context: Context, found: Entries) -> tuple[Any, Any]:
    """Return the place of the label and of the answer of every record; -1 where it has none."""
    truth, answer = (np.full(len(context.frame.cell), -1, np.int64) for _ in range(2))
    truth[found.truth[0]], answer[found.answer[0]] = found.truth[1], found.answer[1]
    return truth, answer


def _corrected(context: Context, truth: Any, answer: Any, undone: Floats) -> Marginals:
    """Return the counts that would be there were all labels true, as far as it is known how they go wrong."""
    cells, classes = len(context.frame.ids), len(undone)
    cell, both = context.frame.cell, (truth >= 0) & (answer >= 0)

    def count(label: Any, weights: Floats) -> Floats:
        which = label >= 0
        where = cell[which] * classes + label[which]
        found: Floats = np.bincount(where, weights[which], cells * classes).reshape(cells, classes).astype(np.float64)
        return found

    ones = np.ones(len(truth))
    hits = count(np.where(both, answer, -1), undone[answer, truth])
    records = np.bincount(cell, minlength=cells).astype(np.float64)
    return Marginals(hits, count(answer, ones), count(truth, ones) @ undone.T, records)


def _moved(context: Context, truth: Any, answer: Any, undone: Floats, gradient: Gradient) -> Floats:
    """Return what each cluster adds to the error of a measure of the corrected counts, (clusters × cells)."""
    cell = context.frame.cell
    labelled, answered = truth >= 0, answer >= 0
    hits, answers, truths = _slopes(gradient)
    moved = np.where(labelled, (truths @ undone)[cell, truth], 0.0) + np.where(answered, answers[cell, answer], 0.0)
    return clustered(context, moved + np.where(labelled & answered, hits[cell, answer] * undone[answer, truth], 0.0))


def _points(
    context: Context,
    metric: Metric,
    gradient: Gradient,
    parts: Floats,
    there: Any,
    given: Floats,
    label: str | None = None,
) -> Iterator[dict[str, Any]]:
    bounds = influence(gradient.value, parts, context.options.confidence, there)
    flat = bounds.high - bounds.low <= ROUNDING
    more = np.where(flat, degenerate(np.maximum(there, 1), context.options.confidence), 0.0)
    for i, value in enumerate(gradient.value):
        if not context.counts["n"][i]:
            continue
        about = {**context.frame.cells[i].about, "class": label, "metric": metric.name, **counted(context, i)}
        if not np.isfinite(value):
            yield {**about, "note": metric.undefined}
            continue
        point = float(np.clip(value, 0.0, 1.0))
        ends = {"low": max(0.0, bounds.low[i] - more[i]), "high": min(1.0, bounds.high[i] + more[i])}
        as_given = {"as_given": float(given[i])} if np.isfinite(given[i]) else {}
        yield {
            **about,
            **as_given,
            "value": point,
            "least": point,
            "most": point,
            **ends,
            "method": "the matrix undone",
        }
