"""The share of records that something holds for, with the interval that fits who they are of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import effective, influence, wilson, z_quantile
from stress.statistics.positions import distinct, ranked

__all__ = ["share"]


def share(context: Context, top: Floats, bottom: Floats, samples: NDArray[np.int64]) -> dict[str, Any]:
    """Return value, low, high, n, method and note of Σ top / Σ bottom, both 0 or 1 and one each per record.

    ``samples`` are the records' samples. Independent answers get Wilson's interval, those of one sample or cluster
    Wilson's for their effective number.
    """
    total = float(bottom.sum())
    if not total:
        return {"value": None, "n": 0, "note": "nothing to divide by"}
    value, confidence = float(top.sum()) / total, context.options.confidence
    used = samples[bottom > 0]
    alone = context.clusters.alone and distinct(used) == len(used)
    if alone:
        ends = wilson(np.array([float(top.sum())]), np.array([total]), z_quantile(confidence))
        return {"value": value, "low": ends.low[0], "high": ends.high[0], "n": int(total), "method": ends.method}
    names, inverse = ranked(context.clusters.member[samples])
    parts = np.bincount(inverse, weights=(top - value * bottom) / total, minlength=len(names)).astype(np.float64)
    there = int((np.bincount(inverse, weights=bottom, minlength=len(names)) > 0).sum())
    if there < 2:
        return {"value": value, "n": int(total), "note": "one cluster only: no interval"}
    point, count = np.array([value]), np.array([there])
    reach = influence(point, parts[:, None], confidence, count).high - point
    ends = effective(point, reach, count, np.array([total]), confidence)
    method = f"few clusters (t, {ends.method})" if there < FEW else ends.method
    return {"value": value, "low": ends.low[0], "high": ends.high[0], "n": int(total), "method": method}
