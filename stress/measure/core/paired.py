"""Every cell against the clean one, paired by sample: drop and retention, each with its one interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stress.measure.core.context import Context, Values
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, paired_proportions

__all__ = ["Sides", "change", "sides"]


Sides = Callable[[Floats], tuple[Floats, Floats]]


def sides(context: Context, metric: Metric, clean: int) -> tuple[Values, Sides]:
    """Return values, and what splits their (rows × columns) into each cell's own and clean's on the samples it shares.

    Drops are paired: both are taken over the samples that the two cells share, also where a run was cut short.
    """
    values, split = _paired(context, metric, clean)

    def both(rows: Floats) -> tuple[Floats, Floats]:
        if rows.shape[1] > split:
            return rows[:, :split], rows[:, split:]
        return rows, np.broadcast_to(rows[:, [clean]], rows.shape)

    return values, both


def change(
    context: Context, metric: Metric, clean: int, name: str, confidence: float | None = None
) -> tuple[Floats, Bounds]:
    """Return every cell's ``drop`` (positive: worse) or ``retention`` against the clean cell, paired by sample.

    The one interval that such a number has, in whichever table it is shown. Not only clean can be compared with.
    """
    return context.once(_change, metric, clean, name, confidence or context.options.confidence)


def _change(context: Context, metric: Metric, clean: int, name: str, confidence: float) -> tuple[Floats, Bounds]:
    values, both = sides(context, metric, clean)
    values = replace(values, confidence=confidence)
    sign = 1.0 if metric.better == "higher" else -1.0

    def drop(rows: Floats) -> Floats:
        after, before = both(rows)
        return sign * (before - after)

    def retention(rows: Floats) -> Floats:
        after, before = both(rows)
        return np.where(before > 0, after / before, np.nan)

    value, bounds = values.apply(drop if name == "drop" else retention)
    if name == "drop" and context.values(metric).plain is not None:
        return value, _plain_drop(context, metric, clean, confidence)
    scale = 1.0 if name == "drop" else 1 / max(float(values.point[clean]), 1e-9)
    found = values.widen(bounds, value, scale)
    return value, replace(found, low=np.maximum(found.low, 0.0)) if name == "retention" else found


def _paired(context: Context, metric: Metric, clean: int) -> tuple[Values, int]:
    """Return values of all cells, followed by the clean ones on each cell's own samples where cells are incomplete."""
    cells = len(context.frame.ids)
    if metric.name in context.others:  # no sum over samples: each side is over all records of its cell
        return context.values(metric), cells
    return context.sums.paired(metric, clean) or context.values(metric), cells


def _plain_drop(context: Context, metric: Metric, clean: int, confidence: float) -> Bounds:
    """Return paired-proportion intervals, for plain answers: one a sample, right or wrong."""
    lost, kept, count = context.sums.discordant(metric, clean)
    if metric.better == "lower":
        lost, kept = kept, lost
    found = paired_proportions(lost, kept, count, confidence)
    nothing = count == 0
    return replace(found, low=np.where(nothing, np.nan, found.low), high=np.where(nothing, np.nan, found.high))
