"""Sums above and below a metric's line for each sample and condition, and functions of them with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stress.measure import Number
from stress.records.frame import Frame
from stress.records.metric import Metric
from stress.records.source import Source
from stress.statistics.bootstrap import Clusters, clusters
from stress.statistics.intervals import ROUNDING, jackknife, percentile

__all__ = ["Condition", "Rates", "Sums", "sums_by_cell", "sums_by_group"]

Condition = tuple[str, int]
Rates = Mapping[Condition, NDArray[np.float64]]
"""The metric's rate in each condition, ``(rows,)``: one row is the run itself, more are its resamples."""


@dataclass(frozen=True)
class Sums:
    """(clusters × conditions) sums above and below the line of a metric."""

    metric: Metric
    conditions: tuple[Condition, ...]
    above: NDArray[np.float64]
    below: NDArray[np.float64]
    who: Clusters
    counts: tuple[int, ...]
    """How many records each condition has."""

    def number(self, function: Callable[[Rates], NDArray[np.float64]], n: int | None = None) -> Number:
        """Return a function of the rates, worked out on the run, with its interval over clusters of samples.

        The percentile interval of the Poisson bootstrap, all conditions resampled together, so that what they share –
        the same pictures – counts once; Student's t of the jackknife below 20 clusters. Where no resample differs
        there is no interval.
        """
        both, n = np.concatenate([self.above, self.below], axis=1), sum(self.counts) if n is None else n
        value = function(self._rates(both.sum(axis=0)[None]))
        if not np.isfinite(value[0]):
            return Number(n=n, note="undefined: a condition has no records, or there is nothing to divide by")
        rows = self.who.leave_out(both) if self.who.few else self.who.resample(both)
        found = function(self._rates(np.asarray(rows, np.float64)))[:, None]
        if len(self.who) < 2 or np.ptp(found) < ROUNDING:
            return Number(float(value[0]), n=n, note="no interval: no sample differs from the others")
        bounds = jackknife(value, found) if self.who.few else percentile(found, len(self.who))
        return Number.within(float(value[0]), bounds, n=n)

    def each(self) -> dict[Condition, Number]:
        """Return the rate in each condition."""
        return {name: self.number(partial(_one, name), n) for name, n in zip(self.conditions, self.counts)}

    def _rates(self, rows: NDArray[np.float64]) -> Rates:
        above, below = np.split(rows, 2, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.where(below > 0, above / below, np.nan)
        return {name: rates[:, i] for i, name in enumerate(self.conditions)}


def _one(name: Condition, rates: Rates) -> NDArray[np.float64]:
    return rates[name]


def sums_by_cell(run: Source, metric: Metric, conditions: Mapping[str, Condition], cluster: str | None = None) -> Sums:
    """Return the sums of cells that are conditions, by their ids; samples of one ``cluster`` count as one."""
    frame = Frame(run)
    order = [conditions.get(name) for name in frame.ids]
    names = tuple(name for name in dict.fromkeys(order) if name is not None)
    place = np.array([-1 if name is None else names.index(name) for name in order], np.int64)
    return _sums(frame, metric, names, place[frame.cell], cluster)


def sums_by_group(run: Source, metric: Metric, groups: Sequence[str], cluster: str) -> Sums:
    """Return the sums of a run on inputs that were perturbed before: two groups name each sample's condition."""
    frame = Frame(run)
    name, severity = (frame.group(group) for group in groups)
    own = [(str(one), int(str(two))) for one, two in zip(name, severity)]
    names = tuple(sorted(set(own), key=lambda each: (each[0] != "clean", each)))
    place = np.array([names.index(each) for each in own], np.int64)
    return _sums(frame, metric, names, place[frame.sample], cluster)


def _sums(
    frame: Frame, metric: Metric, names: tuple[Condition, ...], place: NDArray[np.int64], cluster: str | None
) -> Sums:
    who = clusters(frame.samples, None if cluster is None else frame.group(cluster), cluster or "sample")
    top, bottom = frame.terms(metric)
    kept = (place >= 0) & ~np.isnan(top)
    where = who.member[frame.sample[kept]] * len(names) + place[kept]
    shape = (len(who), len(names))
    above, below = (
        np.bincount(where, weights=each[kept], minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
        for each in (top, bottom)
    )
    counts = np.bincount(place[kept], minlength=len(names))
    return Sums(metric, names, above, below, who, tuple(map(int, counts)))
