"""What the first clean answers show: which form they have, and what is said aloud of how they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from perturbations import ModelError, Sample, StressError
from perturbations.labels import label
from stress.engine._ask import TooSlowError, looked_at
from stress.engine._check import Check
from stress.engine._limits import limited
from stress.engine._plan import Planned
from stress.models import Batch, predict_of, split_unanswered, tellable
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
    parts = [_asked(planned, samples[i : i + size]) for i in range(0, len(samples), size)]
    limit = planned.settings.timeout
    answers = parts[0] if len(parts) == 1 else _read(lambda: joined(parts), parts, limit)
    if answers is None:  # of a kind that is not put together here
        answers, seen = parts[0], samples[:size]
    else:
        seen = samples
    targets = [sample.target for sample in seen]
    task = _read(lambda: planned.task.settle(answers, targets), answers, limit)
    aloud = getattr(task, "aloud", None)
    said = [] if aloud is None else _read(lambda: aloud(answers, targets), answers, limit)
    said += spelling_said("ids", planned.data.ids)
    said += spelling_said("labels", tuple(getattr(task, "classes", getattr(task, "candidates", ()))))
    return task, [Check(*line) for line in said], samples


def _asked(planned: Planned, samples: Sequence[Sample]) -> Any:
    try:
        answers = limited(predict_of(planned.model), planned.settings.timeout)(Batch.of(samples))
        if isinstance(answers, Iterator):
            rows, most = answers, len(samples) + 1  # it may never end
            answers = looked_at(lambda: list(islice(rows, most)), rows, planned.settings.timeout)
    except StressError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's model raises
        told = tellable(error)
        raise ModelError(f"model: must answer clean input, but raised {type(told).__name__}: {told}") from error
    for row, each in split_unanswered(answers)[1].items():
        raise ModelError(f"model: must answer clean input, got {each.status} on {samples[row].id!r}: {each.says}")
    return answers


def _read(work: Callable[[], Any], answers: Any, timeout: float | None) -> Any:
    try:
        return looked_at(work, answers, timeout)
    except StressError:
        raise
    except TooSlowError as error:
        raise ModelError(f"model: the answers cannot be read: {error}") from None
    except Exception as error:  # not the model raised it: it has answered
        told = tellable(error)
        raise ModelError(f"model: the answers cannot be read: {type(told).__name__}: {told}") from error


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
