"""Confidence sequences: intervals that hold at every moment at once, however often they are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = ["confidence_sequence"]

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
