"""Every cell against the clean one, paired by sample: drop and retention, each with its one interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stress.measure.core.context import Context, Values
from stress.measure.core.rare import merged, of_rare_changes
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds, paired_proportions

__all__ = ["Sides", "as_from_clean", "from_clean", "lost_share", "most_kept", "sides", "together"]


Sides = Callable[[Floats], tuple[Floats, Floats]]


def sides(context: Context, metric: Metric, clean: int) -> tuple[Values, Sides]:
    """Return values, and what splits their (rows × columns) into each cell's own and clean's on the samples it shares.

    Drops are paired: both are taken over the samples that the two cells share, also where a run was cut short.
    """
    values, split = context.once(_paired, metric, clean)

    def both(rows: Floats) -> tuple[Floats, Floats]:
        if rows.shape[1] > split:
            return rows[:, :split], rows[:, split:]
        return rows, np.broadcast_to(rows[:, [clean]], rows.shape)

    return values, both


def together(context: Context) -> None:
    """Sum up all that a report resamples, before any of it is: many samples' weights are then drawn once for all."""
    counts = [metric for metric in context.of_kind("counts") if metric.curve or metric is context.headline]
    context.prepare([*context.metrics, *counts])
    clean, headline = context.frame.clean, context.headline
    if clean is not None and all(map(context.frame.has, headline.needs)):
        sides(context, headline, clean)


def from_clean(
    context: Context, metric: Metric, clean: int, name: str, confidence: float | None = None
) -> tuple[Floats, Bounds]:
    """Return every cell's ``drop`` (positive: worse) or ``retention`` against the clean cell, paired by sample.

    The one interval that such a number has, in whichever table it is shown. Not only clean can be compared with.
    """
    return context.once(_from_clean, metric, clean, name, confidence or context.options.confidence)


def _from_clean(context: Context, metric: Metric, clean: int, name: str, confidence: float) -> tuple[Floats, Bounds]:
    values, both = sides(context, metric, clean)
    values = values.at_confidence(confidence)
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
    found = _of_rare(context, metric, clean, values, found, name)
    if name == "drop":
        return value, found
    most = most_kept(metric, both(values.bounds().low[None, :])[1][0])
    return value, replace(found, low=np.maximum(found.low, 0.0), high=np.minimum(found.high, most))


def most_kept(metric: Metric, before: Floats) -> Floats:
    """Return the largest retention that is possible, for the lower ends of what was there before.

    Nothing is better than perfect: of a clean accuracy of .8, 125 % are kept at most. Of the lower end, since the clean
    value itself is an estimate: over that one, a model that gains to perfection would be missed half the time.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        most = metric.high / np.maximum(before, 0.0)
    return np.where(np.isnan(most), np.inf, most)


def lost_share(context: Context, metric: Metric, clean: int) -> Floats | None:
    """Return the share of the samples that each cell shares with clean which are 1 there and 0 here.

    None where answers are not yes or no; NaN where a sample has several answers, which may be lost in part.
    """
    values, both = sides(context, metric, clean)
    if metric.name in context.others or values.records is None:
        return None
    lost, gained, count = context.sums.discordant(metric, clean)
    after, before = both(values.point[None, :])
    with np.errstate(invalid="ignore", divide="ignore"):
        one_each = np.isclose((lost - gained) / count, (before - after)[0], atol=1e-9)
        return np.where(one_each, lost / count, np.nan)


def _of_rare(context: Context, metric: Metric, clean: int, values: Values, bounds: Bounds, name: str) -> Bounds:
    """Return the bounds of drops, or of retentions, mended where few answers were lost or gained."""
    there = context.once(_rare_drops, metric, clean, values.confidence)
    if there is None:
        return bounds
    before = sides(context, metric, clean)[1](values.point[None, :])[1][0]
    return merged(bounds, as_from_clean(there, name, metric, before))


def _rare_drops(context: Context, metric: Metric, clean: int, confidence: float) -> Bounds | None:
    """Return the intervals of clean minus each cell, NaN where many answers differ; None where none can be made."""
    lost = context.once(lost_share, metric, clean)
    values, both = sides(context, metric, clean)
    if lost is None or values.clusters < 2:
        return None
    (after, before), (now, then) = both(values.point[None, :]), both(values.rows)
    columns = both(np.arange(len(values.point), dtype=np.float64)[None, :])[0][0].astype(np.int64)
    values = values.at_confidence(confidence)
    return of_rare_changes(values, (before - after)[0], then - now, lost, values.size(columns))


def as_from_clean(ends: Bounds, name: str, metric: Metric, before: Floats) -> Bounds:
    """Return the ends of before − after as those of a drop or, over what was there before, of a retention."""
    if name == "drop":
        return ends if metric.better == "higher" else replace(ends, low=-ends.high, high=-ends.low)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.maximum(1 - ends.high / before, 0.0), 1 - ends.low / before
    return replace(ends, low=low, high=high) if name == "retention" else replace(ends, low=1 - high, high=1 - low)


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
