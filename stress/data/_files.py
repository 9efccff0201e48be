"""The files that were decoded for a run, kept in its folder, so that a second start need not decode them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from perturbations.modality import Limits
from stress.data._reading import READER, File
from stress.records.writing import write_table

__all__ = ["keep_files", "known_files"]

_NAME = "files.parquet"


def _rules(limits: Limits) -> dict[bytes, bytes]:
    """Return what the files were decoded by: under other limits, or by another reader, they are decoded again."""
    return {b"rules": f"{READER} {limits.megapixels!r} {limits.seconds!r}".encode()}


def keep_files(folder: Path, files: Mapping[str, File], limits: Limits) -> None:
    """Write the files to a run's folder; data that name none leave none."""
    if not files:
        return
    columns = {
        "file": pa.array([key.encode("utf-8", "surrogatepass") for key in files], pa.binary()),
        "size": pa.array([file.size for file in files.values()], pa.int64()),
        "time": pa.array([file.time for file in files.values()], pa.int64()),
        "digest": pa.array([file.digest for file in files.values()], pa.string()),
        "remark": pa.array([file.remark for file in files.values()], pa.string()),
    }
    write_table(folder / _NAME, pa.table(columns).replace_schema_metadata(_rules(limits)))


def known_files(folder: Path, limits: Limits) -> dict[str, File]:
    """Return the files that a run's folder knows; none where there is no such folder, or it cannot be read."""
    path = folder / _NAME
    try:
        table = parquet.read_table(path) if path.is_file() else None
        if table is None or (table.schema.metadata or {}).get(b"rules") != _rules(limits)[b"rules"]:
            return {}
        rows = table.select(["file", "size", "time", "digest", "remark"]).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError):  # it only saves time: without it all are decoded
        return {}
    return {
        row["file"].decode("utf-8", "surrogatepass"): File(row["size"], row["time"], row["digest"], row["remark"])
        for row in rows
    }
