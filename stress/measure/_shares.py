"""The share of records that something holds for, with the interval that fits who they are of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._intervals import degenerate, influence, wilson, z_quantile

__all__ = ["share"]


def share(context: Context, top: Floats, bottom: Floats, samples: NDArray[np.int64]) -> dict[str, Any]:
    """Return value, low, high, n, method and note of Σ top / Σ bottom, both in [0, 1] and one each per record.

    ``samples`` are the records' samples. Independent yes-or-no answers get Wilson's interval, all others the clustered
    linearised one.
    """
    total = float(bottom.sum())
    if not total:
        return {"value": None, "n": 0, "note": "nothing to divide by"}
    value, confidence = float(top.sum()) / total, context.options.confidence
    used = samples[bottom > 0]
    alone = context.clusters.alone and len(np.unique(used)) == len(used)
    if alone and bool((((top == 0) | (top == 1)) & ((bottom == 0) | (bottom == 1))).all()):
        ends = wilson(np.array([float(top.sum())]), np.array([total]), z_quantile(confidence))
        return {"value": value, "low": ends.low[0], "high": ends.high[0], "n": int(total), "method": ends.method}
    names, inverse = np.unique(context.clusters.member[samples], return_inverse=True)
    parts = np.bincount(inverse, weights=(top - value * bottom) / total, minlength=len(names)).astype(np.float64)
    there = int((np.bincount(inverse, weights=bottom, minlength=len(names)) > 0).sum())
    if there < 2:
        return {"value": value, "n": int(total), "note": "one cluster only: no interval"}
    ends = influence(np.array([value]), parts[:, None], confidence, np.array([there]))
    low, high = float(ends.low[0]), float(ends.high[0])
    if low == high:
        low, high = value - degenerate(there, confidence), value + degenerate(there, confidence)
    return {"value": value, "low": max(low, 0.0), "high": min(high, 1.0), "n": int(total), "method": ends.method}
