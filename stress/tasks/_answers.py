"""What a model hands back, opened: any usual container becomes an array, or one row a sample.

A row that cannot be read is one unusable answer with its reason. Only what concerns the batch as a whole – no rows, or
another number of them than samples – is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Number
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import nearest, short
from perturbations.labels import label, missing, plain, vector, whole

__all__ = ["NO_ANSWER", "Opened", "as_array", "label_read", "labels_read", "numbers_read", "opened", "scores_read"]

NO_ANSWER = "no answer"
_SAYS: Mapping[str, Literal["probabilities", "logits"]] = {
    "logits": "logits",
    "probabilities": "probabilities",
    "probs": "probabilities",
}
"""Keys or attributes of an answer that holds scores and says what they are, as ``ModelOutput`` does."""


@dataclass(frozen=True)
class Opened:
    """An answer out of its container: a numeric array or a list of rows, one a sample.

    ``says`` is the form that the container names; ``named`` is true where columns named their classes.
    """

    rows: NDArray[Any] | list[Any]
    says: Literal["probabilities", "logits"] | None = None
    named: bool = False

    @property
    def singles(self) -> NDArray[Any] | list[Any]:
        """The rows, where each is one value: also of an ``(n, 1)`` array."""
        rows = self.rows
        return rows[:, 0] if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == 1 else rows


def opened(answers: Any, count: int, classes: Sequence[str] = (), what: str = "n answers") -> Opened:
    """Return an answer out of its container. Raises ModelError where it has not one row for each of ``count`` samples.

    Columns that name the classes – of a DataFrame, a table, a dict – are put in the order of ``classes``.
    """
    found = _opened(answers, classes, what, count)
    if (isinstance(found.rows, np.ndarray) and found.rows.ndim == 0) or len(found.rows) != count:
        raise ModelError(f"model: must answer {what}, one a sample (n = {count}), got {short(answers)}.")
    return found


def _opened(answers: Any, classes: Sequence[str], what: str, count: int) -> Opened:
    columns = _columns(answers)
    if columns is not None:
        names = [_key(name) for name in columns]
        if classes and len(set(names)) == len(names) and set(names) == set(classes):
            ordered = [columns[names.index(name)] for name in classes]
            return Opened(_side_by_side([answers[name] for name in ordered], count), named=True)
    for key, form in _SAYS.items():
        inner = answers.get(key) if isinstance(answers, Mapping) else getattr(answers, key, None)
        if inner is not None and not callable(inner):
            return Opened(_opened(inner, classes, what, count).rows, form)
    if isinstance(answers, Mapping) and len(answers) == 1:
        return _opened(answers[columns[0]], classes, what, count)  # type: ignore[index]
    if classes and columns is not None and not _unnamed(columns):
        raise ModelError(
            f"model: must answer columns that name the {len(classes)} classes ({', '.join(classes[:5])}"
            f"{', …' if len(classes) > 5 else ''}), got the columns {short([str(name) for name in columns])}. "
            f"{nearest(str(columns[0]) if columns else '', classes)}"
        )
    return Opened(_rows(answers, f"model: must answer {what}, one a sample (n = {count}), got {short(answers)}."))


def _rows(answers: Any, wrong: str) -> NDArray[Any] | list[Any]:
    """Return what has no columns as a numeric array or as a list. Raises ModelError where it has no rows."""
    rows = _bare(answers)
    if isinstance(rows, np.ndarray):
        return rows if rows.dtype.kind in "fiub" or not rows.ndim else list(rows)  # texts, or objects of any kind
    if isinstance(rows, str | bytes | Mapping | set | frozenset) or not isinstance(rows, Iterable):
        raise ModelError(wrong)
    rows = [_bare(row) for row in rows]
    array = as_array(rows)
    if array is None or array.dtype.kind not in "fiub":
        return rows
    mixed = array.dtype.kind != "b" and any(isinstance(row, bool) for row in rows)  # True is no 1
    return rows if mixed else array


def _columns(answers: Any) -> list[Any] | None:
    """Return the names of the columns of a table or mapping."""
    if isinstance(answers, Mapping):
        return list(answers)
    if isinstance(names := getattr(answers, "column_names", None), list):  # of Arrow
        return names
    if isinstance(answers, np.ndarray) and answers.dtype.names is not None:
        return list(answers.dtype.names)
    names = getattr(answers, "columns", None)
    return list(names) if hasattr(answers, "to_numpy") and names is not None and not callable(names) else None


def _key(name: Any) -> str:
    try:
        return label(name) or ""
    except InputError:
        return ""


def _unnamed(columns: Sequence[Any]) -> bool:
    """Whether columns are only numbered, as a frame numbers them that was given no names, or there is one alone."""
    return len(columns) == 1 or [whole(name) for name in columns] == list(range(len(columns)))


def _side_by_side(columns: Sequence[Any], count: int) -> NDArray[Any] | list[Any]:
    bare = [_bare(column) for column in columns]
    lists = [column.tolist() if isinstance(column, np.ndarray) else list(column) for column in bare]
    if any(len(column) != count for column in lists):
        raise ModelError(f"model: must answer columns of {count} rows, got {sorted({len(c) for c in lists})}.")
    array = as_array([list(row) for row in zip(*lists)])
    return array if array is not None and array.dtype.kind in "fiub" else [list(row) for row in zip(*lists)]


def _bare(value: Any) -> Any:
    """Return a tensor, series, frame or other array as NumPy, an iterator as a list; anything else as it is."""
    if isinstance(value, str | bytes | list | tuple | Mapping | int | float) or value is None:
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if hasattr(value, "toarray"):  # sparse
        return value.toarray()
    if hasattr(value, "to_pylist"):  # of Arrow, whose arrays of texts or with gaps are no NumPy arrays
        return value.to_pylist()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(value)
    if isinstance(value, memoryview):
        return np.asarray(value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value)
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and "bfloat16" in str(value.dtype):
        return value.astype(np.float32)
    return list(value) if hasattr(value, "__next__") else value


def _unmasked(value: Any) -> Any:
    """Return a masked array as one without a mask, of floats with NaN where it hides numbers, or as lists with None."""
    if not np.ma.getmaskarray(value).any():
        return np.asarray(value.data)
    return value.filled(np.nan) if value.dtype.kind == "f" else value.tolist()


def as_array(values: Any) -> NDArray[Any] | None:
    """Return answers as an array, also from torch; ``None`` where they are no numbers in one shape."""
    try:
        array = np.asarray(_bare(values))
    except (ValueError, TypeError, RuntimeError):
        return None
    return None if array.dtype == object else array


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
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=1))
    if finite.all():
        return array, wrong
    for row in np.flatnonzero(~finite):
        wrong[int(row)] = "not finite"
    return np.where(finite[:, None], array, 0.0), wrong


def _row(row: Any, classes: Sequence[str]) -> NDArray[np.float64] | str:
    """Return one row of scores, or what is wrong with it."""
    if missing(row):
        return NO_ANSWER
    if isinstance(row, Mapping):
        named = {_key(name): value for name, value in row.items()}
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
        number, name = int(flag), str(int(flag))
    if name in known and (number is None or not positions):
        return name, None
    if number is not None and (positions or not numbered) and 0 <= number < len(classes):
        return classes[number], None
    return None, f"{short(value)} is no class"


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
