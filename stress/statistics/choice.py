"""What it costs to have chosen the greatest of many: how much further one end of its interval must lie."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.intervals import z_quantile

__all__ = ["chosen_pair"]

_STEP = 0.02
"""Correlations are rounded away from 0 to multiples of this, so that few of them are worked out."""


def chosen_pair(confidence: float, count: int, correlation: float) -> tuple[float, float]:
    """Return the confidences that the lower and the upper end need of a difference between the best and worst group.

    The two of ``count`` groups were chosen by values whose errors have this ``correlation`` with the difference's own
    (1: by the difference itself). What chance added to the choice it added to the difference in proportion: an error
    that is correlated is at most that of the most extreme pair, the range of ``count`` values (Tukey 1953), what is
    left of it is as if nothing had been chosen. The other end needs no allowance, since a pair is rarely chosen when
    its difference is underestimated. Of two groups neither does: whichever is the better, the interval is the same
    turned round.
    """
    if count < 3:
        return confidence, confidence
    steps = min(int(np.ceil(abs(correlation) / _STEP - 1e-9)), round(1 / _STEP))
    far = _confidence(confidence, count, steps * _STEP)
    return (far, confidence) if correlation >= 0 else (confidence, far)


@lru_cache(maxsize=4096)
def _confidence(confidence: float, count: int, correlation: float) -> float:
    """Return the two-sided confidence whose normal quantile an error of such a choice exceeds in half of the rest."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    if correlation <= 0:
        return confidence
    ranges, below = _ranges(count)
    left, tail = np.sqrt(max(1 - correlation**2, 0.0)), (1 - confidence) / 2
    noise = np.linspace(-8.0, 8.0, 801)
    weight = np.exp(-np.square(noise) / 2)
    weight /= weight.sum()

    def beyond(c: float) -> float:
        reached = np.interp(np.sqrt(2) * (c - left * noise) / correlation, ranges, below)
        return float(1 - weight @ reached) - tail

    return float(2 * ndtr(brentq(beyond, z_quantile(confidence) / 2, 12.0)) - 1)


@lru_cache(maxsize=64)
def _ranges(count: int) -> tuple[Floats, Floats]:
    """Return ranges of ``count`` standard normal numbers and how often a range is at most each of them."""
    from scipy.special import ndtr

    ranges, place = np.linspace(0.0, 14.0, 1401), np.linspace(-9.0, 9.0, 601)
    density = np.exp(-np.square(place) / 2) / np.sqrt(2 * np.pi)
    inside = (ndtr(place[None, :] + ranges[:, None]) - ndtr(place)[None, :]) ** (count - 1)
    return ranges, np.minimum(count * inside @ density * (place[1] - place[0]), 1.0)
