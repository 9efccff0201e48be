"""Curves that do not fall: the nearest one to what was measured, and where it reaches a value."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats

__all__ = ["reached_at", "rising"]


def rising(values: Floats, floor: float | None = None) -> Floats:
    """Return the least-squares fit that does not fall along the last axis (isotonic regression).

    By its min–max form: the fit at i is the greatest, over all beginnings at or before i, of the least mean of a
    stretch from there to i or beyond (Barlow et al. 1972). With ``floor`` no fitted value is below it: the constrained
    optimum is then the fit, cut off there.
    """
    count = values.shape[-1]
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1, dtype=np.float64)], axis=-1)
    fit = np.full(values.shape, -np.inf)
    for start in range(count):
        means = (total[..., start + 1 :] - total[..., start : start + 1]) / np.arange(1, count - start + 1)
        least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]  # over all ends at or after each place
        np.maximum(fit[..., start:], least, out=fit[..., start:])
    return fit if floor is None else np.maximum(fit, floor)


def reached_at(places: Floats, curve: Floats, target: float) -> Floats:
    """Return the first place at which a rising curve reaches a value, straight lines between its points.

    ``curve`` is (… × places). Where its end is lower it is +∞; where its beginning is higher already, −∞.
    """
    below = (curve < target).sum(axis=-1)
    after = np.clip(below, 1, curve.shape[-1] - 1) if curve.shape[-1] > 1 else below * 0
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(curve, at[..., None], axis=-1)[..., 0] for at in (before, after))
    rise = high - low
    share = np.divide(target - low, rise, out=np.zeros_like(rise), where=rise > 0)
    found = places[before] + np.clip(share, 0.0, 1.0) * (places[after] - places[before])
    found = np.where(curve[..., 0] == target, places[0], found)
    return np.where(below == curve.shape[-1], np.inf, np.where(curve[..., 0] > target, -np.inf, found))
