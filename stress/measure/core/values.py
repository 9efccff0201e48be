"""A metric in every cell and in every resample: where all tables start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.clustered import cluster_counts, clustered_errors
from stress.statistics.intervals import (
    ROUNDING,
    Bounds,
    degenerate,
    jackknife,
    percentile,
    t_quantile,
    t_quantiles,
)
from stress.statistics.rates import effective, rates

__all__ = ["Sparse", "Values", "binary", "discordant", "quotient", "shared", "sparse"]


Sparse = tuple[NDArray[np.int64], Floats, Floats]
"""The columns that rest on few clusters, the standard errors there, and (2 × columns) their ``cluster_counts``."""


@dataclass(frozen=True)
class Values:
    """A metric in every cell, and in every cell of every resample.

    ``rows`` is (resamples × cells), or (clusters × cells) with each cluster left out where clusters are few;
    ``plain`` holds the counts of a plain rate: independent samples, one right or wrong answer each. ``sparse`` holds
    the cells that rest on few clusters though the run does not. ``sizes`` gives the (2 × cells) ``cluster_counts``.
    ``totals`` are the sums above and below the line that ``point`` is made of. ``given`` are the cells' intervals,
    where they are not made of the resamples.
    """

    metric: Metric
    point: Floats
    resample: Callable[[], NDArray[Any]]
    clusters: int
    few: bool
    confidence: float
    plain: Mapping[str, Floats] | None = None
    sparse: Sparse | None = None
    totals: tuple[Floats, Floats] | None = None
    given: Bounds | None = None
    sizes: Callable[[], Floats] | None = None

    @cached_property
    def rows(self) -> NDArray[Any]:
        """The resampled values, worked out when first asked for: plain rates have an interval without them."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.resample()

    @cached_property
    def counts(self) -> Floats:
        """The ``cluster_counts`` of each cell, (2 × cells): how many clusters of one size those of a cell are worth."""
        if self.sizes is None:
            return np.full((2, len(self.point)), float(self.clusters))
        return np.array(self.sizes(), np.float64)

    def at_confidence(self, confidence: float) -> Values:
        """Return the same values, whose intervals are to have another confidence: resampled once if it is the same."""
        return self if confidence == self.confidence else replace(self, confidence=confidence)

    def interval(self, value: Floats, rows: NDArray[Any]) -> Bounds:
        """Return the interval of a function of the cells' values, given its value and its resampled values."""
        if self.few:
            if self.clusters < 2:
                nothing = np.full(value.shape, np.nan)
                return Bounds(nothing, nothing, "one cluster")
            return jackknife(value, np.asarray(rows, np.float64), self.confidence)
        return percentile(rows, self.clusters, self.confidence)

    def variance(self, value: Floats, rows: NDArray[Any]) -> Floats:
        """Return the variance of a function of the cells' values, given its value and its resampled values.

        NaN where a resample has none.
        """
        wide, size = np.asarray(rows, np.float64), self.clusters
        if self.few:
            reach = jackknife(value, wide, self.confidence)
            return np.square((reach.high - value) / t_quantile(self.confidence, size - 1))
        return np.asarray(np.var(wide, axis=0)) * size / (size - 1)

    def size(self, cells: Sequence[int] | NDArray[np.int64]) -> Floats:
        """Return how many samples, or clusters of one size, each of some cells rests on."""
        return self.counts[0, np.asarray(cells, np.int64)]

    def apply(self, function: Callable[[Floats], Floats]) -> tuple[Floats, Bounds]:
        """Return a function of the cells' values with its interval; it takes and gives (rows × columns)."""
        with np.errstate(all="ignore"):
            value = function(self.point[None, :])[0]
            return value, self.interval(value, function(self.rows))

    def widen(self, bounds: Bounds, value: Floats, scale: float = 1.0) -> Bounds:
        """Return bounds that keep a width where no resample differed: none of so many clusters showed otherwise."""
        if not self.metric.bounded:
            return bounds
        wide = self.metric.high - self.metric.low
        with np.errstate(invalid="ignore"):
            flat = (bounds.high - bounds.low <= ROUNDING * wide) & np.isfinite(bounds.low)
        if not flat.any():
            return bounds
        reach = degenerate(self.clusters, self.confidence) * scale * wide
        low, high = np.where(flat, value - reach, bounds.low), np.where(flat, value + reach, bounds.high)
        return replace(bounds, low=low, high=high)

    @property
    def records(self) -> Floats | None:
        """Number of yes-or-no answers of each cell, where the metric is a share of such answers; else None."""
        if self.totals is None or self.metric.bottom is not None or self.metric.root or not self.metric.share:
            return None
        top, bottom = self.totals
        return bottom if bool((top == np.round(top)).all()) else None

    def bounds(self) -> Bounds:
        """Return each cell's interval: mid-P for shares of yes-or-no answers, resampled otherwise."""
        return self._bounds

    @cached_property
    def _bounds(self) -> Bounds:
        if self.given is not None:
            return self.given
        if self.plain is not None:
            return rates(self.plain["top"], self.plain["bottom"], self.confidence)
        if self.records is not None:
            return self.shares(np.arange(len(self.point)), self.confidence)
        found = self.interval(self.point, self.rows)
        if self.sparse is not None:
            cells, error, count = self.sparse
            reach = error * t_quantiles(self.confidence, np.maximum(count[0].astype(np.int64) - 1, 1))
            found.low[cells], found.high[cells] = self.point[cells] - reach, self.point[cells] + reach
        found = self.widen(found, self.point)
        if not self.metric.bounded:
            return found
        low, high = np.maximum(found.low, self.metric.low), np.minimum(found.high, self.metric.high)
        return replace(found, low=low, high=high)

    def shares(self, cells: NDArray[np.int64], confidence: float) -> Bounds:
        """Return intervals of shares of yes-or-no answers for their effective number, from the resampled errors."""
        point, records = self.point[cells], self.records
        if self.clusters < 2 or records is None:
            return self.interval(point, self.rows[:, cells])
        size = self.counts.copy()
        rows = np.asarray(self.rows[:, cells], np.float64)
        error = np.full(len(self.point), np.nan)
        if self.few:
            reach = jackknife(point, rows, confidence)
            error[cells] = (reach.high - point) / t_quantile(confidence, self.clusters - 1)
        else:
            defined = np.isnan(rows).mean(axis=0) <= 0.05
            error[cells[defined]] = np.nanstd(rows[:, defined], axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                error *= np.sqrt(size[0] / (size[0] - 1))  # the sum of squares of so many clusters is too small
        if self.sparse is not None:
            error[self.sparse[0]], size[:, self.sparse[0]] = self.sparse[1:]
        found = effective(
            point, np.square(error[cells]), size[0, cells], records[cells], confidence, squared=size[1, cells]
        )
        return found.of_few() if self.few else found


def sparse(metric: Metric, top: Floats, bottom: Floats) -> Sparse | None:
    """Return the errors of the columns that rest on few clusters, and the ``cluster_counts`` of these."""
    count = (bottom > 0).sum(axis=0)
    cells = np.flatnonzero((count > 0) & (count < FEW))
    if not len(cells):
        return None
    above, below = top[:, cells], bottom[:, cells]
    value = above.sum(axis=0) / below.sum(axis=0)
    parts = (above - value * below) / below.sum(axis=0)
    if metric.root:
        parts = np.divide(parts, 2 * np.sqrt(value), out=np.zeros_like(parts), where=value > 0)
    return cells, clustered_errors(parts, below), cluster_counts(below)


def binary(top: Floats, bottom: Floats) -> bool:
    """Whether all are 0 or 1: right or wrong answers, one a sample at most."""
    return bool(((bottom == 0) | (bottom == 1)).all() and ((top == 0) | (top == 1)).all())


def quotient(metric: Metric, top: NDArray[Any], bottom: NDArray[Any]) -> NDArray[Any]:
    """Return a metric from sums above and below its line; NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[Any] = top / bottom
        return np.sqrt(found) if metric.root else found


def shared(top: Floats, bottom: Floats, clean: int) -> tuple[Floats, Floats, bool]:
    """Return (samples × 2 cells) sums over the samples that each cell shares with clean: its own, then clean's.

    The last value says whether they share all, so that there is nothing to leave out.
    """
    there, before = bottom > 0, bottom[:, [clean]] > 0
    both = there & before
    above = np.concatenate([top * both, top[:, [clean]] * both], axis=1)
    below = np.concatenate([bottom * both, bottom[:, [clean]] * both], axis=1)
    return above, below, bool((both == there).all() and (both == before).all())


def discordant(top: Floats, bottom: Floats, clean: int) -> Floats:
    """Return, for each cell, how many samples are right in clean only, here only, and in both cells at all."""
    both = (bottom > 0) & (bottom[:, [clean]] > 0)
    before, after = (top[:, [clean]] > 0) & both, (top > 0) & both
    counts = [(before & ~after).sum(axis=0), (after & ~before).sum(axis=0), both.sum(axis=0)]
    return np.array(counts, np.float64)
