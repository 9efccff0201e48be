"""A digest of what a table says, whatever its chunks and dictionaries: stored in a part, compared when it is read."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["digest_of_table"]


def digest_of_table(table: pa.Table) -> str:
    """Return a digest of names, types and values, row by row."""
    digest = blake2b(f"{table.num_rows}".encode(), digest_size=16)
    for name in table.column_names:
        column = table[name]
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        digest.update(f"\x1f{name}\x1f{kind}".encode("utf-8", "surrogatepass"))
        missing = column.is_null().to_numpy() if column.null_count else np.zeros(len(column), bool)
        digest.update(np.packbits(missing).tobytes())
        if pa.types.is_dictionary(column.type):
            _add_names(digest, column)
        elif pa.types.is_primitive(kind) and not pa.types.is_boolean(kind):
            for chunk in (pc.fill_null(column, 0) if column.null_count else column).chunks:
                digest.update(chunk.to_numpy(zero_copy_only=False).tobytes())
        else:
            digest.update(repr(column.to_pylist()).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _add_names(digest: blake2b, column: pa.ChunkedArray) -> None:
    """Add names in the order in which they appear, and which of them each row has."""
    numbers: dict[str, int] = {}
    for chunk in column.chunks:
        own = chunk.dictionary.to_pylist()
        codes = (pc.fill_null(chunk.indices, -1) if chunk.null_count else chunk.indices).to_numpy(zero_copy_only=False)
        first = np.full(len(own) + 1, len(codes), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several, the last one stays: that which comes first
        table = np.full(len(own) + 1, -1, np.int32)
        for code in np.argsort(first[:-1], kind="stable")[: np.count_nonzero(first[:-1] < len(codes))]:
            table[code] = numbers.setdefault(str(own[code]), len(numbers))
        digest.update(table[codes])
    digest.update("\x1f".join(numbers).encode("utf-8", "surrogatepass"))
