"""What ``--until`` asks for: rules of a gate file, or numbers as narrow as one wants; and which cells that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import named_keywords, short
from scenarios import Cell
from stress.adaptive._looked import Looked
from stress.adaptive._question import Question, Side, sides_of
from stress.engine import Planned
from stress.gate import (
    Form,
    Gates,
    Rule,
    by_looks,
    cell_sums,
    check_early,
    clusters_of,
    count_checks,
    form_of,
    load_gates,
    looks_of,
    parts_of,
    rests_on,
)
from stress.records.blocks import Block
from stress.records.declared import Declared
from stress.records.folder import open_folder
from stress.records.metric import Metric, expanded, offered, resolved
from stress.records.source import Source
from stress.records.stopping import is_stopped
from stress.statistics.arrays import Floats

__all__ = ["Asked", "Wanted", "asked_of", "metrics_of", "unbroken_of"]

_TOP_K = (5,)
_CONFIDENCE = 0.95
_NARROW = ("precision", "mean")


@dataclass(frozen=True)
class Wanted:
    """What can be decided early; the cells that are run ``whole``, each with the reason; and the checks of the file."""

    questions: list[Question | Looked]
    whole: Mapping[int, str]
    checks: int


@dataclass(frozen=True)
class Asked:
    """Until when a run goes on: until the rules of ``gates`` are decided, or intervals are as narrow as ``precision``.

    ``baseline`` is the run that rules against an earlier one compare with, ``cluster`` the group whose samples are one
    observation.
    """

    text: str
    gates: Gates | None = None
    precision: float | None = None
    baseline: Source | None = None
    cluster: str | None = None
    mean: bool = False
    """Whether ``precision`` is of the mean over all cells, not of each."""

    @property
    def correction(self) -> str:
        """How the file corrects for the number of its checks."""
        return "none" if self.gates is None else self.gates.correction

    def wanted(self, planned: Planned, run: Source, schema: pa.Schema) -> Wanted:
        """Return what is asked of a planned run whose records will have this schema.

        Raises SpecError for rules that cannot be about this run, InputError where none of them could stop anything.
        """
        empty = Block(run, np.arange(len(run.samples)), schema.empty_table())
        maker = _Maker(planned, empty, metrics_of(empty), self.baseline)
        if self.gates is None:
            found = Wanted([], maker.unbroken, 1)
            names = [str(name) for name in run.cells["cell"].to_pylist()]
            found.questions.extend(maker.precise(names, float(self.precision or 0)))
        else:
            check_early(self.gates, empty, maker.metrics, self.baseline)
            found = maker.of(self.gates)
        if not found.questions:
            reasons = "; ".join(dict.fromkeys(found.whole.values()))
            raise InputError(
                f"run: --until {self.text} must have a rule that can be decided before all samples are asked, got "
                f"none: {reasons}. Without --until the run is whole."
            )
        return found


@dataclass(frozen=True)
class _Maker:
    """Makes questions of a planned run."""

    planned: Planned
    run: Source
    metrics: Mapping[str, Metric]
    baseline: Source | None

    @cached_property
    def headline(self) -> Metric:
        """The metric that is asked for where a rule names none."""
        return self.metrics[Declared.of(self.run.info).headline]

    @cached_property
    def _asked(self) -> dict[str, int]:
        return _owners(self.planned)

    @cached_property
    def unbroken(self) -> dict[int, str]:
        """The cells that are run whole in any case."""
        return unbroken_of(self.planned)

    @cached_property
    def _members(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return clusters_of(self.run, self.run.info.get("cluster"))

    def of(self, gates: Gates) -> Wanted:
        """Return the questions of a gate file."""
        found = Wanted([], dict(self.unbroken), 0)
        whole, checks = dict(self.unbroken), 0
        for rule in gates.rules:
            form = form_of(rule, self.metrics, self.headline)
            parts = parts_of(rule, rule.on.cells(self.run), self.run)
            checks += count_checks(rule, parts, self.run)
            for name, part in parts.items():
                reason = self._refused(form, part)
                if isinstance(form, str) and (not reason and by_looks(rule, self.metrics)) and self._ends:
                    found.questions.append(self._looked(rule, name, part))
                elif isinstance(form, Form) and not reason:
                    found.questions.append(self._question(rule, name, part, form))
                else:
                    reason = reason or str(form)
                    whole = {self._asked[cell]: reason for cell in rests_on(rule, part, list(self._asked))} | whole
        return Wanted(found.questions, whole, checks)

    @cached_property
    def _ends(self) -> list[int]:
        """After how many shards numbers are looked at that are no means of scores."""
        return looks_of(self._members, self.run.samples["shard"].to_numpy().astype(np.int64))

    def _looked(self, rule: Rule, name: str, part: Sequence[str]) -> Looked:
        cells, calls = tuple(dict.fromkeys(self._asked[cell] for cell in part)), self.planned.repeats.calls
        names = tuple(self.planned.plan.cells[self._asked[cell]].id for cell in part)
        count, cluster = len(np.unique(self._members)), self.run.info.get("cluster")
        return Looked(
            rule, name, names, cells, count, self._ends, sides_of(rule), cluster, sum(calls[at] for at in cells)
        )

    def _refused(self, form: Form | str, cells: Sequence[str]) -> str:
        """Return why some cells are run whole although the number could be decided early."""
        for cell in cells:
            if (at := self._asked[cell]) in self.unbroken:
                return self.unbroken[at]
        if isinstance(form, Form) and form.kind == "lost" and self.baseline is not None:
            there = set(self.baseline.cells["cell"].to_pylist())
            if gone := [cell for cell in cells if cell not in there]:
                return f"the baseline has no cell {gone[0]}"
        return ""

    def _question(self, rule: Rule, name: str, part: Sequence[str], form: Form) -> Question:
        cells = tuple(self._asked[cell] for cell in part)
        sizes = np.bincount(self._members)
        beside = (self._asked["clean"],) if form.kind in ("drop", "retention") else ()
        calls = self.planned.repeats.calls
        return Question(
            rule, name, tuple(part), cells, beside, form, float(sizes.max() * len(cells)), int((sizes > 0).sum()),
            sides_of(rule), calls=sum(calls[at] for at in dict.fromkeys(cells)), earlier=self._earlier(form, part),
        )  # fmt: skip

    def _earlier(self, form: Form, part: Sequence[str]) -> tuple[Floats, Floats] | None:
        """Return what the baseline's records add in some cells, by row of this run's samples; 0 where it has none."""
        if form.kind != "lost" or self.baseline is None:
            return None
        place = {name: i for i, name in enumerate(self.baseline.samples["id"].to_pylist())}
        where = np.array([place.get(name, -1) for name in self.run.samples["id"].to_pylist()], np.int64)
        top, bottom = (each.sum(axis=1) for each in cell_sums(self.baseline, form.metric, part))
        return np.where(where >= 0, top[where], 0.0), np.where(where >= 0, bottom[where], 0.0)

    def precise(self, names: Sequence[str], half: float) -> Iterator[Question]:
        """Yield the question of how narrow each cell's headline is."""
        rule = Rule(self.headline.name, "min", 0.5, "--until", confidence=_CONFIDENCE)
        form = form_of(rule, self.metrics, self.headline)
        if isinstance(form, str):
            raise InputError(f"run: --until precision is of means of scores in [0, 1]: {form}. Name rules instead.")
        for name in names:
            if self._asked[name] not in self.unbroken:
                question = self._question(rule, name, [name], form)
                question.sides, question.precision = [Side(rule)], half
                yield question


def _owners(planned: Planned) -> dict[str, int]:
    """Return the position of the cell whose calls a cell's records rest on, by the cell's name."""
    cells = planned.plan.cells
    return {cells[at].id: first for first, same in planned.repeats.names.items() for at in same}


def unbroken_of(planned: Planned) -> dict[int, str]:
    """Return the cells of a plan that are run whole in any case, with the reason."""
    owners = _owners(planned)
    found = {owners[cell.id]: _in_its_order(cell) for cell in planned.plan.cells}
    return {at: reason for at, reason in found.items() if reason}


def _in_its_order(cell: Cell) -> str:
    """Return why a cell cannot stop in the middle, if it cannot."""
    if cell.grid == "timeline":
        return "a timeline is run in its order"
    if any(condition.declaration.kind == "attack" for condition in cell.conditions):
        return "attacks are run whole"
    return ""


def metrics_of(run: Source) -> Mapping[str, Metric]:
    """Return the metrics that the records of a run will have, by name."""
    declared = Declared.of(run.info)
    found = resolved(run.info.get("metrics", ()), str(run.path))
    own = offered(found, run.columns, len(declared.classes), declared.single)
    return {metric.name: metric for metric in expanded((*found, *own), _TOP_K, len(declared.classes))}


@named_keywords
def asked_of(until: str | Path | Gates, against: str | Path | None = None, cluster: str | None = None) -> Asked:
    """Return what ``--until`` means: a gate file (or its rules), or half an interval's width: ``precision=0.01`` of
    each cell, ``mean=0.01`` of the mean over cells.

    Raises SpecError or InputError for what is neither, and for a baseline that is not a whole run.
    """
    baseline = None
    if against is not None:
        baseline = open_folder(against)
        if not baseline.info.get("finished", True) or is_stopped(baseline):
            raise InputError(
                f"run: --against {against}: must be a finished run of the whole grid, got one that "
                f"{'stopped early' if is_stopped(baseline) else 'is unfinished'}."
            )
    if isinstance(until, Gates):
        return Asked(until.name, until, None, baseline, _cluster(until, cluster))
    if not isinstance(until, str | Path):
        raise InputError(
            f"run: until must be a gate file, load_gates of one, 'precision=P' or 'mean=P', got {short(until)}."
        )
    name, sign, value = str(until).partition("=")
    if not sign:
        gates = load_gates(until)
        return Asked(str(until), gates, None, baseline, _cluster(gates, cluster))
    half = _number(value)
    kind = name.strip()
    if kind not in _NARROW or half is None or not 0 < half < 0.5:
        raise InputError(
            f"run: --until must be a gate file, precision=P (of each cell) or mean=P (of the mean over cells), half an "
            f"interval's width in (0, 0.5), got {until!r}."
        )
    if baseline is not None:
        raise InputError(f"run: --against goes with --until GATES that has a rule against: baseline, got {until!r}.")
    return Asked(str(until), None, half, None, cluster, mean=kind == "mean")


def _cluster(gates: Gates, cluster: str | None) -> str | None:
    """Return the group whose samples are one observation: the run's, or the gate file's."""
    if None not in (gates.cluster, cluster) and gates.cluster != cluster:
        raise InputError(f"run: cluster must be that of {gates.name}, {gates.cluster}, got {cluster}.")
    return cluster or gates.cluster


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
