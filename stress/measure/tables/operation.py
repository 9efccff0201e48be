"""What a model does besides answering: where it fails and with which words, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import pieces
from stress.statistics.arrays import Floats

__all__ = ["FAILED", "LATENCY", "failure_rows", "latency_rows"]

FAILED: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "status": (
        pa.string(),
        "crash (the model raised), invalid (not a usable answer), timeout; perturbation_error: the model was not asked",
    ),
    "error": (pa.string(), "the message, where there is one"),
    "records": (pa.int64(), "records of the cell that ended in this way"),
    "n": (pa.int64(), "records of the cell"),
}
LATENCY: Mapping[str, tuple[pa.DataType, str]] = {**CELL, **INTERVAL, "batch": (pa.float64(), "samples a call, mean")}


def failure_rows(context: Context) -> list[dict[str, Any]]:
    """Return one row per cell, status and message of the records without a usable answer."""
    frame = context.frame
    listed = sorted(context.failures.items(), key=lambda entry: (entry[0][0], -entry[1], str(entry[0])))
    return [
        {
            **frame.cells[cell].about,
            "status": status,
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
    found = []
    for cell, (calls, size) in _gathered(context).items():
        about = {**frame.cells[cell].about, "batch": size}
        for metric in context.of_kind("latency"):
            number = Number(**counted(context, cell) | {"n": len(calls)}, note=metric.undefined)
            if len(calls) and metric.function is not None:
                ends = metric.function(calls, confidence=context.options.confidence)
                value, low, high = (1000 * each for each in ends)
                short = f"{len(calls)} calls are too few to bound it" if np.isnan(low) or np.isnan(high) else None
                number = replace(number, value=value, low=low, high=high, method="order statistics", note=short)
            found.append({**about, "metric": metric.name, **number.row()})
    return found


def _gathered(context: Context) -> dict[int, tuple[Floats, float]]:
    """Return what ``_calls`` does, piece by piece: no call answers for two cells, or two draws of one."""
    each: dict[int, list[tuple[Floats, float]]] = {i: [] for i in range(len(context.frame.ids))}
    for some, places in pieces(context):
        for place, calls in zip(places, _calls(some).values()):
            each[place].append(calls)
    found = {}
    for i, parts in each.items():
        seconds = np.sort(np.concatenate([np.zeros(0), *(calls for calls, _ in parts)]))
        total = sum(len(calls) * size for calls, size in parts if len(calls))
        found[i] = (seconds, total / len(seconds) if len(seconds) else float("nan"))
    return found


def _calls(context: Context) -> dict[int, tuple[Floats, float]]:
    """Return each cell's call times, sorted, each call once, and its mean number of samples a call."""
    frame, count = context.frame, len(context.frame.ids)
    cell, draw, seconds = frame.cell, frame.draw, frame.column("seconds")
    batch = frame.column("batch") if frame.has("batch") else np.full(len(seconds), np.nan)
    known = np.flatnonzero(np.isfinite(seconds))
    order = known[np.lexsort((draw[known], seconds[known], cell[known]))]
    keys = (cell[order], seconds[order], draw[order])
    first = np.ones(len(order), bool)
    first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    calls = order[first]
    ends = np.searchsorted(cell[calls], np.arange(count + 1))
    found = {}
    for i in range(count):
        mine = calls[ends[i] : ends[i + 1]]
        found[i] = (seconds[mine], float(np.mean(batch[mine])) if len(mine) else float("nan"))
    return found
