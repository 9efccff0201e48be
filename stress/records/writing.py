"""Files that are written whole or not at all: a temporary name, flushed, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from perturbations import RunError

__all__ = ["write_json", "write_table"]


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    _replace(path, lambda temporary: temporary.write_text(_dump(content), encoding="utf-8"))


def _dump(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"


def write_table(path: Path, table: pa.Table, rows: int | None = None) -> None:
    """Write a Parquet file (in row groups of so many ``rows``) whole or not at all; equal tables give equal bytes.

    Each page has a checksum, which readers compare.
    """
    how = {"compression": "zstd", "row_group_size": rows, "write_page_checksum": True}
    _replace(path, lambda temporary: parquet.write_table(table, temporary, **how))


def _replace(path: Path, write: Any) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"{path}: cannot be written: {error.strerror or error}. What was finished before is kept."
        ) from error
