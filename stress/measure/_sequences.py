"""Intervals one may look at while the run goes on: valid at every moment at once, however often one looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure._cells import absent, counted, empty_rows
from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._tables import CELL, INTERVAL, about_cell

__all__ = ["SEQUENCES", "confidence_sequence", "sequence_rows"]

SEQUENCES = {**CELL, **INTERVAL}
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


def sequence_rows(context: Context) -> list[dict[str, Any]]:
    """Return the headline of every cell with an interval that stays valid however often an unfinished run is read."""
    metric, frame = context.headline, context.frame
    note = absent(context, metric)
    if not note and (metric.bottom is not None or not metric.bounded or metric.name in context.others):
        note = f"{metric.name} is no mean of scores in [0, 1]"
    if note:
        return empty_rows(context, metric.name, note)
    top, bottom = frame.sums(metric)
    # several draws of one sample, or samples of one cluster, are one observation: their mean
    above, below = context.clusters.gather(top), context.clusters.gather(bottom)
    seen = below > 0
    means = np.divide(above, below, out=np.zeros_like(above), where=seen)
    total, count = means.sum(axis=0), seen.sum(axis=0).astype(np.float64)
    low, high = confidence_sequence(total, count, context.options.confidence)
    rows = []
    for i, cell in enumerate(frame.cells):
        row = {**about_cell(cell), **counted(context, i), "metric": metric.name}
        if count[i]:
            row |= {"value": total[i] / count[i], "low": low[i], "high": high[i], "method": "confidence sequence"}
            row["note"] = None if context.clusters.alone else "each cluster counts once"
        else:
            row |= {"low": None, "high": None, "note": "the cell has no records"}
        rows.append(row)
    return rows
