"""One file of records: what it says of itself, and whether it still says what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from stress.records.content import digest_of_table

__all__ = ["GROUP", "about", "is_sorted", "read_checked", "signed", "size"]

GROUP = 2**20
"""Records of a row group of a part, unless it is sorted."""


def signed(table: pa.Table, run_id: str, whole: bool, rows: int = GROUP) -> pa.Table:
    """Return the table with a note of its run, whether it is sorted, and a digest of its content by row group."""
    digest = blake2b(digest_size=16)
    for start in range(0, len(table), rows):
        digest.update(digest_of_table(table.slice(start, rows)).encode())
    says = {"run": run_id, "sorted": whole, "digest": digest.hexdigest()}
    return table.replace_schema_metadata({"stress": json.dumps(says)})


def about(part: Path) -> dict[str, Any]:
    """Return what a part says of itself."""
    found: dict[str, Any] = json.loads((parquet.read_schema(part).metadata or {}).get(b"stress", b"{}"))
    return found


def read_checked(part: Path) -> Iterator[pa.Table]:
    """Yield a part row group by row group; raise ValueError at the end where it is not what was written."""
    digest = blake2b(digest_size=16)
    with parquet.ParquetFile(part, memory_map=False, page_checksum_verification=True) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            digest.update(digest_of_table(table).encode())
            yield table.replace_schema_metadata(None)
    if about(part).get("digest") != digest.hexdigest():
        raise ValueError("is not what was written")


def is_sorted(part: Path) -> bool:
    """Whether a part is sorted by cell, draw and sample."""
    try:
        return bool(about(part).get("sorted"))
    except (pa.ArrowException, OSError, ValueError):
        return False


def size(part: Path) -> tuple[int, int]:
    """Return how many records a part has, and about how many bytes they take."""
    found = parquet.read_metadata(part)
    return found.num_rows, sum(found.row_group(i).total_byte_size for i in range(found.num_row_groups))
