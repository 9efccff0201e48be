"""Changes and means over cells where answers rarely differ: intervals of rates, not of resamples.

Of two wrong answers among two hundred samples resamples say too little: most samples that might have been wrong were
not seen to be. A curve's area is a share of right answers; a drop is the share of answers lost less that of answers
gained. Each has the interval of a rate, of as many independent answers as would have the same error, so that it also
holds where hardly any was seen. Where many answers differ, resampled intervals are as good, and are used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.values import Values
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, mover
from stress.statistics.rates import mid_p, tail_level

__all__ = ["RARE", "merged", "of_rare_changes", "of_rare_errors"]

RARE = 15.0
"""Answers that differ, as independent ones, from which on resamples say enough."""
DOUBT = 0.15
"""Such answers, of each a sample's (or a cluster's) whole weight, that are thought to have been seen besides."""


def of_rare_errors(values: Values, value: Floats, rows: NDArray[Any], size: Floats) -> Bounds:
    """Return the interval of a mean of rates, NaN where more than a few answers are wrong and more than a few right.

    ``rows`` are its resampled values; ``size`` is how many samples, or clusters of one size, it rests on.
    """
    weight = _weight(values, value, rows, np.minimum(value, 1 - value), size)
    return _named(values, *_rate(value, weight, values.confidence, size), "mid-p, effective n")


def of_rare_changes(values: Values, value: Floats, rows: NDArray[Any], lost: Floats, size: Floats) -> Bounds:
    """Return the interval of rates before minus after, NaN where more than a few answers were lost or gained.

    ``lost`` is the share of the answers that was lost.
    """
    gained = np.maximum(lost - value, 0.0)
    weight = _weight(values, value, rows, lost + gained, size)
    both, twice = np.stack([lost, gained]), np.stack([weight, weight])
    low, high = _rate(both, twice, values.confidence, np.stack([size, size]))
    ends = mover(lost, Bounds(low[0], high[0], ""), gained, Bounds(low[1], high[1], ""))
    return _named(values, *ends, "mover, mid-p")


def merged(bounds: Bounds, rare: Bounds) -> Bounds:
    """Return bounds with those of rare answers in their place, where there are any."""
    there = np.isfinite(rare.low)
    if not there.any():
        return bounds
    found = replace(bounds, low=np.where(there, rare.low, bounds.low), high=np.where(there, rare.high, bounds.high))
    return replace(found, method=rare.method) if there.all() else found


def _weight(values: Values, value: Floats, rows: NDArray[Any], seen: Floats, size: Floats) -> Floats:
    """Return what one of the answers that differ is worth, of 1 in all; NaN where these are not few."""
    found = np.full(len(value), np.nan)
    near = np.flatnonzero((seen * size < 2 * RARE) & (size > 1))  # no answer is worth much more than a sample
    if not len(near):
        return found
    some, one = seen[near], 1 / size[near]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(some > 0, values.variance(value[near], rows[:, near]) / some, one)
        count = np.where(some > 0, some / own, 0.0)
        weight = (own * count + one * DOUBT) / (count + DOUBT)
    found[near] = np.where((count < RARE) & np.isfinite(weight), np.maximum(weight, 1e-12), np.nan)
    return found


def _rate(value: Floats, weight: Floats, confidence: float, size: Floats) -> tuple[Floats, Floats]:
    low, high, rare = np.full(value.shape, np.nan), np.full(value.shape, np.nan), np.isfinite(weight)
    if rare.any():
        tail = tail_level((1 - confidence) / 2, np.maximum(size[rare] - 1, 1e-9))
        low[rare], high[rare] = mid_p(np.clip(value[rare], 0, 1) / weight[rare], 1 / weight[rare], tail)
    return low, high


def _named(values: Values, low: Floats, high: Floats, method: str) -> Bounds:
    found = Bounds(low, high, method)
    return found.of_few() if values.few else found
