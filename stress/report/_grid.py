"""A table before it is HTML: columns and rows of plain text, numbers as text, or small drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stress.report._numbers import count

__all__ = ["MOST_ROWS", "Column", "Grid", "drawn", "nums", "texts", "wrapped"]

MOST_ROWS = 300
"""Rows of a table on the page; the files beside it hold all of them."""


@dataclass(frozen=True)
class Column:
    """A column's title, and its look: ``word``, ``num``, ``draw``, ``wrap`` (long text) or ``small``."""

    title: Any
    look: str = "word"


def texts(*titles: str) -> list[Column]:
    """Return columns of short texts."""
    return [Column(title) for title in titles]


def nums(*titles: str) -> list[Column]:
    """Return columns of numbers."""
    return [Column(title, "num") for title in titles]


def drawn(title: Any) -> list[Column]:
    """Return a column of drawings; its title may be their axis."""
    return [Column(title, "draw")]


def wrapped(*titles: str) -> list[Column]:
    """Return columns of longer texts."""
    return [Column(title, "wrap") for title in titles]


@dataclass(frozen=True)
class Grid:
    """A table: what it shows, its columns, its rows, and notes below. ``hues`` gives each row a modality's mark."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    hues: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def headed(self) -> bool:
        """Whether any column has a title."""
        return any(column.title for column in self.columns)

    def cut(self, table: str, most: int = MOST_ROWS) -> Grid:
        """Return the first rows, and where the others are."""
        if len(self.rows) <= most:
            return self
        kept = replace(self, rows=self.rows[:most], hues=self.hues[:most])
        return kept.noted(len(self.rows) - most, table)

    def noted(self, left: int, table: str, what: str = "rows") -> Grid:
        """Return the same with a note of what is left out, if anything is."""
        text = f"{count(left)} more {what} are in tables/{table}.csv."
        return replace(self, notes=[*self.notes, text]) if left > 0 else self

    def hue(self, row: int) -> str:
        """Return the modality of a row, or nothing."""
        return self.hues[row] if row < len(self.hues) else ""
