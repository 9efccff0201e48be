"""What answering costs in each cell: energy, processor time, peaks of memory, samples a second."""

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
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.intervals import t_quantile

__all__ = ["COST", "cost_rows", "ratio_of_calls"]

COST: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    **INTERVAL,
    "batch": (pa.float64(), "samples a call, mean"),
    "idle_w": (pa.float64(), "power of the machine before the run, in watts, which the energy contains"),
}
_REASONS = {"energy_j": "energy_reason", "peak_mb": "peak_reason", "gpu_peak_mb": "no device was used by torch"}


def cost_rows(context: Context) -> list[dict[str, Any]]:
    """Return what a sample costs in each cell, over the calls that answered; of memory, the greatest peak.

    Energy is of the whole machine, idle power and other programs included. Intervals are over calls (Student's t of a
    ratio of sums); a peak is what was seen.
    """
    metrics = context.of_kind("cost")
    if not metrics:
        return []
    said = context.frame.run.info.get("cost") or {}
    found = []
    for cell, calls in _gathered(context).items():
        size = float(calls["batch"].mean()) if len(calls["batch"]) else float("nan")
        about = {**context.frame.cells[cell].about, "batch": size, "idle_w": said.get("idle_w")}
        for metric in metrics:
            number = _number(context, metric, calls, Number(**counted(context, cell)), said)
            found.append({**about, "metric": metric.name, **number.row()})
    return found


def _number(
    context: Context, metric: Metric, calls: Mapping[str, Floats], none: Number, said: Mapping[str, Any]
) -> Number:  # fmt: skip
    top = calls[str(metric.top)]
    bottom = calls[metric.bottom] if metric.bottom else np.ones(len(top))
    known = np.isfinite(top) & np.isfinite(bottom)
    if not known.any():
        word = _REASONS.get(metric.name, "")
        return replace(none, n=0, note=said.get(word) or (word if " " in word else metric.undefined))
    note = None if known.all() else f"over the {known.sum()} of {len(known)} calls in which it could be read"
    top, bottom = top[known], bottom[known]
    none = replace(none, n=len(top), note=note)
    if metric.bottom is None:
        most = float(top.max())
        return replace(none, value=most, low=most, high=most, method="greatest seen")
    value, low, high = ratio_of_calls(top, bottom, context.options.confidence)
    if low is None:
        return replace(none, value=value, note=note or "one call has no interval")
    return replace(none, value=value, low=low, high=high, method="linearised, over calls")


def ratio_of_calls(top: Floats, bottom: Floats, confidence: float) -> tuple[float, float | None, float | None]:
    """Return what a sample costs over calls of several sizes, with Student's t of the ratio; no ends of one call."""
    value = float(top.sum() / bottom.sum())
    if len(top) < 2:
        return value, None, None
    parts = (top - value * bottom) / bottom.sum()
    error = float(np.sqrt(np.square(parts).sum() * len(top) / (len(top) - 1)))
    reach = t_quantile(confidence, len(top) - 1) * error
    return value, max(value - reach, 0.0), value + reach


_COLUMNS = ("seconds", "batch", "energy_j", "cpu_s", "peak_mb", "gpu_peak_mb")


def _gathered(context: Context) -> dict[int, dict[str, Floats]]:
    """Return each cell's calls, each once, column by column; no call answers for two cells, or two draws of one."""
    each: dict[int, list[Floats]] = {i: [] for i in range(len(context.frame.ids))}
    for some, places in pieces(context):
        for place, calls in zip(places, _calls(some)):
            each[place].append(calls)
    empty = np.zeros((0, len(_COLUMNS)))
    whole = {i: np.concatenate([empty, *parts]) for i, parts in each.items()}
    return {i: {name: calls[:, k] for k, name in enumerate(_COLUMNS)} for i, calls in whole.items()}


def _calls(context: Context) -> list[Floats]:
    """Return, for each cell, (calls × columns): the records of one call share its time, draw and cost."""
    frame = context.frame
    table = np.column_stack([frame.column(name) for name in _COLUMNS])
    known = np.flatnonzero(np.isfinite(table[:, 0]))
    keys = np.column_stack([frame.cell[known], frame.draw[known], table[known, 0]])
    _, first = np.unique(keys, axis=0, return_index=True)
    calls = known[np.sort(first)]
    return [table[calls[frame.cell[calls] == i]] for i in range(len(frame.ids))]
