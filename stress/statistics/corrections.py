"""Is the true value beyond a bar, and what if sixty bars are looked at? One-sided p values, corrected."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.intervals import t_quantile, z_quantile

Number = float | Floats

__all__ = ["adjusted", "below", "further"]


def below(
    value: Number,
    low: Number,
    high: Number,
    bar: Number,
    confidence: float = 0.95,
    freedom: int | None = None,
    trials: Number = np.nan,
) -> Floats:
    """Return the p value of "the true value is at or above the bar": small where it is surely below.

    Found by inverting the interval: it is (1 − confidence) / 2 where the end that faces the bar touches it, and normal
    (with ``freedom``: Student's t) on either side, so it never contradicts the interval that is shown. Where ``trials``
    is finite the value is a plain rate of so many, with Wilson's interval, of which the score test is the exact
    inversion. All arguments broadcast. NaN without an interval.
    """
    from scipy.special import ndtr, stdtr

    value, low, high, bar, trials = (np.asarray(x, np.float64) for x in (value, low, high, bar, trials))
    quantile = z_quantile(confidence) if freedom is None else t_quantile(confidence, freedom)
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.where(value < bar, high - value, value - low)
        z = (value - bar) / facing * quantile
        z = np.where((facing == 0) & (value != bar), np.sign(value - bar) * np.inf, z)
        z = np.where((facing == 0) & (value == bar), 0.0, z)
        inside = np.clip(bar, 1e-12, 1 - 1e-12)
        score = (value - bar) / np.sqrt(inside * (1 - inside) / trials)
        z = np.where(np.isfinite(trials), score, z)
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


def further(value: Number, low: Number, high: Number, bar: Number, count: Number, times: Number = 1.0) -> Floats:
    """Return about how many more samples would decide on which side of the bar the value is, if it stays where it is.

    An interval shrinks with the square root of the samples: it stops spanning the bar when its half facing the bar is
    as short as the distance. ``times`` is how much longer a corrected interval is. inf where the value is at the bar.
    """
    value, low, high, bar, count = (np.asarray(x, np.float64) for x in (value, low, high, bar, count))
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.where(value < bar, high - value, value - low) * times
        needed = count * np.square(facing / (value - bar))
    return np.where(np.isnan(needed), np.inf, np.maximum(np.ceil(needed - count), 1.0))
