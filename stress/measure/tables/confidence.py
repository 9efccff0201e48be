"""Tables of calibration and of selective answering, cell by cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL, Columns, build, expand
from stress.measure.core.shares import share
from stress.records.metric import Metric
from stress.statistics.arrays import Flags, Floats, Ints
from stress.statistics.calibration import reliability
from stress.statistics.ranks import risk_sums, surest
from stress.statistics.rates import rates

__all__ = ["RELIABILITY", "RISK", "alike", "answers", "estimate", "probabilities", "reliability_table", "risk_table"]

_ROOM = 250_000
"""Answers of several cells that are worked out together."""

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


def answers(context: Context) -> tuple[Floats, Floats, list[NDArray[np.int64]]] | None:
    """Return confidence and right, and each cell's records that have both."""
    if not context.of_kind("confidence") or not context.frame.has("confidence"):
        return None
    confidence, right = context.frame.column("confidence"), context.frame.column("score")
    known = ~np.isnan(confidence) & ~np.isnan(right) & ~context.frame.failed
    return confidence, right, [rows[known[rows]] for rows in context.frame.by_cell]


def estimate(metric: Metric) -> Callable[..., tuple[float, Floats | None]]:
    """Return the function of a metric of confidences or ranks. Raises InputError where it has none."""
    if metric.function is None:
        raise InputError(f"measure: {metric.name} must have a function, got none.")
    return metric.function


def probabilities(context: Context) -> tuple[Floats, NDArray[np.int64]]:
    """Return (records × classes) probabilities, NaN where failed, and each record's target as a position."""
    return context.once(_probabilities)


def _probabilities(context: Context) -> tuple[Floats, NDArray[np.int64]]:
    frame = context.frame
    found = np.where(frame.failed[:, None], np.nan, frame.probabilities)
    return found, frame.truths[frame.sample]


def alike(by_cell: Sequence[Ints]) -> Iterator[Ints]:
    """Yield cells with equally many answers, as many as there is room for."""
    sizes: dict[int, list[int]] = defaultdict(list)
    for i, rows in enumerate(by_cell):
        sizes[len(rows)].append(i)
    for size, cells in sizes.items():
        step = max(1, _ROOM // max(size, 1))
        for start in range(0, len(cells), step):
            yield np.array(cells[start : start + step], np.int64)


def reliability_table(context: Context) -> pa.Table:
    """Return the reliability diagram of every cell, with bins of equal width and of equal mass, empty ones left out."""
    kinds, bins = ("width", "mass"), context.options.bins

    def drawn(confidence: Floats, right: Floats) -> _Drawn:
        each = [reliability(confidence, right, bins, kind) for kind in kinds]
        found = {name: np.concatenate([getattr(one, name) for one in each], axis=1) for name in ("low", "high", "n")}
        sure, tops = (np.concatenate([getattr(one, name) for one in each], axis=1) for name in ("sure", "right"))
        n = found.pop("n")
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = {"from": found["low"], "to": found["high"], "confidence": sure / n, "accuracy": tops / n}
        columns["bins"] = np.broadcast_to(np.repeat(np.array(kinds, object), bins), n.shape)
        return _Drawn(columns, tops, n, right, lambda k, b: each[b // bins].where[k] == b % bins)

    return _shares(context, RELIABILITY, drawn)


def risk_table(context: Context) -> pa.Table:
    """Return the risk–coverage curve of every cell at twenty coverages."""
    coverages = np.arange(1, 21) / 20

    def drawn(confidence: Floats, right: Floats) -> _Drawn:
        tops, kept, threshold = risk_sums(confidence, 1 - right, coverages)
        n = np.broadcast_to(kept, tops.shape)
        columns = {"coverage": np.broadcast_to(coverages, tops.shape), "risk": tops / kept, "threshold": threshold}
        return _Drawn(columns, tops, n, 1 - right, lambda k, c: surest(confidence[k], int(kept[c])))

    return _shares(context, RISK, drawn)


@dataclass(frozen=True)
class _Drawn:
    """Shares of the answers of some cells with equally many: (cells × points) columns, and sums above and below.

    A share is Σ value × part / Σ part over the answers of its cell: ``part`` says of a cell and a point how much each
    answer counts. ``values`` are (cells × answers). A point without answers is left out.
    """

    columns: Mapping[str, NDArray[Any]]
    tops: Floats
    bottoms: Floats
    values: Floats
    part: Callable[[int, int], NDArray[Any]]


def _shares(context: Context, columns: Columns, drawn: Callable[[Floats, Floats], _Drawn]) -> pa.Table:
    """Return the rows of shares of the answers of every cell; intervals of independent answers are made together."""
    found = answers(context)
    parts: list[dict[str, NDArray[Any]]] = []
    for cells in alike(found[2]) if found else ():
        rows = np.stack([found[2][i] for i in cells]) if found else np.zeros((0, 0), np.int64)
        if found and rows.size:
            parts.append(_of_alike(context, cells, rows, drawn(found[0][rows], found[1][rows])))
    if not parts:
        return build([], columns)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["cell"], kind="stable")
    joined = {name: column[order] for name, column in joined.items()}
    alone = joined.pop("alone").astype(bool)
    ends = rates(joined.pop("tops")[alone], joined["n"][alone], context.options.confidence)
    joined["low"][alone], joined["high"][alone] = ends.low, ends.high
    return expand(context.frame.cells, context.counts, columns, joined.pop("cell"), joined)


def _of_alike(context: Context, cells: Ints, rows: Ints, drawn: _Drawn) -> dict[str, NDArray[Any]]:
    """Return the columns of all points of some cells, cell by cell, with the ends of answers that are no plain ones."""
    sample, used = context.frame.sample[rows], drawn.bottoms > 0
    once: Flags = np.all(np.diff(np.sort(sample, axis=1), axis=1) > 0, axis=1) & context.clusters.alone
    low, high = np.full(used.shape, np.nan), np.full(used.shape, np.nan)
    for k in np.flatnonzero(~once):
        for point in np.flatnonzero(used[k]):
            part = np.asarray(drawn.part(int(k), int(point)), np.float64)
            there = part > 0
            one = share(context, (drawn.values[k] * part)[there], part[there], sample[k][there])
            low[k, point], high[k, point] = (np.nan if end is None else end for end in (one.low, one.high))
    found: dict[str, NDArray[Any]] = {**drawn.columns, "tops": drawn.tops, "n": drawn.bottoms, "low": low, "high": high}
    found |= {name: np.broadcast_to(each[:, None], used.shape) for name, each in (("cell", cells), ("alone", once))}
    return {name: column[used] for name, column in found.items()}
