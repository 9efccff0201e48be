"""Measures of counts as values of every cell and every resample, for curves and all that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure.core.context import Context, Values
from stress.measure.core.counts import count_bounds, parts_of
from stress.measure.core.marginals import labelled
from stress.measure.core.sections import apart, portions_of
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import Bounds

__all__ = ["count_values"]


def count_values(context: Context, name: str) -> Values:
    """Return a measure of counts as values of every cell and every (linearised) resample, to make curves of."""
    if not labelled(context):
        raise InputError(f"measure: {name} needs records with a prediction and a task with classes.")
    who, cells, metric = context.clusters, len(context.frame.ids), context.metric(name)
    if not context.frame.large:
        return _held(context, metric)
    curved = [each.name for each in context.of_kind("counts") if each.curve]
    names = list(dict.fromkeys([context.headline.name, *curved])) if name in curved else [name]
    names = [known for known in names if known in context.others]
    found, place = context.once(_resampled_portions, tuple(names)), names.index(name)
    here = slice(place * cells, (place + 1) * cells)
    value, rows, known = found[0][here], found[1][:, here], found[2][place]
    return Values(metric, value, lambda: rows, len(who), who.few, context.options.confidence, given=known)


def _held(context: Context, metric: Metric) -> Values:
    """Return a measure of counts of records in memory, which waits to be resampled with all others."""
    known, who = parts_of(context, metric.name), context.clusters
    ends, total = count_bounds(context, metric.name), known.parts.sum(axis=0)
    resampled = None if who.few else context.draw.later(who, known.parts)

    def rows() -> NDArray[Any]:
        moved = known.parts if resampled is None else total - resampled()
        return np.asarray(known.value - moved, np.float64)

    return Values(metric, known.value, rows, len(who), who.few, context.options.confidence, given=ends)


Resampled = tuple[Floats, NDArray[Any], list[Bounds]]


def _resampled(context: Context, names: Sequence[str]) -> Resampled:
    """Return some measures of all cells, one measure after the other, their resampled values, and their intervals."""
    each, who = [parts_of(context, name) for name in names], context.clusters
    value, parts = np.concatenate([p.value for p in each]), np.concatenate([p.parts for p in each], axis=1)
    known = [count_bounds(context, name) for name in names]
    if who.few:
        return value, value - parts, known
    return value, value + (who.resample(parts) - parts.sum(axis=0)).astype(np.float64), known


def _resampled_portions(context: Context, names: Sequence[str]) -> Resampled:
    cells, who = len(context.frame.ids), context.clusters
    value = np.full(len(names) * cells, np.nan)
    rows = np.full((len(who) if who.few else who.rows, len(value)), np.nan, np.float32)
    known = [Bounds(np.full(cells, np.nan), np.full(cells, np.nan), "") for _ in names]
    for some, numbers in portions_of(context, apart(context)):
        mine = list(numbers.values())
        places = np.add.outer(np.arange(len(names)) * cells, mine).ravel()
        value[places], rows[:, places], ends = _resampled(some, names)
        for k, part in enumerate(ends):
            known[k].low[mine], known[k].high[mine] = part.low, part.high
            known[k] = replace(known[k], method=part.method, few=part.few)
    return value, rows, known
