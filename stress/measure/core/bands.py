"""Simultaneous bands: a whole curve, or every candidate for the worst cell, lies in its band at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from stress.measure.core.values import Values
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, band_each, jackknife
from stress.statistics.rates import rates

__all__ = ["bands", "simultaneous"]

_ROOM = 500_000
"""Resamples × cells that are looked at together: what fits into the cache takes a third of the time."""


def bands(values: Values, curves: Sequence[Sequence[int]]) -> list[Bounds]:
    """Return, for each of some lists of cells, a band in which the true values of all its cells lie at once.

    With the confidence of one interval. Lists of equal length are worked out together.
    """
    known = [bool(np.isfinite(values.point[list(cells)]).all()) and values.clusters > 1 for cells in curves]
    sure = [list(cells) for cells, there in zip(curves, known) if there]
    found = iter(_of_few(values, sure) if values.few else _of_many(values, sure))
    return [next(found) if there else _nothing(len(cells)) for cells, there in zip(curves, known)]


def simultaneous(values: Values, cells: Sequence[int]) -> Bounds:
    """Return a band in which the true values of all these cells lie at once, with the confidence of one interval."""
    return bands(values, [cells])[0]


def _nothing(cells: int) -> Bounds:
    return Bounds(np.full(cells, np.nan), np.full(cells, np.nan), "one cluster")


def _of_few(values: Values, curves: Sequence[list[int]]) -> Iterator[Bounds]:
    """Yield bands from too few clusters to estimate a joint distribution: Bonferroni."""
    for cells in curves:
        each = 1 - (1 - values.confidence) / len(cells)
        rows = np.asarray(values.rows[:, cells], np.float64)
        yield _within(values, cells, jackknife(values.point[cells], rows, each), each)


def _of_many(values: Values, curves: Sequence[list[int]]) -> list[Bounds]:
    """Return bands from the joint distribution of the resamples; the ends of plain rates are worked out together."""
    if not curves:
        return []
    critical, errors = _critical(values, curves)
    levels = [2 * NormalDist().cdf(each) - 1 for each in critical]
    if values.plain is not None:
        places = np.array([cell for cells in curves for cell in cells], np.int64)
        each = np.repeat(levels, [len(cells) for cells in curves])
        ends = rates(values.plain["top"][places], values.plain["bottom"][places], each)
        stops = np.cumsum([len(cells) for cells in curves])
        return [ends.at(np.s_[stop - len(cells) : stop]) for cells, stop in zip(curves, stops)]
    found = []
    for cells, times, error, level in zip(curves, critical, errors, levels):
        point = values.point[cells]
        found.append(_within(values, cells, Bounds(point - times * error, point + times * error, "sup-t"), level))
    return found


def _critical(values: Values, curves: Sequence[list[int]]) -> tuple[list[float], list[Floats]]:
    """Return what ``band_each`` does of each curve: those of equal length, and all defined or not, are one array."""
    critical, errors = [0.0] * len(curves), [np.zeros(0)] * len(curves)
    rows = values.rows
    whole = np.ones(rows.shape[1], bool) if np.isfinite(rows.sum()) else np.isfinite(rows).all(axis=0)
    alike: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for k, cells in enumerate(curves):
        alike[len(cells), bool(whole[cells].all())].append(k)
    for (length, _), those in alike.items():
        step = max(1, _ROOM // (length * len(rows)))
        for some in (those[start : start + step] for start in range(0, len(those), step)):
            each = rows[:, [curves[k] for k in some]]
            for k, times, error in zip(some, *band_each(each, values.clusters, values.confidence)):
                critical[k], errors[k] = float(times), error
    return critical, errors


def _within(values: Values, cells: list[int], found: Bounds, confidence: float) -> Bounds:
    """Return a band's ends where a metric with two ends can be; shares of yes-or-no answers by what they are worth."""
    if not values.metric.bounded:
        return found
    if values.records is None:
        low, high = values.metric.low, values.metric.high
        return replace(found, low=np.maximum(found.low, low), high=np.minimum(found.high, high))
    return values.shares(np.array(cells), confidence)
