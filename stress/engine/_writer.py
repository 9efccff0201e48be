"""Records that survive: whole units in numbered parts, each written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from perturbations import RunError
from stress.engine._units import Unit
from stress.records.writing import write_table

__all__ = ["Writer", "lock"]

_ROWS = 65_536
_SHARE = 0.02
"""A part is written when so much of the time since the start has passed since the last one: a kill loses about this."""
_SHORTEST_S, _LONGEST_S = 1.0, 30.0
_COMPACT, _COMPACT_BYTES = 4_000_000, 512 * 2**20
"""Records (and bytes) up to which the parts of a finished run are sorted into one file."""
_MERGE, _MERGE_BYTES = 1_000_000, 128 * 2**20
"""Of a larger run, records (or bytes) from which on parts that follow each other are sorted into one."""
_GROUP = 16_384
"""Records of a row group of sorted parts: whoever reads some cells leaves out the groups of others."""


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
        for path in sorted(parts, key=_is_sorted, reverse=True):  # the merged one outlives a kill in ``_merge``
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
            about = _about(path)
            rows = sum(len(file.read_row_group(i, columns=["score"])) for i in range(file.num_row_groups))
        except (pa.ArrowException, OSError, ValueError) as error:
            return [], f"cannot be read ({str(error).splitlines()[0][:80]})"
        if about.get("run") != self.run_id:
            return [], "belongs to another run"
        units = _units(about)
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

    def compact(self, cells: Sequence[str], units: Iterable[tuple[Unit, int]]) -> None:
        """Sort all parts into one – by cell, draw and sample – so that equal runs have equal files.

        A run too large to be held at once stays in parts, each merged of several and sorted in itself.
        """
        parts = sorted(self.folder.glob("part-*.parquet"))
        sizes = [_size(part) for part in parts]
        records, held = (sum(size) for size in zip(*sizes, (0, 0)))
        if records <= _COMPACT and held <= _COMPACT_BYTES:
            if len(parts) > 1 or not all(map(_is_sorted, parts)):
                self._merge(parts, cells, sorted(units))
                (self.folder / f"part-{self._number - 1:06d}.parquet").replace(self.folder / "part-000000.parquet")
                self._number = 1
            return
        some: list[Path] = []
        records, held = 0, 0
        left = [(part, size) for part, size in zip(parts, sizes) if not _is_sorted(part)]
        for part, (rows, size) in left:
            some, records, held = [*some, part], records + rows, held + size
            if records >= _MERGE or held >= _MERGE_BYTES or part == left[-1][0]:
                self._merge(some, cells, sorted(unit for one in some for unit in _units(_about(one))))
                some, records, held = [], 0, 0

    def _merge(self, parts: Sequence[Path], cells: Sequence[str], units: Iterable[tuple[Unit, int]]) -> None:
        """Put one sorted part in the place of some. A kill in between leaves units twice, never lost."""
        table = pa.concat_tables([parquet.read_table(part) for part in parts]).unify_dictionaries()
        rank = {cell: order for order, cell in enumerate(cells)}
        names = table["cell"].combine_chunks()
        place = pa.array([rank[name] for name in names.dictionary.to_pylist()], pa.int32()).take(names.indices)
        order = table.select(["draw", "sample"]).append_column("order", place)
        keys = [("order", "ascending"), ("draw", "ascending"), ("sample", "ascending")]
        table = table.take(compute.sort_indices(order, sort_keys=keys))
        columns = [_recode(table[field.name], field.type) for field in self.schema]
        merged = self.folder / "merged.parquet"
        write_table(merged, self._signed(pa.table(columns, schema=self.schema), units, whole=True), _GROUP)
        merged.replace(self.folder / f"part-{self._number:06d}.parquet")
        self._number += 1
        for part in parts:
            part.unlink()


def _size(part: Path) -> tuple[int, int]:
    """Return how many records a part has, and about how many bytes they take."""
    about = parquet.read_metadata(part)
    return about.num_rows, sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))


def _about(part: Path) -> dict[str, Any]:
    """Return what a part says of itself: its run, its units, whether it is sorted."""
    found: dict[str, Any] = json.loads((parquet.read_schema(part).metadata or {}).get(b"stress", b"{}"))
    return found


def _units(about: Mapping[str, Any]) -> list[tuple[Unit, int]]:
    return [(Unit(*numbers), count) for *numbers, count in about["units"]]


def _is_sorted(part: Path) -> bool:
    try:
        return bool(_about(part).get("sorted"))
    except (pa.ArrowException, OSError, ValueError):
        return False


def _recode(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Encode names anew, in the order in which they appear, so that the bytes do not tell who finished first."""
    if not pa.types.is_dictionary(kind):
        return column
    return column.cast(kind.value_type).combine_chunks().dictionary_encode().cast(kind)
