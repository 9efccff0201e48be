"""Any number of labels at once."""

from __future__ import annotations

import ast
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
from stress.tasks.metrics.labels import MULTILABEL

__all__ = ["MultiLabel", "labels_of"]

Answers = Literal["probabilities", "logits", "sets"]


def labels_of(target: Any) -> tuple[str, ...]:
    """Return the labels of a target: a list, a list as text, or names joined by ``|``; empty means none."""
    if target is None:
        return ()
    if isinstance(target, str):
        text = target.strip()
        if text.startswith(("[", "(")):
            return tuple(str(label) for label in _list(text))
        return tuple(part.strip() for part in text.split("|") if part.strip())
    return tuple(str(label) for label in target)


def _list(text: str) -> Sequence[Any]:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, list | tuple):
        raise InputError(
            f"multilabel: a target that starts with {text[0]} must be a list of labels, got {short(text)}."
        )
    return found


@dataclass(frozen=True)
class MultiLabel:
    """Multi-label classification over named classes.

    The model answers an ``(n, classes)`` array of probabilities or logits, of which those from ``threshold`` (as a
    probability) up are its labels, or a list of label lists. A target is a list of labels, that list as text, or
    labels joined by ``|``. ``score`` is 1 where the set is exactly right.
    """

    classes: tuple[str, ...]
    answers: Answers | None = None
    threshold: float = 0.5
    keep: Literal["all", "none"] = "none"
    name: str = "multilabel"
    headline: str = "f1_samples"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return MULTILABEL

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"multilabel: threshold must be a probability in (0, 1), got {short(self.threshold)}.")

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the predicted labels and how well they fit the true ones."""
        labels = {"prediction": pa.list_(pa.string())}
        floats = dict.fromkeys(("f1", "jaccard", "hamming"), pa.float32())
        kept = {"probabilities": pa.list_(pa.float32())} if self.keep == "all" and self.answers != "sets" else {}
        return {**labels, **floats, **kept}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        about = {"task": self.name, "classes": list(self.classes), "answers": self.answers}
        return {**about, "threshold": self.threshold, "keep": self.keep}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target names a label that is no class."""
        known = set(self.classes)
        for target in targets:
            for label in labels_of(target):
                if label not in known:
                    raise InputError(
                        f"multilabel: a target's labels must be among the {len(known)} classes, got {short(label)}. "
                        f"{nearest(label, known)}"
                    )

    def settle(self, answers: Any, targets: Sequence[Any]) -> MultiLabel:
        """Return the task with the form of the answers fixed."""
        if self.answers:
            return self
        array = as_array(answers)
        if array is None or array.ndim != 2 or array.dtype.kind not in "fiub":
            self._listed(answers, len(targets))
            return replace(self, answers="sets")
        self._checked(array, len(targets))
        proper = bool(np.all((array >= -1e-6) & (array <= 1 + 1e-6)))
        return replace(self, answers="probabilities" if proper else "logits")

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        wanted = self._matrix([labels_of(target) for target in targets])
        if self.answers == "sets":
            listed = self._listed(answers, len(targets))
            known = set(self.classes)
            odd = [next((label for label in labels if label not in known), None) for labels in listed]
            wrong = [None if label is None else f"{short(label)} is no class" for label in odd]
            given = self._matrix([[] if label is not None else labels for labels, label in zip(listed, odd)])
            return self._columns(given, wanted, wrong, None)
        array = np.asarray(self._checked(as_array(answers), len(targets)), np.float64)
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=1))
        wrong = [None if ok else "not finite" for ok in finite]
        safe = np.where(finite[:, None], array, 0.0)
        shares = 1 / (1 + np.exp(-safe)) if self.answers == "logits" else safe
        return self._columns(shares >= self.threshold, wanted, wrong, shares)

    def _matrix(self, sets: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        position = {name: i for i, name in enumerate(self.classes)}
        found = np.zeros((len(sets), len(self.classes)), bool)
        for row, labels in zip(found, sets):
            row[[position[label] for label in labels]] = True
        return found

    def _listed(self, answers: Any, count: int) -> list[list[str]]:
        ok = isinstance(answers, list | tuple) and all(isinstance(a, list | tuple | set | frozenset) for a in answers)
        if not ok or len(answers) != count:
            raise ModelError(
                f"model: must answer an (n, {len(self.classes)}) array or n lists of labels for n = {count} samples, "
                f"got {short(answers)}."
            )
        return [[str(label) for label in labels] for labels in answers]

    def _checked(self, array: NDArray[Any] | None, count: int) -> NDArray[Any]:
        if array is not None and array.shape == (count, len(self.classes)):
            return array
        raise ModelError(f"model: must answer an array of {(count, len(self.classes))}, got {short(array)}.")

    def _columns(
        self, given: NDArray[np.bool_], wanted: NDArray[np.bool_], wrong: list[str | None], shares: NDArray[Any] | None
    ) -> Mapping[str, Any]:
        common, either = (given & wanted).sum(axis=1), (given | wanted).sum(axis=1)
        both = given.sum(axis=1) + wanted.sum(axis=1)
        found = {
            "score": (given == wanted).all(axis=1).astype(np.float64),
            "invalid": wrong,
            "prediction": [[self.classes[k] for k in np.flatnonzero(row)] for row in given],
            "f1": np.where(both > 0, 2 * common / np.maximum(both, 1), 1.0),
            "jaccard": np.where(either > 0, common / np.maximum(either, 1), 1.0),
            "hamming": (given != wanted).mean(axis=1),
        }
        if shares is None or "probabilities" not in self.columns:
            return found
        return {**found, "probabilities": list(shares.astype(np.float32))}
