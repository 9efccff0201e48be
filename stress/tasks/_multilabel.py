"""Any number of labels at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import nearest, short
from perturbations.labels import missing, vector, whole
from stress.records.metric import Metric
from stress.tasks._aloud import Said
from stress.tasks._answers import BETTER, NO_ANSWER, label_read, scores_read
from stress.tasks._forms import DECLARE
from stress.tasks._opened import Opened, opened
from stress.tasks._sets import labels_of, multi_hot, ordered_set
from stress.tasks._targets import class_names, hot
from stress.tasks.metrics.labels import MULTILABEL

__all__ = ["MultiLabel"]

Answers = Literal["probabilities", "logits", "sets", "labels"]
_ROUNDED = 0.01
"""How far above 1 rounding may carry a probability: bfloat16 by .004."""


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
    assumed: bool = False

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return MULTILABEL

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"multilabel: threshold must be a probability in (0, 1), got {short(self.threshold)}.")
        object.__setattr__(self, "classes", class_names(self.classes, "multilabel"))
        if self.answers == "labels":  # as every task calls them
            object.__setattr__(self, "answers", "sets")
        if self.answers not in (None, "probabilities", "logits", "sets"):
            known = "probabilities, logits or labels"
            raise InputError(f"multilabel: answers must be {known}, got {short(self.answers)}.")

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
        self.read_targets(targets)

    def read_targets(self, targets: Sequence[Any]) -> list[list[str]]:
        """Return each target as a list of class names. Raises InputError where a label is no class."""
        if gaps := [target for target in targets if missing(target)]:
            raise InputError(
                f"multilabel: a target must be a list of labels (an empty one: none), got {short(gaps[0])} (missing)."
            )
        width, known = multi_hot(targets), set(self.classes)
        if width is not None and not (width != len(self.classes) and {"0", "1"} <= known):
            if width != len(self.classes):
                raise InputError(
                    f"multilabel: a multi-hot target must have {len(self.classes)} entries, one for each class, got "
                    f"{width}."
                )
            vectors = [vector(target) for target in targets]
            return [[n for n, on in zip(self.classes, v) if on] for v in vectors if v is not None]
        found = [list(dict.fromkeys(labels_of(target))) for target in targets]
        for label_ in (each for labels in found for each in labels):
            if label_ not in known:
                raise InputError(
                    f"multilabel: a target's labels must be among the {len(known)} classes, got {short(label_)}. "
                    f"{nearest(label_, known)}"
                )
        return found

    def settle(self, answers: Any, targets: Sequence[Any]) -> MultiLabel:
        """Return the task with the form of the answers fixed."""
        found = self._opened(answers, len(targets))
        if self.answers:
            return self
        if self._are_sets(found):
            self._refuse_positions(found, self.read_targets(targets))
            return replace(self, answers="sets")
        array, wrong = scores_read(found, self.classes)
        fine = array[[why is None for why in wrong]]
        if not len(fine):
            raise ModelError(f"model: must answer {len(self.classes)} numbers a sample, or label lists; {wrong[0]}.")
        proper = bool(np.all((fine >= -1e-6) & (fine <= 1 + _ROUNDED)))
        if not proper and found.says is None and fine.min() >= 0:
            raise ModelError(
                f"model: must answer probabilities from 0 to 1, or logits, got neither: numbers from {fine.min():.3g} "
                f"to {fine.max():.3g}, as percentages or bytes are; as logits they would put every label on. {DECLARE}"
            )
        return replace(self, answers=found.says or ("probabilities" if proper else "logits"))

    def aloud(self, answers: Any, targets: Sequence[Any]) -> list[Said]:
        """Return how clean answers were read, and what makes that doubtful."""
        found = self._opened(answers, len(targets))
        if self.answers == "sets":
            return [("answers", "ok", "lists of labels")]
        array, wrong = scores_read(found, self.classes)
        fine = array[[why is None for why in wrong]]
        size = f"{len(array)} samples × {len(self.classes)} classes"
        says = f"{self.answers} from {fine.min(initial=np.inf):.3g} to {fine.max(initial=-np.inf):.3g}; {size}"
        doubt = self.answers == "logits" and found.says is None and len(fine) and fine.min() >= 0
        line: Said = ("answers", "ok", says)
        if doubt:  # declared, or it would have been refused
            line = ("answers", "warning", f"{says}. None is below 0, so that every label is on; are they percentages?")
        shown = ", ".join(self.classes[:6]) + (", …" if len(self.classes) > 6 else "")
        order: Said = ("order of the classes", "ok", shown)
        if self.assumed and not found.named:
            says = f"assumed from the data: {shown}. Declare the model's own: predict.classes = […]"
            order = (order[0], "warning", says)
        return [line, order]

    def _opened(self, answers: Any, count: int) -> Opened:
        return opened(answers, count, self.classes, "an (n, classes) array or n lists of labels")

    def _are_sets(self, found: Opened) -> bool:
        """Whether rows are lists of labels and not scores. Raises ModelError where they are neither, or may be both."""
        rows, width = found.answered, len(self.classes)
        if isinstance(rows, np.ndarray) and rows.ndim == 1:
            raise ModelError(f"model: must answer {width} numbers a sample, or label lists, got one value a sample.")
        if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and rows.ndim == 2:
            return False
        vectors = [None if isinstance(row, str) else vector(row) for row in rows]
        repeat = any(v is not None and len(set(v)) < len(v) for v in vectors)  # which labels of a list do not
        if (
            isinstance(rows, np.ndarray)
            and rows.ndim == 2
            and rows.shape[1] != width
            and (repeat or rows.dtype == bool)
        ):
            raise ModelError(
                f"model: must answer {width} numbers a sample, or label lists, got {rows.shape[1]} numbers."
            )
        if any(v is None or len(v) != width for v in vectors):
            return True
        if all(hot(v) for v in vectors):
            if width == 2 and all(v[0] != v[1] for v in vectors):  # type: ignore[index]
                raise ModelError(
                    "model: must answer label lists or one entry a class, got lists of 0 and 1, which may be the "
                    'labels 0 and 1 or two entries. Declare it: answers="probabilities" or answers="labels".'
                )
            return False
        return all(len(set(v)) == width and np.all(v == np.rint(v)) for v in vectors if v is not None)

    def _refuse_positions(self, found: Opened, targets: Sequence[Sequence[str]]) -> None:
        """Raise ModelError where lists of whole numbers are right far more often as positions than as class names."""
        numbers = [
            [whole(one) for one in row] if isinstance(row, Iterable) and not isinstance(row, str | bytes) else [None]
            for row in found.rows
        ]
        if not any(name.isdecimal() for name in self.classes) or not any(map(any, numbers)):
            return
        places = [{self.classes[n] for n in row if n is not None and 0 <= n < len(self.classes)} for row in numbers]
        names = [{str(n) for n in row} for row in numbers]
        right = [float(np.mean([a == set(b) for a, b in zip(given, targets)])) for given in (names, places)]
        if right[1] > right[0] + BETTER:
            raise ModelError(
                f"model: must answer labels that can be read in one way, got whole numbers that may be class names "
                f"({right[0]:.0%} of the sets right) or positions from 0 in the list {', '.join(self.classes[:4])}, … "
                f'({right[1]:.0%} right). Answer the names; answers="labels" declares that these are.'
            )

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        wanted = self._matrix([labels_of(target) for target in targets])
        found = self._opened(answers, len(targets))
        if self.answers == "sets":
            read = [self._set(row) for row in found.rows]
            wrong = [row if isinstance(row, str) else None for row in read]
            given = self._matrix([[] if isinstance(row, str) else row for row in read])
            return self._columns(given, wanted, wrong, None)
        safe, wrong = scores_read(found, self.classes)
        if self.answers == "probabilities":
            for row in np.flatnonzero((safe.min(axis=1) < -1e-6) | (safe.max(axis=1) > 1 + _ROUNDED)):
                wrong[row] = (
                    wrong[row] or f"a probability outside 0 to 1: {safe[row].min():.3g} to {safe[row].max():.3g}"
                )
        with np.errstate(over="ignore"):
            shares = 1 / (1 + np.exp(-safe)) if self.answers == "logits" else np.clip(safe, 0, 1)
        return self._columns(shares >= self.threshold, wanted, wrong, shares)

    def _set(self, row: Any) -> list[str] | str:
        """Return the labels of one answer, or what is wrong with it."""
        if missing(row):
            return NO_ANSWER
        if isinstance(row, str | bytes | Mapping) or not isinstance(row, Iterable):
            return f"{short(row)} is no list of labels"
        numbers = vector(row)
        if numbers is not None and hot(numbers) and len(set(numbers)) < len(numbers):
            return f"{short(row)} is one entry a class, where the model answered lists of labels on clean input"
        read = [label_read(each, self.classes) for each in ordered_set(row)]
        return next((str(why) for _, why in read if why is not None), [str(name) for name, _ in read])

    def _matrix(self, sets: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        position = {name: i for i, name in enumerate(self.classes)}
        found = np.zeros((len(sets), len(self.classes)), bool)
        for row, labels in zip(found, sets):
            row[[position[label] for label in labels]] = True
        return found

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
