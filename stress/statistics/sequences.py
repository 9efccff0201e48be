"""Confidence sequences: intervals that hold at every moment at once, however often they are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = ["ASYMPTOTIC_FROM", "asymptotic_evidence", "asymptotic_reach", "confidence_sequence"]

ASYMPTOTIC_FROM = 500
"""Observations from which on an error is taken for that of a normal law."""
_PRIOR = 0.011
"""Variance of the mixture, for which a sequence is narrowest about 1,000 observations (Waudby-Smith et al. 2024)."""
_HALVINGS = 36


def confidence_sequence(total: Floats, count: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of a confidence sequence for means in [0, 1], for each (sum, count).

    Valid at all times at once (Ville 1939): with probability ``confidence`` the true mean is never outside. The beta
    mixture of likelihood ratios (Robbins 1970) with a uniform prior, B(1 + s, 1 + n − s) / (mˢ (1 − m)ⁿ⁻ˢ), holds for
    yes-or-no scores and, by convexity, for every independent score in [0, 1].
    """
    from scipy.special import betaln, xlog1py, xlogy

    s, n = np.broadcast_arrays(np.asarray(total, np.float64), np.asarray(count, np.float64))
    mixture, bar = betaln(1 + s, 1 + n - s), -np.log(1 - confidence)
    mean = np.divide(s, n, out=np.full(s.shape, 0.5), where=n > 0)

    def outside(m: Floats) -> NDArray[np.bool_]:
        return mixture - xlogy(s, m) - xlog1py(n - s, -m) >= bar

    def end(edge: float) -> Floats:
        out, within = np.full(s.shape, edge), mean.copy()
        for _ in range(_HALVINGS):
            middle = (out + within) / 2
            away = outside(middle)
            out, within = np.where(away, middle, out), np.where(away, within, middle)
        return np.where(outside(np.full(s.shape, edge)), within, edge)

    with np.errstate(divide="ignore", invalid="ignore"):
        return end(0.0), end(1.0)


def asymptotic_evidence(z: Floats | float, count: Floats | float) -> Floats:
    """Return the log of the evidence that a number is above a bar, which is ``z`` standard errors below the estimate.

    ``z`` is of any estimate whose error is that of a mean of ``count`` influences: F1, a ratio, a rank measure. The
    mixture over half of a normal law (Robbins 1970; Howard et al. 2021), with the deviation that was seen in place of
    the true one: valid at all times in the limit (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024), here from
    ``ASYMPTOTIC_FROM`` observations on, before which it is none.
    """
    from scipy.special import log_ndtr

    z, n = np.asarray(z, np.float64), np.asarray(count, np.float64)
    share = n * _PRIOR / (1 + n * _PRIOR)
    found = np.log(2) - np.log1p(n * _PRIOR) / 2 + share * np.square(z) / 2 + log_ndtr(np.sqrt(share) * z)
    return np.asarray(np.where(n >= ASYMPTOTIC_FROM, found, 0.0))


def asymptotic_reach(count: float, level: float) -> float:
    """Return how many standard errors an asymptotic confidence sequence reaches to one side, of ``count`` observations.

    Infinite before ``ASYMPTOTIC_FROM``. The truth is ever beyond with probability ``level`` at most, in the limit.
    """
    if count < ASYMPTOTIC_FROM:
        return float("inf")
    out, within = 0.0, 60.0
    for _ in range(_HALVINGS):
        middle = (out + within) / 2
        far = float(asymptotic_evidence(middle, count)) >= -np.log(level)
        out, within = (out, middle) if far else (middle, within)
    return within
