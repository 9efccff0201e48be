"""One label out of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import short
from perturbations.labels import plain, whole
from stress.records.metric import Metric
from stress.tasks._aloud import Said, classes_said, form_said
from stress.tasks._answers import BETTER, labels_read, scores_read
from stress.tasks._forms import as_probabilities, form_of
from stress.tasks._opened import Opened, opened
from stress.tasks._targets import class_names, classes_of
from stress.tasks._ties import TieBreak, ranked
from stress.tasks.metrics.labels import CLASSIFICATION

__all__ = ["Classification"]

Answers = Literal["probabilities", "logits", "labels", "positions"]
FORMS = ("probabilities", "logits", "labels", "positions")
_FLOOR = 1e-12
"""Probabilities below this count as this in the log loss, so that one sure mistake does not make a mean infinite."""


@dataclass(frozen=True)
class Classification:
    """Single-label classification over named classes.

    The model answers an ``(n, classes)`` array of probabilities or logits, or n labels: class names, or positions in
    the list of classes. Which it is, is settled on clean answers and held for the run, unless ``answers`` declares it.
    ``keep`` is the number of probabilities to record: all (``"all"``), or none. ``assumed`` says that nobody named the
    order of the classes: it is that of the data's labels.
    """

    classes: tuple[str, ...]
    answers: Answers | None = None
    keep: Literal["all", "none"] = "none"
    name: str = "classification"
    headline: str = "accuracy"
    assumed: bool = False

    breaks_ties: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", class_names(self.classes, "classification"))
        if self.answers is not None and self.answers not in FORMS:
            raise InputError(f"classification: answers must be one of {', '.join(FORMS)}, got {short(self.answers)}.")

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: position for position, name in enumerate(self.classes)}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return CLASSIFICATION

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the predicted class and, of a model that answers numbers, how sure and how right it was."""
        labels = {"prediction": pa.dictionary(pa.int32(), pa.string())}
        if self.answers in ("labels", "positions"):
            return labels
        floats = dict.fromkeys(("confidence", "nll", "brier", "margin"), pa.float32())
        kept = {"probabilities": pa.list_(pa.float32())} if self.keep == "all" else {}
        return {**labels, **floats, "rank": pa.int32(), **kept}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name, "classes": list(self.classes), "answers": self.answers, "keep": self.keep}

    def read_targets(self, targets: Sequence[Any]) -> list[str]:
        """Return each target as a class name. Raises InputError where one is no class, or is several."""
        return classes_of(targets, self._places)

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no class."""
        self.read_targets(targets)

    def settle(self, answers: Any, targets: Sequence[Any]) -> Classification:
        """Return the task with the form of the answers fixed. Raises ModelError where it is open which one it is."""
        found = self._opened(answers, len(targets))
        if self.answers:
            return self
        if self._has_labels(found):
            self._refuse_two_readings(found, self.read_targets(targets))
            return replace(self, answers="labels")
        array, wrong = scores_read(found, self.classes)
        fine = array[[why is None for why in wrong]]
        if not len(fine):
            raise ModelError(
                f"model: must answer {len(self.classes)} numbers a sample, one for each class "
                f"({', '.join(self.classes[:5])}{', …' if len(self.classes) > 5 else ''}), or n labels; "
                f"no row can be read: {wrong[0]}."
            )
        return replace(self, answers=found.says or form_of(fine))

    def aloud(self, answers: Any, targets: Sequence[Any]) -> list[Said]:
        """Return how clean answers were read – form, order of the classes – and what makes that doubtful."""
        found, wanted = self._opened(answers, len(targets)), self.read_targets(targets)
        scored = self.score(answers, wanted)
        given = [name if why is None else None for name, why in zip(scored["prediction"], scored["invalid"])]
        by_name = found.named or self._by_name(found)
        if self.answers in ("probabilities", "logits"):
            array, wrong = scores_read(found, self.classes)
            said = form_said(self.answers, array[[why is None for why in wrong]], found.says)
        else:
            said = ("answers", "ok", "class names" if by_name else "positions in the list of classes, from 0")
        return [said, *classes_said(self.classes, self.assumed and not by_name, given, wanted)]

    def _opened(self, answers: Any, count: int) -> Opened:
        return opened(answers, count, self.classes, "an (n, classes) array or n labels")

    def _by_name(self, found: Opened) -> bool:
        return self.answers == "labels" and any(
            str(number) in self.classes
            if (number := whole(v)) is not None
            else not isinstance(plain(v), bool | np.bool_)
            for v in found.singles
        )

    def _has_labels(self, found: Opened) -> bool:
        """Whether rows are labels and not scores. Raises ModelError where they are neither."""
        rows, width = found.answered, len(self.classes)
        if isinstance(rows, np.ndarray):
            if rows.ndim == 2 and (rows.shape[1] > 1 or width == 1):
                return False
            if rows.ndim <= 2 and rows.dtype.kind == "f" and np.any(rows != np.rint(rows)):
                given = labels_read(found, self.classes, positions=False)[0]
                if all(name is None for name in given):
                    raise ModelError(
                        f"model: must answer {width} numbers a sample, one for each class, or a label, got one number "
                        f"a sample. Of two classes, answer both: (1 − p, p)."
                    )
            if rows.ndim <= 2:
                return True
            raise ModelError(f"model: must answer an (n, {width}) array or n labels, got {short(rows)}.")
        several = [
            isinstance(row, dict) or (isinstance(row, list | tuple | np.ndarray) and np.size(row) != 1) for row in rows
        ]
        return sum(several) <= len(several) / 2

    def _refuse_two_readings(self, found: Opened, targets: Sequence[str]) -> None:
        """Raise ModelError where whole numbers may be names of classes and may be positions."""
        numbers = [whole(value) for value in found.singles]
        if self.classes == tuple(map(str, range(len(self.classes)))) or all(n is None for n in numbers):
            return
        names = labels_read(found, self.classes, positions=False)[0]
        places = labels_read(found, self.classes, positions=True)[0]
        strange = [n for n, name, place in zip(numbers, names, places) if n is not None and name is None and place]
        right = [float(np.mean([a == b for a, b in zip(given, targets)])) for given in (names, places)]
        if strange or right[1] > right[0] + BETTER:
            raise ModelError(
                f"model: must answer labels that can be read in one way, got whole numbers that may be class names "
                f"({right[0]:.0%} right) or positions from 0 in the list {', '.join(self.classes[:4])}, … "
                f'({right[1]:.0%} right). Declare it: answers="labels" or answers="positions" (--answers).'
            )

    def score(self, answers: Any, targets: Sequence[Any], ties: TieBreak | None = None) -> Mapping[str, Any]:
        """Return ``score`` (1 right, 0 wrong), ``invalid`` and the task's columns for each sample.

        Among equal scores ``ties`` says which comes first.
        """
        found = self._opened(answers, len(targets))
        wanted = classes_of(targets, self._places)
        if self.answers in ("labels", "positions"):
            names, wrong = labels_read(found, self.classes, self.answers == "positions")
            score = np.array([given == target for given, target in zip(names, wanted)], np.float64)
            return {"score": score, "invalid": wrong, "prediction": names}
        array, wrong = scores_read(found, self.classes)
        return self._score_numbers(array, wrong, wanted, ties)

    def log_scores(self, answers: Any, count: int) -> NDArray[np.float64]:
        """Return answers as ``(n, classes)`` logits or logarithms of probabilities, 1 for an answered label; NaN where
        an answer cannot be used.
        """
        found = self._opened(answers, count)
        if self.answers in ("labels", "positions"):
            names, wrong = labels_read(found, self.classes, self.answers == "positions")
            array = np.array([[float(name == each) for each in self.classes] for name in names])
        else:
            array, wrong = scores_read(found, self.classes)
        if self.answers == "probabilities":
            array, more = as_probabilities(array, "probabilities")
            wrong = [one or other for one, other in zip(wrong, more)]
            array = np.log(np.maximum(array, 1e-300))
        bad = np.array([why is not None for why in wrong])
        return np.where(bad[:, None], np.nan, array)

    def _score_numbers(
        self, array: NDArray[np.float64], wrong: Sequence[str | None], targets: Sequence[str], ties: TieBreak | None
    ) -> Mapping[str, Any]:
        safe, odd = as_probabilities(array, self.answers)
        target = np.fromiter(map(self._places.__getitem__, targets), np.int64, len(targets))
        rows = np.arange(len(target))
        mine = safe[rows, target]
        others = safe.copy()
        others[rows, target] = -np.inf
        best, rank = ranked(array, target, self.classes, ties)
        top = others.max(axis=1) if len(self.classes) > 1 else np.zeros(len(target))
        result = {
            "score": (best == target).astype(np.float64),
            "invalid": [one or other for one, other in zip(wrong, odd)] if any(wrong) else odd,
            "prediction": list(map(self.classes.__getitem__, best.tolist())),
            "confidence": safe[rows, best],
            "nll": -np.log(np.maximum(mine, _FLOOR)),
            "brier": np.square(safe).sum(axis=1) - 2 * mine + 1,
            "margin": mine - top,
            "rank": rank,
        }
        return {**result, "probabilities": list(safe.astype(np.float32))} if self.keep == "all" else result
