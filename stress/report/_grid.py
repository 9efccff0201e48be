"""A table before it is HTML: columns and rows of plain text, numbers as text, or small drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Column", "Grid", "drawn", "nums", "texts", "wrapped"]


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

    def hue(self, row: int) -> str:
        """Return the modality of a row, or nothing."""
        return self.hues[row] if row < len(self.hues) else ""
