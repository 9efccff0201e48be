"""Is the true value beyond a bar, and what if sixty bars are looked at? One-sided p values, corrected."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.intervals import t_quantile, z_quantile

Number = float | Floats

__all__ = ["adjusted", "adjusted_evidence", "below", "needed"]


def below(
    value: Number,
    low: Number,
    high: Number,
    bar: Number,
    confidence: float = 0.95,
    freedom: int | None = None,
) -> Floats:
    """Return the p value of "the true value is at or above the bar": small where it is surely below.

    Found by inverting the interval: it is (1 − confidence) / 2 where the end that faces the bar touches it, and normal
    (with ``freedom``: Student's t) on either side, so it never contradicts the interval that is shown. Rates have exact
    tails instead (``rates.at_most``). All arguments broadcast. NaN without an interval.
    """
    from scipy.special import ndtr, stdtr

    value, low, high, bar = (np.asarray(x, np.float64) for x in (value, low, high, bar))
    quantile = z_quantile(confidence) if freedom is None else t_quantile(confidence, freedom)
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.where(value < bar, high - value, value - low)
        z = (value - bar) / facing * quantile
        z = np.where((facing == 0) & (value != bar), np.sign(value - bar) * np.inf, z)
        z = np.where((facing == 0) & (value == bar), 0.0, z)
        found = ndtr(z) if freedom is None else stdtr(freedom, z)
    return np.where(np.isnan(value), np.nan, found)


def adjusted(p: Floats, how: str = "holm") -> Floats:
    """Return p values adjusted for their number: reject where one is at most the level.

    ``holm`` (Holm 1979): at most that share of families has *any* false rejection, however the tests depend on each
    other. ``bh`` (Benjamini & Hochberg 1995): at most that share of the rejections is false on average. ``none``: as
    they are. NaN is no test, and does not count.
    """
    found = np.array(p, np.float64)
    live = np.flatnonzero(~np.isnan(found))
    if how == "none" or not len(live):
        return found
    values, count = found[live], len(live)
    order = np.argsort(values, kind="stable")
    if how == "holm":
        steps = np.maximum.accumulate(values[order] * (count - np.arange(count)))
    else:
        steps = np.minimum.accumulate((values[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    found[live[order]] = np.minimum(steps, 1.0)
    return found


def adjusted_evidence(e: Floats, how: str = "holm") -> Floats:
    """Return e-values adjusted for their number: reject where one is at least 1 / the level.

    An e-value is on average at most 1 where there is nothing to find; evidence that is looked at again and again has
    them. ``holm``: the least mean of those that it may be among (the closure of the mean, Vovk & Wang 2021), so that at
    most that share of families has *any* false rejection; it rejects whatever Holm's method would of their inverses.
    ``bh``: at most that share of the rejections is false on average (Wang & Ramdas 2022). Both hold however they depend
    on each other. ``none``: as they are. NaN is no test, and does not count.
    """
    found = np.array(e, np.float64)
    live = np.flatnonzero(~np.isnan(found))
    if how == "none" or not len(live):
        return found
    values = found[live]
    if how == "bh":
        with np.errstate(divide="ignore"):
            p = adjusted(np.minimum(1 / values, 1.0), "bh")
            found[live] = 1 / p
        return found
    order = np.argsort(values, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(values[order])[:-1]])
    for rank, place in enumerate(order):  # with the j least of the others, each j
        least = (values[place] + before[: rank + 1]) / np.arange(1, rank + 2)
        found[live[place]] = least.min()
    return found


def needed(
    value: float,
    low: float,
    high: float,
    bar: float,
    count: float,
    times: float = 1.0,
    power: float = 0.8,
    confidence: float = 0.95,
) -> float:
    """Return how many samples a new run takes to decide on which side of the bar the value is, with this power.

    If the value is what was measured, and by an error that shrinks with the square root of the samples: the interval's
    end must then lie beyond the bar in that share of new runs. ``times`` is how much longer a corrected interval is.
    inf where the value is at the bar.
    """
    facing = high - value if value < bar else value - low
    if value == bar or not np.isfinite(facing):
        return float("inf")
    longer = times + z_quantile(2 * power - 1) / z_quantile(confidence)
    return float(max(np.ceil(count * (facing * longer / (value - bar)) ** 2), 1.0))
