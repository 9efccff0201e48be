"""What the answers are worth class by class: a model can be right 98 times in 100 and never hear the alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.counts import counts_of, formula
from stress.measure.core.marginals import Entries, entries, marginals
from stress.measure.core.rows import CELL, INTERVAL, expand
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.counts import Gradient, Marginals
from stress.statistics.intervals import Bounds
from stress.statistics.rates import effective, rates

__all__ = ["CLASSES", "CONFUSION", "class_table", "confusion_rows"]

CLASSES: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "class": (pa.string(), "the class"),
    **INTERVAL,
    "support": (pa.int64(), "records whose true class it is"),
}
CONFUSION: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "truth": (pa.string(), "the true class"),
    "answer": (pa.string(), "the predicted class; null where the model gave no usable answer"),
    "records": (pa.int64(), "records of this truth with this answer; pairs that never occur have no row"),
    "share": (pa.float64(), "of the records of this truth"),
}


def class_table(context: Context) -> pa.Table:
    """Return recall, precision and F1 of every class in every cell."""
    found = entries(context)
    if found is None:
        return expand(context.frame.cells, context.counts, CLASSES, np.zeros(0, np.int64), {})
    m = counts_of(context) or marginals(context, found)
    cells, classes = m.hits.shape
    each = [metric for metric in context.declared if metric.base]
    if not each:
        return expand(context.frame.cells, context.counts, CLASSES, np.zeros(0, np.int64), {})
    parts = [_class_columns(context, found, m, metric) for metric in each]
    columns = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    columns["class"] = np.tile(np.array(found.classes, object), cells * len(each))
    columns["support"] = np.tile(m.truths.ravel(), len(each))
    cell = np.tile(np.repeat(np.arange(cells), classes), len(each))
    return expand(context.frame.cells, context.counts, CLASSES, cell, columns)


def _class_columns(context: Context, found: Entries, m: Marginals, metric: Metric) -> dict[str, NDArray[Any]]:
    gradient, base = formula(metric)(m), sum((getattr(m, name) for name in metric.base), np.zeros_like(m.hits))
    plain = np.full(base.shape, context.clusters.alone and len(metric.base) == 1 and found.single)
    plain[np.unique(context.frame.cell[context.frame.draw > 0])] = False
    bounds, few = rates(m.hits, base, context.options.confidence), np.zeros(base.shape, bool)
    trials, freedom = np.array(bounds.trials), np.full(base.shape, np.nan)
    if not plain.all():
        ends, few = _class_bounds(context, found, m, gradient, metric, base)
        few &= ~plain
        if ends.trials is not None and ends.freedom is not None:
            trials, freedom = np.where(plain, trials, ends.trials), np.where(plain, freedom, ends.freedom)
        low, high = np.where(plain, bounds.low, ends.low), np.where(plain, bounds.high, ends.high)
        bounds = replace(ends, low=low, high=high)
    sure = np.isfinite(bounds.low)
    note = _said(base.shape, (base == 0, metric.undefined), ((base > 0) & ~sure, "one cluster only: no interval"))
    few &= sure
    said = (sure, bounds.method), (sure & plain, "mid-p"), (few, bounds.of_few().method)
    method = _said(base.shape, *said)
    failed = np.zeros((len(m.hits), m.hits.shape[1]))
    record, label = found.truth
    lost = context.frame.failed[record]
    np.add.at(failed, (context.frame.cell[record[lost]], label[lost]), 1)
    n = context.counts["n"]
    columns = {"value": gradient.value, "low": bounds.low, "high": bounds.high, "note": note}
    columns |= {
        "method": method,
        "metric": np.full(base.shape, metric.name, object),
        "n": np.where(n[:, None] > 0, base, 0),
    }
    columns |= {"few": few, "trials": np.where(sure, trials, np.nan), "freedom": np.where(sure, freedom, np.nan)}
    columns |= {"failed": failed if "truths" in metric.base else np.zeros_like(failed)}
    return {key: np.asarray(value).ravel() for key, value in columns.items()}


def _said(shape: tuple[int, ...], *cases: tuple[NDArray[np.bool_], str]) -> NDArray[Any]:
    """Return an array of None, but for the text that holds in each case."""
    found = np.full(shape, None, object)
    for where, what in cases:
        found[where] = what
    return found


def _class_bounds(
    context: Context, found: Entries, m: Marginals, gradient: Gradient, metric: Metric, base: Floats
) -> tuple[Bounds, NDArray[np.bool_]]:
    """Return intervals of each class from its own clusters, cell by cell; it is a share of ``base`` records."""
    cells, classes = m.hits.shape
    square, count, sizes, fourths = (np.zeros((cells, classes)) for _ in range(4))
    sized = [name in metric.base for name in ("hits", "answers", "truths")]
    groups = context.clusters.member[context.frame.sample]
    pairs = [(found.hit, gradient.hits), (found.answer, gradient.answers), (found.truth, gradient.truths)]
    order = [np.argsort(context.frame.cell[record], kind="stable") for (record, _), _ in pairs]
    edges = [np.searchsorted(context.frame.cell[p[0][0]][o], np.arange(cells + 1)) for p, o in zip(pairs, order)]
    for cell in range(cells):
        keys, weights, ones = [], [], []
        for ((record, label), slope), o, edge, counts in zip(pairs, order, edges, sized):
            at = o[edge[cell] : edge[cell + 1]]
            keys.append(label[at] * len(context.clusters) + groups[record[at]])
            weights.append(slope[cell, label[at]])
            ones.append(np.full(len(at), float(counts)))
        names, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        sums = np.bincount(inverse, weights=np.concatenate(weights), minlength=len(names))
        label = names // len(context.clusters)
        square[cell] = np.bincount(label, weights=np.square(sums), minlength=classes)
        count[cell] = np.bincount(label, weights=_touching(inverse, weights, len(names)), minlength=classes)
        own = np.bincount(inverse, weights=np.concatenate(ones), minlength=len(names))
        sizes[cell] = np.bincount(label, weights=np.square(own), minlength=classes)
        fourths[cell] = np.bincount(label, weights=np.square(np.square(own)), minlength=classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.minimum(np.square(base) / sizes, count)
        variance, squared = square * size / (size - 1), np.minimum(np.square(sizes) / fourths, count)
    return effective(gradient.value, variance, size, base, context.options.confidence, squared), count < FEW


def _touching(inverse: NDArray[np.int64], weights: list[Floats], size: int) -> Floats:
    """Return which (class, cluster) pairs have a part in the measure: an answer of no weight has none."""
    live = np.abs(np.concatenate(weights)) > 0
    return (np.bincount(inverse, weights=live, minlength=size) > 0).astype(np.float64)


def confusion_rows(context: Context) -> list[dict[str, Any]]:
    """Return how often each truth got each answer, in every cell; pairs that never occur are left out."""
    found = entries(context)
    if found is None or not found.single:
        return []
    frame, size = context.frame, len(found.classes) + 1
    truth = np.full(len(frame.cell), -1, np.int64)
    answer = np.full(len(frame.cell), size - 1, np.int64)
    truth[found.truth[0]], answer[found.answer[0]] = found.truth[1], found.answer[1]
    known = truth >= 0
    keys = (frame.cell * (size - 1) + truth)[known] * size + answer[known]
    names, counts = np.unique(keys, return_counts=True)
    support = (counts_of(context) or marginals(context, found)).truths
    rows = []
    for key, count in zip(names.tolist(), counts.tolist()):
        (cell, t), a = divmod(key // size, size - 1), key % size
        row = {"truth": found.classes[t], "answer": found.classes[a] if a < size - 1 else None, "records": count}
        rows.append({**frame.cells[cell].about, **row, "share": count / support[cell, t]})
    return rows
