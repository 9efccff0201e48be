"""Simultaneous bands: a whole curve, or every candidate for the worst cell, lies in its band at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from stress.measure.core.values import Values
from stress.statistics.intervals import Bounds, band, jackknife
from stress.statistics.rates import rates

__all__ = ["bands", "simultaneous"]


def bands(values: Values, curves: Sequence[Sequence[int]]) -> list[Bounds]:
    """Return ``simultaneous`` of each of many curves: the ends of plain rates are worked out together."""
    if values.plain is None or values.few or values.clusters < 2:
        return [simultaneous(values, cells) for cells in curves]
    levels = [_level(values, list(cells)) if np.isfinite(values.point[cells]).all() else None for cells in curves]
    known = [k for k, level in enumerate(levels) if level is not None]
    places = np.array([cell for k in known for cell in curves[k]], np.int64)
    each = np.array([levels[k] for k in known for _ in curves[k]], np.float64)
    ends = rates(values.plain["top"][places], values.plain["bottom"][places], each)
    starts = dict(zip(known, np.cumsum([0, *(len(curves[k]) for k in known)])))
    return [
        ends.at(np.s_[starts[k] : starts[k] + len(cells)]) if k in starts else simultaneous(values, cells)
        for k, cells in enumerate(curves)
    ]


def _level(values: Values, chosen: list[int]) -> float:
    """Return the confidence that each of some cells needs, so that all lie in their band at once."""
    critical, _ = band(values.point[chosen], values.rows[:, chosen], values.clusters, values.confidence)
    return 2 * NormalDist().cdf(critical) - 1


def simultaneous(values: Values, cells: Sequence[int]) -> Bounds:
    """Return a band in which the true values of all these cells lie at once, with the confidence of one interval."""
    chosen = list(cells)
    point = values.point[chosen]
    if values.clusters < 2 or not np.isfinite(point).all():
        nothing = np.full(len(point), np.nan)
        return Bounds(nothing, nothing, "one cluster")
    if values.few:  # too few clusters to estimate a joint distribution: Bonferroni
        each = 1 - (1 - values.confidence) / len(chosen)
        return _within(values, chosen, jackknife(point, np.asarray(values.rows[:, chosen], np.float64), each), each)
    critical, error = band(point, values.rows[:, chosen], values.clusters, values.confidence)
    level = 2 * NormalDist().cdf(critical) - 1
    if values.plain is not None:
        return rates(values.plain["top"][chosen], values.plain["bottom"][chosen], level)
    return _within(values, chosen, Bounds(point - critical * error, point + critical * error, "sup-t"), level)


def _within(values: Values, cells: list[int], found: Bounds, confidence: float) -> Bounds:
    """Return a band's ends where a metric with two ends can be; shares of yes-or-no answers by what they are worth."""
    if not values.metric.bounded:
        return found
    if values.records is None:
        low, high = values.metric.low, values.metric.high
        return replace(found, low=np.maximum(found.low, low), high=np.minimum(found.high, high))
    return values.shares(np.array(cells), confidence)
