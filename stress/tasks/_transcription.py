"""Speech into words, and answers in words: error counts that add up over a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError, ModelError
from perturbations.errors import short
from stress.records.metric import Metric
from stress.tasks._text import chrf, edits, normalise, token_f1, words_of
from stress.tasks.metrics.words import FREE_TEXT, TRANSCRIPTION

__all__ = ["FreeText", "Transcription"]

_COUNTS = ("word_errors", "substitutions", "deletions", "insertions", "words", "character_errors", "characters")


def as_texts(who: str, answers: Any, count: int) -> list[Any]:
    """Return answers as a list. Raises ModelError where there are not ``count`` of them."""
    listed = answers.tolist() if hasattr(answers, "tolist") else answers
    if isinstance(listed, str) or not isinstance(listed, Sequence) or len(listed) != count:
        raise ModelError(f"model: must answer a list of {count} texts for a task of {who}, got {short(answers)}.")
    return list(listed)


def references(who: str, target: Any) -> tuple[str, ...]:
    """Return what a target accepts: one text, or several."""
    found = (target,) if isinstance(target, str) else tuple(target) if isinstance(target, list | tuple) else ()
    if not found or not all(isinstance(text, str) for text in found):
        raise InputError(f"{who}: a target must be a text or a list of texts, got {short(target)}.")
    return found


def fill(rows: Sequence[Mapping[str, Any] | None], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return rows as columns; a row that is ``None`` is null in each."""
    return {name: [None if row is None else row[name] for row in rows] for name in names}


@dataclass(frozen=True)
class Transcription:
    """Speech recognition: word and character error rates, as sums of errors over sums of reference lengths.

    The model answers a list of texts; a target is the reference text. Both are normalised first (case, punctuation,
    white space; Unicode throughout) unless ``normalised`` is false. ``score`` is the share of words right, 1 − WER,
    not below 0. A failed record counts as an empty transcript: every word deleted.
    """

    normalised: bool = True
    name: str = "transcription"
    headline: str = "wer"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return TRANSCRIPTION

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the transcript, edits and reference lengths in words and in characters."""
        return {"prediction": pa.string(), **dict.fromkeys(_COUNTS, pa.int32()), "exact": pa.float32()}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name, "normalised": self.normalised}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no text, or has no word."""
        for target in targets:
            if not isinstance(target, str) or not self._clean(target):
                raise InputError(f"transcription: a target must be a text with at least one word, got {short(target)}.")

    def settle(self, answers: Any, targets: Sequence[Any]) -> Transcription:
        """Return the task as it is: the form of the answers is known."""
        as_texts(self.name, answers, len(targets))
        return self

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        listed = as_texts(self.name, answers, len(targets))
        rows = [self._one(a, t) if isinstance(a, str) else None for a, t in zip(listed, targets)]
        wrong = [None if row is not None else f"{short(a)} is no text" for row, a in zip(rows, listed)]
        found = fill(rows, ("score", *self.columns))
        score = np.array([np.nan if s is None else s for s in found.pop("score")], np.float64)
        return {"score": score, "invalid": wrong, **found}

    def _clean(self, text: str) -> str:
        return normalise(text) if self.normalised else text

    def _one(self, answer: str, target: str) -> dict[str, Any]:
        wanted, given = self._clean(target), self._clean(answer)
        by_word, words = edits(words_of(wanted), words_of(given)), len(words_of(wanted))
        characters = edits(wanted.replace(" ", ""), given.replace(" ", ""))
        return {
            "score": max(0.0, 1 - by_word.total / words),
            "prediction": answer,
            "word_errors": by_word.total,
            "substitutions": by_word.substitutions,
            "deletions": by_word.deletions,
            "insertions": by_word.insertions,
            "words": words,
            "character_errors": characters.total,
            "characters": len(wanted.replace(" ", "")),
            "exact": float(wanted == given),
        }


@dataclass(frozen=True)
class FreeText:
    """Open answers: exact match and word F1 after normalisation, and character n-gram F (chrF), best of the references.

    The model answers a list of texts; a target is a text or a list of texts, any of which will do. ``score`` is the
    word F1.
    """

    name: str = "free_text"
    headline: str = "token_f1"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return FREE_TEXT

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the answer and how near it came."""
        return {"prediction": pa.string(), **dict.fromkeys(("token_f1", "exact", "chrf"), pa.float32())}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is neither a text nor a list of texts."""
        for target in targets:
            references(self.name, target)

    def settle(self, answers: Any, targets: Sequence[Any]) -> FreeText:
        """Return the task as it is: the form of the answers is known."""
        as_texts(self.name, answers, len(targets))
        return self

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        listed = as_texts(self.name, answers, len(targets))
        rows = [self._one(a, t) if isinstance(a, str) else None for a, t in zip(listed, targets)]
        wrong = [None if row is not None else f"{short(a)} is no text" for row, a in zip(rows, listed)]
        found = fill(rows, tuple(self.columns))
        score = np.array([np.nan if s is None else s for s in found["token_f1"]], np.float64)
        return {"score": score, "invalid": wrong, **found}

    def _one(self, answer: str, target: Any) -> dict[str, Any]:
        accepted = references(self.name, target)

        def best(measure: Callable[[str, str], float]) -> float:
            return max(measure(reference, answer) for reference in accepted)

        exact = best(lambda reference, given: float(normalise(reference) == normalise(given)))
        return {"prediction": answer, "token_f1": best(token_f1), "exact": exact, "chrf": best(chrf)}
