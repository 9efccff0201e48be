"""Influences of a measure that is given by its value alone: by small steps, or by leaving records out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats, Ints
from stress.statistics.counts import Formula, Gradient, Marginals

__all__ = ["Numeric", "left_out", "value_of"]

_STEP = 1e-4
"""Of the records of a cell: how far counts are moved to find a slope."""
_MOST = 500
"""Groups of clusters that are left out in turn."""

OfCounts = Callable[[Floats, Floats, Floats, float], float]


@dataclass(frozen=True)
class Numeric:
    """A measure of counts given as a function of one cell's hits, answers, truths, (classes,), and number of records.

    Its gradient is found by central differences, of the counts that are not 0: no record has a part in the others.
    """

    of: OfCounts

    def value(self, m: Marginals) -> Floats:
        """Return the measure of each cell; NaN where it is not finite."""
        rows = zip(m.hits, m.answers, m.truths, m.records.tolist())
        return np.array([self._one(*row) if row[3] > 0 else np.nan for row in rows], np.float64)

    def _one(self, hits: Floats, answers: Floats, truths: Floats, records: float) -> float:
        with np.errstate(all="ignore"):
            found = float(self.of(hits.copy(), answers.copy(), truths.copy(), records))
        return found if np.isfinite(found) else float("nan")

    def __call__(self, m: Marginals) -> Gradient:
        """Return the measure of each cell with its slopes."""
        value = self.value(m)
        slopes = [np.zeros_like(m.hits) for _ in range(3)]
        more = np.zeros(len(value))
        for cell in np.flatnonzero(np.isfinite(value)):
            counts = [m.hits[cell], m.answers[cell], m.truths[cell]]
            step = _STEP * float(m.records[cell])
            for k, slope in enumerate(slopes):
                for label in np.flatnonzero(counts[k] > 0):
                    slope[cell, label] = self._slope(counts, float(m.records[cell]), step, k, int(label))
            more[cell] = self._slope(counts, float(m.records[cell]), step, 3, 0)
        return Gradient(value, slopes[0], slopes[1], slopes[2], more)

    def _slope(self, counts: list[Floats], records: float, step: float, k: int, label: int) -> float:
        """Return the slope in one count (``k``: hits, answers, truths, records); NaN where it cannot be found."""
        ends, middle = [], self._one(counts[0], counts[1], counts[2], records)
        for sign in (1, -1):
            moved = [each.copy() for each in counts]
            if k < 3:
                moved[k][label] += sign * step
            ends.append(self._one(moved[0], moved[1], moved[2], records + (sign * step if k == 3 else 0.0)))
        if np.isfinite(ends).all():
            return (ends[0] - ends[1]) / (2 * step)
        return (ends[0] - middle) / step if np.isfinite(ends[0]) else (middle - ends[1]) / step


def value_of(function: Formula, m: Marginals) -> Floats:
    """Return the values of a measure of counts alone: no gradient is worked out where it would cost."""
    return function.value(m) if isinstance(function, Numeric) else function(m).value


def left_out(of: Callable[[NDArray[np.bool_]], float], value: float, member: Ints) -> Floats:
    """Return influences on a value from leaving out each cluster in turn; NaN where it is then undefined.

    ``of`` gives the value of the records of a mask, ``member`` is each record's cluster. Of more than 500 clusters as
    many groups of neighbouring ones are left out (the delete-a-group jackknife, Kott 2001). What a group adds stands
    at its first record, so that sums over clusters, and differences between runs, are those of independent groups.
    """
    parts = np.zeros(len(member))
    if not np.isfinite(value) or not len(member):
        return parts
    _, first, inverse = np.unique(member, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[inverse]  # clusters in the order in which they come
    size = min(len(first), _MOST)
    if size < 2:
        return parts
    group = place * size // len(first)
    without = np.array([of(group != g) for g in range(size)], np.float64)
    starts = np.unique(group, return_index=True)[1]
    parts[starts] = (without.mean() - without) * (size - 1) / size
    return parts
