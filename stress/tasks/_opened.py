"""What a model hands back, opened: any usual container becomes an array, or one row a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, ModelError
from perturbations.errors import nearest, short
from perturbations.labels import label, missing, whole
from stress.tasks._forms import DECLARE

__all__ = ["Opened", "as_array", "joined", "key_of", "opened"]

_SAYS: Mapping[str, Literal["probabilities", "logits"]] = {
    "logits": "logits",
    "probabilities": "probabilities",
    "probs": "probabilities",
}
"""Keys or attributes of an answer that holds scores and says what they are, as ``ModelOutput`` does."""

_MOST = 1_000_000
"""Values that an iterator may give."""


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

    @property
    def answered(self) -> NDArray[Any] | list[Any]:
        """The rows that are answers: a model that abstains, with None, says nothing about the form of the others.

        Raises ModelError where none is.
        """
        if isinstance(self.rows, np.ndarray):
            return self.rows
        given = [row for row in self.rows if not missing(row)]
        if not given:
            raise ModelError(
                f"model: must answer clean input, got no answer to any of the first {len(self.rows)} samples, so that "
                f"nothing tells what form its answers have. {DECLARE}"
            )
        return given


def opened(answers: Any, count: int, classes: Sequence[str] = (), what: str = "n answers") -> Opened:
    """Return an answer out of its container. Raises ModelError where it has not one row for each of ``count`` samples.

    Columns that name the classes – of a DataFrame, a table, a dict – are put in the order of ``classes``.
    """
    found = _opened(answers, classes, what, count)
    if (isinstance(found.rows, np.ndarray) and found.rows.ndim == 0) or len(found.rows) != count:
        raise _without_rows(answers, what, count)
    return found


def _without_rows(answers: Any, what: str, count: int) -> ModelError:
    return ModelError(f"model: must answer {what}, one a sample (n = {count}), got {short(answers)}.")


def _opened(answers: Any, classes: Sequence[str], what: str, count: int) -> Opened:
    if type(answers) is np.ndarray and answers.dtype.isbuiltin == 1 and answers.dtype.kind in "fiub":
        return Opened(answers)
    columns = _columns(answers)
    if columns is not None:
        names = [key_of(name) for name in columns]
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
    return Opened(_rows(answers, what, count))


def _rows(answers: Any, what: str, count: int) -> NDArray[Any] | list[Any]:
    """Return what has no columns as a numeric array or as a list. Raises ModelError where it has no rows."""
    rows = _bare(answers)
    if isinstance(rows, np.ndarray):
        return rows if rows.dtype.kind in "fiub" or not rows.ndim else list(rows)  # texts, or objects of any kind
    if isinstance(rows, str | bytes | Mapping | set | frozenset) or not isinstance(rows, Iterable):
        raise _without_rows(answers, what, count)
    rows = [_bare(row) for row in islice(rows, count + 1)]  # one too many is enough to see: it may have no end
    array = as_array(rows)
    if array is None or array.dtype.kind not in "fiub":
        return rows
    named = any(isinstance(one, Enum) for row in rows for one in (row if isinstance(row, list | tuple) else (row,)))
    mixed = array.dtype.kind != "b" and any(isinstance(row, bool) for row in rows)
    return rows if mixed or named else array  # True is no 1, and a member that is a number, too, is its name


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


def key_of(name: Any) -> str:
    """Return the class that a column may name; the empty text where it can name none."""
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
    if hasattr(value, "as_py"):
        return value.as_py()
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
    return _ended(value) if isinstance(value, Iterator) else value


def _ended(values: Iterator[Any]) -> list[Any]:
    """Return all that an iterator gives. Raises ModelError where that is more than any answer has: it may never end."""
    found = list(islice(values, _MOST + 1))
    if len(found) > _MOST:
        raise ModelError(f"model: must answer rows that come to an end, got an iterator of more than {_MOST:,} values.")
    return found


def _unmasked(value: Any) -> Any:
    """Return a masked array as one without a mask, of floats with NaN where it hides numbers, or as lists with None."""
    if not np.ma.getmaskarray(value).any():
        return np.asarray(value.data)
    return value.filled(np.nan) if value.dtype.kind == "f" else value.tolist()


def joined(parts: Sequence[Any]) -> Any:
    """Return the answers of several calls as those of one; nothing where that is not known of their kind."""
    names = [_columns(part) for part in parts]
    first = names[0]
    if first is not None and not (len(first) > 1 and _unnamed(first) and not isinstance(parts[0], Mapping)):
        if any(each != first for each in names) or len(set(map(str, first))) < len(first):
            return None
        columns = {name: joined([part[name] for part in parts]) for name in first}
        return None if any(column is None for column in columns.values()) else columns
    bare = [_bare(part) for part in parts]
    if all(isinstance(part, np.ndarray) and part.ndim for part in bare):
        return np.concatenate(bare) if len({part.shape[1:] for part in bare}) == 1 else None
    listed = all(isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.ndim) for part in bare)
    return [row for part in bare for row in part] if listed else None


def as_array(values: Any) -> NDArray[Any] | None:
    """Return answers as an array, also from torch; ``None`` where they are no numbers in one shape."""
    try:
        array = np.asarray(_bare(values))
    except (ValueError, TypeError, RuntimeError):
        return None
    return None if array.dtype == object else array
