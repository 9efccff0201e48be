"""P-values that a risk is too high, from bounded losses: what a guarantee over answers is made of."""

from __future__ import annotations

import numpy as np

from stress.statistics.arrays import Floats, Ints

__all__ = ["betting", "too_risky"]


def betting(losses: Floats, risk: float, level: float) -> Floats:
    """Return the p-value of "the expected loss is ``risk`` or more" from independent losses (n, …) in [0, 1].

    One over the most that a gambler has had who bets on every loss being below ``risk``, in an order that has nothing
    to do with the losses: valid for any number of them, and sharp where they vary little (Waudby-Smith & Ramdas 2024,
    JRSS-B 86:1; as the bound of Bates et al. 2021, J. ACM 68:43, Proposition 6). Bets are sized for tests of ``level``.
    There is one p-value for each place on the axes after the first.
    """
    count = np.arange(1, len(losses) + 1).reshape(-1, *[1] * (losses.ndim - 1))
    mean = (0.5 + losses.cumsum(axis=0)) / (1 + count)
    variance = (0.25 + np.square(losses - mean).cumsum(axis=0)) / (1 + count)
    before = np.concatenate([np.full_like(variance[:1], 0.25), variance[:-1]])
    stake = np.minimum(1.0, np.sqrt(2 * np.log(1 / level) / (len(losses) * before)))
    capital = np.log1p(-stake * (losses - risk)).cumsum(axis=0)
    return np.asarray(np.minimum(1.0, np.exp(-np.maximum(0.0, capital.max(axis=0, initial=0.0)))))


def too_risky(wrong: Floats, answered: Floats, member: Ints, risk: float, level: float, *, alone: bool) -> Floats:
    """Return the p-value of "more than ``risk`` of the answers are wrong", from each input's answer or silence.

    ``wrong`` (n,) and ``answered`` (n, …) are 0 or 1; there is a p-value for each place on the axes after the first.
    Where inputs stand ``alone`` it is exact: of so many answers, given how many there are, so many are wrong. Else
    clusters are the independent parts, and each counts the mean of what its inputs pay: 1 for a wrong answer, 0 for a
    right one, and ``risk``, which decides nothing, where none is given.
    """
    from scipy.special import bdtr

    given = answered > 0
    count = given.sum(axis=0)
    if alone:
        found = bdtr(np.tensordot(wrong, given, 1), count, risk)
    else:
        place = np.unique(member, return_inverse=True)[1]
        order = np.random.default_rng(int(place.max()) + 1).permutation(int(place.max()) + 1)
        paid = np.where(given, wrong.reshape(-1, *[1] * (given.ndim - 1)), risk).reshape(len(place), -1)
        sums = np.column_stack([np.bincount(place, column) for column in paid.T])
        means = (sums / np.bincount(place)[:, np.newaxis]).reshape(-1, *given.shape[1:])
        found = betting(means[order], risk, level)
    return np.where(count > 0, found, 0.0)  # who gives no answer gives no wrong one
