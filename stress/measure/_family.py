"""Is the true value beyond a bar, and what if sixty bars are looked at? One-sided p values, Holm, Benjamini–Hochberg."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.measure._frame import Floats
from stress.measure._intervals import t_quantile, z_quantile

__all__ = ["adjusted", "below", "further"]


def below(
    value: Floats,
    low: Floats,
    high: Floats,
    bar: Floats,
    confidence: float | Floats = 0.95,
    freedom: int | None = None,
    trials: Floats | None = None,
) -> Floats:
    """Return the p value of "the true value is at or above the bar": small where it is surely below.

    Found by inverting the interval: it is (1 − confidence) / 2 where the end that faces the bar touches it, and normal
    (with ``freedom``: Student's t) on either side, so it never contradicts the interval that is shown. Where ``trials``
    is finite the value is a plain rate of so many, with Wilson's interval, of which the score test is the exact
    inversion. All arguments broadcast. NaN without an interval.
    """
    from scipy.special import ndtr, stdtr

    level = np.asarray(confidence, np.float64)
    quantile = np.vectorize(z_quantile if freedom is None else lambda c: t_quantile(float(c), freedom))(level)
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.where(value < bar, high - value, value - low)
        z = (value - bar) / facing * quantile
        z = np.where((facing == 0) & (value != bar), np.sign(value - bar) * np.inf, z)
        z = np.where((facing == 0) & (value == bar), 0.0, z)
        if trials is not None:
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
    values = found[live]
    order = np.argsort(values, kind="stable")
    count = len(values)
    if how == "holm":
        steps = np.maximum.accumulate(values[order] * np.arange(count, 0, -1))
    else:
        steps = np.minimum.accumulate((values[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    found[live[order]] = np.minimum(steps, 1.0)
    return found


def further(
    value: Floats, low: Floats, high: Floats, bar: Floats, count: NDArray[np.int64] | Floats, times: Floats | float = 1.0
) -> Floats:
    """Return about how many more samples would decide on which side of the bar the value is, if it stays where it is.

    An interval shrinks with the square root of the samples: it stops spanning the bar when its half facing the bar is
    as short as the distance. ``times`` is how much longer a corrected interval is. inf where the value is at the bar.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        facing = np.where(value < bar, high - value, value - low) * times
        needed = count * np.square(facing / (value - bar))
    return np.where(np.isnan(needed), np.inf, np.maximum(np.ceil(needed - count), 1.0))
