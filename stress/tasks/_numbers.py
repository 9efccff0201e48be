"""A number for an answer, and a place in a list."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import short
from perturbations.labels import label
from stress.records.metric import Metric
from stress.tasks._aloud import Said, classes_said
from stress.tasks._answers import numbers_read, scores_read
from stress.tasks._opened import opened
from stress.tasks._targets import class_names
from stress.tasks._ties import TieBreak, ranked
from stress.tasks.metrics.numbers import REGRESSION, RETRIEVAL

__all__ = ["Regression", "Retrieval"]


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Regression:
    """One number: the model answers n numbers, ``(n,)`` or ``(n, 1)``, in the target's unit.

    With a ``tolerance`` (same unit) the headline is the share of answers within it, of which a failure is none; without
    one it is the mean absolute error, over the answered records, and the failures are counted beside it. ``score`` is 1
    within the tolerance, else minus the absolute error where there is no tolerance.
    """

    tolerance: float | None = None
    unit: str = ""
    name: str = "regression"

    def __post_init__(self) -> None:
        if self.tolerance is not None and not self.tolerance > 0:
            raise InputError(f"regression: tolerance must be above 0, got {short(self.tolerance)}.")

    @property
    def headline(self) -> str:
        """The metric that curves show first."""
        return "mae" if self.tolerance is None else "within_tolerance"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return REGRESSION

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the answer, how far it is off (answer − target), and whether that is within the tolerance."""
        within = {} if self.tolerance is None else {"within": pa.float32()}
        return {"prediction": pa.float64(), "residual": pa.float64(), **within}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name, "tolerance": self.tolerance, "unit": self.unit, "headline": self.headline}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no finite number."""
        for target in targets:
            if _number(target) is None:
                raise InputError(f"regression: a target must be a finite number, got {short(target)}.")

    def settle(self, answers: Any, targets: Sequence[Any]) -> Regression:
        """Return the task as it is: the form of the answers is known."""
        opened(answers, len(targets), what="n numbers")
        return self

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        array, wrong = numbers_read(opened(answers, len(targets), what="n numbers"))
        finite = np.isfinite(array)
        residual = np.where(finite, array, np.nan) - np.array([float(target) for target in targets])
        found = {"invalid": wrong, "prediction": array, "residual": residual}
        if self.tolerance is None:
            return {"score": -np.abs(residual), **found}
        within = (np.abs(residual) <= self.tolerance).astype(np.float64)
        return {"score": within, "within": within, **found}


@dataclass(frozen=True)
class Retrieval:
    """Finding one item among ``candidates``: the model answers an ``(n, candidates)`` array of similarities.

    A target is the name of the right candidate. Among equal similarities who comes first is drawn, by sample.
    ``score`` is the reciprocal rank. ``assumed`` says that nobody named the order of the candidates: it is that of the
    data's labels.
    """

    candidates: tuple[str, ...]
    name: str = "retrieval"
    headline: str = "mrr"
    assumed: bool = False

    breaks_ties: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", class_names(self.candidates, "retrieval"))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return RETRIEVAL

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the rank of the right candidate (1 is best) and its reciprocal."""
        name = pa.dictionary(pa.int32(), pa.string())
        return {"prediction": name, "rank": pa.int32(), "reciprocal_rank": pa.float32()}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name, "candidates": list(self.candidates)}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no candidate."""
        self.read_targets(targets)

    def read_targets(self, targets: Sequence[Any]) -> list[str]:
        """Return the candidate that each target names. Raises InputError where one names none."""
        names, known = [label(target, "retrieval: a target") for target in targets], set(self.candidates)
        for name, target in zip(names, targets):
            if name not in known:
                raise InputError(f"retrieval: a target must be one of the candidates, got {short(target)}.")
        return [str(name) for name in names]

    def settle(self, answers: Any, targets: Sequence[Any]) -> Retrieval:
        """Return the task as it is: the form of the answers is known."""
        if not any(why is None for why in self._read(answers, len(targets))[1]):
            width = len(self.candidates)
            raise ModelError(f"model: must answer {width} similarities, one for each candidate, got {short(answers)}.")
        return self

    def aloud(self, answers: Any, targets: Sequence[Any]) -> list[Said]:
        """Return in which order the candidates are taken, and whether that fits clean answers."""
        found = self.score(answers, targets)
        given = [name if why is None else None for name, why in zip(found["prediction"], found["invalid"])]
        named = opened(answers, len(targets), self.candidates).named
        return classes_said(self.candidates, self.assumed and not named, given, self.read_targets(targets))

    def _read(self, answers: Any, count: int) -> tuple[NDArray[np.float64], list[str | None]]:
        return scores_read(opened(answers, count, self.candidates, "an (n, candidates) array"), self.candidates)

    def score(self, answers: Any, targets: Sequence[Any], ties: TieBreak | None = None) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample; ``ties`` orders equal similarities."""
        array, wrong = self._read(answers, len(targets))
        position = {name: i for i, name in enumerate(self.candidates)}
        right = np.array([position[name] for name in self.read_targets(targets)], np.int64)
        best, rank = ranked(array, right, self.candidates, ties)
        return {
            "score": 1 / rank,
            "invalid": wrong,
            "prediction": [self.candidates[i] for i in best],
            "rank": rank,
            "reciprocal_rank": 1 / rank,
        }
