"""A product of two severities as a heat map: a table whose cells are shaded by what is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stress.report._book import Book, Row
from stress.report._numbers import DASH, count, readable, severity, visible

__all__ = ["Heat", "heats", "is_heat"]


@dataclass(frozen=True)
class Heat:
    """A product of two axes: values by row and column, and how much each has lost in ten steps."""

    title: str
    about: str
    rows: str
    columns: str
    heads: Sequence[str]
    body: Sequence[tuple[str, Sequence[tuple[str, str, int | None]]]]


def is_heat(book: Book, row: Row) -> bool:
    plan = book.plan.get(row["cell"], {})
    return plan.get("grid") == "product" and len(plan.get("axes") or {}) > 1 and row["severity"] is None


def heats(book: Book, rows: Iterable[Row]) -> list[Heat]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        axes = book.plan[row["cell"]]["axes"]
        rest = tuple((name, axes[name]) for name in sorted(axes)[2:])
        found.setdefault((row["scenario"], tuple(sorted(axes))[:2], rest), []).append(row)
    return [_heat(book, key, group) for key, group in found.items()]


def _heat(book: Book, key: tuple[Any, ...], rows: Sequence[Row]) -> Heat:
    scenario, (down, across), rest = key
    at = {(book.plan[r["cell"]]["axes"][down], book.plan[r["cell"]]["axes"][across]): r for r in rows}
    heads = _ordered(column for _, column in at)
    body = []
    for line in _ordered(row for row, _ in at):
        cells = [_heat_cell(book, at.get((line, column))) for column in heads]
        body.append((_coordinate(line), cells))
    extra = ", ".join(f"{name} {_coordinate(value)}" for name, value in rest)
    return Heat(
        visible(scenario) + (f" · {extra}" if extra else ""),
        f"{readable(book.form.name)} {book.form.mark}",
        visible(down),
        visible(across),
        [_coordinate(h) for h in heads],
        body,
    )


def _ordered(values: Iterable[Any]) -> list[Any]:
    """Return coordinates in order, numbers before names."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))


def _coordinate(value: Any) -> str:
    return severity(value) if isinstance(value, (int, float)) else visible(value)


def _heat_cell(book: Book, row: Row | None) -> tuple[str, str, int | None]:
    """Return a cell's text, what it says on hover, and its step: how much of the clean value is lost, in tenths."""
    if row is None or row["value"] is None:
        return DASH, visible((row or {}).get("note") or "not in the run"), None
    axis = book.axis
    share = (row["value"] - axis.low) / (axis.high - axis.low)
    lost = 1 - share if book.form.better == "higher" else share
    says = f"{visible(row['cell'])}: {book.form.both(row, True)}, n {count(row['n'])}"
    return book.form.value(row["value"]), says, min(10, max(0, round(10 * lost)))
