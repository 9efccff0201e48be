"""Measures of counts – F1, balanced accuracy, MCC – of every cell, with what each cluster adds to their errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure.core.context import Context
from stress.measure.core.macro import macro_bounds
from stress.measure.core.marginals import entries, labelled, marginals, spread
from stress.measure.core.rare import RARE, merged
from stress.measure.core.sections import pieces
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.counts import Formula, Gradient, Macro, Marginals
from stress.statistics.intervals import ROUNDING, Bounds, degenerate, influence, t_quantiles
from stress.statistics.numeric import value_of
from stress.statistics.ranks import MANY
from stress.statistics.rates import effective

__all__ = ["count_bounds", "formula", "parts_of"]

Flags = NDArray[np.bool_]
_LARGE = 20_000
"""Counts of a cell (clusters × classes) up to which each cluster is left out in turn."""
_MACRO = "linearised or mover, mid-p"
"""How means over classes have their intervals: made of those of the classes where one has few hits or misses."""


@dataclass(frozen=True)
class Parts:
    """A measure of every cell, and what each cluster adds to its error, (clusters × cells)."""

    value: Floats
    parts: Floats
    involved: NDArray[np.int64]


def formula(metric: Metric) -> Formula:
    """Return how a measure of counts is worked out. Raises InputError where a metric is none."""
    if metric.kind != "counts" or metric.function is None:
        raise InputError(f"measure: {metric.name} must be a measure of counts, got a {metric.kind}.")
    return metric.function


def counts_of(context: Context) -> Marginals | None:
    """Return the counts of every cell, worked out once; ``None`` where there are no classes or no predictions."""
    return context.once(_counts)


def _counts(context: Context) -> Marginals | None:
    if not labelled(context):
        return None
    cells = len(context.frame.ids)
    hits, answers, truths = (np.zeros((cells, context.classes)) for _ in range(3))
    whole = Marginals(hits, answers, truths, np.zeros(cells))
    for some, places in pieces(context):
        found = entries(some)
        if found is not None:
            part = marginals(some, found)
            for name in ("hits", "answers", "truths", "records"):
                getattr(whole, name)[places] += getattr(part, name)
    return whole


def clustered(context: Context, values: Floats) -> Floats:
    """Return (clusters × cells) sums of a number per record."""
    frame, cells = context.frame, len(context.frame.ids)
    where = context.clusters.member[frame.sample] * cells + frame.cell
    size = len(context.clusters) * cells
    return np.bincount(where, weights=values, minlength=size).astype(np.float64).reshape(-1, cells)


def _there(context: Context) -> Flags:
    """Return (clusters × cells) which clusters each cell has records of."""
    return clustered(context, np.ones(len(context.frame.cell))) > 0


def parts_of(context: Context, name: str) -> Parts:
    """Return a measure of counts with the influences of the clusters.

    Of up to 50 clusters each is left out in turn; of more, or where that leaves nothing to measure, gradients tell.
    """
    return context.once(_parts_of, name)


def _parts_of(context: Context, name: str) -> Parts:
    metric = context.metric(name)
    found, without = _gradients(context, metric), _without(context, metric)
    if without is None:
        return found
    able, parts = without
    return replace(found, parts=np.where(able, parts, found.parts))


def _without(context: Context, metric: Metric) -> tuple[Flags, Floats] | None:
    """Return the influences from leaving out each cluster in turn, and in which cells that can be done.

    With tens of clusters a gradient says too little of how a measure varies (MacKinnon, Nielsen & Webb 2023).
    """
    many, cells = len(context.clusters), len(context.frame.ids)
    counts = counts_of(context)
    if counts is None or context.clusters.alone or many * counts.hits.shape[1] > _LARGE:
        return None
    own = context.once(_by_cluster)
    left = [(each.sum(axis=1, keepdims=True) - each).reshape(cells * many, -1) for each in own]
    there = own[3][:, :, 0] > 0
    if (there.sum(axis=1) > MANY).all():
        return None
    value = value_of(formula(metric), Marginals(left[0], left[1], left[2], left[3][:, 0])).reshape(cells, many)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    mean = np.where(there, value, 0.0).sum(axis=1, keepdims=True) / count
    able = (count[:, 0] <= MANY) & (np.isfinite(value) | ~there).all(axis=1)
    return able, (np.where(there, mean - value, 0.0) * (count - 1) / count).T


def _by_cluster(context: Context) -> list[Floats]:
    """Return hits, answers, truths (cells × clusters × classes) and records (cells × clusters × 1)."""
    many, cells, classes = len(context.clusters), len(context.frame.ids), context.classes
    whole = [np.zeros((cells, many, width)) for width in (classes, classes, classes, 1)]
    for some, places in pieces(context):
        for sums, part in zip(whole, _by_cluster_of(some)):
            sums[places] += part
    return whole


def _by_cluster_of(context: Context) -> list[Floats]:
    many, cells, classes = len(context.clusters), len(context.frame.ids), context.classes
    frame, found = context.frame, entries(context)
    place = frame.cell * many + context.clusters.member[frame.sample]
    everyone = np.arange(len(place))

    def own(record: NDArray[np.int64], label: NDArray[np.int64], width: int) -> Floats:
        sums = np.bincount(place[record] * width + label, minlength=cells * many * width)
        return sums.reshape(cells, many, width).astype(np.float64)

    pairs = [] if found is None else [found.hit, found.answer, found.truth]
    labelled = [own(*pair, classes) for pair in pairs] or [np.zeros((cells, many, classes))] * 3
    return [*labelled, own(everyone, np.zeros_like(everyone), 1)]


def _gradients(context: Context, metric: Metric) -> Parts:
    """Return a measure of counts with the clusters' linearised influences, added up where there are many records."""
    counts = counts_of(context)
    if counts is None:
        raise InputError(f"measure: {metric.name} needs records with a prediction and a task with classes.")
    gradient, shape = formula(metric)(counts), (len(context.clusters), len(context.frame.ids))
    parts, there = np.zeros(shape), np.zeros(shape, bool)
    for some, places in pieces(context):
        parts[:, places] += _influences(some, gradient.of(places))
        there[:, places] |= some.once(_there)
    return Parts(gradient.value, parts, there.sum(axis=0))


def _influences(context: Context, gradient: Gradient) -> Floats:
    found = entries(context)
    shape = (len(context.clusters), len(context.frame.ids))
    return np.zeros(shape) if found is None else clustered(context, spread(context, found, gradient))


def count_bounds(context: Context, name: str) -> Bounds:
    """Return intervals of a measure of counts within the metric's range, which keep a width where no cluster differs.

    Of means over classes some of which have few hits or few misses: made of the intervals of the classes (``macro``).
    Of others with two ends: that of a rate between them of as many independent answers as would have the same error.
    """
    return context.once(_count_bounds, name)


def _count_bounds(context: Context, name: str) -> Bounds:
    parts, metric, confidence = parts_of(context, name), context.metric(name), context.options.confidence
    bounds = influence(parts.value, parts.parts, confidence, parts.involved)
    if not metric.bounded:
        return bounds
    count, span = np.maximum(parts.involved, 1), metric.high - metric.low
    flat = (np.abs(bounds.high - bounds.low) <= ROUNDING * span) & np.isfinite(parts.value)
    reach = np.where(flat, degenerate(count, confidence) * span, bounds.high - parts.value)
    error = reach / t_quantiles(confidence, np.maximum(count - 1, 1))
    scaled = (parts.value - metric.low) / span
    ends = effective(scaled, np.square(error / span), count.astype(np.float64), confidence=confidence)
    low, high = metric.low + span * ends.low, metric.low + span * ends.high
    found = Bounds(low, high, "linearised, mid-p")
    counts = counts_of(context)
    if isinstance(metric.function, Macro):
        if counts is not None:
            found = merged(found, _of_classes(context, metric.function, counts, parts))
        found = replace(found, method=_MACRO)  # one name for all cells, whichever are read together
    return found.of_few() if bounds.few else found


def _of_classes(context: Context, measure: Macro, counts: Marginals, parts: Parts) -> Bounds:
    """Return intervals of means over classes from those of the classes; NaN where all have many hits and misses."""
    m, who, confidence = counts, context.clusters, context.options.confidence
    low, high = np.full(len(parts.value), np.nan), np.full(len(parts.value), np.nan)
    near = np.minimum(m.hits, measure.tried(m) - m.hits)
    rare = np.flatnonzero((near < RARE).any(axis=1, where=m.truths > 0) & (parts.involved > 1))
    if not len(rare):
        return Bounds(low, high, "")
    some = Marginals(m.hits[rare], m.answers[rare], m.truths[rare], m.records[rare])
    error = np.square(parts.parts[:, rare]).sum(axis=0) * (parts.involved[rare] / (parts.involved[rare] - 1))
    alone = (parts.involved[rare] == some.records) & bool(who.alone)
    size = None
    if not alone.all() and len(who) * m.hits.shape[1] <= _LARGE:
        own = [each[rare] for each in context.once(_by_cluster)]
        size = Marginals(own[0], own[1], own[2], own[3][:, :, 0])
    low[rare], high[rare] = macro_bounds(measure, some, error, alone, size, parts.involved[rare], confidence)
    return Bounds(low, high, "mover, mid-p")
