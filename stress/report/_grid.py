"""A table before it is HTML: columns and rows of plain text, numbers as text, or small drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Column", "Grid"]


@dataclass(frozen=True)
class Column:
    """A column's title, and its look: ``text``, ``num``, ``draw``, ``wrap`` or ``small``."""

    title: Any
    look: str = "text"


@dataclass(frozen=True)
class Grid:
    """A table: what it shows, its columns, its rows, and notes below. ``hues`` gives each row a modality's mark."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    hues: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def hue(self, row: int) -> str:
        """Return the modality of a row, or nothing."""
        return self.hues[row] if row < len(self.hues) else ""
