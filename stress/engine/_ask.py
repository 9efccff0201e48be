"""One question to the model, and what became of it: an answer, or a failure that is kept as a finding."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perturbations import StressError
from stress.engine._meter import Meter
from stress.engine._watchdog import under_way
from stress.models import Batch, Replies, split_unanswered, tellable
from stress.records.statuses import CRASH, INVALID, OK, TIMEOUT, answered
from stress.tasks import Scored, Task, TieBreak

__all__ = ["Answered", "Predict", "TooSlowError", "ask", "call", "failed", "looked_at"]

Predict = Callable[[Batch], Any]
Found = TypeVar("Found")
_LONGEST = 300
"""Characters of an error's text that are recorded."""


@dataclass(frozen=True)
class Answered:
    """One row a sample: what became of it, the task's columns (void where ``failed``), and the call that answered.

    ``errors`` holds the text of each failure by row; ``seconds`` is the time of the call, ``batch`` its size. ``took``
    is what each answer took besides, where the model says it: a mapping a row, of numbers and the answer's name.
    """

    status: list[str]
    errors: Mapping[int, str]
    columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    seconds: NDArray[np.float64]
    batch: NDArray[np.int32]
    spent: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What the call cost, where that is measured; NaN where it is not known."""
    took: Sequence[Mapping[str, Any]] = ()
    """What each answer took besides, where the model says it: a mapping a row, of numbers and the answer's name."""

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which rows have no answer."""
        known = answered()
        if set(self.status) <= set(known):
            return np.zeros(len(self.status), bool)
        return np.array([status not in known for status in self.status], bool)

    def without(self, gradients: Mapping[int, BaseException]) -> Answered:
        """Return the same with some rows as crashes or time-outs: those whose gradient raised."""
        if not gradients:
            return self
        late = {row for row, error in gradients.items() if isinstance(error.__cause__, TooSlowError)}
        gone = {row: (TIMEOUT if row in late else CRASH).name for row in gradients}
        status = [gone.get(row, one) for row, one in enumerate(self.status)]
        said = {row: _cut(f"gradient: {type(error).__name__}: {error}") for row, error in gradients.items()}
        return replace(self, status=status, errors={**self.errors, **said})

    @staticmethod
    def join(parts: Sequence[Answered]) -> Answered:
        """Return several as one."""
        if len(parts) == 1:
            return parts[0]
        errors: dict[int, str] = {}
        start = 0
        for part in parts:
            errors |= {start + row: text for row, text in part.errors.items()}
            start += len(part.status)
        return Answered(
            [status for part in parts for status in part.status],
            errors,
            {name: _chain([part.columns[name] for part in parts]) for name in parts[0].columns},
            np.concatenate([part.seconds for part in parts]),
            np.concatenate([part.batch for part in parts]),
            {name: _spent(parts, name) for name in dict.fromkeys(name for part in parts for name in part.spent)},
            _took(parts),
        )


def _spent(parts: Sequence[Answered], name: str) -> NDArray[np.float64]:
    return np.concatenate([part.spent.get(name, np.full(len(part.status), np.nan)) for part in parts])


def _took(parts: Sequence[Answered]) -> Sequence[Mapping[str, Any]]:
    if not any(part.took for part in parts):
        return ()
    return [one for part in parts for one in part.took or [{}] * len(part.status)]


def _chain(columns: Sequence[Any]) -> Any:
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.concatenate(columns)
    return [value for column in columns for value in column]


class TooSlowError(Exception):
    """The model did not answer within the time it was given."""


def ask(
    predict: Predict,
    batch: Batch,
    targets: Sequence[Any],
    task: Task,
    timeout: float | None,
    ties: TieBreak | None = None,
    meter: Meter | None = None,
) -> Answered:
    """Return the model's scored answers; where a batch raises, or has another number of answers than samples, its
    samples are asked one by one.

    What goes wrong while an answer is read is never reported as the model's own error. ``meter`` reads what the call
    costs.
    """
    before = None if meter is None else meter.read()
    start = time.perf_counter()
    try:
        replies = call(predict, batch, timeout)
        took = replies.took if isinstance(replies, Replies) else ()
        answers, gone = split_unanswered(replies)
    except TooSlowError as error:
        return failed(TIMEOUT.name, str(error), batch.size, task, time.perf_counter() - start)
    except (Exception, SystemExit) as error:  # whatever a model raises is a finding
        if batch.size > 1:
            return _alone(predict, batch, targets, task, timeout, ties, meter)
        return failed(CRASH.name, f"{type(error).__name__}: {error}", 1, task, time.perf_counter() - start)
    seconds = time.perf_counter() - start
    cost = {} if meter is None or before is None else meter.since(before)
    try:
        scored = looked_at(lambda: score(task, answers, targets, ties), answers, timeout)
        if meter is not None and before is not None and not _plain(answers):
            cost = meter.since(before)  # what is worked out when it is looked at belongs to the answer
    except TooSlowError as error:
        return failed(TIMEOUT.name, f"while it was read: {error}", batch.size, task, time.perf_counter() - start)
    except Exception as error:  # an answer that nobody can read is the model's; that reading failed is said
        if batch.size > 1:
            return _alone(predict, batch, targets, task, timeout, ties, meter)
        says = str(error) if isinstance(error, StressError) else f"cannot be read: {_named(error)}"
        return failed(INVALID.name, says, 1, task, seconds)
    wrong = {row: _cut(text) for row, text in enumerate(scored["invalid"]) if text is not None}
    wrong |= {row: _cut(each.says) for row, each in gone.items()}
    status = [OK.name] * batch.size
    for row in wrong:
        status[row] = gone[row].status if row in gone else INVALID.name
    columns = {name: scored[name] for name in ("score", *task.columns)}
    times, sizes = np.full(batch.size, seconds), np.full(batch.size, batch.size, np.int32)
    spent = {name: np.full(batch.size, np.nan if value is None else value) for name, value in cost.items()}
    took = took if len(took) == batch.size else ()
    for row, each in enumerate(took):  # who asks for each row by itself knows how long that took
        if "seconds" in each:
            times[row], sizes[row] = each["seconds"], 1
            for values in spent.values():  # of the whole call, which the records of a row no longer share
                values[row] /= batch.size
    return Answered(status, wrong, columns, times, sizes, spent, took)


def looked_at(read: Callable[[], Found], answers: Any, timeout: float | None) -> Found:
    """Return what is read of an answer: one that is no plain array may run code of the model's when it is looked at.

    That has the time of a call, too, and may raise anything. Raises TooSlowError, or an error that can be told.
    """
    if _plain(answers):
        return read()
    try:
        found: Found = call(lambda _: read(), None, timeout)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise tellable(error) from None
    return found


def _plain(answers: Any) -> bool:
    """Return whether nothing of the model's runs when an answer is looked at."""
    return type(answers) is np.ndarray and answers.dtype != object


def _alone(
    predict: Predict,
    batch: Batch,
    targets: Sequence[Any],
    task: Task,
    timeout: float | None,
    ties: TieBreak | None,
    meter: Meter | None,
) -> Answered:
    each = (None if ties is None else TieBreak(ties.seed, [sample]) for sample in (ties.samples if ties else targets))
    parts = zip(range(batch.size), targets, each)
    return Answered.join(
        [ask(predict, batch.only(row), [target], task, timeout, own, meter) for row, target, own in parts]
    )


def score(task: Task, answers: Any, targets: Sequence[Any], ties: TieBreak | None) -> Scored:
    """Return a task's scores; a task that draws ties is given what it draws them by."""
    if ties is None or not getattr(task, "breaks_ties", False):
        return task.score(answers, targets)
    drawn: Any = task
    found: Scored = drawn.score(answers, targets, ties)
    return found


def _named(error: BaseException) -> str:
    told = tellable(error)
    return f"{type(told).__name__}: {told}"


def failed(status: str, error: str, count: int, task: Task, seconds: float) -> Answered:
    """Return the rows of samples that were not answered, and why."""
    columns = {name: [None] * count for name in ("score", *task.columns)}
    errors = dict.fromkeys(range(count), _cut(error))
    return Answered([status] * count, errors, columns, np.full(count, seconds), np.full(count, count, np.int32))


def _cut(error: str) -> str:
    error = error.encode("utf-8", "backslashreplace").decode()  # a lone surrogate cannot be written
    return error if len(error) <= _LONGEST else f"{error[: _LONGEST - 1]}…"


def call(predict: Callable[[Any], Any], what: Any, timeout: float | None) -> Any:
    """Call the model; with a timeout in a thread of its own, which is left behind when it does not come back.

    Raises TooSlowError where it does not.
    """
    if timeout is None:
        return predict(what)
    box: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            with under_way(timeout):
                answer = predict(what)
            box.put((True, answer))
        except BaseException as error:  # handed over, whatever it is
            box.put((False, error))

    threading.Thread(target=work, daemon=True, name="stress-model").start()
    try:
        fine, result = box.get(timeout=timeout)
    except queue.Empty:
        raise TooSlowError(f"no answer within {timeout:g} s") from None
    if fine:
        return result
    raise result
