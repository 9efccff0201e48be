"""P-values that a risk is too high, from bounded losses: what a guarantee over answers is made of."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats

__all__ = ["hoeffding_bentkus", "too_risky"]


def hoeffding_bentkus(mean: Floats | float, count: Floats | float, risk: float) -> Floats:
    """Return the p-value of "the expected loss is above ``risk``" from the mean of ``count`` losses in [0, 1].

    The smaller of Hoeffding's bound in its relative-entropy form and Bentkus' (e times a binomial tail); valid for any
    losses in [0, 1] that are independent (Bates et al. 2021, J. ACM 68:43, Proposition 5; Angelopoulos et al. 2021,
    arXiv 2110.01052). 1 where there is nothing to tell from.
    """
    from scipy.special import xlogy
    from scipy.stats import binom

    mean, count = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(count, np.float64))
    low = np.minimum(np.nan_to_num(mean, nan=1.0), risk)
    entropy = xlogy(low, low / risk) + xlogy(1 - low, (1 - low) / (1 - risk))
    bentkus = np.e * binom.cdf(np.ceil(count * np.nan_to_num(mean, nan=1.0)), count, risk)
    found = np.minimum(1.0, np.minimum(np.exp(-count * entropy), bentkus))
    return np.asarray(np.where((count > 0) & np.isfinite(mean), found, 1.0))


def too_risky(wrong: Floats, answered: Floats, member: Floats, risk: float, *, alone: bool) -> float:
    """Return the p-value of "more than ``risk`` of the answers are wrong", from each input's answer or silence.

    Where inputs stand ``alone`` it is exact: of so many answers, given how many there are, so many are wrong. Else
    clusters are the independent parts, and each counts the mean of what its inputs pay: wrong answers above ``risk``
    (0 where no answer is given), brought into [0, 1].
    """
    from scipy.stats import binom

    if not answered.any():
        return 0.0  # who gives no answer gives no wrong one
    if alone:
        return float(binom.cdf(wrong[answered > 0].sum(), answered.sum(), risk))
    paid = np.where(answered > 0, wrong, risk)
    place = np.unique(member, return_inverse=True)[1]
    means = np.bincount(place, paid) / np.bincount(place)
    return float(hoeffding_bentkus(means.mean(), len(means), risk))
