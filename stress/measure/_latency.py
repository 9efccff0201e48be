"""How long the model took, in every cell: harder input can be slower input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure._cells import counted
from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._tables import about_cell

__all__ = ["latency_rows", "quantile_interval"]

_QUANTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95}


def quantile_interval(ordered: Floats, share: float, confidence: float) -> tuple[float, float, float]:
    """Return a quantile of sorted values with the order-statistic interval (exact for independent values).

    NaN at an end that so few values cannot bound.
    """
    from scipy.special import bdtr, bdtrik

    n, tail = len(ordered), (1 - confidence) / 2
    value = float(ordered[min(int(np.ceil(share * n)), n) - 1])
    below = int(np.floor(max(float(bdtrik(tail, n, share)), 0.0)))
    below = below if float(bdtr(below, n, share)) <= tail else below - 1
    above = int(np.ceil(float(bdtrik(1 - tail, n, share)))) + 1
    low = float(ordered[below]) if below >= 0 else float("nan")
    return value, low, float(ordered[above - 1]) if above <= n else float("nan")


def latency_rows(context: Context) -> list[dict[str, Any]]:
    """Return the median and the 95th percentile of the time of the calls that answered, in milliseconds."""
    frame = context.frame
    if not frame.has("seconds"):
        return []
    seconds, rows = frame.column("seconds"), []
    batch = frame.column("batch") if frame.has("batch") else np.ones(len(seconds))
    for i, chosen in enumerate(frame.by_cell):
        times: Floats = seconds[chosen][~np.isnan(seconds[chosen])]
        about = {**about_cell(frame.cells[i]), **counted(context, i)}
        for name, share in _QUANTILES.items():
            rows.append({**about, "metric": name, **_quantile(context, times, share, batch[chosen])})
    return rows


def _quantile(context: Context, times: Floats, share: float, batch: NDArray[np.float64]) -> dict[str, Any]:
    if not len(times):
        return {"note": "the cell has no timed calls"}
    value, low, high = quantile_interval(np.sort(times) * 1000, share, context.options.confidence)
    most = int(np.nanmax(batch)) if np.isfinite(batch).any() else 1
    note = f"of calls with up to {most} samples" if most > 1 else None
    return {"value": value, "low": low, "high": high, "method": "order statistics", "note": note}
