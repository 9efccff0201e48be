"""What the first clean answers show: which form they have, and what is said aloud of how they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from perturbations import ModelError, Sample, StressError
from perturbations.errors import short
from perturbations.labels import label
from stress.engine._arrivals import clean_batch
from stress.engine._ask import TooSlowError, looked_at
from stress.engine._check import Check
from stress.engine._independence import independence
from stress.engine._limits import limited
from stress.engine._plan import Planned
from stress.models import Model, Unanswered, predict_of, split_unanswered, tellable
from stress.records.statuses import UNASKED, WRITTEN
from stress.statistics.arrays import Floats
from stress.tasks import Task, gaps_said, joined, spelling_said

__all__ = ["SETTLED", "settled", "target_texts"]

SETTLED = 64
"""Clean samples on whose answers the form is settled: the first of the visiting order."""


def settled(planned: Planned) -> tuple[Task, list[Check], list[Sample]]:
    """Return the task with the form of the model's answers fixed, lines for preflight, and the samples it rests on.

    Raises ModelError where the model raises, or its answers cannot be read in one way.
    """
    positions = [int(position) for shard in planned.shards[:SETTLED] for position in shard[:SETTLED]][:SETTLED]
    samples = planned.data.proven(positions)
    size = planned.settings.batch_size
    limit = planned.settings.timeout
    parts, rest, why = [], list[list[int]](), list[str]()
    for i in range(0, len(samples), size):
        answers, gone = _asked(planned, planned.model, samples[i : i + size])
        there = [row for row in range(i, min(i + size, len(samples))) if row - i not in gone]
        if there:
            parts.append(answers)
            rest.append(there)
        why += [f"{each.status} on {samples[i + row].id!r}: {each.says}" for row, each in gone.items()]
    spoken = _spoken(len(samples), why)
    answers = parts[0] if len(parts) == 1 else _read(lambda: joined(parts), parts, limit)
    if answers is None:  # of a kind that is not put together here
        answers, rows = parts[0], rest[0]
    else:
        rows = [row for some in rest for row in some]
    seen = [samples[row] for row in rows]
    targets = [sample.target for sample in seen]
    task = _read(lambda: planned.task.settle(answers, targets), answers, limit)
    _check_others(planned, task, seen)
    aloud = getattr(task, "aloud", None)
    said = [] if aloud is None else _read(lambda: aloud(answers, targets), answers, limit)
    said += spelling_said("ids", planned.data.ids)
    named = tuple(getattr(task, "classes", getattr(task, "candidates", ())))
    said += [*spelling_said("labels", named), *gaps_said(named)]
    checks = [*spoken, *(Check(*line) for line in said)]
    checks += independence(planned, [positions[row] for row in rows], _scores(task, answers, targets))
    return task, checks, samples


def _spoken(asked: int, why: Sequence[str]) -> list[Check]:
    """Say how many clean questions got no answer that can be used. Raises ModelError where these are most of them."""
    if not why:
        return []
    if 2 * len(why) > asked:
        raise ModelError(f"model: must answer clean input, got no answer to {len(why)} of {asked} samples: {why[0]}")
    says = f"{len(why)} of {asked} have none that can be used, and count as failures: {why[0]}"
    return [Check("clean answers", "warning", says)]


def _scores(task: Task, answers: Any, targets: Sequence[Any]) -> Floats:
    """Return the scores of the first clean answers; NaN where an answer has none, which is told elsewhere."""
    try:
        found = task.score(answers, targets)
    except Exception:  # noqa: BLE001 - of a task of one's own, whatever it raises: preflight asks again, and tells it
        return np.full(len(targets), np.nan)
    void = [text is not None for text in found["invalid"]]
    values = [np.nan if score is None else float(score) for score in found["score"]]
    return np.where(void, np.nan, np.array(values, np.float64))


def _check_others(planned: Planned, task: Task, samples: Sequence[Sample]) -> None:
    """Raise ModelError where a model of the fallbacks does not answer in the form of the run's own."""
    some, limit = samples[: planned.settings.batch_size], planned.settings.timeout
    for name, model in planned.others.items():
        mine, theirs = (tuple(getattr(one, "classes", None) or ()) for one in (task, model))
        if mine and theirs and mine != theirs:
            raise ModelError(
                f"model {name}: must have the classes of the run's model, in its order, got {short(theirs)}."
            )
        answers, gone = _asked(planned, model, some)
        targets = [sample.target for row, sample in enumerate(some) if row not in gone]
        other: Any = _read(partial(planned.task.settle, answers, targets), answers, limit)
        if other.columns != task.columns or dict(other.describe()) != dict(task.describe()):
            forms = [getattr(one, "answers", None) or "another form" for one in (task, other)]
            raise ModelError(f"model {name}: must answer in the form of the run's model ({forms[0]}), got {forms[1]}.")


def _asked(planned: Planned, model: Model, samples: Sequence[Sample]) -> tuple[Any, Mapping[int, Unanswered]]:
    """Return the answers, and the rows on which the model has spoken without one, which are left out of them."""
    try:
        answers = limited(predict_of(model), planned.settings.timeout)(clean_batch(samples, planned.data))
        if isinstance(answers, Iterator):
            rows, most = answers, len(samples) + 1  # it may never end
            answers = looked_at(lambda: list(islice(rows, most)), rows, planned.settings.timeout)
    except StressError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's model raises
        told = tellable(error)
        raise ModelError(f"model: must answer clean input, but raised {type(told).__name__}: {told}") from error
    rows, gone = split_unanswered(answers)
    for row, each in gone.items():
        if each.status == UNASKED:
            raise ModelError(f"model: {each.says}.")
        if each.status not in WRITTEN:
            raise ModelError(f"model: must answer clean input, got {each.status} on {samples[row].id!r}: {each.says}")
    return ([each for row, each in enumerate(rows) if row not in gone] if gone else answers), gone


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


def target_texts(targets: Sequence[Any]) -> list[str | None]:
    """Return targets as a table holds them: a label by its name, anything else as JSON."""
    return list(targets) if set(map(type, targets)) <= {str} else list(map(_text, targets))


def _text(target: Any) -> str | None:
    if target is None or isinstance(target, str):
        return target
    plain = target.tolist() if hasattr(target, "tolist") else target
    if isinstance(plain, list | tuple | set | frozenset | dict):
        return json.dumps(plain, default=_listed, ensure_ascii=False)
    return label(target)


def _listed(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)
