"""A metric by group: sums, moments and standard errors of every group and of all other samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure.core.context import Context
from stress.measure.core.counts import clustered, formula
from stress.measure.core.marginals import entries, marginals, spread
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.positions import distinct

__all__ = ["ByGroup", "Estimate", "by_group", "codes_of", "influences", "summed", "sums_of", "wanted"]

_MANY = 50
"""Groups with more values than this are tabled on request (``by``) only."""
PAIRED = 12
"""Groups up to which each pair is tabled too; of more, pairs are tabled on request."""


@dataclass(frozen=True)
class Estimate:
    """A ratio of sums for every (group × cell), its clustered standard error and the clusters it rests on."""

    value: Floats
    error: Floats
    clusters: NDArray[np.int64]
    records: Floats | None = None
    """Yes-or-no answers that it is a share of; NaN, or None everywhere, for other measures."""
    size: Floats | None = None
    """How many clusters of one size they are worth, where they are not alike."""
    squared: Floats | None = None
    """The same of the squares of their sizes."""


@dataclass(frozen=True, eq=False)
class ByGroup:
    """A metric for every (group × cell), of the group and of all others; ``plain``: one yes or no a sample.

    Two of them are equal only where they are the same object, so that what is made of one is never taken for another's.
    """

    by: str
    names: tuple[str, ...]
    samples: NDArray[np.int64]
    own: Estimate
    rest: Estimate
    top: Floats
    bottom: Floats
    failed: Floats
    plain: NDArray[np.bool_]
    parts: tuple[Floats, ...] | None = None
    """Of measures of counts: each group's (clusters × cells) influences."""


def codes_of(context: Context, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return each sample's group as a position (-1: none), and the groups' names; ``*`` joins an intersection."""
    return context.frame.sample_table.coded(by)


def wanted(context: Context) -> list[str]:
    """Return the groups to tell apart: as asked, or each group of at most 50 values and each pair of those.

    Pairs are left out where there are many groups: of 200 there are 19,900, which nobody reads and few samples fill.
    """
    if context.options.by is not None:
        return list(context.options.by)
    single = [name for name in context.frame.groups if 1 < len(codes_of(context, name)[1]) <= _MANY]
    plain = [name for name in single if "*" not in name]
    if len(plain) > PAIRED:
        return single
    pairs = [f"{one}*{other}" for i, one in enumerate(plain) for other in plain[i + 1 :]]
    return [*single, *(pair for pair in pairs if len(codes_of(context, pair)[1]) <= _MANY)]


def by_group(context: Context, by: str, metric: Metric) -> ByGroup:
    """Return a metric by group, with linearised (clustered) standard errors."""
    return context.once(_by_group, by, metric)


def _by_group(context: Context, by: str, metric: Metric) -> ByGroup:
    if metric.name in context.others:
        return _counted(context, by, metric)
    return summed(context, by, *codes_of(context, by), metric)


def sums_of(context: Context, metric: Metric) -> tuple[Floats, Floats]:
    """Return the (samples × cells) sums above and below a metric's line."""
    return context.frame.sums(metric)


def _failed(context: Context) -> Floats:
    return context.frame.grid(context.frame.failed.astype(np.float64))


def summed(context: Context, by: str, codes: NDArray[np.int64], names: tuple[str, ...], metric: Metric) -> ByGroup:
    """Return a mean or ratio for groups of samples, given by each sample's group as a position (-1: none)."""
    top, bottom = context.once(sums_of, metric)
    lost = context.once(_failed)
    member, whole = context.clusters.member, np.arange(len(codes))
    chosen = [np.flatnonzero(codes == g) for g in range(len(names))]
    own = np.stack([_moments(top[rows], bottom[rows], member[rows]) for rows in chosen], axis=1)
    if _nested(codes, member):
        rest = _moments(top, bottom, member)[:, None] - own
    else:
        others = [np.setdiff1d(whole, rows) for rows in chosen]
        rest = np.stack([_moments(top[rows], bottom[rows], member[rows]) for rows in others], axis=1)
    shares = (top == np.round(top)).all(axis=0) & (metric.bottom is None and metric.share and not metric.root)
    plain = shares & _flags(top) & _flags(bottom) & context.clusters.alone
    failed = np.stack([lost[rows].sum(axis=0) for rows in chosen])
    samples = np.array([len(rows) for rows in chosen])
    return ByGroup(by, names, samples, _solve(own, shares), _solve(rest, shares), own[0], own[1], failed, plain)


def _counted(context: Context, by: str, metric: Metric) -> ByGroup:
    """Return a measure of counts by group: its counts, gradient and influences over the group's records alone."""
    (codes, names), frame, found = codes_of(context, by), context.frame, entries(context)
    if found is None:
        raise InputError(f"measure: {metric.name} needs records with a prediction and a task with classes.")
    own: list[Estimate] = []
    rest: list[Estimate] = []
    parts, n, failed = [], [], []
    for g in range(len(names)):
        mask = codes[frame.sample] == g
        for chosen, sink in ((mask, own), (~mask, rest)):
            gradient = formula(metric)(marginals(context, found, chosen))
            part = clustered(context, spread(context, found, gradient, chosen))
            count = (clustered(context, chosen.astype(np.float64)) > 0).sum(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                error = np.sqrt(np.square(part).sum(axis=0) * count / (count - 1))
            sink.append(Estimate(gradient.value, error, count))
            if chosen is mask:
                parts.append(part)
        n.append(frame.count(mask).astype(np.float64))
        failed.append(frame.count(mask & frame.failed).astype(np.float64))
    samples = np.array([int((codes == g).sum()) for g in range(len(names))])
    below = np.stack(n)
    return ByGroup(
        by,
        names,
        samples,
        _stack(own),
        _stack(rest),
        below,
        below,
        np.stack(failed),
        np.zeros(below.shape[1], bool),
        tuple(parts),
    )


def _stack(each: list[Estimate]) -> Estimate:
    return Estimate(
        np.stack([e.value for e in each]), np.stack([e.error for e in each]), np.stack([e.clusters for e in each])
    )


def _flags(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(((values == 0) | (values == 1)).all(axis=0))


def _nested(codes: NDArray[np.int64], member: NDArray[np.int64]) -> bool:
    """Whether no cluster has samples of two groups: then what is not in a group is the whole less the group."""
    pairs = np.unique(np.stack([member, codes]), axis=1)
    return distinct(member) == pairs.shape[1]


def _moments(top: Floats, bottom: Floats, member: NDArray[np.int64]) -> Floats:
    """Return (7 × cells): Σt, Σb, Σt², Σtb, Σb², Σb⁴ over clusters, and how many clusters have a part."""
    names = np.unique(member)
    if len(names) < len(member):
        order = np.argsort(member, kind="stable")
        starts = np.searchsorted(member[order], names)
        top, bottom = np.add.reduceat(top[order], starts, axis=0), np.add.reduceat(bottom[order], starts, axis=0)
    square = bottom * bottom
    squares = [(top * top).sum(axis=0), (top * bottom).sum(axis=0), square.sum(axis=0), (square * square).sum(axis=0)]
    return np.stack([top.sum(axis=0), bottom.sum(axis=0), *squares, (bottom > 0).sum(axis=0)])


def _solve(moments: Floats, shares: NDArray[np.bool_]) -> Estimate:
    t, b, tt, tb, bb, fourth, count = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        value, size, squared = t / b, np.square(b) / bb, np.square(bb) / fourth
        square = np.maximum(tt - 2 * value * tb + value * value * bb, 0) / np.square(b)
        error = np.sqrt(square * size / (size - 1))
    return Estimate(value, error, count.astype(np.int64), np.where(shares, b, np.nan), size, squared)


def influences(top: Floats, bottom: Floats) -> tuple[float, Floats]:
    """Return Σ top / Σ bottom and what each sample adds to its error."""
    value = float(top.sum() / bottom.sum())
    return value, (top - value * bottom) / bottom.sum()
