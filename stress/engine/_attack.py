"""Cells in which somebody means harm: their attacks are run with the model in hand, and what they took is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations import Sample, SpecError, get
from perturbations.attack import (
    Attempt,
    Fitted,
    HeldOut,
    Part,
    fitted_by,
    halves_of,
    launch,
    margin,
    prepared,
)
from perturbations.attack.score import drawn
from perturbations.errors import MissingExtraError
from scenarios import Cell, perturb_stream
from stress.data import Samples
from stress.engine._arrivals import clean_batch
from stress.engine._limits import limited, within
from stress.engine._order import fitted_on
from stress.engine._stages import Stage, stages, stand_in
from stress.engine._streams import StreamWork, compared, said
from stress.models import ModelOracle
from stress.tasks import Classification, Task

__all__ = ["COST", "Attacker"]

COST = ("attack.calls", "attack.gradients", "attack.random", "attack.least")
"""Record columns: questions to the model for the sample, those with a gradient among them, and whether it is answered
rightly (1 or 0) after one random draw with the same budgets: plain chance, beside every attack; and the part of the
budget that was enough to break it, of attacks that look for that."""
Costs: TypeAlias = Mapping[str, NDArray[np.float32]]
Work: TypeAlias = tuple[dict[str, StreamWork], Costs, Mapping[int, BaseException]]
"""What an attack made of its streams, what that took, and by row the samples of which it could not know anything."""


@dataclass(frozen=True)
class Attacker:
    """Runs the attacks of a run's cells on its model. ``attacked`` are the ids of the samples that the run is about."""

    predict: Callable[[Any], Any]
    task: Task
    data: Samples
    seed: int
    batch_size: int
    attacked: Sequence[str]
    timeout: float | None = None
    _fitted: dict[Any, Any] = field(default_factory=dict)
    _stand_ins: dict[str, ModelOracle] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock)

    @cached_property
    def oracle(self) -> ModelOracle:
        """The model as attacks see it."""
        task = self.task
        if not isinstance(task, Classification) or task.answers is None:
            raise SpecError(f"attack: the task must be classification, got {task.name}. Leave attacks out (--skip).")
        predict = limited(self.predict, self.timeout)
        return ModelOracle(predict, task.classes, task.answers, self.batch_size, within(self.timeout))

    def work(self, cell: Cell, samples: Sequence[Sample], draw: int) -> Work:
        """Return what an attacked cell makes of its streams, what that took for each sample, and who has no gradient.

        What befalls a stream before its attack is there when the attack begins; what follows is not foreseen by it.
        """
        errors: dict[int, BaseException] = {}
        spoiled: dict[str, dict[int, str]] = {name: {} for name in cell.streams}
        seen = [self._natural(cell, sample, row, draw, True, spoiled) for row, sample in enumerate(samples)]
        calls, passes_back = np.zeros(len(seen)), np.zeros(len(seen))
        least = np.full(len(seen), np.nan)
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
            least = least if found.least is None else found.least
            seen = [s.with_streams({n: v[i] for n, v in found.values.items()}) for i, s in enumerate(seen)]
            if not stage.surrogate:  # questions to another model cost the tested one nothing
                calls += found.calls
                passes_back += found.passes_back
        seen = [self._natural(cell, sample, row, draw, False, spoiled) for row, sample in enumerate(seen)]
        done = {
            name: replace(compared(name, samples, [s.streams[name] for s in seen], self.data), errors=spoiled[name])
            for name in cell.streams
        }
        costs = zip(COST, (calls, passes_back, chance_of, least))
        return done, {name: np.asarray(numbers, np.float32) for name, numbers in costs}, errors

    def _natural(
        self, cell: Cell, sample: Sample, row: int, draw: int, before: bool, spoiled: dict[str, dict[int, str]]
    ) -> Sample:
        """Return the sample with the conditions that come before (or after) the attack of each stream.

        What such a condition raises is noted in ``spoiled``, by stream and row.
        """
        changed = {}
        for stream in cell.streams:
            conditions = cell.on(stream)
            places = [i for i, c in enumerate(conditions) if c.declaration.kind == "attack"]
            split = places[0] if places else len(conditions)
            some = conditions[:split] if before else conditions[split:]
            some = tuple(c for c in some if c.declaration.kind != "attack")
            if some:
                try:
                    changed[stream] = perturb_stream(sample, stream, some, self.data, self.seed, draw)
                except MissingExtraError:
                    raise
                except Exception as error:  # noqa: BLE001 - a finding about the perturbation, kept in the record
                    spoiled[stream][row] = said(some, error)
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
        samples = [self.data[i] for i in fitted_on(self.data, self.seed, self._halves, half)]
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
                model = stand_in(stage.surrogate, self.task)
                first = [self.data[i] for i in range(min(8, len(self.data)))]
                task = self.task.settle(
                    model.predict(clean_batch(first, self.data)), [sample.target for sample in first]
                )
                form = task.answers if isinstance(task, Classification) else None
                predict, hold = limited(model.predict, self.timeout), within(self.timeout)
                oracle = ModelOracle(predict, self.oracle.names, form or "logits", self.batch_size, hold)
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
        return [place[sample.target] for sample in samples]
