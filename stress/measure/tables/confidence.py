"""Tables of calibration and of selective answering, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.shares import share
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.calibration import (
    Bins,
    bin_edges,
    bins_of,
    brier_decomposition,
    calibration_bounds,
    calibration_error,
    debiased_error,
    temperature,
)
from stress.statistics.intervals import clustered_error, logit, t_quantile
from stress.statistics.positions import distinct
from stress.statistics.ranks import aurc, auroc, by_jackknife, risk_coverage

__all__ = ["CALIBRATION", "RELIABILITY", "RISK", "calibration_rows", "reliability_rows", "risk_rows"]

CALIBRATION = {**CELL, **INTERVAL}
RELIABILITY: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "bins": (pa.string(), "width (bins of equal width) or mass (bins of equal numbers of answers)"),
    "from": (pa.float64(), "lower edge of the bin, open"),
    "to": (pa.float64(), "upper edge of the bin, closed"),
    "n": (pa.int64(), "answers in the bin"),
    "confidence": (pa.float64(), "their mean confidence"),
    "accuracy": (pa.float64(), "share of them that is right"),
    "low": (pa.float64(), "lower end of the accuracy's interval, of the answers in the bin"),
    "high": (pa.float64(), "upper end of the accuracy's interval, of the answers in the bin"),
}
RISK: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "coverage": (pa.float64(), "share of the answers that is kept, the surest first"),
    "risk": (pa.float64(), "error rate among those"),
    "threshold": (pa.float64(), "confidence from which on an answer is kept"),
    "n": (pa.int64(), "answers kept"),
    "low": (pa.float64(), "lower end of the risk's interval, of the answers kept"),
    "high": (pa.float64(), "upper end of the risk's interval, of the answers kept"),
}
_NONE = "the records have no column confidence: the model gave no such answer"

Measure = Callable[[Floats, Floats], tuple[float, Floats]]


def _measures(bins: int) -> dict[str, Measure]:
    """Return measures of (confidence, right) with the influence of each answer."""
    return {
        "ece": lambda c, r: calibration_error(c, r, bins, "width"),
        "ece_equal_mass": lambda c, r: calibration_error(c, r, bins, "mass"),
        "overconfidence": lambda c, r: (float((c - r).mean()), (c - r - (c - r).mean()) / len(c)),
        "aurc": lambda c, r: aurc(c, 1 - r),
        "auroc_confidence": lambda c, r: auroc(c, r > 0.5),
    }


_KINDS = {"ece": "width", "ece_equal_mass": "mass"}
_NOTES = {
    "auroc_confidence": "undefined: the answers are all right or all wrong",
    "temperature": "no temperature calibrates: all right, or no better than chance",
}


def _answers(context: Context) -> tuple[Floats, Floats, list[NDArray[np.int64]]] | None:
    """Return confidence and right, and each cell's records that have both."""
    if context.frame.task != "classification" or not context.frame.has("confidence"):
        return None
    confidence, right = context.frame.column("confidence"), context.frame.column("score")
    known = ~np.isnan(confidence) & ~np.isnan(right) & ~context.frame.failed
    return confidence, right, [rows[known[rows]] for rows in context.frame.by_cell]


def calibration_rows(context: Context) -> list[dict[str, Any]]:
    """Return how well confidence fits accuracy in every cell; failed records have no confidence and are left out."""
    found = _answers(context)
    if found is None:
        reason = _NONE if context.frame.task == "classification" else f"{context.frame.task} has no confidence"
        return [_row(context, i, "ece", {"note": reason}) for i in range(len(context.frame.ids))]
    confidence, right, by_cell = found
    rows = []
    for i, chosen in enumerate(by_cell):
        if not len(chosen):
            rows.append(_row(context, i, "ece", {"note": "the cell has no answers"}))
            continue
        c, r = confidence[chosen], right[chosen]
        for name, measure in _measures(context.options.bins).items():
            rows.append(_row(context, i, name, _bounded(context, chosen, name, c, r, *measure(c, r))))
        rows += [_row(context, i, name, {"value": v, "note": n}) for name, v, n in _plain(context, chosen, c, r)]
    return rows


def _row(context: Context, cell: int, metric: str, more: Mapping[str, Any]) -> dict[str, Any]:
    about = {**context.frame.cells[cell].about, **counted(context, cell), "metric": metric}
    if about["failed"] and about["n"]:
        about["note"] = f"{about['failed']} failed records left out: they have no confidence"
    return about | {key: value for key, value in more.items() if value is not None}


def _bounded(
    context: Context, rows: NDArray[np.int64], name: str, c: Floats, r: Floats, value: float, parts: Floats
) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"note": _NOTES.get(name, "undefined")}
    member, level = context.clusters.member[context.frame.sample[rows]], context.options.confidence
    if name == "aurc" and not context.clusters.alone:
        parts = by_jackknife(c, np.ones(len(c)), 1 - r, member, parts)
    error, count = clustered_error(parts, member)
    if count < 2:
        return {"value": value, "note": "one cluster only: no interval"}
    if name in _KINDS:
        low, high = calibration_bounds(c, r, member, context.options.bins, _KINDS[name], level)
        method = "directional"
    elif name == "overconfidence":
        reach = t_quantile(level, count - 1) * error
        (low, high), method = (max(value - reach, -1.0), min(value + reach, 1.0)), "linearised"
    else:
        if name == "auroc_confidence":
            count = min(distinct(member[side]) for side in (r > 0.5, r <= 0.5))
        (low, high), method = logit(value, error, count, level), "linearised, logit"
    few = distinct(member) < FEW
    return {"value": value, "low": low, "high": high, "method": f"few clusters (t, {method})" if few else method}


def _plain(
    context: Context, rows: NDArray[np.int64], c: Floats, r: Floats
) -> list[tuple[str, float | None, str | None]]:
    """Return the measures without an interval: name, value, note."""
    poor, fine, spread = brier_decomposition(c, r)
    found: list[tuple[str, float | None, str | None]] = [
        ("calibration_error_debiased", debiased_error(c, r, context.options.bins), None),
        ("brier_miscalibration", poor, None),
        ("brier_discrimination", fine, None),
        ("brier_uncertainty", spread, None),
    ]
    if not context.frame.has("probabilities"):
        return [*found, ("temperature", None, "needs all probabilities: Classification(keep='all')")]
    table, target = probabilities(context)
    best = temperature(table[rows], target[rows])
    return [*found, ("temperature", best, None if np.isfinite(best) else _NOTES["temperature"])]


def probabilities(context: Context) -> tuple[Floats, NDArray[np.int64]]:
    """Return (records × classes) probabilities, NaN where failed, and each record's target as a position."""
    return context.once(_probabilities)


def _probabilities(context: Context) -> tuple[Floats, NDArray[np.int64]]:
    frame, width = context.frame, context.classes
    stored = frame.raw("probabilities").combine_chunks()
    stored = stored.chunk(0) if isinstance(stored, pa.ChunkedArray) else stored
    found = np.full((len(frame.cell), width), np.nan)
    there = np.asarray(stored.is_valid()) & ~frame.failed
    flat = stored.filter(pa.array(there)).flatten().to_numpy(zero_copy_only=False)
    found[there] = flat.reshape(-1, width)
    return found, frame.truths[frame.sample]


def reliability_rows(context: Context) -> list[dict[str, Any]]:
    """Return the reliability diagram of every cell, with bins of equal width and of equal mass, empty ones left out."""
    found = _answers(context)
    if found is None:
        return []
    confidence, right, by_cell = found
    rows: list[dict[str, Any]] = []
    for i, chosen in enumerate(by_cell):
        for kind in ("width", "mass") if len(chosen) else ():
            edges = bin_edges(confidence[chosen], context.options.bins, kind)
            where = bins_of(confidence[chosen], edges)
            sums = Bins(confidence[chosen], right[chosen], where, len(edges) - 1)
            for b in np.flatnonzero(sums.n):
                inside = chosen[where == b]
                row = {"bins": kind, "from": edges[b], "to": edges[b + 1], "n": sums.n[b]}
                row |= {"confidence": sums.confidence[b] / sums.n[b], "accuracy": sums.right[b] / sums.n[b]}
                rows.append({**context.frame.cells[i].about, **row, **_ends(context, right[inside], inside)})
    return rows


def risk_rows(context: Context) -> list[dict[str, Any]]:
    """Return the risk–coverage curve of every cell at twenty coverages."""
    found = _answers(context)
    if found is None:
        return []
    confidence, right, by_cell = found
    rows, coverages = [], np.arange(1, 21) / 20
    for i, chosen in enumerate(by_cell):
        if not len(chosen):
            continue
        risk, threshold = risk_coverage(confidence[chosen], 1 - right[chosen], coverages)
        kept = np.maximum(np.ceil(coverages * len(chosen) - 1e-9), 1.0)
        surest = chosen[np.argsort(-confidence[chosen], kind="stable")]
        for k, coverage in enumerate(coverages):
            inside = surest[: int(kept[k])]
            row = {"coverage": coverage, "risk": risk[k], "threshold": threshold[k], "n": kept[k]}
            rows.append({**context.frame.cells[i].about, **row, **_ends(context, 1 - right[inside], inside)})
    return rows


def _ends(context: Context, yes: Floats, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the interval of a share of some records."""
    found = share(context, yes, np.ones(len(rows)), context.frame.sample[rows])
    return {"low": found.get("low"), "high": found.get("high")}
