"""What all tables share: the records, the clusters of samples, the options, and values already resampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import nearest, short
from scenarios import Goals, goals_of
from stress.measure.core.blocksums import BlockSums
from stress.measure.core.heldsums import HeldSums, ratio
from stress.measure.core.values import Values
from stress.records.frame import LIMIT, Frame
from stress.records.memo import Memo
from stress.records.metric import FROM_CLEAN, Kind, Metric, expanded, offered, resolved
from stress.records.outcomes import Failure, StatusCounts
from stress.records.source import Source
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters, Draw, clusters
from stress.tasks import metrics as _house  # noqa: F401 - registers the metrics that come with the package
from stress.tasks.metrics.every import COST

__all__ = ["LIMIT", "Context", "MeasureOptions", "Options", "Values", "check_names", "declared_of", "options"]

More = ParamSpec("More")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Options:
    """What can be asked of every table.

    ``cluster`` names the group (or ``sequence``) whose samples make one cluster: speakers, patients, recordings.
    ``break_at`` is the share of the clean value at which a model counts as broken; ``bar`` an absolute value instead.
    ``reference`` is another run (RRA, effective robustness, NWERD, CE), ``goals`` the declared balance of
    streams: what ``scenarios.goals_of`` takes; those of the suite, where there are none.
    ``label_error`` is the share of labels that may be wrong, ``label_matrix`` how often each true class (classes that
    it does not name are labelled right) is given each label: of the table ``label_noise``.
    ``limit`` is the number of records that are held in memory at once: a larger run is read in blocks of samples or in
    portions of cells, of one cell (with what it is compared with) at least.
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
    goals: Any = None
    label_error: float | None = None
    label_matrix: Mapping[str, Mapping[str, float]] | None = None
    reference: Source | None = None
    limit: int = LIMIT


class MeasureOptions(TypedDict, total=False):
    """What can be asked of every table; ``stress.measure.table`` says what each means."""

    cluster: str | None
    confidence: float
    resamples: int
    seed: int
    metric: str | None
    break_at: float
    bar: float | None
    top_k: tuple[int, ...]
    bins: int
    by: Sequence[str] | None
    small: int
    goals: Goals | Mapping[str, Any] | str | None
    label_error: float | None
    label_matrix: Mapping[str, Mapping[str, float]] | None
    reference: Source | None
    limit: int


def check_names(given: Mapping[str, Any], besides: Sequence[str] = ()) -> None:
    """Raise InputError where a name is no option; ``besides`` are the options that whoever was asked takes itself."""
    known = [f.name for f in fields(Options)]
    for name in given:
        if name not in known:
            raise InputError(f"measure: has no option {short(name)}. {nearest(name, [*known, *besides])}")


def options(given: Mapping[str, Any]) -> Options:
    """Return checked options. Raises InputError where a name is unknown or a value cannot be."""
    check_names(given)
    found = Options(**given)
    if found.goals is not None:
        if isinstance(goals := goals_of(found.goals), str):
            raise InputError(f"measure: {goals}")
        found = replace(found, goals=goals)
    if not 0.5 <= found.confidence < 1:
        raise InputError(f"measure: confidence must be in [0.5, 1), got {short(found.confidence)}.")
    if not 0 < found.break_at <= 1:
        raise InputError(f"measure: break_at must be in (0, 1] of the clean value, got {short(found.break_at)}.")
    if found.label_error is not None and not 0 <= found.label_error <= 1:
        raise InputError(f"measure: label_error must be a share in [0, 1], got {short(found.label_error)}.")
    if found.limit < 1:
        raise InputError(f"measure: limit must be at least 1 record, got {short(found.limit)}.")
    if found.bins < 2:
        raise InputError(f"measure: bins must be at least 2, got {short(found.bins)}.")
    return found


def declared_of(frame: Frame, top_k: Sequence[int]) -> tuple[Metric, ...]:
    """Return all metrics of a run. Raises InputError for one that no imported module has registered."""
    found = resolved(frame.run.info.get("metrics", ()), str(frame.run.path))
    columns = frame.schema if frame.run.count else ()
    own = offered(found, columns, len(frame.declared.classes), frame.declared.single)
    spent = COST if "cpu_s" in columns else ()
    return expanded((*found, *own, *spent), top_k, len(frame.declared.classes))


@dataclass(frozen=True, eq=False)
class Context:
    """The records and the options of one question, and what has been worked out on the way."""

    frame: Frame
    options: Options
    others: Mapping[str, Callable[[Context], Values]] = field(default_factory=dict)
    """Metrics that are no means or ratios of records, and who works them out."""
    whole: Context | None = None
    """The run that this is a portion of."""
    draw: Draw = field(default_factory=Draw)
    """Sums that are resampled together, with those of all contexts that share it."""
    _values: dict[str, Values] = field(default_factory=dict)
    _memo: Memo = field(default_factory=Memo)

    @cached_property
    def clusters(self) -> Clusters:
        """Which samples make one cluster."""
        return self.root.clusters if self.whole else self._clusters(self.options.cluster)

    def _clusters(self, by: str | None) -> Clusters:
        o = self.options
        groups = None if by is None else self.frame.group(by)
        return clusters(self.frame.samples, groups, by or "sample", o.resamples, o.seed)

    @cached_property
    def declared(self) -> tuple[Metric, ...]:
        """All metrics of the run: those that it names, and users' own that fit its records."""
        return self.root.declared if self.whole else declared_of(self.frame, self.options.top_k)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the run that are means or ratios."""
        return tuple(metric for metric in self.declared if metric.linear)

    def of_kind(self, kind: Kind) -> tuple[Metric, ...]:
        """Return the run's metrics of a kind that are about a whole cell, not about one class."""
        return tuple(metric for metric in self.declared if metric.kind == kind and not metric.base)

    def row(self, name: str) -> Metric | None:
        """Return the row of any number that a cell, a class or a change of the run may have, by name."""
        named = {metric.shown: metric for metric in self.declared} | dict(FROM_CLEAN)
        return named.get(name) or {metric.name: metric for metric in self.declared if metric.by_class}.get(name)

    @property
    def single(self) -> bool:
        """Whether the task has classes and a record has one label."""
        return self.frame.declared.single

    @cached_property
    def right(self) -> Metric | None:
        """The share of right answers, where the task has classes and a record has one label."""
        found = (m for m in self.metrics if m.kind == "mean" and m.top == "score" and m.share)
        return next(found, None) if self.single else None

    @cached_property
    def sums(self) -> HeldSums | BlockSums:
        """Where all means and ratios come from: records in memory or, of a run that is too large, read in blocks."""
        if not self.frame.large:
            return HeldSums(self.frame, self.clusters, self.draw, self.options.confidence)
        first = () if self.headline.name in self.others else (self.headline,)
        rest = tuple(metric for metric in self.metrics if metric not in first)
        return BlockSums(self.frame, self.clusters, self.options.confidence, (*first, *rest))

    @cached_property
    def status_counts(self) -> StatusCounts:
        """What became of the records of each cell."""
        return self.sums.status_counts

    @property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Records of each cell: all that count (``n``), failed, unchanged."""
        return self.status_counts.counts

    @property
    def failures(self) -> Counter[Failure]:
        """How many records have no usable answer, by cell, status and message."""
        return self.sums.failures

    @property
    def classes(self) -> int:
        """Number of classes; 0 where the task has none."""
        return len(self.frame.declared.classes)

    @cached_property
    def headline(self) -> Metric:
        """The metric that curves show first: the one asked for, or the task's own."""
        return self.metric(self.options.metric or self.frame.declared.headline)

    def metric(self, name: str) -> Metric:
        """Return a metric by name. Raises InputError where the task has none of that name."""
        known = {metric.name: metric for metric in (*self.metrics, *self.of_kind("counts"))}
        if name not in known:
            task, listed = self.frame.declared.task, ", ".join(known)
            raise InputError(
                f"measure: metric must be one of {listed} for {task}, got {name!r}. {nearest(name, known)}"
            )
        return known[name]

    @property
    def root(self) -> Context:
        """The whole run, where this is a portion of it: what does not depend on records is worked out there."""
        return self.whole or self

    def only(self, cells: Sequence[int]) -> Context:
        """Return the context of some cells alone, by their positions, or of all where these are held in memory anyway.

        All samples are still known; positions of cells are those of the context that is returned.
        """
        if not self.frame.large:
            return self
        return self.part(self.frame.run.only([self.frame.ids[i] for i in sorted(set(cells))]))

    def part(self, run: Source) -> Context:
        """Return the context of some of the records, which are a source by themselves."""
        if run is self.frame.run:
            return self
        return Context(Frame(run, whole=self.frame.sample_table), self.options, self.others, whole=self)

    def once(
        self, work: Callable[Concatenate[Context, More], Found], /, *args: More.args, **kwargs: More.kwargs
    ) -> Found:
        """Return ``work(self, *args, **kwargs)``, done once for this question; the arguments must be hashable."""
        return self._memo(work, self, *args, **kwargs)

    def values(self, metric: Metric) -> Values:
        """Return a metric in every cell, resampled."""
        if metric.name not in self._values:
            other = self.others.get(metric.name)
            self._values[metric.name] = other(self) if other else self.sums.values(metric)
        return self._values[metric.name]

    @property
    def drawn_anew(self) -> bool:
        """Whether weights are drawn anew for what is resampled, so that it is best summed up before the first is."""
        return not self.frame.large and self.clusters.streamed

    def prepare(self, metrics: Iterable[Metric]) -> None:
        """Sum up several metrics before the first is resampled, where that saves drawing the weights anew for each."""
        if self.drawn_anew:
            for metric in metrics:
                if all(map(self.frame.has, metric.needs)):
                    self.values(metric)

    def ratio(self, metric: Metric, top: Floats, bottom: Floats) -> Values:
        """Return ratios of (samples × columns) sums, resampled."""
        return ratio(metric, top, bottom, self.clusters, self.draw, self.options.confidence)
