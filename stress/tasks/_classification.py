"""One label out of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import nearest, short
from stress.records.metric import Metric
from stress.tasks._task import as_array
from stress.tasks.metrics.labels import CLASSIFICATION

__all__ = ["Classification"]

Answers = Literal["probabilities", "logits", "labels"]
_FLOOR = 1e-12
"""Probabilities below this count as this in the log loss, so that one sure mistake does not make a mean infinite."""


@dataclass(frozen=True)
class Classification:
    """Single-label classification over named classes.

    The model answers an ``(n, classes)`` array of probabilities or logits, or a list of labels. Which of the three is
    settled on the first clean answers and held for the run. ``keep`` is the number of probabilities to record: all
    (``"all"``), or none.
    """

    classes: tuple[str, ...]
    answers: Answers | None = None
    keep: Literal["all", "none"] = "none"
    name: str = "classification"
    headline: str = "accuracy"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return CLASSIFICATION

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the predicted class and, of a model that answers numbers, how sure and how right it was."""
        labels = {"prediction": pa.dictionary(pa.int32(), pa.string())}
        if self.answers == "labels":
            return labels
        floats = dict.fromkeys(("confidence", "nll", "brier", "margin"), pa.float32())
        kept = {"probabilities": pa.list_(pa.float32())} if self.keep == "all" else {}
        return {**labels, **floats, "rank": pa.int32(), **kept}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name, "classes": list(self.classes), "answers": self.answers, "keep": self.keep}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no class."""
        known = set(self.classes)
        for target in targets:
            if str(target) not in known:
                raise InputError(
                    f"classification: a target must be one of the {len(known)} classes, got {short(target)}. "
                    f"{nearest(str(target), known)}"
                )

    def settle(self, answers: Any, targets: Sequence[Any]) -> Classification:
        """Return the task with the form of the answers fixed."""
        return self if self.answers else replace(self, answers=self._form(answers, len(targets)))

    def _form(self, answers: Any, count: int) -> Answers:
        array = as_array(answers)
        if array is None or len(array) != count or array.ndim not in (1, 2):
            raise ModelError(
                f"model: must answer an (n, classes) array or n labels for n = {count} samples, got {short(answers)}."
            )
        if array.ndim == 1:
            return "labels"
        self._check_width(array)
        proper = np.all(array >= -1e-6) and np.allclose(array.sum(axis=1), 1, atol=1e-3)
        return "probabilities" if proper else "logits"

    def _check_width(self, array: NDArray[Any]) -> None:
        if array.shape[1] != len(self.classes):
            raise ModelError(
                f"model: must answer {len(self.classes)} numbers a sample, one for each class "
                f"({', '.join(self.classes[:5])}{', …' if len(self.classes) > 5 else ''}), got {array.shape[1]}."
            )

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score`` (1 right, 0 wrong), ``invalid`` and the task's columns for each sample."""
        array = as_array(answers)
        count = len(targets)
        if array is None or array.ndim != (1 if self.answers == "labels" else 2) or len(array) != count:
            raise ModelError(f"model: must answer {count} {self.answers}, got {short(answers)}.")
        if self.answers == "labels":
            return self._score_labels(array, targets)
        self._check_width(array)
        return self._score_numbers(np.asarray(array, np.float64), targets)

    def _score_labels(self, labels: NDArray[Any], targets: Sequence[Any]) -> Mapping[str, Any]:
        if labels.dtype.kind in "iu":  # positions in the list of classes
            named = [self.classes[i] if 0 <= i < len(self.classes) else None for i in labels.tolist()]
        else:
            known = set(self.classes)
            named = [str(label) if str(label) in known else None for label in labels]
        wrong = [None if n is not None else f"{short(v)} is no class" for n, v in zip(named, labels.tolist())]
        score = np.array([n == str(target) for n, target in zip(named, targets)], np.float64)
        return {"score": score, "invalid": wrong, "prediction": named}

    def _score_numbers(self, array: NDArray[np.float64], targets: Sequence[Any]) -> Mapping[str, Any]:
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=1))
        invalid: list[str | None] = [None if ok else "not finite" for ok in finite]
        safe = np.where(finite[:, None], array, 0.0)
        if self.answers == "logits":
            shifted = np.exp(safe - safe.max(axis=1, keepdims=True))
            safe = shifted / shifted.sum(axis=1, keepdims=True)
        else:
            total = safe.sum(axis=1)
            for i in np.flatnonzero(finite & ((np.abs(total - 1) > 1e-2) | (safe.min(axis=1) < -1e-6))):
                invalid[i] = f"probabilities sum to {total[i]:.3g}"
        position = {name: i for i, name in enumerate(self.classes)}
        target = np.array([position[str(t)] for t in targets], np.int64)
        rows = np.arange(len(target))
        mine = safe[rows, target]
        others = safe.copy()
        others[rows, target] = -np.inf
        best = safe.argmax(axis=1)
        top = others.max(axis=1) if len(self.classes) > 1 else np.zeros(len(target))
        result = {
            "score": (best == target).astype(np.float64),
            "invalid": invalid,
            "prediction": [self.classes[i] for i in best],
            "confidence": safe[rows, best],
            "nll": -np.log(np.maximum(mine, _FLOOR)),
            "brier": np.square(safe).sum(axis=1) - 2 * mine + 1,
            "margin": mine - top,
            "rank": (1 + (safe > mine[:, None]).sum(axis=1)).astype(np.int32),
        }
        return {**result, "probabilities": list(safe.astype(np.float32))} if self.keep == "all" else result
