"""The attacks of a cell, before any is run: which there are, and whether this model can be attacked so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from perturbations import InputError, ModelError, Perturbation, Sample, SpecError, get
from perturbations.attack import NO_CHANGE, Part, refuse_without_gradients
from perturbations.errors import short
from scenarios import Cell, Condition, Plan
from stress.data import Samples
from stress.models import Model, load_model
from stress.tasks import Classification, Task

__all__ = ["Stage", "attacked", "check_attacks", "stages", "stand_in", "without_gradients"]


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
            asked = stand_in(stage.surrogate, task) if stage.surrogate else model
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
        wrong = next((text for stage in stages(cell) if (text := _mismatch(stage.declaration, model, task))), None)
        if wrong is None:
            kept.append(cell)
        else:
            reasons.setdefault(cell.scenario, wrong)
    if reasons and len(kept) < 2:
        reason = next(iter(reasons.values()))
        raise ModelError(f"{plan.suite}: must have a cell that fits the model, got none: {reason}.")
    return replace(plan, cells=tuple(kept), left_out=(*plan.left_out, *reasons.items()))


def _mismatch(declaration: Perturbation, model: Model, task: Task) -> str | None:
    if not isinstance(task, Classification):
        return f"{declaration.name} needs classification, got {task.name}"
    if declaration.gradients and not model.gradients:
        return f"{declaration.name} needs a model that gives gradients"
    return None


_loaded = lru_cache(maxsize=8)(load_model)


def stand_in(name: str, task: Task) -> Model:
    """Return a second model by name. Raises ModelError where its classes are not those of the task."""
    model = _loaded(name)
    classes = tuple(getattr(task, "classes", ()))
    if model.classes is not None and tuple(map(str, model.classes)) != classes:
        raise ModelError(f"surrogate {name}: classes must be those of the task, in order, got {short(model.classes)}.")
    return model
