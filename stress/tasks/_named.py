"""A task by its name, with what the model or the data tells of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest
from stress.tasks._classification import Classification
from stress.tasks._multilabel import MultiLabel, labels_of
from stress.tasks._numbers import Regression, Retrieval
from stress.tasks._task import Task
from stress.tasks._transcription import FreeText, Transcription

__all__ = ["TASKS", "task_named"]

Known = Callable[[], tuple[str, ...]]
"""The data's distinct targets, looked up where the model tells no classes."""
_MAKE: dict[str, Callable[[Sequence[str], Known, Sequence[Any]], Task]] = {
    "classification": lambda told, known, _: Classification(tuple(told) or known()),
    "multilabel": lambda told, _, targets: MultiLabel(tuple(told) or _labels(targets)),
    "regression": lambda *_: Regression(),
    "transcription": lambda *_: Transcription(),
    "free_text": lambda *_: FreeText(),
    "retrieval": lambda told, known, _: Retrieval(tuple(told) or known()),
}
TASKS = tuple(_MAKE)
"""Names of the tasks, the usual one first."""


def _labels(targets: Sequence[Any]) -> tuple[str, ...]:
    return tuple(sorted({label for target in targets for label in labels_of(target)}))


def task_named(name: str, told: Sequence[str] | None, known: Known, targets: Sequence[Any]) -> Task:
    """Return a task; its classes are those that the model tells, or else the data's distinct targets."""
    if name not in _MAKE:
        raise InputError(f"run: task must be one of {', '.join(TASKS)}, got {name!r}. {nearest(name, TASKS)}")
    return _MAKE[name](tuple(told or ()), known, targets)
