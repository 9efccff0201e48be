"""Tables of calibration and of selective answering, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL
from stress.measure.core.shares import share
from stress.records.metric import Metric
from stress.statistics.arrays import Floats, Ints
from stress.statistics.calibration import (
    Bins,
    bin_edges,
    bins_of,
)
from stress.statistics.positions import distinct
from stress.statistics.ranks import risk_sums, surest_each
from stress.statistics.rates import rates

__all__ = ["RELIABILITY", "RISK", "answers", "estimate", "probabilities", "reliability_rows", "risk_rows"]

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
    found = answers(context)
    if found is None:
        return []
    confidence, right, by_cell = found
    shares = _Shares(context)
    for i, chosen in enumerate(by_cell):
        shares.cell(chosen)
        for kind in ("width", "mass") if len(chosen) else ():
            edges = bin_edges(confidence[chosen], context.options.bins, kind)
            where = bins_of(confidence[chosen], edges)
            sums = Bins(confidence[chosen], right[chosen], where, len(edges) - 1)
            used = np.flatnonzero(sums.n)
            n, hits = sums.n[used], sums.right[used]
            columns = {"from": edges[used], "to": edges[used + 1], "n": n}
            columns |= {"confidence": sums.confidence[used] / n, "accuracy": hits / n}
            rows = _rows({**context.frame.cells[i].about, "bins": kind}, columns)
            shares.add(rows, hits, n, ((where == b) * 1.0 for b in used), right[chosen], chosen)
    return shares.rows()


def _rows(about: Mapping[str, Any], columns: Mapping[str, Floats]) -> list[dict[str, Any]]:
    """Return a row for each place of some columns, which all say the same about the cell."""
    plain = {name: values.tolist() for name, values in columns.items()}
    return [{**about, **dict(zip(plain, each))} for each in zip(*plain.values())]


def risk_rows(context: Context) -> list[dict[str, Any]]:
    """Return the risk–coverage curve of every cell at twenty coverages."""
    found = answers(context)
    if found is None:
        return []
    confidence, right, by_cell = found
    shares, coverages = _Shares(context), np.arange(1, 21) / 20
    for i, chosen in enumerate(by_cell):
        shares.cell(chosen)
        if not len(chosen):
            continue
        sure, wrong, about = confidence[chosen], 1 - right[chosen], context.frame.cells[i].about
        tops, kept, threshold = risk_sums(sure, wrong, coverages)
        columns = {"coverage": coverages, "risk": tops / kept, "threshold": threshold, "n": kept}
        parts = surest_each(sure, kept.astype(np.int64))
        shares.add(_rows(about, columns), tops, kept, parts, wrong, chosen)
    return shares.rows()


class _Shares:
    """Rows that get the interval of a share of some records; those of independent answers are worked out together."""

    def __init__(self, context: Context) -> None:
        self._context, self._rows = context, list[dict[str, Any]]()
        self._plain: list[tuple[dict[str, Any], float, float]] = []
        self._alone = False

    def cell(self, records: Ints) -> None:
        """What is added now are shares of some of these records: of independent answers, if all of them are."""
        sample = self._context.frame.sample[records]
        self._alone = self._context.clusters.alone and distinct(sample) == len(sample)

    def add(
        self,
        rows: list[dict[str, Any]],
        tops: Floats,
        bottoms: Floats,
        parts: Iterable[Floats],
        values: Floats,
        records: Ints,
    ) -> None:
        """Take rows and the shares that they get the interval of: Σ value × part / Σ part, over the cell's records.

        ``parts`` says for each row how much each record counts; where all are independent the sums say enough.
        """
        self._rows += rows
        if self._alone:
            self._plain += [each for each in zip(rows, tops.tolist(), bottoms.tolist()) if each[2]]
            return
        for row, part in zip(rows, parts):
            there = part > 0
            samples = self._context.frame.sample[records[there]]
            found = share(self._context, (values * part)[there], part[there], samples)
            row |= {"low": found.low, "high": found.high}

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows with their intervals."""
        if self._plain:
            tops, bottoms = (np.array([each[at] for each in self._plain]) for at in (1, 2))
            ends = rates(tops, bottoms, self._context.options.confidence)
            for (row, *_), low, high in zip(self._plain, ends.low.tolist(), ends.high.tolist()):
                row |= {"low": low, "high": high}
        return self._rows
