"""Counts of hits, answers and truths per class, and the measures made of them, each with its gradient.

A measure of counts changes, when one record is added, by its gradient at that record's truth and answer. These
*influences* summed by cluster give its interval (the infinitesimal jackknife, Efron 1982) without a resample, for a
thousand classes as cheaply as for two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stress.measure._context import Context
from stress.measure._frame import Floats

__all__ = [
    "MEASURES",
    "Entries",
    "Gradient",
    "Marginals",
    "entries",
    "labelled",
    "marginals",
    "measure_by_class",
    "spread",
]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Labels of records: which record, which class. A single-label record has one truth and at most one answer."""

    truth: tuple[Ints, Ints]
    answer: tuple[Ints, Ints]
    hit: tuple[Ints, Ints]
    classes: tuple[str, ...]
    single: bool


@dataclass(frozen=True)
class Marginals:
    """Counts, (cells × classes), and records, (cells,)."""

    hits: Floats
    answers: Floats
    truths: Floats
    records: Floats


@dataclass(frozen=True)
class Gradient:
    """A measure, (cells,) or (cells × classes), and how it changes with one more hit, answer, truth or record."""

    value: Floats
    hits: Floats
    answers: Floats
    truths: Floats
    records: Floats | None = None

    def of(self, cells: Sequence[int]) -> Gradient:
        """Return the gradient of some cells."""
        some = list(cells)
        records = None if self.records is None else self.records[some]
        return Gradient(self.value[some], self.hits[some], self.answers[some], self.truths[some], records)


def labelled(context: Context) -> bool:
    """Whether the task has classes and the records predictions."""
    return context.classes > 0 and context.frame.has("prediction")


def entries(context: Context) -> Entries | None:
    """Return the labels of all records; ``None`` where the task has no classes or the records no prediction."""
    frame = context.frame
    if not labelled(context):
        return None
    classes = tuple(str(name) for name in frame.declared["classes"])
    read = _many if frame.task == "multilabel" else _one
    found: Entries = context.once("entries", lambda: read(context, classes))
    return found


def _one(context: Context, classes: tuple[str, ...]) -> Entries:
    frame = context.frame
    target = frame.truths[frame.sample]
    answer, _ = frame.predictions
    records = np.arange(len(target))
    known, given = target >= 0, (answer >= 0) & (answer < len(classes)) & ~frame.failed
    hit = given & (answer == target)
    return Entries(
        (records[known], target[known]), (records[given], answer[given]), (records[hit], answer[hit]), classes, True
    )


def _many(context: Context, classes: tuple[str, ...]) -> Entries:
    from stress.tasks._multilabel import labels_of

    frame = context.frame
    position = {name: i for i, name in enumerate(classes)}
    wanted = [np.array([position[v] for v in labels_of(t) if v in position], np.int64) for t in frame.targets]
    sizes = np.array([len(w) for w in wanted], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate(wanted) if wanted else np.zeros(0, np.int64)
    count = sizes[frame.sample]
    record = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(record)) - np.repeat(np.cumsum(count) - count, count)
    truth = (record, flat[starts[frame.sample][record] + within])
    given = [[] if v is None else [position[n] for n in v] for v in frame.raw("prediction").to_pylist()]
    lengths = np.array([len(v) for v in given], np.int64)
    answer = (np.repeat(np.arange(len(given)), lengths), np.array([k for v in given for k in v], np.int64))
    both = np.intersect1d(truth[0] * len(classes) + truth[1], answer[0] * len(classes) + answer[1])
    return Entries(truth, answer, (both // len(classes), both % len(classes)), classes, False)


def marginals(context: Context, found: Entries, mask: NDArray[np.bool_] | None = None) -> Marginals:
    """Return the counts of each cell, over all records or those of a mask."""
    frame, cells, classes = context.frame, len(context.frame.ids), len(found.classes)

    def count(pair: tuple[Ints, Ints]) -> Floats:
        record, label = pair
        if mask is not None:
            keep = mask[record]
            record, label = record[keep], label[keep]
        where = frame.cell[record] * classes + label
        return np.bincount(where, minlength=cells * classes).reshape(cells, classes).astype(np.float64)

    records = frame.count(mask).astype(np.float64)
    return Marginals(count(found.hit), count(found.answer), count(found.truth), records)


def spread(context: Context, found: Entries, gradient: Gradient, mask: NDArray[np.bool_] | None = None) -> Floats:
    """Return each record's influence on its cell's measure."""
    cell = context.frame.cell
    total = np.zeros(len(cell))
    if gradient.records is not None:
        total += gradient.records[cell]
    for (record, label), slope in (
        (found.hit, gradient.hits),
        (found.answer, gradient.answers),
        (found.truth, gradient.truths),
    ):
        part = slope[cell[record], label]
        if found.single:
            total[record] += part  # a record occurs once
        else:
            total += np.bincount(record, weights=part, minlength=len(total))
    return total if mask is None else np.where(mask, total, 0.0)


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)


def measure_by_class(name: str, m: Marginals) -> Gradient:
    """Return recall, precision or F1 of each class; NaN where nothing is there to judge it by."""
    zero = np.zeros_like(m.hits)
    if name == "recall":
        value, slope = _divide(m.hits, m.truths), _divide(np.ones_like(m.hits), m.truths)
        return Gradient(np.where(m.truths > 0, value, np.nan), slope, zero, -value * slope)
    if name == "precision":
        value, slope = _divide(m.hits, m.answers), _divide(np.ones_like(m.hits), m.answers)
        return Gradient(np.where(m.answers > 0, value, np.nan), slope, -value * slope, zero)
    both = m.answers + m.truths
    value, slope = _divide(2 * m.hits, both), _divide(np.ones_like(m.hits), both)
    return Gradient(np.where(both > 0, value, np.nan), 2 * slope, -value * slope, -value * slope)


def _macro(name: str, m: Marginals) -> Gradient:
    """Mean over the classes that occur; one that is never answered counts 0 in precision, as in scikit-learn."""
    each = measure_by_class(name, m)
    there = m.truths > 0
    share = _divide(there.astype(np.float64), there.sum(axis=1, keepdims=True))
    value = np.where(there.any(axis=1), (np.nan_to_num(each.value) * share).sum(axis=1), np.nan)
    return Gradient(value, each.hits * share, each.answers * share, each.truths * share)


def _weighted(name: str, m: Marginals) -> Gradient:
    """Mean over classes, weighted by how often each occurs."""
    each = measure_by_class(name, m)
    total = m.truths.sum(axis=1, keepdims=True)
    share, plain = _divide(m.truths, total), np.nan_to_num(each.value)
    value = (plain * share).sum(axis=1)
    more = _divide(plain - value[:, None], total)
    value = np.where(total[:, 0] > 0, value, np.nan)
    return Gradient(value, each.hits * share, each.answers * share, each.truths * share + more)


def _micro(name: str, m: Marginals) -> Gradient:
    """All classes in one pot."""
    hits, answers, truths = (counts.sum(axis=1, keepdims=True) for counts in (m.hits, m.answers, m.truths))
    pot = Marginals(hits, answers, truths, m.records)
    each = measure_by_class(name, pot)
    wide = np.ones_like(m.hits)
    return Gradient(each.value[:, 0], each.hits * wide, each.answers * wide, each.truths * wide)


def _mcc(m: Marginals) -> Gradient:
    """Matthews correlation of several classes (Gorodkin 2004); a failed record is an answer of its own kind."""
    n, hits = m.records[:, None], m.hits.sum(axis=1, keepdims=True)
    none = n - m.answers.sum(axis=1, keepdims=True)
    above = hits * n - (m.answers * m.truths).sum(axis=1, keepdims=True)
    answered = n**2 - np.square(m.answers).sum(axis=1, keepdims=True) - none**2
    true = n**2 - np.square(m.truths).sum(axis=1, keepdims=True)
    root = np.sqrt(np.maximum(answered * true, 0))
    value, one = _divide(above, root), _divide(np.ones_like(root), root)
    half_a, half_t = _divide(value / 2, answered), _divide(value / 2, true)
    return Gradient(
        np.where(root[:, 0] > 0, value[:, 0], np.nan),
        one * n * np.ones_like(m.hits),
        -m.truths * one - half_a * (2 * none - 2 * m.answers),
        -m.answers * one + half_t * 2 * m.truths,
        (hits * one - half_a * 2 * (n - none) - half_t * 2 * n)[:, 0],
    )


def _named(average: Callable[[str, Marginals], Gradient], name: str) -> Callable[[Marginals], Gradient]:
    return lambda m: average(name, m)


MEASURES: Mapping[str, Callable[[Marginals], Gradient]] = {
    "balanced_accuracy": _named(_macro, "recall"),
    **{f"{name}_macro": _named(_macro, name) for name in ("precision", "recall", "f1")},
    **{f"{name}_micro": _named(_micro, name) for name in ("precision", "recall", "f1")},
    **{f"{name}_weighted": _named(_weighted, name) for name in ("precision", "recall", "f1")},
    "mcc": _mcc,
}
"""Measures of a cell's counts. Failed records are misses: a truth without an answer."""
