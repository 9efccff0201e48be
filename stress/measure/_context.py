"""What all tables share: the records, who is drawn together, how sure one wants to be, and values already resampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations._errors import nearest, short
from stress.engine._folder import Run
from stress.measure._frame import Floats, Frame
from stress.measure._intervals import Bounds, degenerate, influence, jackknife, percentile, wilson, z_quantile
from stress.measure._weights import FEW, Clusters, clusters
from stress.tasks._metrics import Metric, headline, metrics

__all__ = ["Context", "Options", "Values", "options"]


@dataclass(frozen=True)
class Options:
    """What can be asked of every table.

    ``cluster`` names the group (or ``sequence``) whose samples are drawn together: speakers, patients, recordings.
    ``break_at`` is the share of the clean value at which a model counts as broken; ``bar`` an absolute value instead.
    ``reference`` is another run (RRA, effective robustness, NWERD, CE), ``goals`` the declared balance of streams.
    """

    cluster: str | None = None
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    metric: str | None = None
    break_at: float = 0.9
    bar: float | None = None
    top_k: tuple[int, ...] = (5,)
    bins: int = 15
    by: Sequence[str] | None = None
    small: int = 30
    goals: Mapping[str, float] | None = None
    reference: Run | None = None


def options(given: Mapping[str, Any]) -> Options:
    """Return checked options. Raises InputError where a name is unknown or a value cannot be."""
    known = [f.name for f in fields(Options)]
    for name in given:
        if name not in known:
            raise InputError(f"measure: has no option {name!r}. {nearest(name, known)}")
    found = Options(**given)
    if not 0.5 <= found.confidence < 1:
        raise InputError(f"measure: confidence must be in [0.5, 1), got {short(found.confidence)}.")
    if not 0 < found.break_at <= 1:
        raise InputError(f"measure: break_at must be in (0, 1] of the clean value, got {short(found.break_at)}.")
    if found.bins < 2:
        raise InputError(f"measure: bins must be at least 2, got {short(found.bins)}.")
    return found


@dataclass(frozen=True)
class Values:
    """A metric in every cell, and in every cell of every resample.

    ``rows`` is (resamples × cells), or (clusters × cells) with each cluster left out where clusters are few;
    ``plain`` holds the counts of a plain rate: independent samples, one right or wrong answer each. ``sparse`` holds
    the cells that rest on few clusters though the run does not, and how far their t-based interval reaches.
    """

    metric: Metric
    point: Floats
    resample: Callable[[], NDArray[Any]]
    clusters: int
    few: bool
    confidence: float
    plain: Mapping[str, Floats] | None = None
    sparse: tuple[NDArray[np.int64], Floats] | None = None

    @cached_property
    def rows(self) -> NDArray[Any]:
        """The resampled values, worked out when first asked for: plain rates have an interval without them."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.resample()

    def interval(self, value: Floats, rows: NDArray[Any]) -> Bounds:
        """Return the interval of a function of the cells' values, given its value and its resampled values."""
        if self.few:
            if self.clusters < 2:
                nothing = np.full(value.shape, np.nan)
                return Bounds(nothing, nothing, "one cluster")
            return jackknife(value, np.asarray(rows, np.float64), self.confidence)
        return percentile(rows, self.clusters, self.confidence)

    def apply(self, function: Callable[[Floats], Floats]) -> tuple[Floats, Bounds]:
        """Return a function of the cells' values with its interval; it takes and gives (rows × columns)."""
        with np.errstate(all="ignore"):
            value = function(self.point[None, :])[0]
            return value, self.interval(value, function(self.rows))

    def widen(self, bounds: Bounds, value: Floats, scale: float = 1.0) -> Bounds:
        """Return bounds that keep a width where no resample differed: none of so many clusters showed otherwise."""
        flat = (bounds.low == bounds.high) & np.isfinite(bounds.low) & self.metric.bounded
        if not flat.any():
            return bounds
        reach = degenerate(self.clusters, self.confidence) * scale
        low, high = np.where(flat, value - reach, bounds.low), np.where(flat, value + reach, bounds.high)
        return Bounds(low, high, bounds.method)

    def bounds(self) -> Bounds:
        """Return each cell's interval: Wilson's for plain rates, resampled otherwise."""
        if self.plain is not None:
            return wilson(self.plain["top"], self.plain["bottom"], z_quantile(self.confidence))
        found = self.interval(self.point, self.rows)
        if self.sparse is not None:
            cells, reach = self.sparse
            found.low[cells], found.high[cells] = self.point[cells] - reach, self.point[cells] + reach
        found = self.widen(found, self.point)
        if not self.metric.bounded:
            return found
        return Bounds(np.maximum(found.low, 0), np.minimum(found.high, 1), found.method)


@dataclass(frozen=True)
class Context:
    """The records and the options of one question, and what has been worked out on the way."""

    frame: Frame
    options: Options
    others: Mapping[str, Callable[[Context], Values]] = field(default_factory=dict)
    """Metrics that are no means or ratios of records, and who works them out."""
    _values: dict[str, Values] = field(default_factory=dict)
    _shared: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def clusters(self) -> Clusters:
        """Who is drawn together."""
        return self._clusters(self.options.cluster)

    def _clusters(self, by: str | None) -> Clusters:
        o = self.options
        groups = None if by is None else self.frame.group(by)
        return clusters(self.frame.samples, groups, by or "sample", o.resamples, o.seed)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the task that are means or ratios."""
        ranked = self.frame.task == "classification"
        top = tuple(Metric(f"top_{k}", f"hit_{k}") for k in self.options.top_k if ranked and k < self.classes)
        return (*metrics(self.frame.task), *top)

    @property
    def classes(self) -> int:
        """Number of classes; 0 where the task has none."""
        return len(self.frame.declared.get("classes", ()))

    @cached_property
    def headline(self) -> Metric:
        """The metric that curves show first: the one asked for, the task's own, or its first."""
        name = self.options.metric or self.frame.declared.get("headline")
        return self.metric(name) if name else headline(self.frame.task)

    def metric(self, name: str) -> Metric:
        """Return a metric by name. Raises InputError where the task has none of that name."""
        known = {metric.name: metric for metric in self.metrics}
        known |= {other: Metric(other, "prediction", failed=None) for other in self.others}
        if name not in known:
            task, listed = self.frame.task, ", ".join(known)
            raise InputError(
                f"measure: metric must be one of {listed} for {task}, got {name!r}. {nearest(name, known)}"
            )
        return known[name]

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """Return ``work()``, done once for this question."""
        if name not in self._shared:
            self._shared[name] = work()
        return self._shared[name]

    def values(self, metric: Metric) -> Values:
        """Return a metric in every cell, resampled."""
        if metric.name not in self._values:
            if metric.name in self.others:
                self._values[metric.name] = self.others[metric.name](self)
            else:
                self._values[metric.name] = self.ratio(metric, *self.frame.sums(metric))
        return self._values[metric.name]

    def ratio(self, metric: Metric, top: Floats, bottom: Floats, who: Clusters | None = None) -> Values:
        """Return ratios of (samples × columns) sums, resampled."""
        who = who or self.clusters
        plain = None
        if who.alone and metric.bottom is None and not metric.root and _binary(top, bottom):
            plain = {"top": top.sum(axis=0), "bottom": bottom.sum(axis=0)}
        top, bottom = who.gather(top), who.gather(bottom)
        same = bool(len(bottom)) and bool((bottom == bottom[:, :1]).all())  # complete cells share one denominator
        below = bottom[:, :1] if same else bottom
        width = top.shape[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            point = top.sum(axis=0) / bottom.sum(axis=0)
        both = np.concatenate([top, below], axis=1, dtype=np.float64 if who.few else np.float32)

        def rows() -> NDArray[Any]:
            sums = who.leave_out(both) if who.few else who.resample(both)
            found = sums[:, :width] / sums[:, width:]
            return np.sqrt(found) if metric.root else found

        sparse = None if who.few or plain is not None else _sparse(metric, top, bottom, self.options.confidence)
        point = np.sqrt(point) if metric.root else point
        return Values(metric, point, rows, len(who), who.few, self.options.confidence, plain, sparse)


def _sparse(metric: Metric, top: Floats, bottom: Floats, confidence: float) -> tuple[NDArray[np.int64], Floats] | None:
    """Return the columns that rest on few clusters, and how far their t-based interval reaches; one cluster: NaN."""
    count = (bottom > 0).sum(axis=0)
    cells = np.flatnonzero((count > 0) & (count < FEW))
    if not len(cells):
        return None
    above, below = top[:, cells], bottom[:, cells]
    value = above.sum(axis=0) / below.sum(axis=0)
    parts = (above - value * below) / below.sum(axis=0)
    if metric.root:
        parts = np.divide(parts, 2 * np.sqrt(value), out=np.zeros_like(parts), where=value > 0)
    ends = influence(value, parts, confidence, count[cells])
    return cells, (ends.high - ends.low) / 2


def _binary(top: Floats, bottom: Floats) -> bool:
    return bool(((bottom == 0) | (bottom == 1)).all() and ((top == 0) | (top == 1)).all())
