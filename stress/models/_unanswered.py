"""A row that is no answer: what became of one sample, where the others of its batch were answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords, nearest, short
from stress.records.statuses import UNASKED, failures

__all__ = ["REPORTS", "Replies", "Unanswered", "split_unanswered"]

REPORTS = ("tokens_in", "tokens_out", "cost", "first_token_s")
"""What may be recorded of each answer, as a column and a metric."""


@dataclass(frozen=True)
class Unanswered:
    """What a ``predict`` may return in place of a sample's row: that it has no answer, and why.

    ``status`` is what the record says: ``timeout``, ``crash``, ``invalid``, ``rate_limited``, ``refusal`` or
    ``unparsed``; each counts as a failure. With ``unasked`` – a budget is spent, a key is refused – the run ends
    instead, and what was finished is kept. Raises InputError for another status.
    """

    status: str
    says: str

    def __post_init__(self) -> None:
        known = (*failures(), UNASKED)
        if self.status not in known:
            raise InputError(
                f"Unanswered: status must be one of {', '.join(known)}, got {short(self.status)}. "
                f"{nearest(str(self.status), known)}"
            )


class Replies(list[Any]):
    """One row a sample, as any list of answers, and what each of them took.

    ``took`` holds a mapping for each row, of numbers – ``tokens_in``, ``tokens_out``, ``cost``, ``first_token_s``;
    ``seconds``, of the call that answered this row alone – and ``answer``, the name under which it is kept.
    """

    def __init__(self, rows: Iterable[Any] = (), took: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(rows)
        self.took = tuple(took)


@named_keywords
def split_unanswered(answers: Any) -> tuple[Any, dict[int, Unanswered]]:
    """Return answers with ``None`` where there is none, and what became of those rows."""
    if not isinstance(answers, list):
        return answers, {}
    gone = {row: each for row, each in enumerate(answers) if isinstance(each, Unanswered)}
    return ([None if row in gone else each for row, each in enumerate(answers)] if gone else answers), gone
