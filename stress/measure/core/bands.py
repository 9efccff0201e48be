"""Bands that hold several cells' true values at once: a curve's, or all candidates for the worst."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from stress.measure.core.values import Values
from stress.statistics.intervals import Bounds, band, effective, jackknife, wilson

__all__ = ["simultaneous"]


def simultaneous(values: Values, cells: Sequence[int]) -> Bounds:
    """Return a band that holds all of these cells' true values at once."""
    chosen = list(cells)
    point = values.point[chosen]
    if values.clusters < 2 or not np.isfinite(point).all():
        nothing = np.full(len(point), np.nan)
        return Bounds(nothing, nothing, "one cluster")
    if values.few:  # too few to estimate a joint law: Bonferroni
        each = 1 - (1 - values.confidence) / len(chosen)
        return _within(values, chosen, jackknife(point, np.asarray(values.rows[:, chosen], np.float64), each), each)
    critical, error = band(point, values.rows[:, chosen], values.clusters, values.confidence)
    if values.plain is not None:
        return wilson(values.plain["top"][chosen], values.plain["bottom"][chosen], critical)
    level = 2 * NormalDist().cdf(critical) - 1
    return _within(values, chosen, Bounds(point - critical * error, point + critical * error, "sup-t"), level)


def _within(values: Values, cells: list[int], found: Bounds, confidence: float) -> Bounds:
    """Return a band's ends where a metric with two ends can be; shares of yes-or-no answers by Wilson's formula."""
    if not values.metric.bounded:
        return found
    if values.records is None:
        low, high = values.metric.low, values.metric.high
        return Bounds(np.maximum(found.low, low), np.minimum(found.high, high), found.method)
    point, count = values.point[cells], np.full(len(cells), float(values.clusters))
    return effective(point, found.high - point, count, values.records[cells], confidence)
