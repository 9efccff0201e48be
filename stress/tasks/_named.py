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

_MAKE: dict[str, Callable[[tuple[str, ...], Sequence[Any]], Task]] = {
    "classification": lambda classes, _: Classification(classes),
    "multilabel": lambda classes, targets: MultiLabel(classes or _labels(targets)),
    "regression": lambda *_: Regression(),
    "transcription": lambda *_: Transcription(),
    "free_text": lambda *_: FreeText(),
    "retrieval": lambda classes, _: Retrieval(classes),
}
TASKS = tuple(_MAKE)
"""Names of the tasks, the usual one first."""


def _labels(targets: Sequence[Any]) -> tuple[str, ...]:
    return tuple(sorted({label for target in targets for label in labels_of(target)}))


def task_named(
    name: str, told: Sequence[str] | None, known: Callable[[], tuple[str, ...]], targets: Sequence[Any]
) -> Task:
    """Return a task; its classes are those that the model tells, or else the data's distinct targets."""
    if name not in _MAKE:
        raise InputError(f"run: task must be one of {', '.join(TASKS)}, got {name!r}. {nearest(name, TASKS)}")
    if name in ("classification", "retrieval"):
        return _MAKE[name](tuple(told) if told else known(), targets)
    return _MAKE[name](tuple(told or ()), targets)
