"""What a model does besides answering: where it fails and with which words, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure._cells import counted
from stress.measure._context import Context
from stress.measure._frame import FAILURES, Floats
from stress.measure._tables import CELL, INTERVAL, about_cell

__all__ = ["FAILED", "LATENCY", "failure_rows", "latency_rows"]

FAILED: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "status": (pa.string(), "crash (the model raised), invalid (not a usable answer) or timeout"),
    "error": (pa.string(), "the message, where there is one"),
    "records": (pa.int64(), "records of the cell that failed in this way"),
    "n": (pa.int64(), "records of the cell"),
}
LATENCY: Mapping[str, tuple[pa.DataType, str]] = {**CELL, **INTERVAL, "batch": (pa.float64(), "samples a call, mean")}


def failure_rows(context: Context) -> list[dict[str, Any]]:
    """Return one row per cell, status and message of the failed records."""
    frame = context.frame
    rows = np.flatnonzero(frame.failed)
    if not len(rows):
        return []
    texts = frame.raw("error").take(pa.array(rows)).to_pylist() if frame.has("error") else [None] * len(rows)
    found: dict[tuple[int, int, str | None], int] = {}
    for cell, status, text in zip(frame.cell[rows].tolist(), frame.status[rows].tolist(), texts):
        found[cell, status, text] = found.get((cell, status, text), 0) + 1
    listed = sorted(found.items(), key=lambda entry: (entry[0][0], -entry[1], str(entry[0])))
    return [
        {
            **about_cell(frame.cells[cell]),
            "status": FAILURES[status - 2],
            "error": text,
            "records": count,
            "n": counted(context, cell)["n"],
        }
        for (cell, status, text), count in listed
    ]


def latency_rows(context: Context) -> list[dict[str, Any]]:
    """Return the median and the 95th percentile of each cell's calls of the model, in milliseconds.

    One call answers a whole batch, so its records share one time. Intervals are distribution-free (order statistics,
    Conover 1999); where there are too few calls for one there is none. Times hold for this machine and its load.
    """
    frame = context.frame
    if not frame.has("seconds"):
        return []
    seconds = frame.column("seconds")
    batch = frame.column("batch") if frame.has("batch") else np.full(len(seconds), np.nan)
    found = []
    for cell, (calls, size) in _calls(frame.cell, frame.draw, seconds, batch, len(frame.ids)).items():
        about = {**about_cell(frame.cells[cell]), **counted(context, cell), "batch": size}
        for share in (0.5, 0.95):
            row: dict[str, Any] = {**about, "metric": f"latency_p{100 * share:.0f}_ms", "n": len(calls)}
            if len(calls):
                low, high = _order_statistics(calls, share, context.options.confidence)
                value = float(np.quantile(calls, share, method="inverted_cdf"))
                row |= {"value": 1000 * value, "low": 1000 * low, "high": 1000 * high}
                row |= {"method": "order statistics" if np.isfinite(low) else None}
                row |= {"note": None if np.isfinite(low) else f"{len(calls)} calls are too few for an interval"}
            else:
                row |= {"note": "no call was timed"}
            found.append(row)
    return found


def _calls(
    cell: NDArray[np.int64], draw: NDArray[np.int16], seconds: Floats, batch: Floats, count: int
) -> dict[int, tuple[Floats, float]]:
    """Return each cell's call times, sorted, each call once, and its mean number of samples a call."""
    known = np.isfinite(seconds)
    keys = np.stack([cell[known].astype(np.float64), draw[known].astype(np.float64), seconds[known], batch[known]])
    calls = np.unique(keys, axis=1)
    found = {}
    for i in range(count):
        mine = calls[:, calls[0] == i]
        size = float(np.mean(mine[3])) if mine.shape[1] else float("nan")
        found[i] = (np.sort(mine[2]), size)
    return found


def _order_statistics(ordered: Floats, share: float, confidence: float) -> tuple[float, float]:
    """Return two of the values between which a quantile lies with at least this confidence, or NaN."""
    from scipy.special import bdtr, bdtrik

    n, tail = len(ordered), (1 - confidence) / 2
    if n < 2:
        return float("nan"), float("nan")
    below = int(np.floor(bdtrik(tail, n, share))) if bdtr(0, n, share) <= tail else -1
    above = int(np.ceil(bdtrik(1 - tail, n, share))) + 1
    if below < 0 or above > n:
        return float("nan"), float("nan")
    return float(ordered[below]), float(ordered[above - 1])
