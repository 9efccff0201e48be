"""How sure a number is: percentile, t, paired and simultaneous intervals, each said by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.statistics.bootstrap import FEW
from stress.statistics.positions import ranked_rows

__all__ = [
    "ROUNDING",
    "Bounds",
    "band",
    "band_each",
    "clustered_error",
    "degenerate",
    "expanded",
    "influence",
    "jackknife",
    "logit",
    "mcnemar",
    "mover",
    "of_few",
    "paired_proportions",
    "percentile",
    "quantile_interval",
    "sidak",
    "t_quantile",
    "t_quantiles",
    "z_quantile",
]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """Lower and upper ends, NaN where there is none, and how they were found.

    ``few``: by Student's t, of fewer than 20 clusters; ``method`` says so too. ``trials``: of shares of yes-or-no
    answers, as how many independent ones they are worth; ``freedom``: its degrees of freedom, where it was estimated.
    """

    low: Floats
    high: Floats
    method: str
    few: bool = False
    trials: Floats | None = None
    freedom: Floats | None = None

    def at(self, places: Any) -> Bounds:
        """Return the ends at some places, found in the same way."""
        trials, freedom = (None if each is None else each[places] for each in (self.trials, self.freedom))
        return replace(self, low=self.low[places], high=self.high[places], trials=trials, freedom=freedom)

    def of_few(self) -> Bounds:
        """Return the same ends, marked as those of few clusters."""
        return replace(self, method=of_few(self.method), few=True)


def of_few(method: str) -> str:
    """Return the name that a method has where clusters are few."""
    return f"few clusters (t, {method})"


def z_quantile(confidence: float) -> float:
    """Return the two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=4096)
def t_quantile(confidence: float, freedom: int) -> float:
    """Return Student's two-sided quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2)) if freedom >= 1 else float("nan")


def t_quantiles(confidence: float, freedom: NDArray[Any]) -> Floats:
    """Return ``t_quantile`` of each of many whole degrees of freedom, of which few are different."""
    different, place = np.unique(freedom, return_inverse=True)
    found = np.array([t_quantile(confidence, int(each)) for each in different], np.float64)
    return found[place].reshape(np.shape(freedom))


def expanded(confidence: float, count: int) -> float:
    """Return the tail share of the *expanded* percentile interval (Hesterberg 2015, section 5.2).

    A bootstrap distribution is too narrow by √((n−1)/n) and knows no t quantile; reading it further out repairs both.
    """
    if count < 2:
        return float("nan")
    return NormalDist().cdf(-t_quantile(confidence, count - 1) * float(np.sqrt(count / (count - 1))))


def percentile(rows: NDArray[np.float32] | Floats, count: int, confidence: float = 0.95) -> Bounds:
    """Return the expanded percentile interval of (rows × columns) resampled values; ±inf are legal values.

    A column that is undefined (NaN) in more than 5 % of the resamples has no interval.
    """
    tail = expanded(confidence, count)
    ordered = np.sort(rows, axis=0)  # NaN last
    defined = (~np.isnan(ordered)).sum(axis=0)
    last = np.maximum(defined - 1, 0)
    columns = np.arange(ordered.shape[1])
    low = ordered[np.floor(tail * last).astype(int), columns].astype(np.float64)
    high = ordered[np.ceil((1 - tail) * last).astype(int), columns].astype(np.float64)
    poor = defined < 0.95 * len(ordered)
    return Bounds(np.where(poor, np.nan, low), np.where(poor, np.nan, high), "bootstrap")


def jackknife(
    value: Floats, rows: Floats, confidence: float = 0.95, involved: NDArray[np.int64] | None = None
) -> Bounds:
    """Return t intervals from (clusters × columns) values with each cluster left out, marked "few clusters".

    ``involved`` is the number of clusters that have a part in each column (all, by default).
    """
    count = np.full(rows.shape[1], len(rows)) if involved is None else involved
    with np.errstate(invalid="ignore", divide="ignore"):
        away = rows - value
        mean = away.sum(axis=0) / count
        spread = np.square(away).sum(axis=0) - count * np.square(mean)
        error = np.sqrt(np.maximum(spread, 0) * (count - 1) / count)
        reach = t_quantiles(confidence, count - 1) * error
    return Bounds(value - reach, value + reach, "jackknife").of_few()


def influence(
    value: Floats, parts: Floats, confidence: float = 0.95, involved: NDArray[np.int64] | None = None
) -> Bounds:
    """Return t intervals from (clusters × columns) influences: what each cluster adds to the error of the value.

    The linearised (infinitesimal jackknife, "sandwich") interval, for smooth functions of counts and of ranks.
    """
    count = np.full(parts.shape[1], len(parts)) if involved is None else involved
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.square(parts).sum(axis=0) * count / (count - 1))
        reach = t_quantiles(confidence, count - 1) * error
    found = Bounds(value - reach, value + reach, "linearised")
    return found.of_few() if len(count) and bool(np.all(count < FEW)) else found


def clustered_error(parts: Floats, member: Counts) -> tuple[Any, Any]:
    """Return the standard error of a value from each record's influence and cluster, and the number of clusters.

    Of (rows × records) influences and clusters an array with one of each.
    """
    if parts.ndim == 1:
        error, count = clustered_error(parts[None, :], member[None, :])
        return float(error[0]), int(count[0])
    place, count = ranked_rows(member)
    rows, width = len(place), int(count.max(initial=1))
    where = (np.arange(rows)[:, None] * width + place).ravel()
    sums = np.bincount(where, weights=parts.ravel(), minlength=rows * width).reshape(rows, width)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.square(sums).sum(axis=1) * count / (count - 1))
    return np.where(count > 1, error, np.nan), count


def logit(value: Any, error: Any, count: Any, confidence: float = 0.95) -> tuple[Any, Any]:
    """Return the ends of intervals of areas that are made on the scale of log odds and carried back into [0, 1].

    Areas under curves pile up below 1, where symmetric intervals miss on one side (Kottas, Kuss & Zapf 2014 for
    AUROC; Boyd, Eng & Page 2013 for average precision). ``count`` is the number of independent parts, of the rarer
    kind where there are two, that a standard error rests on: under two there is no interval, and both ends are NaN.
    An area without an error keeps a width. Numbers, or arrays of one shape.
    """
    value, error, count = np.asarray(value, np.float64), np.asarray(error, np.float64), np.asarray(count)
    curved = (value > 0) & (value < 1) & ~(error <= 0)
    known, least = np.where(curved, value, 0.5), degenerate(np.maximum(count, 1), confidence)
    odds, away = np.log(known / (1 - known)), t_quantiles(confidence, count - 1) * error / (known * (1 - known))
    low = np.where(curved, 1 / (1 + np.exp(away - odds)), np.maximum(value - least, 0.0))
    high = np.where(curved, 1 / (1 + np.exp(-odds - away)), np.minimum(value + least, 1.0))
    return np.where(count < 2, np.nan, low), np.where(count < 2, np.nan, high)


def mover(one: Floats, ends: Bounds, other: Floats, others: Bounds) -> tuple[Floats, Floats]:
    """Return the interval of one − other, two independent estimates, from the interval of each (MOVER).

    Zou & Donner 2008; as Newcombe (1998) does of Wilson's intervals for a difference of rates. It inherits their
    asymmetry, so that it also holds where one of them is near 0 or 1.
    """
    value = one - other
    down, up = np.hypot(one - ends.low, others.high - other), np.hypot(ends.high - one, other - others.low)
    return value - down, value + up


def sidak(confidence: float, count: int) -> float:
    """Return the confidence that each of ``count`` intervals needs, so that all hold at once (Šidák 1967)."""
    return float(confidence ** (1 / max(count, 1)))


def paired_proportions(gained: Floats, lost: Floats, count: Floats, confidence: float = 0.95) -> Bounds:
    """Return the interval of a difference of paired rates (Bonett & Price 2012): (gained − lost) / count.

    ``gained`` and ``lost`` are the samples answered rightly in one of the two only. Without any, it keeps a width.
    """
    z = z_quantile(confidence)
    one, other = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    reach = z * np.sqrt((one + other - np.square(one - other)) / (count + 2))
    middle = one - other
    return Bounds(np.maximum(middle - reach, -1), np.minimum(middle + reach, 1), "bonett-price")


ROUNDING = 1e-6
"""Part of a metric's range by which resamples may differ through rounding alone: sums are kept in single floats."""


def degenerate(count: Any, confidence: float = 0.95) -> Any:
    """Return how far a share of clusters can be from 0 when none of ``count`` showed any: Wilson's upper end."""
    square = z_quantile(confidence) ** 2
    return square / (count + square)


def band(
    value: Floats, rows: Floats | NDArray[np.float32], count: int, confidence: float = 0.95
) -> tuple[float, Floats]:
    """Return the critical value and the standard errors of a simultaneous (sup-t) band over the columns.

    All columns lie in value ± critical × error at once, in ``confidence`` of the experiments (Montiel Olea &
    Plagborg-Møller 2019). The critical value is widened for the finite number of clusters as ``expanded`` does.
    """
    critical, error = band_each(rows[:, None, :], count, confidence)
    return float(critical[0]), error[0]


def band_each(rows: Floats | NDArray[np.float32], count: int, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return ``band`` of each of several sets of columns, (resamples × sets × columns), as two arrays."""
    error, away = _deviations(rows)
    live = error > 0
    away = np.abs(away, out=away) / np.where(live, error, np.inf)
    furthest = np.fmax.reduce(away if live.all() else np.where(live, away, 0.0), axis=2)
    size = len(furthest)
    place = min(int(np.ceil(confidence * (size + 1))), size) - 1
    critical = np.partition(furthest, place, axis=0)[place].astype(np.float64)
    wider = t_quantile(confidence, count - 1) / z_quantile(confidence)
    nothing = z_quantile(1 - (1 - confidence) / rows.shape[2])
    return np.where(live.any(axis=1), critical * wider, nothing), error


def _deviations(rows: Floats | NDArray[np.float32]) -> tuple[Floats, NDArray[Any]]:
    """Return the standard errors of columns, NaN of one that is never defined, and how far each value is from its mean.

    Where all values are finite both come of one pass over them, which is several times as fast.
    """
    if not np.isfinite(rows).all():
        never = np.isnan(rows).all(axis=0)
        rows = np.where(never, 0.0, rows)
        error = np.where(never, np.nan, np.asarray(np.nanstd(rows, axis=0), np.float64))
        return error, rows - np.asarray(np.nanmean(rows, axis=0))
    away = rows - rows.mean(axis=0)
    return np.sqrt(np.square(away).mean(axis=0)).astype(np.float64), away


def mcnemar(gained: Floats, lost: Floats) -> Floats:
    """Return McNemar's mid-p for discordant pairs (Fagerland, Lydersen & Laake 2013); 1 where there are none."""
    from scipy.special import bdtr, gammaln

    few, total = np.minimum(gained, lost), gained + lost
    tail = 2 * bdtr(few, total.astype(np.int64), 0.5)
    here = np.exp(gammaln(total + 1) - gammaln(few + 1) - gammaln(total - few + 1) - total * np.log(2))
    return np.where(total > 0, np.minimum(np.where(gained == lost, 1 - here, tail - here), 1.0), 1.0)


def quantile_interval(ordered: Floats, share: float, confidence: float) -> tuple[float, float, float]:
    """Return a quantile of sorted values and an interval of order statistics, exact for independent values.

    An end that so few values cannot bound is NaN.
    """
    from scipy.special import bdtr, bdtrik

    n, tail = len(ordered), (1 - confidence) / 2
    value = float(ordered[min(int(np.ceil(share * n)), n) - 1])
    below = int(np.floor(max(float(bdtrik(tail, n, share)), 0.0)))
    below = below if float(bdtr(below, n, share)) <= tail else below - 1
    above = int(np.ceil(float(bdtrik(1 - tail, n, share)))) + 1
    low = float(ordered[below]) if below >= 0 else float("nan")
    return value, low, float(ordered[above - 1]) if above <= n else float("nan")
