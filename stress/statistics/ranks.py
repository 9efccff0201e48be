"""Measures of order: does the model put the right ones first? Each with the influence of every sample on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = [
    "aurc",
    "auroc",
    "average_precision",
    "by_jackknife",
    "delong",
    "midranks",
    "risk_coverage",
    "risk_sums",
    "surest",
]

MANY = 50
"""Clusters beyond which the gradient says enough of how an area varies."""


def midranks(values: Floats) -> Floats:
    """Return ranks from 1, ties at their mean."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    size = np.diff(np.concatenate([first, [len(values)]]))
    found = np.empty(len(values))
    found[order] = np.repeat(first + (size + 1) / 2, size)
    return found


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Any, Floats]:
    """Return the area under the ROC curve and each sample's influence on it; NaN where one kind is missing.

    The influences are DeLong's structural components (DeLong, DeLong & Clarke-Pearson 1988, by midranks as Sun & Xu
    2014), so that they can be summed by cluster (Obuchowski 1997) and subtracted for paired comparisons.
    Of (rows × samples) scores an array with the area of each row, and (rows × samples) influences.
    """
    if scores.ndim == 1:
        values, parts = auroc(scores[None, :], positive[None, :])
        return float(values[0]), parts[0]
    m = np.count_nonzero(positive, axis=1).astype(np.float64)[:, None]
    n = positive.shape[1] - m
    with np.errstate(invalid="ignore", divide="ignore"):
        below = _beaten(scores, positive)
        found = np.where(positive, below / n, 1 - below / m)
        values = np.where(positive, found, 0.0).sum(axis=1, keepdims=True) / m
        values = np.where((m > 0) & (n > 0), values, np.nan)
        parts = np.where(positive, (found - values) / m, (found - values) / n)
    return values[:, 0], np.where(np.isnan(values), 0.0, parts)


def _beaten(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Return how many samples of the other kind score lower than each of its row, ties as half of one."""
    rows, width = scores.shape
    if not width:
        return np.zeros(scores.shape)
    order = np.argsort(scores, axis=1)  # those that are level count alike: any order of theirs will do
    ordered, ours = np.take_along_axis(scores, order, axis=1), np.take_along_axis(positive, order, axis=1)
    first = np.concatenate([np.ones((rows, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1).ravel()
    start = np.flatnonzero(first)
    size = np.diff(np.append(start, rows * width))
    both = np.stack([np.cumsum(kind, axis=1) for kind in (~ours, ours)]).reshape(2, -1)
    upto, own = both[:, start + size - 1], np.stack([~ours, ours]).reshape(2, -1)
    middle = (upto + both[:, start] - own[:, start]) / 2  # of all below, and all below or tied
    found = np.empty(scores.shape)
    np.put_along_axis(
        found, order, np.where(ours.ravel(), *np.repeat(middle, size, axis=1)).reshape(rows, width), axis=1
    )
    return found


def delong(value: float, parts: Floats, positive: NDArray[np.bool_]) -> float:
    """Return DeLong's standard error of an AUROC from its influences, for independent samples."""
    m, n = int(positive.sum()), int((~positive).sum())
    if m < 2 or n < 2 or not np.isfinite(value):
        return float("nan")
    one, other = np.square(parts[positive]).sum() * m / (m - 1), np.square(parts[~positive]).sum() * n / (n - 1)
    return float(np.sqrt(one + other))


def _mean_of_means(counted: Floats, averaged: Floats, scores: Floats) -> float:
    """Return Σ aᵢ Cᵢ / Σ aᵢ of records that are sorted by falling score; see ``_running``."""
    last = np.flatnonzero(np.concatenate([scores[1:] != scores[:-1], [True]]))
    size = np.diff(np.concatenate([[-1], last]))
    mean = np.repeat(np.cumsum(averaged)[last] / (last + 1.0), size)
    return float((counted * mean).sum() / counted.sum()) if counted.sum() else float("nan")


def by_jackknife(scores: Floats, counted: Floats, averaged: Floats, member: NDArray[np.int64], parts: Floats) -> Floats:
    """Return the influences of whole clusters on Σ aᵢ Cᵢ / Σ aᵢ, shared out among their records.

    Leaving out a cluster shows what a gradient does not: how the area bends. With tens of clusters intervals are too
    short without (MacKinnon, Nielsen & Webb 2023). With more than ``MANY``, or where an area is lost with a cluster,
    ``parts`` (the gradient's) are returned.
    """
    names, cluster, size = np.unique(member, return_inverse=True, return_counts=True)
    if not 1 < len(names) <= MANY:
        return parts
    order = np.argsort(-scores, kind="stable")
    a, v, s, c = counted[order], averaged[order], scores[order], cluster[order]
    without = np.array([_mean_of_means(a[c != k], v[c != k], s[c != k]) for k in range(len(names))])
    if not np.isfinite(without).all():
        return parts
    each: Floats = (without.mean() - without) * (len(names) - 1) / len(names) / size
    return each[cluster]


def _running(scores: Floats, counted: Floats, averaged: Floats) -> tuple[float, Floats]:
    """Return Σ aᵢ Cᵢ / Σ aᵢ and its influences: Cᵢ is the mean of ``averaged`` over all that score at least as high.

    A record of unit weight moves the sum by its own term, and by its place in every mean of those below it. Ties share
    the mean at the end of their group.
    """
    order = np.argsort(-scores, kind="stable")
    a, v, s = counted[order], averaged[order], scores[order]
    last = np.flatnonzero(np.concatenate([s[1:] != s[:-1], [True]]))
    size = np.diff(np.concatenate([[-1], last]))
    position = np.repeat(last + 1.0, size)
    mean = np.repeat(np.cumsum(v)[last], size) / position
    total = a.sum()
    if not total:
        return float("nan"), np.zeros(len(scores))
    value = float((a * mean).sum() / total)
    one, other = _from_here(a / position, last, size), _from_here(a * mean / position, last, size)
    parts = np.empty(len(scores))
    parts[order] = (a * (mean - value) + v * one - other) / total
    return value, parts


def _from_here(terms: Floats, last: NDArray[Any], size: NDArray[Any]) -> Floats:
    """Return, for each record, the sum of terms over its tie group and all groups below it."""
    ends = np.cumsum(terms)[last]
    before = np.concatenate([[0.0], ends[:-1]])
    return np.repeat(terms.sum() - before, size)


def average_precision(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Return the average precision and each sample's influence on it; NaN where there is no positive sample."""
    flags = positive.astype(np.float64)
    return _running(scores, flags, flags)


def aurc(confidence: Floats, wrong: Floats) -> tuple[float, Floats]:
    """Return the area under the risk–coverage curve (Geifman & El-Yaniv 2017) and each sample's influence on it.

    The mean, over all coverages, of the error rate among the surest answers: 0 is perfect.
    """
    return _running(confidence, np.ones(len(confidence)), wrong)


def risk_coverage(confidence: Floats, wrong: Floats, coverages: Floats) -> tuple[Floats, Floats]:
    """Return the error rate among the surest share of answers, and the confidence at which that share begins.

    Of equally sure answers, of which only some fit into the share, each counts in part: the mean over every order.
    """
    tops, kept, threshold = risk_sums(confidence, wrong, coverages)
    return tops / kept, threshold


def risk_sums(confidence: Floats, wrong: Floats, coverages: Floats) -> tuple[Floats, Floats, Floats]:
    """Return, for each coverage, the errors among the answers that are kept, how many these are, and the threshold.

    Of (rows × answers) confidences, of one answer at least, (rows × coverages) errors and thresholds.
    """
    if confidence.ndim == 1:
        tops, kept, edges = risk_sums(confidence[None, :], wrong[None, :], coverages)
        return tops[0], kept, edges[0]
    rows, n = confidence.shape
    count = np.clip(np.ceil(coverages * n - 1e-9).astype(int), 1, n)
    order = np.argsort(-confidence, axis=1)  # of those that are level each counts in part, in any order
    ordered = np.take_along_axis(confidence, order, axis=1)
    sums = np.zeros((rows, n + 1))
    np.cumsum(np.take_along_axis(wrong, order, axis=1), axis=1, out=sums[:, 1:])
    new = np.concatenate([np.ones((rows, 1), bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    place, last = np.arange(n), np.concatenate([new[:, 1:], np.ones((rows, 1), bool)], axis=1)
    start = np.maximum.accumulate(np.where(new, place, 0), axis=1)[:, count - 1]
    stop = np.minimum.accumulate(np.where(last, place + 1, n)[:, ::-1], axis=1)[:, ::-1][:, count - 1]
    above, upto = (np.take_along_axis(sums, at, axis=1) for at in (start, stop))
    tops = above + (upto - above) * ((count - start) / (stop - start))  # of those level at the edge each counts in part
    return np.minimum(tops, count), count.astype(np.float64), ordered[:, count - 1]


def surest(confidence: Floats, kept: int) -> Floats:
    """Return how much of each answer is among so many surest: 1, 0, or an equal part of what is level at the edge."""
    edge = np.partition(confidence, len(confidence) - kept)[len(confidence) - kept]
    above, level = confidence > edge, confidence == edge
    return np.asarray(above + level * ((kept - above.sum()) / level.sum()))
