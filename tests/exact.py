"""Intervals of rates by root finding on textbook binomials, to hold ours against."""

from scipy.optimize import brentq
from scipy.stats import beta, binom


def mid_p_ends(k, n, alpha=0.05):
    """Mid-P ends of k right of n; a fractional count takes the binomial tail as the beta distribution it equals."""

    def at_most(k, p):
        return (
            float(binom.cdf(k, n, p))
            if float(n).is_integer() and float(k).is_integer()
            else beta.cdf(1 - p, n - k, k + 1)
        )

    def below(p):
        return (at_most(k, p) + (at_most(k - 1, p) if k > 0 else 0)) / 2 - alpha / 2

    def above(p):
        return 1 - (at_most(k, p) + at_most(k - 1, p)) / 2 - alpha / 2

    low = brentq(above, 1e-12, 1 - 1e-12, xtol=1e-14) if k > 0 else 0.0
    return low, brentq(below, 1e-12, 1 - 1e-12, xtol=1e-14) if k < n else 1.0
