"""The share of records for which something holds, with the interval that fits how they are clustered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.clustered import cluster_counts, clustered_errors
from stress.statistics.positions import distinct, ranked
from stress.statistics.rates import effective, rates

__all__ = ["share"]


def share(context: Context, top: Floats, bottom: Floats, samples: NDArray[np.int64], **more: Any) -> Number:
    """Return Σ top / Σ bottom, both from 0 to 1 and one each per record, with its interval; ``n`` is Σ bottom.

    ``samples`` are the positions of the records' samples. Independent answers get the mid-P interval, several answers
    of one sample or cluster that of their effective number. ``more`` are fields of the number that are known
    already: ``failed``, ``unchanged``.
    """
    total = float(bottom.sum())
    if not total:
        return Number(n=0, note="nothing to divide by", **more)
    value, confidence = float(top.sum()) / total, context.options.confidence
    used = samples[bottom > 0]
    alone = context.clusters.alone and distinct(used) == len(used)
    if alone:
        ends = rates(np.array([float(top.sum())]), np.array([total]), confidence)
        return Number.within(value, ends, n=total, **more)
    names, inverse = ranked(context.clusters.member[samples])
    parts = np.bincount(inverse, weights=(top - value * bottom) / total, minlength=len(names)).astype(np.float64)
    sizes = np.bincount(inverse, weights=bottom, minlength=len(names)).astype(np.float64)[:, None]
    there = int((sizes > 0).sum())
    if there < 2:
        return Number(value, n=int(total), note="one cluster only: no interval", **more)
    variance = np.square(clustered_errors(parts[:, None], sizes))
    size, squared = cluster_counts(sizes)
    ends = effective(np.array([value]), variance, size, np.array([total]), confidence, squared=squared)
    return Number.within(value, ends.of_few() if there < FEW else ends, n=total, **more)
