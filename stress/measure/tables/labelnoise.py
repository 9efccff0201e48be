"""What a number would be if some labels were wrong: bounds at a rate, a point where it is known how they go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import nearest
from stress.measure.core.cells import absent, counted
from stress.measure.core.context import Context
from stress.measure.core.marginals import entries
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.tables.labelflips import flipped_rows, single_labels, undone_rows
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.labelnoise import unmixed, within_reach

__all__ = ["LABEL_NOISE", "label_noise_rows"]

LABEL_NOISE: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "class": (pa.string(), "the class, of a measure by class"),
    "rate": (pa.float64(), "share of wrong labels that is assumed; null where their matrix is known"),
    "as_given": (pa.float64(), "the number under the labels as they are"),
    "least": (pa.float64(), "the lowest that it can be on these very samples"),
    "most": (pa.float64(), "the highest that it can be on these very samples"),
    **INTERVAL,
}
_NOT_SAID = "say what is assumed of the labels: label_error (a share), label_matrix (how each class is mislabelled)"


def label_noise_rows(context: Context) -> list[dict[str, Any]]:
    """Return each metric of right and wrong answers, and of classes, in every cell, as far as labels let it be known.

    ``low`` and ``high`` hold the true number of the population: the ends of the ordinary interval, and what the labels
    may add beyond. Raises InputError for a share or a matrix that cannot be.
    """
    rate, given = context.options.label_error, context.options.label_matrix
    if rate is None and given is None:
        return [{"metric": context.headline.name, "note": _NOT_SAID}]
    rows: list[dict[str, Any]] = []
    if rate is not None:
        for metric in context.metrics:
            if _of_labels(metric) and absent(context, metric) is None:
                rows += _bounded(context, metric, rate)
        rows += flipped_rows(context, rate)
    return rows if given is None else rows + _known(context, given)


def _of_labels(metric: Metric) -> bool:
    """Whether a metric is a mean of what the label and the answer make together, between two ends."""
    return metric.kind == "mean" and metric.bounded and (metric.top == "score" or str(metric.top).startswith("hit_"))


def _bounded(context: Context, metric: Metric, rate: float) -> list[dict[str, Any]]:
    values, counts = context.values(metric), context.counts
    bounds = values.bounds()
    ends = metric.low, metric.high
    # what failed is a failure under any label
    there = np.minimum(rate, 1 - counts["failed"] / np.maximum(counts["n"], 1))
    least, most = within_reach(values.point, values.point, there, *ends)
    low, high = within_reach(bounds.low, bounds.high, rate, *ends)
    return [
        {
            **context.frame.cells[i].about,
            "metric": metric.name,
            "rate": rate,
            "as_given": float(values.point[i]),
            "least": float(least[i]),
            "most": float(most[i]),
            "low": float(low[i]),
            "high": float(high[i]),
            **counted(context, i),
            "method": f"{bounds.method[i] if np.ndim(bounds.method) else bounds.method}, and Manski's bounds",
        }
        for i in range(len(context.frame.ids))
        if counts["n"][i]
    ]


def _known(context: Context, given: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return what numbers would be had all labels been true: each record counts what undoes the noise."""
    metric, found = context.right, entries(context)
    if metric is None or found is None or not found.single:
        return [{"metric": context.headline.name, "note": "a matrix of labels needs classes and one label a record"}]
    undone = unmixed(_matrix(given, [str(name) for name in found.classes]))
    frame = context.frame
    truth, answer = single_labels(context, found)
    right = np.where((truth >= 0) & (answer >= 0) & ~frame.failed, undone[answer, truth], 0.0)
    row = replace(metric, low=-np.inf, high=np.inf)  # a sum of weights; its mean is a share but for chance
    values, plain = context.ratio(row, frame.grid(right), frame.sums(metric)[1]), context.values(metric).point
    bounds = values.bounds()
    clip = (np.clip(each, 0.0, 1.0) for each in (values.point, bounds.low, bounds.high))
    point, low, high = clip
    rows = [
        {
            **frame.cells[i].about,
            "metric": metric.name,
            "as_given": float(plain[i]),
            "value": float(point[i]),
            "least": float(point[i]),
            "most": float(point[i]),
            "low": float(low[i]),
            "high": float(high[i]),
            **counted(context, i),
            "method": "the matrix undone",
        }
        for i in range(len(frame.ids))
        if context.counts["n"][i]
    ]
    return [*rows, *undone_rows(context, undone)]


def _matrix(given: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> Floats:
    """Return the noise as an array; what a class's row does not name is never given in its place."""
    found = np.zeros((len(classes), len(classes)))
    for name, shares in given.items():
        for label in (name, *shares):
            if str(label) not in classes:
                raise InputError(
                    f"label noise: the matrix must name classes, got {label!r}. {nearest(str(label), classes)}"
                )
        for label, share in shares.items():
            found[classes.index(str(name)), classes.index(str(label))] = share
    for place, name in enumerate(classes):
        if name not in given:
            found[place, place] = 1.0
    return found
