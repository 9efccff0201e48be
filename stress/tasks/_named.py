"""A task by its name, with what the model or the data tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest
from stress.tasks._classification import Classification
from stress.tasks._multilabel import MultiLabel
from stress.tasks._numbers import Regression, Retrieval
from stress.tasks._sets import labels_in
from stress.tasks._task import Task
from stress.tasks._transcription import FreeText, Transcription
from stress.tasks._vqa import Vqa

__all__ = ["TASKS", "declare", "task_described", "task_named"]

Known = Callable[[], tuple[str, ...]]
"""The data's distinct targets, looked up where the model tells no classes."""
_MAKE: dict[str, Callable[[Sequence[Any], Known, Sequence[Any]], Task]] = {
    "classification": lambda given, known, _: Classification(tuple(given) or known(), assumed=not given),
    "multilabel": lambda given, _, targets: MultiLabel(tuple(given) or labels_in(targets), assumed=not given),
    "regression": lambda *_: Regression(),
    "transcription": lambda *_: Transcription(),
    "free_text": lambda *_: FreeText(),
    "captioning": lambda *_: FreeText("captioning"),
    "vqa": lambda *_: Vqa(),
    "retrieval": lambda given, known, _: Retrieval(tuple(given) or known(), assumed=not given),
}
TASKS = tuple(_MAKE)
"""Names of the tasks, the usual one first."""


def task_named(
    name: str, given: Sequence[Any] | None, known: Known, targets: Sequence[Any], answers: str | None = None
) -> Task:
    """Return a task; its classes are those that the model tells, or else the data's distinct targets.

    ``answers`` declares the form of the model's answers. Raises InputError where the task has no such form.
    """
    if name not in _MAKE:
        raise InputError(f"run: task must be one of {', '.join(TASKS)}, got {name!r}. {nearest(name, TASKS)}")
    return declare(_MAKE[name](tuple(given or ()), known, targets), answers)


_CLASSES: Mapping[str, Any] = {
    "classification": Classification,
    "multilabel": MultiLabel,
    "regression": Regression,
    "transcription": Transcription,
    "free_text": FreeText,
    "captioning": partial(FreeText, "captioning"),
    "vqa": Vqa,
    "retrieval": Retrieval,
}


def task_described(about: Mapping[str, Any]) -> Task:
    """Return the task that describes itself so, in plain data. Raises InputError where it is none of the package's."""
    name = str(about.get("task"))
    if name not in _CLASSES:
        raise InputError(
            f"task must be one of {', '.join(_CLASSES)}, got {name!r}: a task of your own is not made here."
        )
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in about.items() if key != "task"}
    task: Task = _CLASSES[name](**given)
    return task


def declare(task: Task, answers: str | None) -> Task:
    """Return a task with the form of the answers declared. Raises InputError where it has no such form."""
    if answers is None:
        return task
    if not isinstance(task, Classification | MultiLabel):
        raise InputError(f"run: answers can be declared for classification and multilabel, got task {task.name}.")
    return replace(task, answers=answers)  # type: ignore[arg-type]
