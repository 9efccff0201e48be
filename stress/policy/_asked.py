"""Answers as a policy reads them: which class, how sure, and whether the streams agree when each is asked alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import InputError
from stress.models import Batch, split_unanswered
from stress.policy._policy import Policy
from stress.records.answered import Answers, answers_in
from stress.statistics.arrays import Floats, Ints
from stress.tasks import Classification

__all__ = ["Reader"]


@dataclass(frozen=True)
class Reader:
    """Reads the answers of a classifier as the run did from which its policy was made."""

    task: Classification

    @classmethod
    def of(cls, policy: Policy) -> Reader:
        """Return the reader for a policy. Raises InputError where it was not made from a classifier's run."""
        reads = policy.reads
        if not reads.get("classes") or not reads.get("answers"):
            raise InputError(
                "guard: the policy must say how answers are read (reads: classes and answers). Fit it again."
            )
        return cls(Classification(tuple(reads["classes"]), reads["answers"], keep="all"))

    def read(self, answers: Any, count: int) -> tuple[Ints, Floats, Floats]:
        """Return each answer's class, by position (−1: none), its confidence and all probabilities, as a run records
        them.
        """
        given, gone = split_unanswered(answers)
        scored = self.task.score(given, [self.task.classes[0]] * count)
        bad = np.array([text is not None or row in gone for row, text in enumerate(scored["invalid"])], bool)
        place = {name: i for i, name in enumerate(self.task.classes)}
        label = np.array([-1 if bad[i] or name is None else place[name] for i, name in enumerate(scored["prediction"])])
        if "confidence" not in scored:
            return label, np.full(count, np.nan), np.empty((count, 0))
        sure = np.where(bad, np.nan, np.asarray(scored["confidence"], np.float32).astype(np.float64))
        shares = np.array(scored["probabilities"], np.float64).reshape(count, -1)
        return label, sure, np.where(bad[:, np.newaxis], np.nan, shares)

    def signals(self, batch: Batch, whole: Any, predict: Callable[[Batch], Any] | None) -> list[dict[str, float]]:
        """Return the signals of the model's answers to each input; ``predict`` is asked with each stream alone."""
        streams = tuple(batch) if predict is not None else ()
        parts = [self.read(whole, batch.size)]
        nothing = [None] * batch.size
        for name, rest in [(name, rest) for rest in (False, True) for name in streams]:
            part = Batch({each: nothing if (each == name) == rest else batch[each] for each in batch}, batch.ids)
            label, sure, shares = self.read(predict(part) if predict is not None else None, batch.size)
            gone = ~(batch.present(name) | rest)
            lost = np.where(gone[:, np.newaxis], np.nan, shares)
            parts.append((np.where(gone, -1, label), np.where(gone, np.nan, sure), lost))
        label, sure, shares = (np.stack(each, axis=1) for each in zip(*parts))
        found = answers_in(Answers(streams, label, sure, shares), bool(streams))
        return [{name: float(values[row]) for name, values in found.items()} for row in range(batch.size)]
