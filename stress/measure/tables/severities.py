"""Does one severity mean the same in all scenarios: how far apart the losses at a severity are, by modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import absent
from stress.measure.core.context import Context, Values
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs
from stress.statistics.intervals import sidak

__all__ = ["SEVERITIES", "by_severity", "severity_rows"]

SEVERITIES: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    **INTERVAL,
    "scenarios": (pa.int64(), "how many scenarios of the modality have this severity; the cell is of the harshest"),
    "harshest": (pa.float64(), "what the harshest scenario loses against clean input"),
    "mildest": (pa.float64(), "what the mildest scenario loses against clean input"),
    "mildest_scenario": (pa.string(), "the mildest scenario"),
    "mildest_cell": (pa.string(), "its cell"),
    "mean": (pa.float64(), "mean loss over the scenarios"),
    "deviation": (pa.float64(), "standard deviation of the losses over the scenarios"),
}
_ENDS = 12
"""Scenarios at either end among which the widest pair is looked for."""


def _groups(context: Context) -> dict[tuple[str, float], list[int]]:
    """Return the cells of each modality and severity, one for each curve; nothing is dropped in them."""
    found: dict[tuple[str, float], list[int]] = {}
    for i, row in enumerate(context.frame.cells):
        if row.severity is not None and not row.clean and not row.fallback:
            found.setdefault((row.modality, float(row.severity)), []).append(i)
    return {key: cells for key, cells in sorted(found.items()) if len({_scenario(context, i) for i in cells}) > 1}


def _scenario(context: Context, cell: int) -> str:
    return context.frame.cells[cell].scenario


def by_severity(context: Context) -> Needs:
    """Cells of one modality and severity are compared with each other, and with clean."""
    clean = context.frame.clean
    return Needs(list(_groups(context).values()), () if clean is None else (clean,))


def severity_rows(context: Context) -> list[dict[str, Any]]:
    """Return, for each modality and severity, how much more the harshest scenario costs than the mildest."""
    metric, clean = context.headline, context.frame.clean
    note = absent(context, metric) or ("the run has no clean cell to compare with" if clean is None else None)
    if note or clean is None:
        return [{"metric": "spread", **Number(note=note).row()}]
    values = context.values(metric)
    sign = 1.0 if metric.better == "higher" else -1.0
    found = []
    for cells in _groups(context).values():
        loss = {i: sign * float(values.point[clean] - values.point[i]) for i in cells}
        known = [i for i in cells if np.isfinite(loss[i]) and context.counts["n"][i]]
        if len({_scenario(context, i) for i in known}) > 1:
            found.append(_row(context, values, known, [loss[i] for i in known]))
    return found


def _row(context: Context, values: Values, cells: Sequence[int], losses: Sequence[float]) -> dict[str, Any]:
    order = [cells[k] for k in np.argsort(losses, kind="stable")]
    mild, harsh = order[0], order[-1]
    low, high, method = _ends(context, values, order)
    spread = max(losses) - min(losses)
    row, mildest = context.frame.cells[harsh], context.frame.cells[mild]
    number = Number(
        spread,
        low,
        high,
        n=int(context.counts["n"][list(cells)].sum()),
        failed=int(context.counts["failed"][list(cells)].sum()),
        method=method,
        few=values.few,
    )
    return {
        **row.about,
        "metric": "spread",
        **number.row(),
        "scenarios": len({_scenario(context, i) for i in cells}),
        "harshest": max(losses),
        "mildest": min(losses),
        "mildest_scenario": mildest.scenario,
        "mildest_cell": mildest.cell,
        "mean": float(np.mean(losses)),
        "deviation": float(np.std(losses)),
    }


def _ends(context: Context, values: Values, order: Sequence[int]) -> tuple[float, float, str]:
    """Return the interval of the widest gap: its pair was chosen, so the lower end allows for all pairs at once.

    Each pair's true gap is at most the greatest: for the upper end the confidence of a single pair is enough.
    """
    pairs = [(h, m) for h, m in product(order[-_ENDS:], order[:_ENDS]) if order.index(h) > order.index(m)]
    harsh, mild = (np.array(side) for side in zip(*pairs))
    sign = 1.0 if values.metric.better == "higher" else -1.0
    level = sidak(context.options.confidence, len(order) * (len(order) - 1) // 2)
    with np.errstate(all="ignore"):
        value = sign * (values.point[mild] - values.point[harsh])
        rows = sign * (values.rows[:, mild] - values.rows[:, harsh])
    at = [replace(values, confidence=confidence) for confidence in (level, context.options.confidence)]
    ends = [each.widen(each.interval(value, rows), value) for each in at]
    low, high = (np.max(side, initial=-np.inf, where=~np.isnan(side)) for side in (ends[0].low, ends[1].high))
    return (max(float(low), 0.0) if np.isfinite(low) else np.nan), float(high), _method(ends[0].method)


def _method(name: str) -> str:
    return f"{name}, paired, simultaneous over all pairs"
