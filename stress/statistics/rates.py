"""Rates near 0 and 1: exact binomial tails, their intervals, and how many independent answers clustered ones are worth.

All functions take fractional counts: the binomial tail is a regularised incomplete beta function of any real count
(Korn & Graubard 1998), so that answers in clusters are judged as so many independent ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import exp, isfinite, lgamma, log, log1p, nan

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats
from stress.statistics.clustered import satterthwaite
from stress.statistics.intervals import Bounds

__all__ = [
    "CAUTIOUS",
    "SCARCE",
    "at_least",
    "at_most",
    "clopper_pearson",
    "effective",
    "mid_p",
    "of_few_events",
    "power_needed",
    "rates",
    "student_tail",
    "tail_level",
    "worth",
]

Number = float | Floats
_STEPS = 30
_SMALL = 12
"""Rates up to which working out one after the other costs less than arrays do."""
FEW_EVENTS = 15.0
"""Events from which on their sum is near enough to normal."""
SCARCE, CAUTIOUS = 0.25, 1.5
"""Errors (or right answers, where these are rarer) that stand for samples of a cluster being all alike: in intervals,
which hold the truth as often as is said, and in decisions, which are wrong no more often than is said."""


def at_most(successes: Number, count: Number, rate: Number) -> Floats:
    """Return P(X ≤ successes) for a binomial X of ``count`` trials."""
    from scipy.special import betainc

    k, n = np.asarray(successes, np.float64), np.asarray(count, np.float64)
    left = n - k
    found = betainc(np.maximum(left, 1e-300), k + 1, 1 - np.asarray(rate, np.float64))
    return np.where(left <= 0, 1.0, found)


def at_least(successes: Number, count: Number, rate: Number) -> Floats:
    """Return P(X ≥ successes) for a binomial X of ``count`` trials."""
    return at_most(np.asarray(count) - successes, count, 1 - np.asarray(rate, np.float64))


def tail_level(level: Number, freedom: Number | None) -> Floats:
    """Return the normal tail as far out as Student's: what a tail of ``level`` is where errors are estimated."""
    from scipy.special import ndtr, stdtrit

    level = np.asarray(level, np.float64)
    return level if freedom is None else ndtr(stdtrit(np.maximum(freedom, 1e-9), level))


def student_tail(p: Number, freedom: Number | None) -> Floats:
    """Return a normal tail probability as Student's, the inverse of ``tail_level``."""
    from scipy.special import ndtri, stdtr

    if freedom is None:
        return np.asarray(p, np.float64)
    return np.asarray(stdtr(np.maximum(freedom, 1e-9), ndtri(np.clip(p, 1e-300, 1.0))))


def clopper_pearson(
    successes: Number, count: Number, confidence: float = 0.95, freedom: Number | None = None
) -> tuple[Floats, Floats]:
    """Return the exact ends of a rate (Clopper & Pearson 1934): each misses in at most half of 1 − confidence.

    ``freedom``: ``count`` was estimated from clusters with so many degrees of freedom, and the ends lie further out.
    """
    from scipy.special import betaincinv

    k, n = np.asarray(successes, np.float64), np.asarray(count, np.float64)
    tail = tail_level((1 - confidence) / 2, freedom)
    with np.errstate(invalid="ignore"):
        low = betaincinv(np.maximum(k, 1e-300), n - k + 1, tail)
        high = betaincinv(k + 1, np.maximum(n - k, 1e-300), 1 - tail)
    return np.where(k <= 0, 0.0, low), np.where(k >= n, 1.0, high)


def worth(value: Floats, variance: Floats, records: Floats, kish: Floats, scarce: float = SCARCE) -> Floats:
    """Return how many independent yes-or-no answers so many clustered ones are worth.

    ``variance`` is the value's, from its clusters; ``kish`` is how many clusters of one size these are worth. Where
    errors are rare, their clusters say little of how alike samples of a cluster are: an estimate from few errors is
    drawn towards "all alike", and is that where there are none. Never more than ``records``.
    """
    rate = np.clip(value, 0.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = np.maximum(variance * records / (rate * (1 - rate)), 1.0)
        whole = np.maximum(records / kish, 1.0)
        rare = np.minimum(rate, 1 - rate) * records / effect
        effect = effect + np.maximum(whole - effect, 0.0) * scarce / (rare + scarce)
        return records / np.where((rate <= 0) | (rate >= 1), whole, effect)


def mid_p(successes: Floats, count: Floats, tail: Number) -> tuple[Floats, Floats]:
    """Return the mid-P ends of a rate: half of the probability of what was seen counts as tail (Lancaster 1961).

    ``tail`` is the probability beyond either end. Shorter than the exact interval, and holds the truth nearly as often
    as is said at any rate, where Wilson's misses a rate near 0 or 1 up to one time in six (Berry & Armitage 1995).
    """
    given = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (successes, count, tail)))
    if given[0].size > _SMALL:
        return _mid_p(*given)
    each = [_mid_p_of(*one) for one in zip(*(x.ravel().tolist() for x in given))]
    low, high = np.array(each, np.float64).reshape(-1, 2).T
    return low.reshape(given[0].shape), high.reshape(given[0].shape)


@lru_cache(maxsize=100_000)
def _mid_p_of(successes: float, count: float, tail: float) -> tuple[float, float]:
    """Return the ends of one rate: many tables ask for the same few, one at a time."""
    if not (isfinite(successes) and isfinite(count) and isfinite(tail)) or count <= 0:
        return nan, nan
    return 1 - _mid_p_end(count - successes, count, tail), _mid_p_end(successes, count, tail)


def _mid_p_end(k: float, n: float, tail: float) -> float:
    """Return the upper end of one rate as ``_mid_p_high`` does: arrays of one number cost ten times as much."""
    from scipy.special import betainc, betaincinv

    if k >= n or tail <= 0:
        return 1.0
    left = max(n - k, 1e-9)
    rate = float(betaincinv(k + 0.5, left + 0.5, 1 - tail))
    choices = lgamma(n + 1) - lgamma(k + 1) - lgamma(left + 1)
    for _ in range(_STEPS):
        rate = min(max(rate, 1e-12), 1 - 1e-12)
        less = float(betainc(left + 1, max(k, 1e-9), 1 - rate)) if k > 0 else 0.0
        found = (float(betainc(left, k + 1, 1 - rate)) + less) / 2
        slope = exp(choices + k * log(rate) + left * log1p(-rate)) * (left / (1 - rate) + k / rate) / 2
        if not found > 0 or not slope > 0:
            break
        step = log(found / tail) * found / slope
        rate += min(max(step, -rate / 2), (1 - rate) / 2)
        if abs(step) < 1e-12:
            break
    return rate


def _mid_p(successes: Floats, count: Floats, tail: Floats) -> tuple[Floats, Floats]:
    shape = successes.shape
    k, n, t = successes.ravel(), count.ravel(), tail.ravel()
    keys, places = _different(np.stack([k, n, t]))
    known = np.isfinite(keys).all(axis=0) & (keys[1] > 0)
    low, high = np.full(len(known), np.nan), np.full(len(known), np.nan)
    some, total, level = keys[:, known]
    high[known] = _mid_p_high(some, total, level)
    low[known] = 1 - _mid_p_high(total - some, total, level)
    return low[places].reshape(shape), high[places].reshape(shape)


def _different(columns: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the different ones of the columns, and the place of each given one among them."""
    order = np.lexsort(columns)
    ordered = columns[:, order]
    first = np.append(True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0))[: len(order)]
    places = np.empty(len(order), np.int64)
    places[order] = np.cumsum(first) - 1
    return ordered[:, first], places


def _mid_p_high(k: Floats, n: Floats, tail: Floats) -> Floats:
    """Return the rates at which P(X < k) + P(X = k) / 2 is ``tail``, by Newton's steps on the logarithm of it."""
    from scipy.special import betainc, betaincinv, gammaln

    all_, left = k >= n, np.maximum(n - k, 1e-9)
    rate = betaincinv(k + 0.5, left + 0.5, 1 - tail)
    choices = gammaln(n + 1) - gammaln(k + 1) - gammaln(left + 1)
    for _ in range(_STEPS):
        rate = np.clip(rate, 1e-12, 1 - 1e-12)
        less = np.where(k > 0, betainc(left + 1, np.maximum(k, 1e-9), 1 - rate), 0.0)
        found = (betainc(left, k + 1, 1 - rate) + less) / 2
        slope = np.exp(choices + k * np.log(rate) + left * np.log1p(-rate)) * (left / (1 - rate) + k / rate) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.log(found / tail) * found / slope
        rate = rate + np.clip(np.where(np.isfinite(step), step, 0.0), -rate / 2, (1 - rate) / 2)
        if np.max(np.abs(step), where=np.isfinite(step) & ~all_, initial=0.0) < 1e-12:
            break
    return np.where(all_, 1.0, rate)


def rates(successes: Floats, count: Floats, confidence: float | Floats = 0.95) -> Bounds:
    """Return the intervals of plain rates: shares of independent yes-or-no answers. A rate of 0 or 1 keeps a width."""
    low, high = mid_p(successes, count, (1 - np.asarray(confidence)) / 2)
    return Bounds(low, high, "mid-p", trials=np.broadcast_to(count, low.shape))


def effective(
    value: Floats,
    variance: Floats,
    size: Floats,
    records: Floats | None = None,
    confidence: float = 0.95,
    squared: Floats | None = None,
) -> Bounds:
    """Return the interval of a rate of as many independent answers as its variance says it is worth.

    For clustered answers (Korn & Graubard 1998; Dean & Pagano 2015). ``size`` is the number of clusters, of unequal
    ones Kish's: its degrees of freedom are one less or, with ``squared`` (Kish's number of the squared sizes), those of
    ``satterthwaite``. ``records`` are given for yes-or-no answers, see ``worth``.
    The ``trials`` of these are counted with more caution, for decisions. Without – a mean of recalls – the variance is
    taken at its word, and a value of 0 or 1, which has no error of its own, is worth one answer a cluster.
    """
    if records is not None:
        count = worth(value, variance, records, size)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            count = np.where((value <= 0) | (value >= 1), size, value * (1 - value) / variance)
    freedom = np.maximum(size - 1, 1e-9)
    if records is not None and squared is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = np.minimum(freedom, np.maximum(satterthwaite(size, squared, records / count, records), 1.0))
    known = np.isfinite(value) & np.isfinite(variance) & (size > 1) & (count > 0)
    value, count, freedom = np.where(known, value, np.nan), np.where(known, count, np.nan), np.where(known, freedom, 1)
    low, high = mid_p(np.clip(value, 0, 1) * count, count, tail_level((1 - confidence) / 2, freedom))
    found = Bounds(low, high, "mid-p, effective n")
    if records is None:
        return found
    least = np.where(known, worth(value, variance, records, size, CAUTIOUS), np.nan)
    return replace(found, trials=least, freedom=freedom)


def of_few_events(
    value: Floats, error: Floats, weight: float, size: Floats, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the ends of means of what few events of unequal weights add to each, NaN of fifteen events or more.

    ``error`` is the standard error, ``weight`` what an event of large weight adds, in means of a sample or cluster, of
    which there are ``size``. What was seen says nothing of events of large weight that were not: one such is thought
    to have been seen besides (so do Fay & Feuer 1997, of sums of Poisson numbers with weights).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(value > 0, np.square(error) / value, 0.0)
        count, large = np.where(own > 0, value / own, 0.0), weight / size
    few = (count < FEW_EVENTS) & (value >= 0) & (value < 1)
    low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
    typical = ((own * count + large) / (count + 1))[few]
    tail = tail_level((1 - confidence) / 2, np.maximum(size[few] - 1, 1e-9))
    low[few], high[few] = mid_p(value[few] / typical, np.maximum(1 / typical, 1e-9), tail)
    return low, high


def power_needed(rate: float, bar: float, level: float, power: float = 0.8, most: int = 10_000_000) -> float:
    """Return the least number of independent answers of which an exact test says, with this power, that a rate is off.

    The test is one-sided, of the side of the bar on which the rate lies, at ``level``. inf beyond ``most``.
    """
    if rate == bar:
        return float("inf")
    if rate > bar:
        rate, bar = 1 - rate, 1 - bar

    def enough(n: int) -> bool:
        last = _critical(n, bar, level)
        return last >= 0 and float(at_most(last, n, rate)) >= power

    high = 1
    while not enough(high):
        high *= 2
        if high > most:
            return float("inf")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def _critical(n: int, bar: float, level: float) -> int:
    """Return the greatest number of successes that is surely below the bar; −1 where none is."""
    from scipy.special import bdtrik

    guess = float(bdtrik(level, n, bar))
    last = int(np.floor(guess)) + 1 if np.isfinite(guess) else 0
    while last >= 0 and float(at_most(last, n, bar)) > level:
        last -= 1
    return last
