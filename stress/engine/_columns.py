"""Columns of records from what was answered, and rows in ranges."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["column_of", "named", "nothing", "ranges", "repeated"]

_NAMES = pa.dictionary(pa.int32(), pa.string())


def ranges(count: int, alone: Container[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges that cover so many rows in order, each of the rows in ``alone`` by itself."""
    start = 0
    for row in range(count):
        if row in alone:
            if start < row:
                yield start, row
            yield row, row + 1
            start = row + 1
    if start < count:
        yield start, count


def named(values: Sequence[str | None]) -> pa.Array:
    """Return names as positions in the list of those that there are, in the order in which they appear."""
    if len(values) and values[0] is not None and values.count(values[0]) == len(values):  # as in most units
        return repeated(values[0], len(values))
    return pa.array(values, pa.string()).dictionary_encode().cast(_NAMES)


@lru_cache(maxsize=256)
def repeated(name: str, count: int) -> pa.Array:
    """Return one name so many times; most units ask for the same few again."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([name], pa.string()))


def column_of(values: Any, kind: pa.DataType, failed: NDArray[np.bool_] | None) -> pa.Array:
    """Return a task's column; a failure has no value in any of them (``failed`` is None where there is none)."""
    if isinstance(values, np.ndarray) and not pa.types.is_dictionary(kind):
        return pa.array(values, kind, mask=failed)
    kept = list(values) if failed is None else [None if bad else value for value, bad in zip(values, failed)]
    return named(kept) if pa.types.is_dictionary(kind) else pa.array(kept, kind)


@lru_cache(maxsize=256)
def nothing(count: int, kind: pa.DataType = _NAMES) -> pa.Array:
    """Return so many values – names – that are not there."""
    return pa.nulls(count, kind)
