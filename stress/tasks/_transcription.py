"""Speech into words, and answers in words: error counts that add up over a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import short
from perturbations.labels import missing, plain, storable
from stress.records.metric import Metric
from stress.tasks._answers import NO_ANSWER
from stress.tasks._opened import opened
from stress.tasks._text import chrf, edits, normalise, token_f1, words_of
from stress.tasks.metrics.words import CAPTIONING, FREE_TEXT, TRANSCRIPTION

__all__ = ["FreeText", "Transcription"]

_COUNTS = ("word_errors", "substitutions", "deletions", "insertions", "words", "character_errors", "characters")


def as_texts(who: str, answers: Any, count: int) -> tuple[list[str | None], list[str | None]]:
    """Return each row's text, or ``None`` and what is wrong. Raises ModelError where there are not ``count`` rows."""
    read = [_text(row) for row in opened(answers, count, what=f"a list of n texts for a task of {who}").rows]
    return [text for text, _ in read], [why for _, why in read]


def _text(row: Any) -> tuple[str | None, str | None]:
    value = plain(row)
    if missing(value):
        return None, NO_ANSWER
    if not isinstance(value, str):
        return None, f"{short(row)} is no text"
    return (str(value), None) if storable(value) else (None, f"{short(row)} has a lone surrogate, which is no text")


def references(who: str, target: Any) -> tuple[str, ...]:
    """Return what a target accepts: one text, or several."""
    found = (target,) if isinstance(target, str) else tuple(target) if isinstance(target, list | tuple) else ()
    if not found or not all(isinstance(text, str) and storable(text) for text in found):
        raise InputError(f"{who}: a target must be a text or a list of texts, got {short(target)}.")
    return found


def scored_texts(
    who: str,
    answers: Any,
    targets: Sequence[Any],
    one: Callable[[str, Any], Mapping[str, Any]],
    columns: Sequence[str],
    score: str = "score",
) -> Mapping[str, Any]:
    """Return what a task says of answers that are texts: ``one`` of each and its target, of which ``score`` counts."""
    texts, wrong = as_texts(who, answers, len(targets))
    rows = [None if text is None else one(text, target) for text, target in zip(texts, targets)]
    found = {name: [None if row is None else row[name] for row in rows] for name in (score, *columns)}
    values = np.array([np.nan if each is None else each for each in found[score]], np.float64)
    return {**{name: found[name] for name in columns}, "score": values, "invalid": wrong}


@dataclass(frozen=True)
class Transcription:
    """Speech recognition: word and character error rates, as sums of errors over sums of reference lengths.

    The model answers a list of texts; a target is the reference text. Both are normalised first (case, punctuation,
    white space; Unicode throughout) unless ``normalised`` is false. ``score`` is the share of words right, 1 − WER,
    not below 0. A failed record counts as an empty transcript: every word deleted.

    A reference without a word is silence: what is heard there counts as insertions, and ``score`` is 1 where nothing
    is. Of silence alone WER and CER are undefined. CER counts the spaces between words as characters, as NIST and the
    usual tools do; with ``spaces`` false it does not, for scripts that are written with and without.
    """

    normalised: bool = True
    spaces: bool = True
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
        return {"task": self.name, "normalised": self.normalised, "spaces": self.spaces}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is no text; one without a word is silence."""
        for target in targets:
            if not isinstance(target, str) or not storable(target):
                raise InputError(
                    f"transcription: a target must be a text (silence is an empty one), got {short(target)}."
                )

    def settle(self, answers: Any, targets: Sequence[Any]) -> Transcription:
        """Return the task as it is: the form of the answers is known."""
        as_texts(self.name, answers, len(targets))
        return self

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        return scored_texts(self.name, answers, targets, self._one, tuple(self.columns))

    def _clean(self, text: str) -> str:
        return normalise(text) if self.normalised else text

    def _one(self, answer: str, target: str) -> dict[str, Any]:
        wanted, given = self._clean(target), self._clean(answer)
        exact = float(wanted == given)
        by_word, words = edits(words_of(wanted), words_of(given)), len(words_of(wanted))
        if not self.spaces:
            wanted, given = "".join(wanted.split()), "".join(given.split())
        return {
            "score": max(0.0, 1 - by_word.total / words) if words else float(by_word.total == 0),
            "prediction": answer,
            "word_errors": by_word.total,
            "substitutions": by_word.substitutions,
            "deletions": by_word.deletions,
            "insertions": by_word.insertions,
            "words": words,
            "character_errors": edits(wanted, given).total,
            "characters": len(wanted),
            "exact": exact,
        }


@dataclass(frozen=True)
class FreeText:
    """Open answers: exact match and word F1 after normalisation, and character n-gram F (chrF), best of the references.

    The model answers a list of texts; a target is a text or a list of texts, any of which will do. ``score`` is the
    word F1; of ``FreeText("captioning")``, which describes pictures or sounds, it is chrF, as sacreBLEU has it.
    """

    name: str = "free_text"

    def __post_init__(self) -> None:
        if self.name not in ("free_text", "captioning"):
            raise InputError(f"free text: name must be free_text or captioning, got {short(self.name)}.")

    @property
    def headline(self) -> str:
        """What its curves show."""
        return "chrf" if self.name == "captioning" else "token_f1"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records, the headline first."""
        return CAPTIONING if self.name == "captioning" else FREE_TEXT

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
        return scored_texts(self.name, answers, targets, self._one, tuple(self.columns), self.headline)

    def _one(self, answer: str, target: Any) -> dict[str, Any]:
        accepted = references(self.name, target)

        def best(measure: Callable[[str, str], float]) -> float:
            return max(measure(reference, answer) for reference in accepted)

        exact = best(lambda reference, given: float(normalise(reference) == normalise(given)))
        return {"prediction": answer, "token_f1": best(token_f1), "exact": exact, "chrf": best(chrf)}
