"""Measures of counts – recall, precision, F1, balanced accuracy, Matthews correlation – each with its gradient.

A measure of counts changes, when one record is added, by its gradient at that record's truth and answer. These
*influences* summed by cluster give its interval (the infinitesimal jackknife, Efron 1982) without a resample, for a
thousand classes as cheaply as for two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stress.statistics.arrays import Floats

__all__ = ["MEASURES", "Formula", "Gradient", "Macro", "Marginals", "measure_by_class"]


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


Formula = Callable[[Marginals], Gradient]
"""A measure of counts with its gradient, of all cells at once."""


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


@dataclass(frozen=True)
class Macro:
    """Mean of a measure over the classes that occur; one that is never answered counts 0, as in scikit-learn."""

    name: str

    def __call__(self, m: Marginals) -> Gradient:
        """Return the mean of each cell with its gradient."""
        each, share = measure_by_class(self.name, m), self.weights(m)
        value = np.where((m.truths > 0).any(axis=1), (np.nan_to_num(each.value) * share).sum(axis=1), np.nan)
        return Gradient(value, each.hits * share, each.answers * share, each.truths * share)

    def weights(self, m: Marginals) -> Floats:
        """Return what each class counts in the mean, (cells × classes)."""
        there = (m.truths > 0).astype(np.float64)
        return _divide(there, there.sum(axis=1, keepdims=True))

    def tried(self, m: Marginals) -> Floats:
        """Return how many records the hits of a class are a share of; of F1, those truly of it or answered as it."""
        return {"recall": m.truths, "precision": m.answers}.get(self.name, m.answers + m.truths - m.hits)

    def of_share(self, share: Floats) -> Floats:
        """Return the measure of a class from its share of hits: 2J / (1 + J) is F1 (J: Jaccard's index)."""
        return 2 * share / (1 + share) if self.name == "f1" else share

    def slope(self, share: Floats) -> Floats:
        """Return how fast the measure of a class rises with its share of hits."""
        return 2 / np.square(1 + share) if self.name == "f1" else np.ones_like(share)


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


def _named(average: Callable[[str, Marginals], Gradient], name: str) -> Formula:
    return lambda m: average(name, m)


MEASURES: Mapping[str, Formula] = {
    "balanced_accuracy": Macro("recall"),
    **{f"{name}_macro": Macro(name) for name in ("precision", "recall", "f1")},
    **{f"{name}_micro": _named(_micro, name) for name in ("precision", "recall", "f1")},
    **{f"{name}_weighted": _named(_weighted, name) for name in ("precision", "recall", "f1")},
    "mcc": _mcc,
}
"""Measures of a cell's counts. Failed records are misses: a truth without an answer."""
