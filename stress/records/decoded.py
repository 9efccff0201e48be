"""Record columns that hold more than a number, as arrays: names as positions, lists of numbers as rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stress.statistics.arrays import Floats, Ints

__all__ = ["named", "wide"]


def wide(values: pa.ChunkedArray) -> Floats:
    """Return a column of lists of equally many numbers as (records × numbers); NaN of records that have none."""
    lists = values.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    known = np.asarray(lists.is_valid())
    flat = lists.drop_null().flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    found = np.full((len(known), len(flat) // max(1, int(known.sum()))), np.nan)
    found[known] = flat.reshape(int(known.sum()), -1)
    return found


def named(values: pa.ChunkedArray, first: Sequence[str]) -> tuple[Ints, list[str]]:
    """Return a column of names as positions in a list (-1: none), and that list, in which some names come first."""
    if not pa.types.is_dictionary(values.type):  # lists of labels: equal sets are equal answers
        text = [None if v is None else "\x1f".join(sorted(v)) if isinstance(v, list) else str(v)
                for v in values.to_pylist()]  # fmt: skip
        values = pa.chunked_array([pa.array(text, pa.string())]).dictionary_encode()
    values = values.unify_dictionaries().combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    names = [str(v) for v in values.dictionary.to_pylist()]
    every = list(dict.fromkeys([*first, *names]))
    position = {name: i for i, name in enumerate(every)}
    lookup = np.array([position[name] for name in names] + [-1], np.int64)
    return lookup[pc.fill_null(values.indices, len(names)).to_numpy()], every
