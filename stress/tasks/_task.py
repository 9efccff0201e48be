"""What the rest of the house asks of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from stress.records.metric import Metric

__all__ = ["Scored", "Task"]

Scored = Mapping[str, NDArray[Any] | list[Any]]
"""Columns of equal length: ``score``, ``invalid`` (what is wrong with an answer, or ``None``), and the task's own."""


class Task(Protocol):
    """What the rest of the house asks of a task. It is a frozen value that pickles, and it never sees the model.

    A task of your own may also have ``classes`` (names, in order). With them and a column ``prediction`` its records
    are counted by class; a column ``confidence`` gives calibration, ``probabilities`` (one for each class) ranks.

    Three things more are used where a task has them: ``read_targets(targets)`` returns the targets in the one form that
    all of the run sees; ``aloud(answers, targets)`` returns lines for preflight – name, ``"ok"`` or ``"warning"``, what
    was seen; with ``breaks_ties`` true, ``score`` takes a third argument, the draw that orders equal scores.
    """

    @property
    def name(self) -> str:
        """What the task is called in ``run.json``."""
        ...

    @property
    def headline(self) -> str:
        """The metric that curves show first."""
        ...

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns that the task fills besides ``score``."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records: rows made by ``stress.metric``, or those of ``stress.tasks.METRICS``."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        ...

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is none that this task knows."""
        ...

    def settle(self, answers: Any, targets: Sequence[Any]) -> Task:
        """Return the task with what the first clean answers show (logits or probabilities, say) fixed for good."""
        ...

    def score(self, answers: Any, targets: Sequence[Any]) -> Scored:
        """Return one row per sample. Raises ModelError where the answers as a whole have the wrong form or length."""
        ...
