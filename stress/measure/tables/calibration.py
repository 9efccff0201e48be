"""Calibration of every cell: cells with equally many answers are worked out together, as (cells × answers) arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.cells import cell_table, no_columns
from stress.measure.core.context import Context
from stress.measure.core.rows import CELL, INTERVAL, expand
from stress.measure.tables.confidence import alike, answers, estimate, probabilities
from stress.records.metric import Metric
from stress.statistics.arrays import Floats, Ints
from stress.statistics.bootstrap import FEW
from stress.statistics.calibration import calibration_bounds
from stress.statistics.clustered import kish
from stress.statistics.intervals import logit, of_few, t_quantiles
from stress.statistics.numeric import left_out
from stress.statistics.positions import ranked_rows
from stress.statistics.rates import of_few_events

__all__ = ["CALIBRATION", "calibration_table"]

CALIBRATION = {**CELL, **INTERVAL}
_NONE = "the records have no column confidence: the model gave no such answer"
_NUMBERS, _TEXTS = ("value", "low", "high"), ("method", "note")
Found = dict[str, NDArray[Any]]


def calibration_table(context: Context, only: str | None = None) -> pa.Table:
    """Return how well confidence fits accuracy in every cell; failed records have no confidence and are left out.

    ``only``: one metric alone, by its name.
    """
    found, metrics = answers(context), [m for m in context.of_kind("confidence") if only in (None, m.name)]
    if found is None:
        reason = _NONE if metrics else f"{context.frame.declared.task} has no confidence"
        return cell_table(context, [no_columns(context, "ece", reason)], CALIBRATION)
    confidence, right, by_cell = found
    parts, places, order = [], [], []
    for cells in alike(by_cell):
        rows = np.stack([by_cell[i] for i in cells])
        same = _Answers(context, rows, confidence[rows], right[rows]) if rows.size else None
        for k, metric in enumerate(metrics if same else metrics[:1]):
            parts.append(_nothing("ece", len(cells)) if same is None else same.measured(metric))
            places.append(cells)
            order.append(np.full(len(cells), k))
    place = np.concatenate([np.zeros(0, np.int64), *places])
    sort = np.lexsort((np.concatenate([np.zeros(0, np.int64), *order]), place))
    columns = {name: np.concatenate([part[name] for part in parts])[sort] for name in parts[0]} if parts else {}
    return expand(
        context.frame.cells, context.counts, CALIBRATION, place[sort], _with_losses(context, place[sort], columns)
    )


def _empty(metric: str, cells: int) -> Found:
    """Return columns of rows without a number."""
    found: Found = {name: np.full(cells, np.nan) for name in _NUMBERS}
    found |= {name: np.full(cells, None, object) for name in _TEXTS}
    found["metric"], found["few"] = np.full(cells, metric, object), np.zeros(cells, bool)
    return found


def _nothing(metric: str, cells: int, note: str = "the cell has no answers") -> Found:
    found = _empty(metric, cells)
    found["note"][:] = note
    return found


def _with_losses(context: Context, place: Ints, found: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Say of failed records that they are left out, where there is nothing else to say."""
    failed = context.counts["failed"][place]
    for k in np.flatnonzero(failed):
        found["note"][k] = found["note"][k] or f"{failed[k]} failed records left out: they have no confidence"
    return found


@dataclass(frozen=True)
class _Answers:
    """The answers of some cells with equally many: (cells × answers) positions, confidences, and which are right."""

    context: Context
    rows: Ints
    confidence: Floats
    right: Floats

    @cached_property
    def member(self) -> Ints:
        """The cluster of each answer, by its position among all."""
        found: Ints = self.context.clusters.member[self.context.frame.sample[self.rows]]
        return found

    @cached_property
    def clusters(self) -> tuple[Ints, Ints]:
        """The cluster of each answer, by its place among those of its cell, and how many these are."""
        return ranked_rows(self.member)

    def by_cluster(self, values: Floats) -> Floats:
        """Return (cells × clusters) sums of a value per answer."""
        place, count = self.clusters
        cells, width = len(place), int(count.max(initial=1))
        where = (np.arange(cells)[:, None] * width + place).ravel()
        sums = np.bincount(where, weights=values.ravel(), minlength=cells * width).astype(np.float64)
        return sums.reshape(cells, width)

    @cached_property
    def sizes(self) -> Floats:
        """(cells × clusters) number of answers."""
        return self.by_cluster(np.ones(self.rows.shape))

    def measured(self, metric: Metric) -> Found:
        """Return a metric of each cell, with its interval where it has one."""
        found = _empty(metric.name, len(self.rows))
        given: tuple[NDArray[Any], NDArray[Any]] = (self.confidence, self.right)
        if "probabilities" in metric.columns:
            if not self.context.frame.has("probabilities"):
                return _nothing(metric.name, len(self.rows), "needs all probabilities: Classification(keep='all')")
            table, target = probabilities(self.context)
            given = table[self.rows], target[self.rows]
        value, parts = _estimated(metric, *given, self.context.options.bins)
        known = np.isfinite(value)
        found["value"], found["note"][~known] = value, metric.undefined
        if metric.interval and known.any():
            some = np.flatnonzero(known)
            mine = (
                self
                if known.all()
                else _Answers(self.context, self.rows[some], self.confidence[some], self.right[some])
            )
            ends = mine.with_interval(metric, value[some], None if parts is None else parts[some])
            for name, column in ends.items():
                found[name][some] = column
        return found

    def with_interval(self, metric: Metric, value: Floats, parts: Floats | None) -> Found:
        """Return the intervals of values that are defined: ``low``, ``high``, ``method``, ``few``, ``note``."""
        count, parts = self.clusters[1], self._influences(metric, value, parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(np.square(self.by_cluster(parts)).sum(axis=1) * count / (count - 1))
        found = _empty("", len(value))
        del found["metric"], found["value"]
        one, lost = count < 2, (count >= 2) & ~np.isfinite(error)
        found["note"][one] = "one cluster only: no interval"
        found["note"][lost] = "no interval: undefined without one of the clusters"
        known = np.flatnonzero(~one & ~lost)
        if not len(known):
            return found
        low, high, method = self._ends(metric, value, error, known)
        few = count[known] < FEW
        names = np.array([of_few(name) if short else name for name, short in zip(method, few)], object)
        found["low"][known], found["high"][known], found["method"][known], found["few"][known] = low, high, names, few
        return found

    def _influences(self, metric: Metric, value: Floats, parts: Floats | None) -> Floats:
        """Return each answer's influence on the value of its cell."""
        bins, whole = self.context.options.bins, estimate(metric)
        each = zip(self.confidence, self.right, self.member)
        if parts is None:
            return np.stack([_left_out(whole, *one, float(v), bins) for one, v in zip(each, value)])
        if metric.clustered is not None and not self.context.clusters.alone:
            return np.stack([metric.clustered(*one, part) for one, part in zip(each, parts)])
        return parts

    def _ends(self, metric: Metric, value: Floats, error: Floats, some: Ints) -> tuple[Floats, Floats, list[str]]:
        """Return the ends of some cells' intervals, and how each was found."""
        level, count = self.context.options.confidence, self.clusters[1]
        if metric.bins is not None:
            place = self.clusters[0]
            low, high = calibration_bounds(
                self.confidence[some], self.right[some], place[some], self.context.options.bins, metric.bins, level
            )
            return low, high, ["directional"] * len(some)
        if metric.share:
            return self._of_shares(metric, value, error, some)
        reach = t_quantiles(level, count[some] - 1) * error[some]
        low, high = np.maximum(value[some] - reach, metric.low), np.minimum(value[some] + reach, metric.high)
        return low, high, ["linearised"] * len(some)

    def _of_shares(self, metric: Metric, value: Floats, error: Floats, some: Ints) -> tuple[Floats, Floats, list[str]]:
        """Return intervals of metrics in [0, 1], which keep within: by log odds, or as of rare events."""
        level, count, size = self.context.options.confidence, self.clusters[1], kish(self.sizes.T)
        if metric.both_kinds:
            sides = [self.by_cluster(side.astype(np.float64)) for side in (self.right > 0.5, self.right <= 0.5)]
            count = np.minimum(*((side > 0).sum(axis=1) for side in sides))
        low, high = logit(value[some], error[some], count[some], level)
        if metric.rare is None:
            return low, high, ["linearised, logit"] * len(some)
        ends = of_few_events(value[some], error[some], metric.rare, size[some], level)
        few = np.isfinite(ends[0])
        method = ["linearised, mid-p" if each else "linearised, logit" for each in few]
        return np.where(few, ends[0], low), np.where(few, ends[1], high), method


def _left_out(whole: Callable[..., Any], c: Floats, r: Floats, member: Ints, value: float, bins: int) -> Floats:
    return left_out(lambda kept: whole(c[kept], r[kept], bins)[0], value, member)


def _estimated(metric: Metric, one: NDArray[Any], other: NDArray[Any], bins: int) -> tuple[Floats, Floats | None]:
    """Return a metric of each row, and (rows × answers) influences where it gives them."""
    function = estimate(metric)
    if metric.rowwise:
        together, parts = function(one, other, bins)
        return np.asarray(together, np.float64), parts
    each = [function(*row, bins) for row in zip(one, other)]
    values: Floats = np.array([found[0] for found in each], np.float64)
    if any(part is None for _, part in each):
        return values, None
    return values, np.stack([np.asarray(part, np.float64) for _, part in each])
