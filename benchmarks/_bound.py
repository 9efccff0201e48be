"""How few pairs any method can decide a drop since a baseline with: Wald's bound, for the worlds of the benchmark.

Whoever decides with error ``level`` and power ``power`` needs at least kl(power, level) / I pairs on average (Wald
1945; Garivier & Kaufmann 2016), I being what a pair tells at best of the truth against the nearest drop at the bar.
Baseline answers are given here, all of them and how often they are right, and whoever asks may ask about either kind as
often as he likes: so no stratified sampling, control variate or prediction from them does with fewer.
"""

import numpy as np

SHARES = np.linspace(0.02, 0.98, 49)


def _kl(p, q):
    """Return the divergence of yes-or-no answers, elementwise."""
    from scipy.special import xlogy

    with np.errstate(divide="ignore", invalid="ignore"):
        return xlogy(p, p) - xlogy(p, q) + xlogy(1 - p, 1 - p) - xlogy(1 - p, 1 - q)


def information(right, lost, won, bar):
    """Return what a pair tells at best: ``lost`` of the answers that were ``right`` are wrong now, ``won`` of the rest.

    The best split of the questions between the two kinds, against the worst alternative whose drop is the bar.
    """
    other = np.linspace(0, 1, 4001)  # the share lost, of an alternative whose drop is the bar
    gained = (right * other - bar) / max(1 - right, 1e-12)
    there = (gained >= 0) & (gained <= 1)
    if not there.any():
        return np.inf
    of_right, of_wrong = _kl(lost, other[there]), _kl(won, gained[there])
    with np.errstate(invalid="ignore"):
        return max(float(np.nanmin(share * of_right + (1 - share) * of_wrong)) for share in SHARES)


def fewest(right, lost, won, bar, level, power=0.93):
    """Return how many pairs are asked on average at least, to find on which side of the bar the drop is."""
    return float(_kl(power, level) / max(information(right, lost, won, bar), 1e-12))
