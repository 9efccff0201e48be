"""What the first clean answers show: which form they have, and what is said aloud of how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perturbations import ModelError, Sample, StressError
from perturbations.labels import label
from stress.engine._check import Check
from stress.engine._limits import limited
from stress.engine._plan import Planned
from stress.models import Batch, Unanswered, predict_of, told_apart
from stress.records.statuses import UNASKED, WRITTEN
from stress.tasks import Task, joined, spelling_said

__all__ = ["SETTLED", "settled", "target_text"]

SETTLED = 64
"""Clean samples on whose answers the form is settled: the first of the visiting order."""


def settled(planned: Planned) -> tuple[Task, list[Check], list[Sample]]:
    """Return the task with the form of the model's answers fixed, lines for preflight, and the samples it rests on.

    Raises ModelError where the model raises, or its answers cannot be read in one way.
    """
    positions = [int(position) for shard in planned.shards[:SETTLED] for position in shard[:SETTLED]][:SETTLED]
    samples = planned.data.proven(positions)
    size = planned.settings.batch_size
    parts, rest, why = [], list[list[Sample]](), list[str]()
    for i in range(0, len(samples), size):
        answers, gone = _asked(planned, samples[i : i + size])
        if len(gone) < len(samples[i : i + size]):
            parts.append(answers)
            rest.append([sample for row, sample in enumerate(samples[i : i + size]) if row not in gone])
        why += [f"{each.status} on {samples[i + row].id!r}: {each.says}" for row, each in gone.items()]
    spoken = _spoken(len(samples), why)
    answers = parts[0] if len(parts) == 1 else _read(lambda: joined(parts))
    if answers is None:  # of a kind that is not put together here
        answers, seen = parts[0], rest[0]
    else:
        seen = [sample for some in rest for sample in some]
    targets = [sample.target for sample in seen]
    task = _read(lambda: planned.task.settle(answers, targets))
    aloud = getattr(task, "aloud", None)
    said = [] if aloud is None else _read(lambda: aloud(answers, targets))
    said += spelling_said("ids", planned.data.ids)
    said += spelling_said("labels", tuple(getattr(task, "classes", getattr(task, "candidates", ()))))
    return task, [*spoken, *(Check(*line) for line in said)], samples


def _spoken(asked: int, why: Sequence[str]) -> list[Check]:
    """Say how many clean questions got no answer that can be used. Raises ModelError where these are most of them."""
    if not why:
        return []
    if 2 * len(why) > asked:
        raise ModelError(f"model: must answer clean input, got no answer to {len(why)} of {asked} samples: {why[0]}")
    says = f"{len(why)} of {asked} have none that can be used, and count as failures: {why[0]}"
    return [Check("clean answers", "warning", says)]


def _asked(planned: Planned, samples: Sequence[Sample]) -> tuple[Any, Mapping[int, Unanswered]]:
    """Return the answers, and the rows on which the model has spoken without one, which are left out of them."""
    try:
        answers = limited(predict_of(planned.model), planned.settings.timeout)(Batch.of(samples))
        answers = list(answers) if isinstance(answers, Iterator) else answers
    except StressError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's model raises
        raise ModelError(f"model: must answer clean input, but raised {type(error).__name__}: {error}") from error
    rows, gone = told_apart(answers)
    for row, each in gone.items():
        if each.status == UNASKED:
            raise ModelError(f"model: {each.says}.")
        if each.status not in WRITTEN:
            raise ModelError(f"model: must answer clean input, got {each.status} on {samples[row].id!r}: {each.says}")
    return ([each for row, each in enumerate(rows) if row not in gone] if gone else answers), gone


def _read(work: Any) -> Any:
    try:
        return work()
    except StressError:
        raise
    except Exception as error:  # not the model raised it: it has answered
        raise ModelError(f"model: the answers cannot be read: {type(error).__name__}: {error}") from error


def target_text(target: Any) -> str | None:
    """Return a target as a table holds it: a label by its name, anything else as JSON."""
    if target is None or isinstance(target, str):
        return target
    plain = target.tolist() if hasattr(target, "tolist") else target
    if isinstance(plain, list | tuple | set | frozenset | dict):
        return json.dumps(plain, default=_listed, ensure_ascii=False)
    return label(target)


def _listed(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)
