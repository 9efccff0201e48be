"""What counts as not there, whatever a table or a program calls it."""

from __future__ import annotations

import re
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from perturbations.labels import label, missing

__all__ = ["missing", "present", "seconds", "target"]

_DECIMALS = re.compile(r"-?[0-9]+\.0+")


def present(value: Any, who: str, plain: bool = False) -> str | None:
    """Return the text of a cell that names something – an id, a group, a sequence; nothing where it is empty.

    Numbers and other scalars are named as labels are. A text stays as it is, unless the table knows nothing but texts
    (``plain``), in which a number beside a gap is ``3.0``. Raises InputError for what is no single thing.
    """
    if isinstance(value, str):
        return (label(value, who) if plain and _DECIMALS.fullmatch(value) else value) or None
    return label(value, who)


def seconds(value: Any, who: str) -> float | None:
    """Return a time in seconds; nothing where it is missing, ``nan`` as a text too. Raises InputError for no number."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = None if missing(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{who}: time must be a number of seconds, got {short(value)}.") from None
    return None if found is None or found != found else found


def target(cell: Any, who: str) -> Any:
    """Return what a cell of the column ``label`` holds: a text, or several at once as a list.

    Raises InputError for what is neither: a mapping, an object of another kind.
    """
    if isinstance(cell, str):
        return cell
    listed = cell.tolist() if hasattr(cell, "tolist") and getattr(cell, "shape", ()) != () else cell
    return list(listed) if isinstance(listed, list | tuple) else label(cell, who)
