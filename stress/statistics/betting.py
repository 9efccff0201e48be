"""Evidence that may be looked at after every answer: bets on the mean of bounded observations, against a bar.

Who bets on "the mean is above m" with a stake that m makes fair at best multiplies his money by at least c with
probability at most 1/c, however often it is looked at and whenever it is stopped (Ville 1939). The wealth is an
e-process (Waudby-Smith & Ramdas 2024); here it is the mean of ``STAKES`` of them, each of one stake, which is valid for
every stake and nearly as good as the best of them (Cover 1991; Orabona & Jun 2024). It depends on which observations
there were, not on their order, and falls as m rises, so that it is inverted to a confidence sequence by halving.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = ["STAKES", "betting_sequence", "between", "expected_count", "gains", "growth", "log_wealth", "stakes"]

STAKES: Floats = np.geomspace(0.004, 0.99, 16)
"""Shares of the greatest stake with which the worst observation loses all."""
_HALVINGS = 40
_LEAST = 1e-300


def gains(values: Floats, bar: Floats | float, weights: Floats | float = 1.0) -> Floats:
    """Return what each observation wins for a whole stake on "the mean is above ``bar``": −1 where all is lost.

    ``values`` in [0, 1] and ``weights`` in [0, 1] broadcast with ``bar``; the bet is on the weighted mean, Σwy / Σw.
    The other side's bet is on ``1 - values`` and ``1 - bar``. A bar of 0 is as good as refuted by anything above it.
    """
    return np.asarray(np.asarray(weights) * (values / np.maximum(bar, _LEAST) - 1.0))


def stakes(gained: Floats, counts: Floats | None = None, axis: int = 0) -> Floats:
    """Return the log wealth of each stake (first axis) after observations, along ``axis``, that gained so much.

    ``counts`` says how many there are of each. Sums of what parts of the observations gave are those of the whole.
    """
    each = np.log1p(STAKES.reshape(-1, *(1,) * np.ndim(gained)) * np.asarray(gained, np.float64))
    return np.asarray((each if counts is None else each * counts).sum(axis=axis + 1))


def log_wealth(of_stakes: Floats) -> Floats:
    """Return the log of the wealth of all stakes together (first axis): an e-value is its exponential."""
    top = of_stakes.max(axis=0)
    return np.asarray(top + np.log(np.exp(of_stakes - top).mean(axis=0)))


def between(
    gained: Callable[[Floats, bool], Floats],
    counts: Floats,
    middle: Floats,
    ends: tuple[float, float] = (0.0, 1.0),
    level: float = 0.025,
) -> tuple[Floats, Floats]:
    """Return the ends of confidence sequences, one for each of ``middle``: the bars that bets have not refuted.

    ``gained(bars, above)`` returns the (observations × sequences) gains of bets that the mean is above, or below, a bar
    for each sequence; ``counts`` (observations × sequences) how many there are of each. Either end is beyond the truth,
    ever, with probability ``level`` at most.
    """
    bar = -np.log(level)

    def refuted(at: Floats, above: bool) -> NDArray[np.bool_]:
        return np.asarray(log_wealth(stakes(gained(at, above), counts)) >= bar)

    def end(edge: float, above: bool) -> Floats:
        out, within = np.full(np.shape(middle), edge), np.array(middle, np.float64)
        kept = ~refuted(out, above)
        for _ in range(_HALVINGS):
            half = (out + within) / 2
            away = refuted(half, above)
            out, within = np.where(away, half, out), np.where(away, within, half)
        return np.where(kept, edge, out)

    return end(ends[0], True), end(ends[1], False)


def betting_sequence(
    values: Floats, weights: Floats | None = None, confidence: float = 0.95, counts: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of a confidence sequence for the (weighted) mean of each column of ``values``.

    ``values`` in [0, 1] are (observations × cells), ``weights`` in [0, 1] and ``counts`` of the same shape: an
    observation that is missing weighs 0. With probability ``confidence`` the mean that the observations were drawn
    from is never outside, at any number of them (Waudby-Smith & Ramdas 2024); for yes-or-no answers it is narrower than
    the beta mixture (``confidence_sequence``) but at the very beginning.
    """
    y = np.asarray(values, np.float64)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, np.float64)
    n = np.ones(y.shape) if counts is None else np.asarray(counts, np.float64)
    total = (w * n).sum(axis=0)
    middle = np.divide((w * n * y).sum(axis=0), total, out=np.full(y.shape[1:], 0.5), where=total > 0)

    def gained(bars: Floats, above: bool) -> Floats:
        return gains(y, bars, w) if above else gains(1 - y, 1 - bars, w)

    return between(gained, n, middle, level=(1 - confidence) / 2)


def growth(gained: Floats, counts: Floats | None = None) -> float:
    """Return how much the log wealth of the best stake grows with an observation, if all are as these were."""
    count = np.ones(len(gained)) if counts is None else counts
    return float(stakes(gained, count).max() / max(float(count.sum()), 1.0))


def expected_count(gained: Floats, level: float, counts: Floats | None = None) -> float:
    """Return after about how many observations like these a bet refutes its bar at ``level`` (Wald 1945).

    The wealth of all stakes together must be 1 / ``level``; infinite where the best of them does not grow.
    """
    rate = growth(gained, counts)
    return float((-np.log(level) + np.log(len(STAKES)) / 2) / rate) if rate > 0 else float("inf")
