"""Measures of counts as values of every cell and every resample, for curves and all that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure._context import Context, Values
from stress.measure._counts import parts_of
from stress.measure._frame import Floats
from stress.measure._marginals import labelled
from stress.measure._sections import apart, slices_of
from stress.tasks._metrics import Metric

__all__ = ["CURVED", "count_values"]

CURVED = ("balanced_accuracy", "f1_macro", "mcc")
"""Measures of counts that have curves against severity."""


def count_values(context: Context, name: str) -> Values:
    """Return a measure of counts as values of every cell and every (linearised) resample, to make curves of."""
    if not labelled(context):
        raise InputError(f"measure: {name} needs records with a prediction and a task with classes.")
    who, cells = context.clusters, len(context.frame.ids)
    if not context.frame.large:
        value, rows = _resampled(context, [name])
    else:
        names = list(dict.fromkeys([context.headline.name, *CURVED])) if name in CURVED else [name]
        names = [known for known in names if known in context.others]
        value, rows = context.once(f"resampled {names}", lambda: _resampled_slices(context, names))
        here = slice(names.index(name) * cells, (names.index(name) + 1) * cells)
        value, rows = value[here], rows[:, here]
    return Values(Metric(name, name), value, lambda: rows, len(who), who.few, context.options.confidence)


def _resampled(context: Context, names: Sequence[str]) -> tuple[Floats, NDArray[Any]]:
    """Return some measures of all cells, one measure after the other, and their resampled values."""
    each, who = [parts_of(context, name) for name in names], context.clusters
    value, parts = np.concatenate([p.value for p in each]), np.concatenate([p.parts for p in each], axis=1)
    if who.few:
        return value, value - parts
    return value, value + (who.resample(parts) - parts.sum(axis=0)).astype(np.float64)


def _resampled_slices(context: Context, names: Sequence[str]) -> tuple[Floats, NDArray[Any]]:
    cells, who = len(context.frame.ids), context.clusters
    value = np.full(len(names) * cells, np.nan)
    rows = np.full((len(who) if who.few else who.rows, len(value)), np.nan, np.float32)
    for some, numbers in slices_of(context, apart(context)):
        places = np.add.outer(np.arange(len(names)) * cells, list(numbers.values())).ravel()
        value[places], rows[:, places] = _resampled(some, names)
    return value, rows
