"""What counts as not there, whatever a table or a program calls it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["missing", "present"]


def missing(value: Any) -> bool:
    """Return whether a value stands for none: None, NaN of any kind, NaT, NA."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    if isinstance(value, str | bytes | int):
        return False
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    return bool(value != value) if isinstance(value, float | complex) or hasattr(value, "is_nan") else False


def present(value: Any) -> str | None:
    """Return the text of a cell that names something – an id, a group, a sequence; nothing where it is empty."""
    return None if missing(value) or value == "" else str(value)
