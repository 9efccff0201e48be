"""What the gates said of a run, as ``gate.json`` in its folder holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stress.records.info import json_beside
from stress.report._book import Book
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import count, plural, visible

__all__ = ["Gated", "gated"]

_OUTCOMES = {"pass": "holds", "fail": "breaks", "undecided": "unsure", "unjudged": "unknown"}


@dataclass(frozen=True)
class Gated:
    """The outcome, one sentence, its look, the rules, and why it may no longer hold."""

    outcome: str
    sentence: str
    look: str
    rules: Grid
    stale: str


def gated(book: Book) -> Gated | None:
    """Return what the last ``stress gate`` on this run said; nothing where there was none, or it cannot be read."""
    data = json_beside(book.run.path / "gate.json")
    if not isinstance(data, dict):
        return None
    try:
        outcome, counts = str(data["outcome"]), {name: int(n) for name, n in data["counts"].items()}
        against = f", against {visible(str(data['baseline']))}" if data.get("baseline") else ""
        sentence = f"{_sentence(outcome, counts)} – {visible(str(data['gates']))}{against}"
        order = ("fail", "undecided", "unjudged", "pass")
        verdicts = sorted(data["verdicts"], key=lambda verdict: order.index(verdict["outcome"]))
        rows = [[v["outcome"], v["rule"], _number(v), v["message"]] for v in verdicts]
        grid = Grid([*texts("outcome", "rule"), *nums("checks"), *wrapped("")], rows)
        return Gated(outcome, f"{sentence}.", _OUTCOMES.get(outcome, "unknown"), grid, _stale(book, data))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _number(verdict: Mapping[str, Any]) -> str:
    return count(len(verdict["checks"]))


def _sentence(outcome: str, counts: Mapping[str, int]) -> str:
    total = plural(sum(counts.values()), "rule")
    words = {"fail": "fail", "undecided": "undecided", "unjudged": "could not be judged"}
    parts = [f"{counts[name]} {word}" for name, word in words.items() if counts.get(name)]
    return f"Gate: {outcome}" + (f" – {', '.join(parts)} of {total}" if parts else f" – all of {total} hold")


def _stale(book: Book, data: Mapping[str, Any]) -> str:
    """Say where the run has changed since it was judged."""
    now, then = book.run.count, data.get("records")
    if then is not None and int(then) != now:
        return f"Judged when there were {count(int(then))} records; there are {count(now)} now. Judge it again."
    return ""
