"""A number for an answer, and a place in a list."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import short
from stress.records.metric import Metric
from stress.tasks._task import as_array
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
        self._read(answers, len(targets))
        return self

    def _read(self, answers: Any, count: int) -> NDArray[np.float64]:
        array = as_array(answers)
        if array is not None and array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array is None or array.shape != (count,) or array.dtype.kind not in "fiu":
            raise ModelError(f"model: must answer {count} numbers, got {short(answers)}.")
        return array.astype(np.float64)

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        array = self._read(answers, len(targets))
        finite = np.isfinite(array)
        residual = np.where(finite, array, np.nan) - np.array([float(target) for target in targets])
        found = {"invalid": [None if ok else "not finite" for ok in finite], "prediction": array, "residual": residual}
        if self.tolerance is None:
            return {"score": -np.abs(residual), **found}
        within = (np.abs(residual) <= self.tolerance).astype(np.float64)
        return {"score": within, "within": within, **found}


@dataclass(frozen=True)
class Retrieval:
    """Finding one item among ``candidates``: the model answers an ``(n, candidates)`` array of similarities.

    A target is the name of the right candidate. Ties count against the model: an equal similarity ranks before the
    right one. ``score`` is the reciprocal rank.
    """

    candidates: tuple[str, ...]
    name: str = "retrieval"
    headline: str = "mrr"

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
        known = set(self.candidates)
        for target in targets:
            if str(target) not in known:
                raise InputError(f"retrieval: a target must be one of the candidates, got {short(target)}.")

    def settle(self, answers: Any, targets: Sequence[Any]) -> Retrieval:
        """Return the task as it is: the form of the answers is known."""
        self._read(answers, len(targets))
        return self

    def _read(self, answers: Any, count: int) -> NDArray[np.float64]:
        array, width = as_array(answers), len(self.candidates)
        if array is None or array.shape != (count, width) or array.dtype.kind not in "fiu":
            raise ModelError(f"model: must answer an array of {(count, width)} similarities, got {short(answers)}.")
        return array.astype(np.float64)

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        array = self._read(answers, len(targets))
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=1))
        safe = np.where(finite[:, None], array, 0.0)
        position = {name: i for i, name in enumerate(self.candidates)}
        right = np.array([position[str(target)] for target in targets], np.int64)
        rank = (safe >= safe[np.arange(len(right)), right][:, None]).sum(axis=1)
        return {
            "score": 1 / rank,
            "invalid": [None if ok else "not finite" for ok in finite],
            "prediction": [self.candidates[i] for i in safe.argmax(axis=1)],
            "rank": rank.astype(np.int32),
            "reciprocal_rank": 1 / rank,
        }
