"""Means and ratios of records that are held in memory: one sum for each sample and cell, resampled by cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.values import Values, binary, discordant, quotient, shared, sparse
from stress.records.frame import Frame
from stress.records.metric import Metric
from stress.records.outcomes import Failure, StatusCounts
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters, Draw
from stress.statistics.clustered import cluster_counts

__all__ = ["HeldSums", "ratio"]


@dataclass(frozen=True)
class HeldSums:
    """The metrics of records in memory; ``BlockSums`` gives the same of those that are read in blocks."""

    frame: Frame
    who: Clusters
    draw: Draw
    confidence: float

    @property
    def status_counts(self) -> StatusCounts:
        """What became of the records of each cell."""
        return self.frame.status_counts

    @property
    def failures(self) -> Counter[Failure]:
        """How many records have no usable answer, by cell, status and message."""
        return self.frame.failures

    def values(self, metric: Metric) -> Values:
        """Return a metric in every cell, resampled."""
        return ratio(metric, *self.frame.sums(metric), self.who, self.draw, self.confidence)

    def paired(self, metric: Metric, clean: int) -> Values | None:
        """Return a metric as ``shared`` pairs it with clean; None where every cell has all of clean's samples."""
        above, below, complete = shared(*self.frame.sums(metric), clean)
        return None if complete else ratio(metric, above, below, self.who, self.draw, self.confidence)

    def discordant(self, metric: Metric, clean: int) -> Floats:
        """Return in how many samples a metric differs from clean, as ``discordant`` counts them."""
        return discordant(*self.frame.sums(metric), clean)


def ratio(metric: Metric, top: Floats, bottom: Floats, who: Clusters, draw: Draw, confidence: float) -> Values:
    """Return ratios of (samples × columns) sums, resampled together with what else waits for the draw."""
    plain = None
    if who.alone and metric.bottom is None and not metric.root and binary(top, bottom):
        plain = {"top": top.sum(axis=0), "bottom": bottom.sum(axis=0)}
    top, bottom = who.gather(top), who.gather(bottom)
    same = bool(len(bottom)) and bool((bottom == bottom[:, :1]).all())  # complete cells share one denominator
    below = bottom[:, :1] if same else bottom
    width = top.shape[1]
    both = np.concatenate([top, below], axis=1, dtype=np.float64 if who.few else np.float32)
    resampled: Callable[[], NDArray[Any]] = partial(who.leave_out, both) if who.few else draw.later(who, both)

    def rows() -> NDArray[Any]:
        sums = resampled()
        return quotient(metric, sums[:, :width], sums[:, width:])

    poor = None if who.few or plain is not None else sparse(metric, top, bottom)
    totals = top.sum(axis=0), bottom.sum(axis=0)

    def sizes() -> Floats:
        return np.broadcast_to(cluster_counts(below), (2, width))

    point = quotient(metric, *totals)
    return Values(metric, point, rows, len(who), who.few, confidence, plain, poor, totals, sizes=sizes)
