"""What counts as not there, whatever a table or a program calls it."""

from __future__ import annotations

from typing import Any

from perturbations.labels import missing

__all__ = ["missing", "present"]


def present(value: Any) -> str | None:
    """Return the text of a cell that names something – an id, a group, a sequence; nothing where it is empty."""
    return None if missing(value) or value == "" else str(value)
