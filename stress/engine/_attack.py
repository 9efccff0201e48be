"""Cells in which somebody means harm: their attacks are run with the model in hand, and what they took is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, ModelError, Perturbation, Sample, SpecError, get
from perturbations.attack import (
    NO_CHANGE,
    Attempt,
    Fitted,
    HeldOut,
    Part,
    fitted_by,
    halves_of,
    launch,
    margin,
    prepared,
    refuse_without_gradients,
)
from perturbations.attack.score import drawn
from perturbations.errors import short
from scenarios import Cell, Condition, Plan, perturb_stream
from stress.data import Samples
from stress.engine._order import visiting_order
from stress.engine._streams import StreamWork, compared
from stress.models import Batch, Model, ModelOracle, load_model
from stress.tasks import Classification, Task

__all__ = ["COST", "Attacker", "Stage", "attacked", "check_attacks", "stages", "without_gradients"]

COST = ("attack.calls", "attack.gradients", "attack.random")
"""Record columns: questions to the model for the sample, those with a gradient among them, and whether it is answered
rightly (1 or 0) after one random draw with the same budgets: plain chance, beside every attack."""
Costs: TypeAlias = Mapping[str, NDArray[np.float32]]
Work: TypeAlias = tuple[dict[str, StreamWork], Costs, Mapping[int, str]]
"""What an attack made of its streams, what that took, and by row the samples of which it could not know anything."""
_FITTED = 64
"""Samples of the other half that a universal perturbation is fitted on."""


def attacked(cell: Cell) -> bool:
    """Return whether somebody means harm in a cell."""
    return any(condition.declaration.kind == "attack" for condition in cell.conditions)


@dataclass(frozen=True)
class Stage:
    """One attack of a cell, on one stream or on several at once."""

    declaration: Perturbation
    conditions: tuple[Condition, ...]

    @property
    def surrogate(self) -> str:
        """The name of the model that finds the changes, where it is not the tested one."""
        return str(self.conditions[0].settings.get("surrogate", ""))

    def parts(self, samples: Sequence[Sample], data: Samples, seed: int, draw: int) -> dict[str, Part]:
        """Return its part in each stream; along a timeline every sample has a budget of its own, none at severity 0."""
        return {
            c.stream: Part(
                {**c.settings, **(self._graded(c, samples, data, seed, draw) if c.course else {})},
                c.profile,
                c.step,
                "" if c.shared is None else f"event:{c.shared}",
            )
            for c in self.conditions
        }

    def _graded(
        self, condition: Condition, samples: Sequence[Sample], data: Samples, seed: int, draw: int
    ) -> dict[str, list[float]]:
        """Return the budget of each sample at the severity that it meets."""
        if (course := condition.course) is None:
            return {}
        name = self.declaration.budgets[data.streams[condition.stream]]
        met = [course.severity(sample, data, seed, draw) for sample in samples]
        found = {
            severity: course.settings(condition.perturbation, condition.profile, severity)[name]
            for severity in set(met)
            if severity > 0
        }
        return {name: [found[severity] if severity > 0 else NO_CHANGE[name] for severity in met]}


def stages(cell: Cell) -> list[Stage]:
    """Return the attacks of a cell in order; the same attack on several streams is one attack on all of them."""
    found: dict[tuple[str, int], list[Condition]] = {}
    for condition in cell.conditions:
        if condition.declaration.kind == "attack":
            found.setdefault((condition.perturbation, condition.step), []).append(condition)
    return [Stage(get(name), tuple(conditions)) for (name, _), conditions in found.items()]


def check_attacks(cells: Sequence[Cell], model: Model, task: Task, data: Samples) -> None:
    """Raise, before any work, where a cell's attack cannot be run on this model."""
    for cell in cells:
        for stage in stages(cell):
            name = stage.declaration.name
            if not isinstance(task, Classification):
                raise SpecError(f"{name}: the task must be classification, got {task.name}. Leave it out (--skip).")
            asked = _stand_in(stage.surrogate, task) if stage.surrogate else model
            refuse_without_gradients(name, asked.gradients)
            if stage.declaration.held_out and len(data) < 2:
                raise InputError(f"{name}: the data must have two samples: one to fit on, got {len(data)}.")
            budgets = stage.declaration.budgets.values()
            own = [{k: v for k, v in c.settings.items() if k not in budgets} for c in stage.conditions]
            if any(settings != own[0] for settings in own):
                raise SpecError(
                    f"{cell.id}: {name} on several streams is one attack: its parameters other than the budgets must "
                    f"be equal on all of them, got {own}."
                )


def without_gradients(plan: Plan, model: Model, task: Task) -> Plan:
    """Return the plan of a built-in suite without the attacks that this model cannot be attacked with, and why."""
    reasons: dict[str, str] = {}
    kept = []
    for cell in plan.cells:
        wrong = next((text for stage in stages(cell) if (text := _misfit(stage.declaration, model, task))), None)
        if wrong is None:
            kept.append(cell)
        else:
            reasons.setdefault(cell.scenario, wrong)
    if reasons and len(kept) < 2:
        reason = next(iter(reasons.values()))
        raise ModelError(f"{plan.suite}: must have a cell that fits the model, got none: {reason}.")
    return replace(plan, cells=tuple(kept), left_out=(*plan.left_out, *reasons.items()))


def _misfit(declaration: Perturbation, model: Model, task: Task) -> str | None:
    if not isinstance(task, Classification):
        return f"{declaration.name} needs classification, got {task.name}"
    if declaration.gradients and not model.gradients:
        return f"{declaration.name} needs a model that gives gradients"
    return None


_loaded = lru_cache(maxsize=8)(load_model)


def _stand_in(name: str, task: Task) -> Model:
    """Return a second model by name. Raises ModelError where its classes are not those of the task."""
    model = _loaded(name)
    classes = tuple(getattr(task, "classes", ()))
    if model.classes is not None and tuple(map(str, model.classes)) != classes:
        raise ModelError(f"surrogate {name}: classes must be those of the task, in order, got {short(model.classes)}.")
    return model


@dataclass(frozen=True)
class Attacker:
    """Runs the attacks of a run's cells on its model. ``attacked`` are the ids of the samples that the run is about."""

    predict: Callable[[Any], Any]
    task: Task
    data: Samples
    seed: int
    batch_size: int
    attacked: Sequence[str]
    _fitted: dict[Any, Any] = field(default_factory=dict)
    _stand_ins: dict[str, ModelOracle] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock)

    @cached_property
    def oracle(self) -> ModelOracle:
        """The model as attacks see it."""
        task = self.task
        if not isinstance(task, Classification) or task.answers is None:
            raise SpecError(f"attack: the task must be classification, got {task.name}. Leave attacks out (--skip).")
        return ModelOracle(self.predict, task.classes, task.answers, self.batch_size)

    def work(self, cell: Cell, samples: Sequence[Sample], draw: int) -> Work:
        """Return what an attacked cell makes of its streams, what that took for each sample, and who has no gradient.

        What befalls a stream before its attack is there when the attack begins; what follows is not foreseen by it.
        """
        errors: dict[int, str] = {}
        seen = [self._natural(cell, sample, draw, before=True) for sample in samples]
        calls, passes_back = np.zeros(len(seen)), np.zeros(len(seen))
        chance_of = self._plain_chance(stages(cell), seen, draw)
        for stage in stages(cell):
            streams = self._streams(seen)
            ids = [sample.id for sample in seen]
            found = launch(
                stage.declaration,
                self._parts(stage, samples, draw),
                streams,
                self.labels(seen),
                ids,
                self._asked(stage),
                self.seed,
                draw,
                self._held_out(stage, draw) if stage.declaration.held_out else None,
                self._halves if stage.declaration.held_out else None,
                patient=bool(stage.surrogate),
            )
            errors |= found.errors
            seen = [s.with_streams({n: v[i] for n, v in found.values.items()}) for i, s in enumerate(seen)]
            if not stage.surrogate:  # questions to another model cost the tested one nothing
                calls += found.calls
                passes_back += found.passes_back
        seen = [self._natural(cell, sample, draw, before=False) for sample in seen]
        done = {n: compared(n, samples, [s.streams[n] for s in seen], self.data) for n in cell.streams}
        costs = zip(COST, (calls, passes_back, chance_of))
        return done, {name: np.asarray(numbers, np.float32) for name, numbers in costs}, errors

    def _natural(self, cell: Cell, sample: Sample, draw: int, before: bool) -> Sample:
        """Return the sample with the conditions that come before (or after) the attack of each stream."""
        changed = {}
        for stream in cell.streams:
            conditions = cell.on(stream)
            places = [i for i, c in enumerate(conditions) if c.declaration.kind == "attack"]
            split = places[0] if places else len(conditions)
            some = conditions[:split] if before else conditions[split:]
            some = tuple(c for c in some if c.declaration.kind != "attack")
            if some:
                changed[stream] = perturb_stream(sample, stream, some, self.data, self.seed, draw)
        return sample.with_streams(changed) if changed else sample

    def _plain_chance(self, stages: Sequence[Stage], samples: Sequence[Sample], draw: int) -> list[float]:
        """Return whether each sample is answered rightly after one random draw with the budgets of all stages."""
        chance = get("attack.random")
        ids, labels = [sample.id for sample in samples], self.labels(samples)
        streams = self._streams(samples)
        changed: dict[str, list[Any]] = {}
        for stage in stages:
            parts = self._parts(stage, samples, draw)
            attempt = prepared(stage.declaration, parts, streams, labels, ids, self.oracle, self.seed, draw, chance)
            changed |= drawn(attempt, np.arange(len(samples)))
        left = margin(self.oracle.scores({**streams, **changed}), np.array(labels))
        return [float(gap >= 0) for gap in left]

    def _held_out(self, stage: Stage, draw: int) -> HeldOut:
        """Return what fits on samples of the other half of the data set, once for all cells that ask for the same."""

        def fitted(half: int, fit: Callable[[Attempt], Any]) -> Fitted:
            key = (repr([c.identity() for c in stage.conditions]), half, draw)
            with self._lock:
                if key not in self._fitted:
                    users = [one for one in self.attacked if self._halves[one] == half]
                    self._fitted[key] = fitted_by(self._other_half(stage, half, draw), fit, users)
                found: Fitted = self._fitted[key]
                return found

        return fitted

    def _other_half(self, stage: Stage, half: int, draw: int) -> Attempt:
        ids = self.data.ids
        order = [int(i) for block in visiting_order(self.data, self.seed) for i in block]
        chosen = [i for i in order if self._halves[ids[i]] != half][:_FITTED]
        samples = [self.data[i] for i in chosen]
        return prepared(
            stage.declaration,
            self._parts(stage, samples, draw),
            self._streams(samples),
            self.labels(samples),
            [sample.id for sample in samples],
            self._asked(stage),
            self.seed,
            draw,
        )

    def _asked(self, stage: Stage) -> ModelOracle:
        """Return the model that an attack asks: the tested one, or the one that stands in for it."""
        if not stage.surrogate:
            return self.oracle
        with self._lock:
            if stage.surrogate not in self._stand_ins:
                model = _stand_in(stage.surrogate, self.task)
                first = [self.data[i] for i in range(min(8, len(self.data)))]
                task = self.task.settle(model.predict(Batch.of(first)), [sample.target for sample in first])
                form = task.answers if isinstance(task, Classification) else None
                oracle = ModelOracle(model.predict, self.oracle.names, form or "logits", self.batch_size)
                self._stand_ins[stage.surrogate] = oracle
            return self._stand_ins[stage.surrogate]

    @cached_property
    def _halves(self) -> dict[str, int]:
        return halves_of(self.data.ids)

    def _parts(self, stage: Stage, samples: Sequence[Sample], draw: int) -> dict[str, Part]:
        return stage.parts(samples, self.data, self.seed, draw)

    def _streams(self, samples: Sequence[Sample]) -> Mapping[str, list[Any]]:
        return {name: [sample.streams[name] for sample in samples] for name in self.data.streams}

    def labels(self, samples: Sequence[Sample]) -> list[int]:
        """Return the positions of the right classes."""
        place = {name: i for i, name in enumerate(self.oracle.names)}
        return [place[str(sample.target)] for sample in samples]
