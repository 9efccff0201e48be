"""A run before it starts: how it is to be done, and everything that it needs, checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import InputError, SpecError
from perturbations.attack import halves_of
from perturbations.errors import nearest
from perturbations.modality import size_of
from scenarios import Cell, Plan, Suite, expand, goals_of
from scenarios import load as load_suite
from stress.data import Reading, Samples, known_files, load_data
from stress.engine._machine import check_machine, fitting, terms
from stress.engine._meter import Meter
from stress.engine._order import even_shards, fitted_on, shards, visiting_order
from stress.engine._progress import looking
from stress.engine._repeats import Repeats
from stress.engine._settings import Settings
from stress.engine._stages import check_attacks, without_gradients
from stress.engine._unit import Job
from stress.engine._units import Units
from stress.models import Model, load_model, predict_of
from stress.tasks import Task, declare, declared, task_named

__all__ = ["CANARIES", "Planned", "chosen", "cut", "job_of", "needs_all_data", "plan_run", "shard_size", "with_a_look"]

CANARIES = 8
"""Samples that the checks look at: the first of the visiting order, so every class has its chance."""

_SHARD_BYTES = 128 * 2**20
_SHARD_SAMPLES = 256
_SMALL_SAMPLES, _FEW_SAMPLES = 32, 4


@dataclass(frozen=True)
class Planned:
    """Everything that a run needs, checked; nothing has been computed or written yet."""

    model: Model
    data: Samples
    suite: Suite
    plan: Plan
    task: Task
    settings: Settings
    shards: Sequence[Any]
    shard_size: int
    extents: tuple[int, ...] = ()
    """How many samples the data had each time they were extended."""

    others: Mapping[str, Model] = field(default_factory=dict)
    """Models that the suite's fallbacks ask instead, by name."""

    steady: bool = True
    """Whether the model answers the same question in one way, as far as was seen."""

    @cached_property
    def repeats(self) -> Repeats:
        """Which cells are asked, how often, and under which names their records stand."""
        return Repeats(self.plan.cells, self.plan.draws, self.steady)

    @property
    def units(self) -> Units:
        """All units, in the order in which they are done: shards outside, cells inside."""
        return Units(len(self.shards), self.repeats.calls)

    @property
    def first(self) -> Sequence[int]:
        """Positions of the first samples of the order, whatever the limit: who a model is, is asked of these."""
        return list(map(int, shards(self.data, self.settings.seed, self.shard_size, None, self.extents)[0]))

    @property
    def calls(self) -> int:
        """Number of calls of the model that the whole run takes, of at most ``batch_size`` samples each."""
        return self.calls_of({cell.id for cell in self.plan.cells})

    def calls_of(self, cells: Collection[str]) -> int:
        """Return how many of the calls are for these cells, by id: none where another cell's calls are theirs."""
        asked = Counter[int]()
        for cell, count in zip(self.plan.cells, self.repeats.calls):
            if cell.id in cells:
                asked[terms(cell).batch or self.settings.batch_size] += count
        return sum(count * sum(-(-len(shard) // size) for shard in self.shards) for size, count in asked.items())

    @property
    def records(self) -> int:
        """Number of records of the whole run: of each cell's draws, under every name."""
        return sum(map(len, self.shards)) * sum(self.repeats.drawn)


def plan_run(
    model: Any,
    data: Any,
    suite: Any,
    task: Task | str | None,
    settings: Settings,
    find: Callable[[Any], Model] = load_model,
    out: Path | None = None,
) -> Planned:
    """Return a checked plan. Raises the clearest error there is before any work: suite first, then data, then model.

    ``find`` returns the model: loaded here, unless workers have it. ``out`` is the run's folder, where that is known:
    files that it knows are not decoded again.
    """
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    samples = load_data(data, reading=_reading(settings, out or Path("runs") / suite.name))
    only = {"only": settings.only, "skip": settings.skip}
    plan = expand(suite, samples.streams, has=samples.has, most=settings.max_cells, **only)
    goals = goals_of(plan.source["goals"]) if "goals" in plan.source else ""
    if not isinstance(goals, str) and (wrong := goals.mismatch(samples.streams)):
        raise SpecError(f"{suite.title}: {wrong}")
    samples.check_cluster(settings.cluster, "run")
    _check_lexicon(settings, samples)
    loaded = find(model)
    settled = _task(task, loaded, samples, settings.answers or loaded.answers)
    declared(settled)
    settled.check_targets(samples.targets)
    if (read := getattr(settled, "read_targets", None)) is not None:
        samples = samples.with_targets(read(samples.targets))
    plan = without_gradients(plan, loaded, settled) if suite.builtin else plan
    check_attacks(plan.cells, loaded, settled, samples)
    samples = samples.looked(_measured(samples, settings.seed))
    size = shard_size(samples, settings)
    others = {name: load_model(name) for name in dict.fromkeys(cell.model for cell in plan.cells) if name is not None}
    if suite.builtin:
        plan = fitting(plan, loaded, others, settings)
    check_machine(plan, loaded, others, settings)
    return with_a_look(
        Planned(loaded, samples, suite, plan, settled, settings, cut(samples, settings, size), size, others=others)
    )


def with_a_look(planned: Planned) -> Planned:
    """Return the plan after all samples were looked at that it visits: those of its shards, of whom the model is asked
    first, and that an attack is fitted on; all, where a fault draws from the whole data set.
    """
    if any(map(_draws, planned.plan.cells)):
        return replace(planned, data=planned.data.looked(range(len(planned.data))))
    visited = [*np.concatenate(planned.shards).tolist(), *planned.first[:CANARIES]]
    if any(map(_is_fitted, planned.plan.cells)):
        halves = halves_of(planned.data.ids)
        visited += [i for half in (0, 1) for i in fitted_on(planned.data, planned.settings.seed, halves, half)]
    return replace(planned, data=planned.data.looked(visited))


def needs_all_data(cell: Cell) -> bool:
    """Whether what a sample meets in a cell depends on which other samples there are."""
    return cell.grid == "timeline" or _draws(cell) or _is_fitted(cell)


def _is_fitted(cell: Cell) -> bool:
    return any(c.declaration.held_out for c in cell.conditions)


def _draws(cell: Cell) -> bool:
    """Whether a cell loads other samples than the one that it changes."""
    return any({"data", "sequence"} & c.declaration.needed(c.settings) for c in cell.conditions)


def _reading(settings: Settings, folder: Path) -> Reading:
    """Return how the data of a run are read."""
    return Reading(
        verify=settings.verify,
        skip_bad=settings.skip_bad_samples,
        inside=settings.inside,
        later=settings.limit is not None or bool(settings.samples),
        limits=settings.limits,
        known=known_files(folder, settings.limits),
        progress=looking(settings.progress),
    )


def _task(task: Task | str | None, model: Model, data: Samples, answers: str | None) -> Task:
    if task is None or isinstance(task, str):
        if len(data) and all(target is None for target in data.targets):
            raise InputError(f"data: samples must have labels, got {len(data):,} of which none has one.")
        return task_named(task or "classification", model.classes, lambda: data.classes, data.targets, answers)
    return declare(task, answers)


def _check_lexicon(settings: Settings, samples: Samples) -> None:
    """Raise InputError for a lexicon that nothing would be measured by."""
    if settings.lexicon is None:
        return
    if "text" not in samples.streams.values():
        raise InputError(f"run: a lexicon is for streams of text, got {', '.join(samples.streams)}.")
    if settings.signals == "none":
        raise InputError("run: a lexicon is for a signal of texts, got signals none.")


def job_of(planned: Planned, task: Task, meter: Meter | None = None) -> Job:
    """Return the job of a planned run, with its settled task; ``meter`` reads what answering costs."""
    settings = planned.settings
    return Job(
        predict_of(planned.model),
        task,
        planned.data,
        planned.plan.cells,
        settings.seed,
        settings.batch_size,
        settings.recorded,
        settings.timeout,
        np.concatenate(planned.shards).tolist(),
        {name: predict_of(model) for name, model in planned.others.items()},
        meter,
        planned.model.reports,
        planned.model.billed,
    )


def chosen(data: Samples, ids: Sequence[str], cut: Sequence[Any]) -> Sequence[Any]:
    """Return the shards with the asked-for samples alone. Raises InputError for an id that is not there."""
    if not ids:
        return cut
    known = set(data.ids)
    if missing := [name for name in ids if name not in known]:
        hint = nearest(missing[0], known)
        raise InputError(f"run: samples must be ids of the data, got {missing[0]!r} ({len(missing)} unknown). {hint}")
    wanted = {data.position(name) for name in ids}
    kept = [shard[[int(position) in wanted for position in shard]] for shard in cut]
    if not any(map(len, kept)):
        raise InputError("run: samples must be among those that the limit keeps, got none of them.")
    return [shard for shard in kept if len(shard)]


def _measured(data: Samples, seed: int) -> list[int]:
    """Return the positions of the few samples by which the size of a shard is judged."""
    return [int(position) for block in visiting_order(data, seed, 8) for position in block[:4]]


def shard_size(data: Samples, settings: Settings) -> int:
    """Return how many samples stay in memory together: up to 256, or what fits in 128 MiB, judged by the first few.

    Of an adaptive run at most 32, or a two-thousandth of many: what is asked at once cannot be stopped in the middle;
    of one that asks for means over cells a five-hundredth: a cell must meet many of them to meet a fair part.
    """
    few = _measured(data, settings.seed)
    used = sum(size_of(value) for position in few for value in data[position].streams.values())
    most = _SHARD_SAMPLES
    if settings.adaptive is not None:
        part = max(_FEW_SAMPLES, -(-len(data) // 500))
        most = part if settings.adaptive == "means" else max(_SMALL_SAMPLES, -(-len(data) // 2000))
    return max(1, min(most, int(_SHARD_BYTES * len(few) / max(used, 1))))


def cut(data: Samples, settings: Settings, size: int, extents: Sequence[int] = ()) -> Sequence[Any]:
    """Return the shards of a run: the samples that it is about, in the order in which they are visited."""
    if settings.adaptive:
        apart = settings.adaptive == "means"
        found = even_shards(data, settings.seed, size, settings.limit, settings.cluster or data.cluster, apart)
    else:
        found = shards(data, settings.seed, size, settings.limit, extents)
    return chosen(data, settings.samples, found)
