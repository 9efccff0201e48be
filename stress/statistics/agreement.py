"""Do two say the same? Rank correlation, and agreement among several raters."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats, Ints
from stress.statistics.ranks import midranks

__all__ = ["krippendorff", "spearman"]


def spearman(one: Floats, other: Floats, weights: Ints | None = None) -> float:
    """Return the rank correlation of pairs, ties at their mean rank; NaN of fewer than three, or where one is constant.

    ``weights`` are how often each pair counts, as in a resample.
    """
    if weights is not None:
        one, other = np.repeat(one, weights), np.repeat(other, weights)
    if len(one) < 3:
        return float("nan")
    a, b = midranks(one), midranks(other)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else float("nan")


def krippendorff(ratings: Floats, weights: Ints | None = None) -> float:
    """Return Krippendorff's alpha for interval data of (units × raters), NaN where a rater said nothing.

    1 is agreement, 0 what chance gives, below 0 they contradict each other; NaN where no unit has two ratings, or all
    ratings are one number. ``weights`` are how often each unit counts. Source: Krippendorff, Content Analysis (2004).
    """
    if weights is not None:
        ratings = np.repeat(ratings, weights, axis=0)
    there = np.isfinite(ratings)
    ratings, there = ratings[there.sum(axis=1) >= 2], there[there.sum(axis=1) >= 2]
    count = int(there.sum())
    if count < 2:
        return float("nan")
    raters = there.sum(axis=1)
    values = np.where(there, ratings, 0.0)
    within = 2 * (raters * np.square(values).sum(axis=1) - np.square(values.sum(axis=1))) / (raters - 1)
    observed = float(within.sum()) / count
    everything = values[there]
    expected = 2 * float(count * np.square(everything).sum() - everything.sum() ** 2) / (count * (count - 1))
    return 1 - observed / expected if expected > 1e-15 else float("nan")
