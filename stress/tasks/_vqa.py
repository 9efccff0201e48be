"""Questions about pictures: an answer counts by how many of the people who were asked gave it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from perturbations import InputError
from perturbations.errors import short
from stress.records.metric import Metric
from stress.tasks._transcription import as_texts, references, scored_texts
from stress.tasks.metrics.words import VQA

__all__ = ["Vqa"]

_LEAST, _ENOUGH = 4, 3
"""People from whom full marks can be had, and how many others must have given an answer for it to be right."""
_NUMBERS = dict(zip(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), range(1, 11)))
_NUMBERS |= {"none": 0, "zero": 0}
_ARTICLES = {"a", "an", "the"}
_MARKS = re.escape(';/[]"{}()=+\\_-><@`,?!')  # those of the benchmark; $, % and the like stay


@dataclass(frozen=True)
class Vqa:
    """Short answers to questions, as VQA v2 counts them: right in full where at least three of the others gave it.

    The model answers a list of texts. A target is one text, which is right or wrong, or the answers of at least four
    people (VQA v2 has ten): the mean, over leaving each out, of how many others agree, over 3 and at most 1 (Antol et
    al. 2015; Goyal et al. 2017) – of ten, 0.3, 0.6, 0.9 and 1 for one, two, three and four. ``exact`` is whether anyone
    gave it. Case, articles, punctuation, apostrophes, and whether numbers to ten are words or digits
    make no difference. ``score`` is the soft accuracy.
    """

    name: str = "vqa"
    headline: str = "vqa_accuracy"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured over its records."""
        return VQA

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """Record columns: the answer and how many gave it."""
        return {"prediction": pa.string(), "vqa": pa.float32(), "exact": pa.float32()}

    def describe(self) -> Mapping[str, Any]:
        """Return the task's identity as plain data."""
        return {"task": self.name}

    def check_targets(self, targets: Sequence[Any]) -> None:
        """Raise InputError where a target is neither a text nor the answers of at least four people."""
        for target in targets:
            found = references(self.name, target)
            if not isinstance(target, str) and len(found) < _LEAST:
                raise InputError(
                    f"{self.name}: a target must be a text or the answers of at least {_LEAST} people (repeated where "
                    f"several said the same), got {len(found)}: {short(target)}."
                )

    def settle(self, answers: Any, targets: Sequence[Any]) -> Vqa:
        """Return the task as it is: the form of the answers is known."""
        as_texts(self.name, answers, len(targets))
        return self

    def score(self, answers: Any, targets: Sequence[Any]) -> Mapping[str, Any]:
        """Return ``score``, ``invalid`` and the task's columns for each sample."""
        return scored_texts(self.name, answers, targets, self._one, tuple(self.columns), "vqa")

    def _one(self, answer: str, target: Any) -> dict[str, Any]:
        given, people = _short_answer(answer), [_short_answer(each) for each in references(self.name, target)]
        same, every = people.count(given), len(people)
        others = min(1.0, max(0, same - 1) / _ENOUGH), min(1.0, same / _ENOUGH)
        soft = float(same > 0) if every == 1 else (same * others[0] + (every - same) * others[1]) / every
        return {"prediction": answer, "vqa": soft, "exact": float(same > 0)}


def _short_answer(text: str) -> str:
    """Return an answer without what makes no difference: see ``Vqa``."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.casefold().replace("’", "'").replace("'", ""))
    text = re.sub(r"(?<!\d)\.|\.(?!\d)", " ", re.sub(f"[{_MARKS}]", " ", text))
    words = (str(_NUMBERS.get(word, word)) for word in text.split() if word not in _ARTICLES)
    return " ".join(words) or " ".join(text.split())
