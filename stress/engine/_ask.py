"""One question to the model, and what became of it: an answer, or a failure that is kept as a finding."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import ModelError, Sample
from stress.models import Batch
from stress.tasks import Task
from stress.tasks._task import unscored

__all__ = ["Answered", "ask"]

_LONGEST = 300
"""Characters of an error's text that are recorded."""


@dataclass(frozen=True)
class Answered:
    """One row a sample: status, error, the task's columns, the seconds of the call that answered, and its size."""

    status: list[str]
    error: list[str | None]
    columns: dict[str, list[Any]]
    seconds: list[float]
    batch: list[int]

    @staticmethod
    def join(parts: Sequence[Answered]) -> Answered:
        """Return several as one."""

        def flat(pick: Callable[[Answered], list[Any]]) -> list[Any]:
            return [value for part in parts for value in pick(part)]

        names = parts[0].columns
        columns = {name: flat(lambda part, name=name: part.columns[name]) for name in names}  # type: ignore[misc]
        return Answered(
            flat(lambda p: p.status),
            flat(lambda p: p.error),
            columns,
            flat(lambda p: p.seconds),
            flat(lambda p: p.batch),
        )


class _TooSlowError(Exception):
    """The model did not answer within the time it was given."""


def ask(
    predict: Callable[[Batch], Any],
    samples: Sequence[Sample],
    targets: Sequence[Any],
    task: Task,
    timeout: float | None,
) -> Answered:
    """Return the model's scored answers; where a batch raises, its samples are asked one by one."""
    start = time.perf_counter()
    try:
        answers = _call(predict, Batch.of(samples), timeout)
        seconds = time.perf_counter() - start
        scored = task.score(answers, targets)
    except _TooSlowError:
        return _failed("timeout", f"no answer within {timeout:g} s", len(samples), task, start)
    except ModelError as error:  # an answer, but of the wrong form
        return _failed("invalid", str(error), len(samples), task, start)
    except (Exception, SystemExit) as error:  # whatever a model raises is a finding
        if len(samples) == 1:
            return _failed("crash", f"{type(error).__name__}: {error}", 1, task, start)
        return Answered.join([ask(predict, [s], [t], task, timeout) for s, t in zip(samples, targets)])
    return _settled(scored, task, seconds)


def _settled(scored: Any, task: Task, seconds: float) -> Answered:
    wrong: list[str | None] = list(scored["invalid"])
    columns = {}
    for name in ("score", *task.columns):
        values = scored[name].tolist() if isinstance(scored[name], np.ndarray) else list(scored[name])
        columns[name] = [None if bad is not None else value for value, bad in zip(values, wrong)]
    count = len(wrong)
    status = ["ok" if bad is None else "invalid" for bad in wrong]
    return Answered(status, [_cut(bad) for bad in wrong], columns, [seconds] * count, [count] * count)


def _failed(status: str, error: str, count: int, task: Task, start: float) -> Answered:
    seconds = time.perf_counter() - start
    return Answered([status] * count, [_cut(error)] * count, unscored(count, task), [seconds] * count, [count] * count)


def _cut(error: str | None) -> str | None:
    return error if error is None or len(error) <= _LONGEST else f"{error[: _LONGEST - 1]}…"


def _call(predict: Callable[[Batch], Any], batch: Batch, timeout: float | None) -> Any:
    """Call the model; with a timeout in a thread of its own, which is left behind when it does not come back."""
    if timeout is None:
        return predict(batch)
    box: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            box.put((True, predict(batch)))
        except BaseException as error:  # handed over, whatever it is
            box.put((False, error))

    threading.Thread(target=work, daemon=True, name="stress-model").start()
    try:
        fine, result = box.get(timeout=timeout)
    except queue.Empty:
        raise _TooSlowError from None
    if fine:
        return result
    raise result
