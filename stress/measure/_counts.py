"""What the answers are worth class by class: a model can be right 98 times in 100 and never hear the alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure._cells import cell_rows, empty_rows
from stress.measure._context import Context, Values
from stress.measure._frame import Floats
from stress.measure._intervals import Bounds, degenerate, effective, influence, t_quantile, wilson, z_quantile
from stress.measure._marginals import (
    MEASURES,
    Entries,
    Gradient,
    Marginals,
    entries,
    marginals,
    measure_by_class,
    spread,
)
from stress.measure._ranks import MANY
from stress.measure._tables import CELL, INTERVAL, about_cell, expand
from stress.measure._weights import FEW
from stress.tasks._metrics import Metric

__all__ = [
    "CLASSES",
    "CONFUSION",
    "class_table",
    "confusion_rows",
    "count_metrics",
    "count_rows",
    "count_rows_of",
    "count_values",
    "parts_of",
]

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
Flags = NDArray[np.bool_]
_LARGE = 10_000_000
"""Counts (cells × clusters × classes) up to which each cluster is left out in turn."""
_BY_CLASS = ("recall", "precision", "f1")


@dataclass(frozen=True)
class Parts:
    """A measure of every cell, and what each cluster adds to its error, (clusters × cells)."""

    value: Floats
    parts: Floats
    involved: NDArray[np.int64]


def count_metrics(task: str) -> tuple[str, ...]:
    """Return the names of the measures of counts that a task has."""
    if task == "classification":
        return tuple(MEASURES)
    if task == "multilabel":
        return tuple(name for name in MEASURES if name not in ("balanced_accuracy", "mcc"))
    return ()


def counts_of(context: Context, found: Entries) -> Marginals:
    """Return the counts of every cell, worked out once."""
    result: Marginals = context.once("marginals", lambda: marginals(context, found))
    return result


def clustered(context: Context, values: Floats) -> Floats:
    """Return (clusters × cells) sums of a number per record."""
    frame, cells = context.frame, len(context.frame.ids)
    where = context.clusters.member[frame.sample] * cells + frame.cell
    size = len(context.clusters) * cells
    return np.bincount(where, weights=values, minlength=size).astype(np.float64).reshape(-1, cells)


def involved(context: Context) -> NDArray[np.int64]:
    """Return how many clusters each cell has records of."""

    def work() -> NDArray[np.int64]:
        return (clustered(context, np.ones(len(context.frame.cell))) > 0).sum(axis=0)

    found: NDArray[np.int64] = context.once("involved", work)
    return found


def parts_of(context: Context, found: Entries, name: str) -> Parts:
    """Return a measure of counts with the influences of the clusters."""
    gradient = MEASURES[name](counts_of(context, found))
    size = len(gradient.value) * len(context.clusters) * len(found.classes)
    if not context.clusters.alone and involved(context).max(initial=0) <= MANY and size <= _LARGE:
        without = MEASURES[name](_without(context, found)).value.reshape(len(gradient.value), -1).T
        count = involved(context)
        if np.isfinite(without[:, count > 0]).all():  # a cluster without a part leaves the value as it is
            there = clustered(context, np.ones(len(context.frame.cell))) > 0
            mean = (without * there).sum(axis=0) / np.maximum(count, 1)
            parts = np.where(there, mean - without, 0.0) * (count - 1) / np.maximum(count, 1)
            return Parts(gradient.value, parts, count)
    return Parts(gradient.value, clustered(context, spread(context, found, gradient)), involved(context))


def _without(context: Context, found: Entries) -> Marginals:
    """Return the counts of every cell with each cluster left out in turn, as (cells × clusters) cells.

    With tens of clusters a gradient says too little of how a measure varies (MacKinnon, Nielsen & Webb 2023).
    """

    def work() -> Marginals:
        frame, many, classes = context.frame, len(context.clusters), len(found.classes)
        place = frame.cell * many + context.clusters.member[frame.sample]
        size = len(frame.ids) * many

        def left(record: NDArray[np.int64], label: NDArray[np.int64], width: int) -> Floats:
            own = np.bincount(place[record] * width + label, minlength=size * width)
            each = own.reshape(len(frame.ids), many, width).astype(np.float64)
            return (each.sum(axis=1, keepdims=True) - each).reshape(size, width)

        counts = [left(*pair, classes) for pair in (found.hit, found.answer, found.truth)]
        everyone = np.arange(len(frame.cell))
        return Marginals(counts[0], counts[1], counts[2], left(everyone, np.zeros_like(everyone), 1)[:, 0])

    result: Marginals = context.once("marginals without", work)
    return result


def count_values(context: Context, name: str) -> Values:
    """Return a measure of counts as values of every cell and every (linearised) resample, to make curves of."""
    found = entries(context)
    if found is None:
        raise InputError(f"measure: {name} needs records with a prediction and a task with classes.")
    parts, who = parts_of(context, found, name), context.clusters

    def rows() -> NDArray[Any]:
        if who.few:
            return parts.value - parts.parts
        return parts.value + (who.resample(parts.parts) - parts.parts.sum(axis=0)).astype(np.float64)

    known = bounded(context, parts, _least(name))
    return Values(Metric(name, name), parts.value, rows, len(who), who.few, context.options.confidence, given=known)


def count_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row for every cell and measure of counts."""
    return [row for name in count_metrics(context.frame.task) for row in count_rows_of(context, name)]


def count_rows_of(context: Context, name: str) -> list[dict[str, Any]]:
    """Return a row for every cell of one measure of counts."""
    found = entries(context)
    if found is None:
        return empty_rows(context, name, "the records have no column prediction")
    parts = parts_of(context, found, name)
    bounds = bounded(context, parts, _least(name))
    rows = cell_rows(context, Metric(name, name), parts.value, bounds)
    return [
        row | ({"note": _why(name)} if row["n"] and np.isnan(value) else {}) for row, value in zip(rows, parts.value)
    ]


def _least(name: str) -> float:
    return -1.0 if name == "mcc" else 0.0


def _why(name: str) -> str:
    return "undefined: one class only" if name == "mcc" else "undefined: nothing of any class"


def bounded(context: Context, parts: Parts, least: float = 0.0) -> Bounds:
    """Return linearised intervals that stay in range and keep a width where no cluster differs."""
    confidence = context.options.confidence
    bounds = influence(parts.value, parts.parts, confidence, parts.involved)
    flat = (np.abs(bounds.high - bounds.low) < 1e-12) & np.isfinite(parts.value)
    reach = np.where(flat, [degenerate(max(int(c), 1), confidence) for c in parts.involved], bounds.high - parts.value)
    if least == 0:  # a share of a kind: Wilson's shape, that neither leaves [0, 1] nor ends at it too soon
        ends = effective(parts.value, reach, np.maximum(parts.involved, 1), confidence=confidence)
        return replace(ends, method=bounds.method.replace("linearised", "linearised, wilson"))
    return Bounds(np.maximum(parts.value - reach, least), np.minimum(parts.value + reach, 1.0), bounds.method)


def class_table(context: Context) -> pa.Table:
    """Return recall, precision and F1 of every class in every cell."""
    found = entries(context)
    if found is None:
        return expand(context.frame.cells, context.counts, CLASSES, np.zeros(0, np.int64), {})
    m = counts_of(context, found)
    cells, classes = m.hits.shape
    parts = [_class_columns(context, found, m, name) for name in _BY_CLASS]
    columns = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    columns["class"] = np.tile(np.array(found.classes, object), cells * len(_BY_CLASS))
    columns["support"] = np.tile(m.truths.ravel(), len(_BY_CLASS))
    cell = np.tile(np.repeat(np.arange(cells), classes), len(_BY_CLASS))
    return expand(context.frame.cells, context.counts, CLASSES, cell, columns)


def _class_columns(context: Context, found: Entries, m: Marginals, name: str) -> dict[str, NDArray[Any]]:
    gradient = measure_by_class(name, m)
    base = {"recall": m.truths, "precision": m.answers, "f1": m.truths + m.answers}[name]
    plain = context.clusters.alone and context.frame.draw.max(initial=0) == 0
    if plain and name != "f1" and found.single:
        bounds, few = wilson(m.hits, base, z_quantile(context.options.confidence)), np.zeros(base.shape, bool)
    else:
        bounds, few = _class_bounds(context, found, m, gradient, base)
    sure = np.isfinite(bounds.low)
    missing = "the class is never answered" if name == "precision" else "no sample of this class"
    note = _said(base.shape, (base == 0, missing), ((base > 0) & ~sure, "one cluster only: no interval"))
    method = _said(base.shape, (sure, bounds.method), (sure & few, f"few clusters (t, {bounds.method})"))
    failed = np.zeros((len(m.hits), m.hits.shape[1]))
    record, label = found.truth
    lost = context.frame.failed[record]
    np.add.at(failed, (context.frame.cell[record[lost]], label[lost]), 1)
    n = context.counts["n"]
    columns = {"value": gradient.value, "low": bounds.low, "high": bounds.high, "note": note}
    columns |= {"method": method, "metric": np.full(base.shape, name, object), "n": np.where(n[:, None] > 0, base, 0)}
    columns |= {"failed": failed if name != "precision" else np.zeros_like(failed)}
    return {key: np.asarray(value).ravel() for key, value in columns.items()}


def _said(shape: tuple[int, ...], *cases: tuple[NDArray[np.bool_], str]) -> NDArray[Any]:
    found = np.full(shape, None, object)
    for where, text in cases:
        found[where] = text
    return found


def _class_bounds(
    context: Context, found: Entries, m: Marginals, gradient: Gradient, base: Floats
) -> tuple[Bounds, NDArray[np.bool_]]:
    """Return intervals of each class from its own clusters, cell by cell; it is a share of ``base`` records."""
    cells, classes = m.hits.shape
    square, count = np.zeros((cells, classes)), np.zeros((cells, classes), np.int64)
    groups = context.clusters.member[context.frame.sample]
    pairs = [(found.hit, gradient.hits), (found.answer, gradient.answers), (found.truth, gradient.truths)]
    order = [np.argsort(context.frame.cell[record], kind="stable") for (record, _), _ in pairs]
    edges = [np.searchsorted(context.frame.cell[p[0][0]][o], np.arange(cells + 1)) for p, o in zip(pairs, order)]
    for cell in range(cells):
        keys, weights = [], []
        for ((record, label), slope), o, edge in zip(pairs, order, edges):
            at = o[edge[cell] : edge[cell + 1]]
            keys.append(label[at] * len(context.clusters) + groups[record[at]])
            weights.append(slope[cell, label[at]])
        names, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        sums = np.bincount(inverse, weights=np.concatenate(weights), minlength=len(names))
        label = names // len(context.clusters)
        square[cell] = np.bincount(label, weights=np.square(sums), minlength=classes)
        count[cell] = np.bincount(label, weights=_touching(inverse, weights, len(names)), minlength=classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(square * count / (count - 1))
    confidence = context.options.confidence
    reach = error * np.vectorize(lambda c: t_quantile(confidence, int(c) - 1), otypes=[float])(count)
    return effective(gradient.value, reach, np.maximum(count, 1), base, confidence), count < FEW


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
    support = counts_of(context, found).truths
    rows = []
    for key, count in zip(names.tolist(), counts.tolist()):
        (cell, t), a = divmod(key // size, size - 1), key % size
        row = {"truth": found.classes[t], "answer": found.classes[a] if a < size - 1 else None, "records": count}
        rows.append({**about_cell(frame.cells[cell]), **row, "share": count / support[cell, t]})
    return rows
