"""What the rows of an answer say – scores, labels, numbers – each read by itself.

A row that cannot be read is one unusable answer with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import short
from perturbations.labels import label, missing, plain, vector, whole
from stress.tasks._opened import Opened, key_of

__all__ = ["BETTER", "NO_ANSWER", "label_read", "labels_read", "numbers_read", "scores_read"]

NO_ANSWER = "no answer"
BETTER = 0.25
"""By how much a second reading of whole numbers must be righter for the first to be in doubt."""


def scores_read(found: Opened, classes: Sequence[str]) -> tuple[NDArray[np.float64], list[str | None]]:
    """Return ``(n, classes)`` numbers, zeros where a row is unusable, and what is wrong with each row."""
    width, rows = len(classes), found.rows
    wrong: list[str | None] = [None] * len(rows)
    if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == width:
        array = np.asarray(rows, np.float64)
    else:
        read = [_row(row, classes) for row in rows]
        array = np.array([row if isinstance(row, np.ndarray) else np.zeros(width) for row in read])
        wrong = [row if isinstance(row, str) else None for row in read]
    there = np.isfinite(array)
    if there.all():
        return array, wrong
    finite = np.asarray(there.all(axis=1))
    for row in np.flatnonzero(~finite):
        wrong[int(row)] = "not finite"
    return np.where(finite[:, None], array, 0.0), wrong


def _row(row: Any, classes: Sequence[str]) -> NDArray[np.float64] | str:
    """Return one row of scores, or what is wrong with it."""
    if missing(row):
        return NO_ANSWER
    if isinstance(row, Mapping):
        named = {key_of(name): value for name, value in row.items()}
        if set(named) != set(classes):
            return f"{short(row)} does not name the {len(classes)} classes"
        row = [named[name] for name in classes]
    numbers = None if isinstance(row, str) else vector(row)
    if numbers is None:
        gap = isinstance(row, list | tuple) and any(missing(each) for each in row)
        return "not finite" if gap else f"{short(row)} is no row of {len(classes)} numbers"
    return numbers if len(numbers) == len(classes) else f"must be {len(classes)} numbers, got {len(numbers)}"


def label_read(value: Any, classes: tuple[str, ...], positions: bool = False) -> tuple[str | None, str | None]:
    """Return the class that an answer names, or ``None``, and what is wrong where it names none.

    A label that is a class name is that class. A whole number that is none is a position in the list of classes, from
    0, where no class is a whole number; with ``positions`` every whole number is a position.
    """
    try:
        name = label(value)
    except InputError:
        return None, f"{short(value)} is no label"
    if name is None:
        return None, NO_ANSWER
    known, numbered = _known(classes)
    number = whole(value)
    if isinstance(flag := plain(value), bool | np.bool_) and name not in known:
        number, name = (int(flag), str(int(flag))) if len(classes) == 2 else (None, "")
    if name in known and (number is None or not positions):
        return name, None
    if number is not None and (positions or not numbered) and 0 <= number < len(classes):
        return classes[number], None
    return None, f"{short(value)} is none of {_shown(classes)}"


@lru_cache(maxsize=16)
def _shown(classes: tuple[str, ...]) -> str:
    more = ", …" if len(classes) > 5 else ""
    return f"the {len(classes)} classes ({', '.join(short(name)[1:-1] for name in classes[:5])}{more})"


@lru_cache(maxsize=16)
def _known(classes: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    return frozenset(classes), any(name.removeprefix("-").isdecimal() for name in classes)


def labels_read(found: Opened, classes: tuple[str, ...], positions: bool) -> tuple[list[str | None], list[str | None]]:
    """Return the class that each row names, and what is wrong with those that name none."""
    if set(map(type, found.singles)) == {str} and _known(classes)[0].issuperset(found.singles):
        return list(found.singles), [None] * len(found.singles)
    rows = found.singles
    if isinstance(rows, np.ndarray) and rows.ndim == 1:  # of numbers; each that there is, is read once
        values, places = np.unique(rows, return_inverse=True)
        each = [label_read(value, classes, positions) for value in values]
        read = [each[place] for place in places.tolist()]
    else:
        read = [label_read(row, classes, positions) for row in rows]
    return [name for name, _ in read], [why for _, why in read]


def numbers_read(found: Opened) -> tuple[NDArray[np.float64], list[str | None]]:
    """Return one number for each row, NaN where there is none, and what is wrong with such rows."""
    rows = found.singles
    wrong: list[str | None] = [None] * len(rows)
    if isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "fiu":
        array = rows.astype(np.float64)
    else:
        read = [_number(row) for row in rows]
        array = np.array([np.nan if isinstance(row, str) else row for row in read], np.float64)
        wrong = [row if isinstance(row, str) else None for row in read]
    return array, [why or (None if ok else "not finite") for why, ok in zip(wrong, np.isfinite(array))]


def _number(value: Any) -> float | str:
    found = plain(value)
    if found is None:
        return NO_ANSWER
    if missing(found):
        return "not finite" if isinstance(found, float | np.floating) else NO_ANSWER
    if isinstance(found, bool | np.bool_) or not isinstance(found, Number | np.number):
        return f"{short(value)} is no number"
    try:
        return float(found)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return f"{short(value)} is no finite number"
