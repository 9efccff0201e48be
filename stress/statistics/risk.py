"""P-values that a risk is too high, from bounded losses: what a guarantee over answers is made of."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats, Ints

__all__ = ["betting", "too_risky"]


def betting(losses: Floats, risk: float, level: float) -> float:
    """Return the p-value of "the expected loss is ``risk`` or more" from independent losses in [0, 1].

    One over the most that a gambler has had who bets on every loss being below ``risk``, in an order that has nothing
    to do with the losses: valid for any number of them, and sharp where they vary little (Waudby-Smith & Ramdas 2024,
    JRSS-B 86:1; as the bound of Bates et al. 2021, J. ACM 68:43, Proposition 6). Bets are sized for tests of ``level``.
    """
    count = np.arange(1, len(losses) + 1)
    mean = (0.5 + losses.cumsum()) / (1 + count)
    variance = (0.25 + np.square(losses - mean).cumsum()) / (1 + count)
    before = np.concatenate([[0.25], variance[:-1]])
    stake = np.minimum(1.0, np.sqrt(2 * np.log(1 / level) / (len(losses) * before)))
    capital = np.log1p(-stake * (losses - risk)).cumsum()
    return float(min(1.0, np.exp(-max(0.0, capital.max(initial=0.0)))))


def too_risky(wrong: Floats, answered: Floats, member: Ints, risk: float, level: float, *, alone: bool) -> float:
    """Return the p-value of "more than ``risk`` of the answers are wrong", from each input's answer or silence.

    Where inputs stand ``alone`` it is exact: of so many answers, given how many there are, so many are wrong. Else
    clusters are the independent parts, and each counts the mean of what its inputs pay: 1 for a wrong answer, 0 for a
    right one, and ``risk``, which decides nothing, where none is given.
    """
    from scipy.stats import binom

    if not answered.any():
        return 0.0  # who gives no answer gives no wrong one
    if alone:
        return float(binom.cdf(wrong[answered > 0].sum(), answered.sum(), risk))
    paid = np.where(answered > 0, wrong, risk)
    place = np.unique(member, return_inverse=True)[1]
    means = np.bincount(place, paid) / np.bincount(place)
    return betting(means[np.random.default_rng(len(means)).permutation(len(means))], risk, level)
