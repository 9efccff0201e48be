"""A session with a run: it is read once, and its tables, metrics and summary share what was read and resampled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, Protocol, Unpack, runtime_checkable

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import nearest
from stress.measure.core.context import Context, MeasureOptions, Options, options
from stress.measure.core.number import Number
from stress.measure.core.paired import together
from stress.measure.session.alike import chosen, labelled, untested
from stress.measure.session.one import lower_is_better, metric_names, metric_rows, sum_up
from stress.measure.session.registry import context_of, counted_values, make, make_all
from stress.measure.session.summary import summarise
from stress.measure.session.warnings import Caution, warnings
from stress.records.metric import Metric
from stress.records.pool import selection
from stress.records.source import Source
from stress.statistics.positions import distinct

__all__ = ["Gap", "Measurable", "Measured", "Remembering", "measured"]

_PART = "part "
"""Put before the names of a selection's parts, so that none is taken for the clean cell beside them."""


@runtime_checkable
class Remembering(Protocol):
    """What can give a session with itself."""

    def measured(self, **options: Unpack[MeasureOptions]) -> Measured:
        """Return the run read once; see ``measured``."""
        ...


class Measurable(Source, Remembering, Protocol):
    """A run that can be read once for all questions: it may remember what was read."""


@dataclass(frozen=True)
class Gap:
    """The gap between the best and the worst group of a cell, or how much wider it is than on clean input.

    ``high_alone``: the greatest upper end of any two groups' gap, where the number's own allows for all pairs at once.
    """

    number: Number
    by: str | None = None
    best: str | None = None
    worst: str | None = None
    high_alone: float | None = None


@dataclass(frozen=True)
class Measured:
    """A session with a run (``measured`` makes one): each table is worked out once, and no record is read twice.

    Tables are for people and data frames. Code that decides – gates, policies, reports – asks for numbers: ``metric``,
    ``by_class`` and ``gaps`` give a ``Number`` for each cell, and ``selection`` makes parts of several cells that can
    be asked the same. Nothing has to be derived from the texts ``method`` and ``note``.
    """

    context: Context
    parts: tuple[str, ...] | None = None
    """Of a selection: the names of its parts, which ``metric``, ``by_class`` and ``gaps`` speak of instead of cells."""
    _views: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    _tables: dict[str, pa.Table] = field(default_factory=dict, repr=False, compare=False)
    _rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def run(self) -> Source:
        """The run."""
        return self.context.frame.run

    @property
    def options(self) -> Options:
        """The options of all its tables; see ``stress.measure.table``."""
        return self.context.options

    @property
    def task(self) -> str:
        """Name of the run's task."""
        return self.context.frame.declared.task

    @property
    def headline(self) -> Metric:
        """The metric that is shown first: its name, which way is better, its unit."""
        return self.context.headline

    @property
    def large(self) -> bool:
        """Whether the run has more records than are held in memory at once."""
        return self.context.frame.large

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics that ``metric`` knows for this run."""
        return metric_names(self.context)

    @property
    def cautions(self) -> list[Caution]:
        """What must not be overlooked when the headline is read, each with its kind; the summary has the sentences."""
        return self.context.once(warnings)

    @property
    def declared(self) -> tuple[Metric, ...]:
        """All metrics that apply to the run's records, as they were declared."""
        return tuple(self.context.declared)

    @property
    def single(self) -> bool:
        """Whether each record has one label out of several classes."""
        return bool(self.context.single)

    def declares(self, metric: str) -> bool:
        """Return whether a metric of this name applies to the run's records."""
        return self.context.row(metric) is not None

    def left_out(self, cells: Iterable[str]) -> int:
        """Return how many records of these cells count nowhere: a perturbation raised, so the model was not asked."""
        ids, wanted = self.context.frame.ids, set(cells)
        each = self.context.status_counts.left_out_by_cell
        return int(sum(count for name, count in zip(ids, each) if name in wanted))

    def begun(self) -> set[str]:
        """Return the cells that have records."""
        return {self.context.frame.ids[i] for i in np.flatnonzero(self.context.status_counts.by_cell.sum(axis=1))}

    def better(self, metric: str) -> Literal["higher", "lower"]:
        """Return whether a higher or a lower value of a metric is the better one."""
        return "lower" if lower_is_better(self.context, metric) else "higher"

    def has(self, metric: str) -> bool:
        """Return whether the run has a metric of this name, defined or not; only that one is worked out for it."""
        return bool(metric_rows(self.context, metric))

    def metric(self, name: str) -> dict[str, Number]:
        """Return a metric in every cell (of a selection: every part), by its id; no other metric is worked out.

        Any metric of the table ``cells``: those of the task, ``drop``, ``retention``, calibration, latency. Where it is
        undefined the number's value is None, and its note says why. Raises InputError for a name that the run does not
        have.
        """
        rows = metric_rows(self.context, name)
        if not rows:
            known = self.metrics
            text = f"metric must be one of {', '.join(known)} for {self.task}, got {name!r}."
            raise InputError(f"measure: {text} {nearest(name, known)}")
        found = {row["cell"]: Number.of(row) for row in rows}
        return {shown: found.get(cell) or self._missing(cell, rows) for shown, cell in self._cells()}

    def expect(self, name: str) -> None:
        """Sum up what a metric needs, where all that selections are asked for is to be resampled in one draw.

        Of a run of many samples, drawing the bootstrap weights is what takes long: whoever will ask several sessions
        (this one, its selections) for metrics says so of all of them first. Of any other run nothing is done.
        """
        if self.drawn_anew:
            sum_up(self.context, name)

    @property
    def drawn_anew(self) -> bool:
        """Whether bootstrap weights are too many to be kept, so that ``expect`` saves drawing them again."""
        return self.context.drawn_anew

    def by_class(self, name: str) -> dict[tuple[str, str], Number]:
        """Return a metric of single classes, by (cell, class): recall, precision, f1, auroc or average_precision.

        Empty where the run has none: it needs records with a prediction, of a task with classes.
        """
        rows = [row for row in self.rows("classes") if row["metric"] == name]
        shown = {cell: each for each, cell in self._cells()}
        return {(shown[r["cell"]], r["class"]): Number.of(r) for r in rows if r["cell"] in shown}

    def gaps(self, name: Literal["gap", "widening"] = "gap") -> dict[str, list[Gap]]:
        """Return the gaps of the headline between best and worst group, by cell: one for each of the option ``by``."""
        rows = [row for row in self.rows("gaps") if row["metric"] in (name, "gap")]
        found: dict[str, list[Gap]] = {}
        for shown, cell in self._cells():
            mine = [row for row in rows if row["cell"] == cell and row["metric"] == name]
            each = [Gap(Number.of(row), row["by"], row["best"], row["worst"], row["high_alone"]) for row in mine]
            found[shown] = each or [Gap(self._missing(cell, rows))]
        return found

    @property
    def right(self) -> str | None:
        """Name of the metric that says how many answers are right, where the task has one."""
        return None if self.context.right is None else self.context.right.name

    def untested(self) -> set[str]:
        """Return the cells in which no perturbation could change any record: they say nothing of stress."""
        return set(untested(self.context))

    def support(self, cell: str, label: str | None = None) -> tuple[int, int]:
        """Return how many samples a cell or part has records of (of one class, given by ``label``), and clusters."""
        cell = self._id_of[cell]
        samples = np.flatnonzero(self.context.frame.run.present(cell))
        if label is not None:
            place, codes = self.context.once(labelled)
            samples = samples[codes[samples] == place.get(label, -1)]
        return len(samples), distinct(self.context.clusters.member[samples])

    def selection(
        self,
        parts: Mapping[str, Sequence[str]],
        group: tuple[str, str] | None = None,
        truth: str | None = None,
        **given: Unpack[MeasureOptions],
    ) -> Measured:
        """Return a session with parts of the run: each name stands for the pooled records of the cells that it lists.

        ``group`` (its name and a value, as ``("speaker", "ada")``) keeps the samples of that group alone, ``truth``
        those that are truly of a class: accuracy is then its recall, the rate of true positives. The clean
        cell stays beside the parts, for changes against it. ``given`` are options that differ from this session's.
        Raises InputError for a group that the samples do not carry.
        """
        key = tuple((name, tuple(cells)) for name, cells in parts.items()), group, truth
        run = self.context.frame.run
        if key not in self._views:
            orders = None
            if group is not None or truth is not None:
                orders = chosen(self.context, group, truth)
            named = {_PART + name: cells for name, cells in parts.items()}
            self._views[key] = selection(run, named, orders, self.options.limit)
        asked = {each.name: getattr(self.options, each.name) for each in fields(Options)} | given
        full = key, str(sorted((name, str(value)) for name, value in asked.items()))
        if full not in self._views:
            self._views[full] = Measured(context_of(self._views[key], self.context, **asked), tuple(parts))
        found: Measured = self._views[full]
        return found

    def again(self, **given: Unpack[MeasureOptions]) -> Measured:
        """Return a session with the same records, and options that differ from this one's: nothing is read anew."""
        chosen = options({each.name: getattr(self.options, each.name) for each in fields(Options)} | given)
        frame = self.context.frame
        return Measured(Context(frame, chosen, counted_values(frame, chosen), draw=self.context.draw), self.parts)

    def _cells(self) -> list[tuple[str, str]]:
        """Return what is measured: the name it goes by, and the id of its cell."""
        if self.parts is not None:
            return [(name, _PART + name) for name in self.parts]
        return [(name, name) for name in self.context.frame.ids]

    @cached_property
    def _id_of(self) -> Mapping[str, str]:
        """The ids of the cells by the names that they go by."""
        return dict(self._cells())

    def _missing(self, cell: str, rows: Sequence[Mapping[str, Any]]) -> Number:
        """Return a number that there is none of in a cell, with the reason that the rows of the metric give."""
        mine = sorted(rows, key=lambda row: row["cell"] != cell)
        return Number(note=next((row["note"] for row in mine if row["note"]), "no numbers"))

    def table(self, name: str) -> pa.Table:
        """Return a table; see ``stress.measure.table``. Raises InputError where there is none of that name."""
        if name not in self._tables:
            self._tables[name] = make(self.context, name)
        return self._tables[name]

    def ahead(self, names: Sequence[str]) -> None:
        """Work out several tables at once, where that saves time: those of a large run share what is read.

        Of a run of many samples that is held in memory, the metrics of all cells are resampled together.
        """
        if not self.context.frame.large:
            together(self.context)
        else:
            self._tables.update(make_all(self.context, [name for name in names if name not in self._tables]))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a table as plain rows, which are not to be changed."""
        if name not in self._rows:
            self._rows[name] = self.table(name).to_pylist()
        return self._rows[name]

    def summary(self) -> Mapping[str, Any]:
        """Return the headline numbers as plain data; see ``stress.measure.summary``."""
        return self.context.once(summarise)


def measured(run: Source, **given: Any) -> Measured:
    """Return a session with a run, to ask it several things; options are those of ``table``."""
    return Measured(context_of(run, **given))
