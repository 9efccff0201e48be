"""Counts of hits, answers and truths per class, and the measures made of them, each with its gradient.

A measure of counts changes, when one record is added, by its gradient at that record's truth and answer. These
*influences* summed by cluster give its interval (the infinitesimal jackknife, Efron 1982) without a resample, for a
thousand classes as cheaply as for two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.statistics.arrays import Floats
from stress.statistics.counts import Gradient, Marginals

__all__ = ["Entries", "entries", "labelled", "marginals", "spread"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Labels of records: which record, which class. A single-label record has one truth and at most one answer."""

    truth: tuple[Ints, Ints]
    answer: tuple[Ints, Ints]
    hit: tuple[Ints, Ints]
    classes: tuple[str, ...]
    single: bool


def labelled(context: Context) -> bool:
    """Whether the task has classes and the records predictions."""
    return context.classes > 0 and context.frame.has("prediction")


def entries(context: Context) -> Entries | None:
    """Return the labels of all records; ``None`` where the task has no classes or the records no prediction."""
    frame = context.frame
    if not labelled(context):
        return None
    return context.once(_one if frame.declared.single else _many, frame.declared.classes)


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
    from stress.tasks import labels_of

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
    total = _by_pair(context, found, gradient) if found.single else _by_label(context, found, gradient)
    return total if mask is None else np.where(mask, total, 0.0)


def _by_pair(context: Context, found: Entries, gradient: Gradient) -> Floats:
    """Return influences of records with one truth and one answer at most: looked up by cell, truth and answer.

    Where there are more of these triples than records, label by label.
    """
    cells, size = len(context.frame.ids), len(found.classes) + 1
    if cells * size * size > len(context.frame.cell):
        return _by_label(context, found, gradient)
    same = np.arange(size - 1)
    table = np.zeros((cells, size, size))
    if gradient.records is not None:
        table += gradient.records[:, None, None]
    table[:, same, same] += gradient.hits
    table[:, :, :-1] += gradient.answers[:, None, :]
    table[:, :-1, :] += gradient.truths[:, :, None]
    looked_up: Floats = table.ravel()[context.once(_pairs, found.classes)]
    return looked_up


def _pairs(context: Context, classes: tuple[str, ...]) -> Ints:
    """Return the place of each record in a (cells × truths × answers) array, whose last truth and answer are none."""
    found, size = context.once(_one, classes), len(classes) + 1
    truth, answer = np.full((2, len(context.frame.cell)), size - 1)
    truth[found.truth[0]], answer[found.answer[0]] = found.truth[1], found.answer[1]
    return np.asarray((context.frame.cell * size + truth) * size + answer, np.int64)


def _by_label(context: Context, found: Entries, gradient: Gradient) -> Floats:
    cell = context.frame.cell
    total = np.zeros(len(cell))
    if gradient.records is not None:
        total += gradient.records[cell]
    for (record, label), slope in (
        (found.hit, gradient.hits),
        (found.answer, gradient.answers),
        (found.truth, gradient.truths),
    ):
        if not slope.any():
            continue
        part = slope[cell[record], label]
        if found.single:
            total[record] += part  # a record occurs once
        else:
            total += np.bincount(record, weights=part, minlength=len(total))
    return total
