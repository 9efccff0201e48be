"""The share of records for which something holds, with the interval that fits how they are clustered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.statistics.arrays import Floats, Ints
from stress.statistics.bootstrap import FEW
from stress.statistics.clustered import cluster_counts, clustered_errors
from stress.statistics.intervals import of_few
from stress.statistics.positions import distinct, ranked
from stress.statistics.rates import effective, rates

__all__ = ["share", "shares"]


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


def shares(context: Context, top: Floats, bottom: Floats) -> dict[str, NDArray[Any]]:
    """Return ``share`` of each column of (samples × columns) sums, as columns of a table."""
    total, alone = bottom.sum(axis=0), context.clusters.alone & (bottom.max(axis=0, initial=0.0) <= 1)
    columns, confidence = len(total), context.options.confidence
    with np.errstate(invalid="ignore", divide="ignore"):
        value = top.sum(axis=0) / total
    found: dict[str, NDArray[Any]] = {name: np.full(columns, np.nan) for name in ("low", "high", "trials", "freedom")}
    found |= {"value": value, "n": total, "few": np.zeros(columns, bool)}
    found |= {"method": np.full(columns, None, object), "note": np.full(columns, None, object)}
    found["note"][total == 0] = "nothing to divide by"
    plain, other = np.flatnonzero(alone & (total > 0)), np.flatnonzero(~alone & (total > 0))
    if len(plain):
        ends = rates(top[:, plain].sum(axis=0), total[plain], confidence)
        found["low"][plain], found["high"][plain], found["trials"][plain] = ends.low, ends.high, total[plain]
        found["method"][plain] = ends.method
    if len(other):
        _of_clusters(context, found, other, *(context.clusters.gather(side[:, other]) for side in (top, bottom)))
    return found


def _of_clusters(context: Context, found: dict[str, NDArray[Any]], some: Ints, top: Floats, bottom: Floats) -> None:
    """Fill in the intervals of some shares from (clusters × columns) sums."""
    value, total, there = found["value"][some], found["n"][some], (bottom > 0).sum(axis=0)
    variance = np.square(clustered_errors((top - value * bottom) / total, bottom))
    size, squared = cluster_counts(bottom)
    ends = effective(value, variance, size, total, context.options.confidence, squared=squared)
    found["note"][some[there < 2]] = "one cluster only: no interval"
    known = (there >= 2) & np.isfinite(ends.low)
    few = there < FEW
    for name, column in (("low", ends.low), ("high", ends.high), ("trials", ends.trials), ("freedom", ends.freedom)):
        found[name][some] = np.where(known, np.nan if column is None else column, np.nan)
    names = np.where(few, of_few(ends.method), ends.method)
    found["method"][some], found["few"][some] = np.where(known, names, np.array(None, object)), known & few
