"""A row that is no answer: what became of one sample, where the others of its batch were answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from perturbations.errors import named_keywords

__all__ = ["Unanswered", "split_unanswered"]


@dataclass(frozen=True)
class Unanswered:
    """What a ``predict`` may return in place of a sample's row: that it has no answer, and why.

    ``status`` is what the record says: ``timeout``, ``crash`` or ``invalid``; each counts as a failure.
    """

    status: Literal["timeout", "crash", "invalid"]
    says: str


@named_keywords
def split_unanswered(answers: Any) -> tuple[Any, dict[int, Unanswered]]:
    """Return answers with ``None`` where there is none, and what became of those rows."""
    if not isinstance(answers, list):
        return answers, {}
    gone = {row: each for row, each in enumerate(answers) if isinstance(each, Unanswered)}
    return ([None if row in gone else each for row, each in enumerate(answers)] if gone else answers), gone
