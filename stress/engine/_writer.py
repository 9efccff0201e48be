"""Records that survive: whole units in numbered parts, each written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from perturbations import RunError
from stress.engine._units import Unit

__all__ = ["Writer", "lock", "write_json", "write_table"]

_ROWS = 65_536
_SHARE = 0.02
"""A part is written when so much of the time since the start has passed since the last one: a kill loses about this."""
_SHORTEST_S, _LONGEST_S = 1.0, 30.0
_COMPACT = 20_000_000
"""Records up to which the parts of a finished run are sorted into one file."""


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    _replace(path, lambda temporary: temporary.write_text(_dump(content), encoding="utf-8"))


def _dump(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file whole or not at all; equal tables give equal bytes."""
    _replace(path, lambda temporary: parquet.write_table(table, temporary, compression="zstd"))


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


class lock:  # noqa: N801 - reads as a verb in ``with lock(folder):``
    """Hold a run folder for this process; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"

    def __enter__(self) -> None:
        try:
            self._file = self._path.open("a+")
        except OSError as error:
            raise RunError(f"{self._path.parent}: cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise RunError(f"{self._path.parent}: is in use by another run (process {owner}).") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Writer:
    """The ``records`` folder of a run, for writing."""

    def __init__(self, folder: Path, schema: pa.Schema, run_id: str) -> None:
        self.folder, self.schema, self.run_id = folder, schema, run_id
        folder.mkdir(parents=True, exist_ok=True)
        self._tables: list[pa.Table] = []
        self._units: list[tuple[Unit, int]] = []
        self._number = 0
        self._started = self._written = time.monotonic()

    def recover(self) -> tuple[dict[Unit, int], list[str]]:
        """Return the units that are safely there with their numbers of records, and what was thrown away and why."""
        found: dict[Unit, int] = {}
        thrown = []
        for temporary in self.folder.glob(".*.tmp"):
            temporary.unlink()
        parts = sorted(self.folder.glob("part-*.parquet"))
        for path in sorted(parts, key=_is_sorted, reverse=True):  # the merged one outlives a kill in ``_swap``
            self._number = max(self._number, int(path.stem.rpartition("-")[2]) + 1)
            units, problem = self._read_units(path)
            if problem is None and any(unit in found for unit, _ in units):
                problem = "repeats what another part holds"
            if problem is not None:
                thrown.append(f"{path.name}: {problem}; its units are done again")
                path.unlink()
                continue
            found.update(units)
        return found, thrown

    def _read_units(self, path: Path) -> tuple[list[tuple[Unit, int]], str | None]:
        try:
            file = parquet.ParquetFile(path, memory_map=False)
            about = json.loads((file.schema_arrow.metadata or {}).get(b"stress", b"{}"))
            rows = sum(len(file.read_row_group(i, columns=["score"])) for i in range(file.num_row_groups))
        except (pa.ArrowException, OSError, ValueError) as error:
            return [], f"cannot be read ({str(error).splitlines()[0][:80]})"
        if about.get("run") != self.run_id:
            return [], "belongs to another run"
        units = [(Unit(*numbers), count) for *numbers, count in about["units"]]
        told = sum(count for _, count in units)
        return units, None if told == rows else f"holds {rows} records, but says {told}"

    def add(self, unit: Unit, table: pa.Table) -> None:
        """Take the records of a finished unit, and write a part when it is time."""
        self._tables.append(table)
        self._units.append((unit, len(table)))
        now = time.monotonic()
        wait = min(max(_SHORTEST_S, _SHARE * (now - self._started)), _LONGEST_S)
        if now - self._written >= wait or sum(count for _, count in self._units) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken and not yet written."""
        if self._tables:
            self._write(f"part-{self._number:06d}.parquet", pa.concat_tables(self._tables), self._units)
            self._number += 1
            self._tables, self._units = [], []
        self._written = time.monotonic()

    def _write(self, name: str, table: pa.Table, units: Iterable[tuple[Unit, int]]) -> None:
        write_table(self.folder / name, self._signed(table.unify_dictionaries(), units, whole=False))

    def _signed(self, table: pa.Table, units: Iterable[tuple[Unit, int]], whole: bool) -> pa.Table:
        """Return the table with a note of the run and the units it holds."""
        listed = [[unit.shard, unit.cell, unit.draw, count] for unit, count in units]
        return table.replace_schema_metadata(
            {"stress": json.dumps({"run": self.run_id, "units": listed, "sorted": whole})}
        )

    def compact(self, cells: Sequence[str], records: int, units: Iterable[tuple[Unit, int]]) -> None:
        """Sort all parts into one – by cell, draw and sample – so that equal runs have equal files."""
        parts = sorted(self.folder.glob("part-*.parquet"))
        if records > _COMPACT or (len(parts) == 1 and _is_sorted(parts[0])):
            return
        table = pa.concat_tables([parquet.read_table(part) for part in parts]).unify_dictionaries()
        rank = {cell: order for order, cell in enumerate(cells)}
        names = table["cell"].combine_chunks()
        place = pa.array([rank[name] for name in names.dictionary.to_pylist()], pa.int32()).take(names.indices)
        order = table.append_column("place", place).select(["place", "draw", "sample"])
        keys = [("place", "ascending"), ("draw", "ascending"), ("sample", "ascending")]
        table = table.take(compute.sort_indices(order, sort_keys=keys))
        columns = [_recode(table[field.name], field.type) for field in self.schema]
        merged = self.folder / "merged.parquet"
        write_table(merged, self._signed(pa.table(columns, schema=self.schema), sorted(units), whole=True))
        self._swap(merged, parts)

    def _swap(self, merged: Path, parts: Sequence[Path]) -> None:
        """Put the merged file in the place of the parts. A kill in between leaves units twice, never lost."""
        final = self.folder / "part-000000.parquet"
        merged.replace(self.folder / f"part-{self._number:06d}.parquet")
        for part in parts:
            part.unlink()
        (self.folder / f"part-{self._number:06d}.parquet").replace(final)
        self._number = 1


def _is_sorted(part: Path) -> bool:
    try:
        about = json.loads((parquet.read_schema(part).metadata or {}).get(b"stress", b"{}"))
    except (pa.ArrowException, OSError, ValueError):
        return False
    return bool(about.get("sorted"))


def _recode(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Encode names anew, in the order in which they appear, so that the bytes do not tell who finished first."""
    if not pa.types.is_dictionary(kind):
        return column
    return column.cast(kind.value_type).combine_chunks().dictionary_encode().cast(kind)
