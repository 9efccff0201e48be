"""Records that survive: whole units in numbered parts, each written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import compute, parquet

from stress.engine._parts import GROUP, is_sorted, signed, size
from stress.engine._places import Places
from stress.engine._recover import Recovered, recover
from stress.records.parts import announce_swap, finish_swap
from stress.records.writing import write_table

__all__ = ["Writer"]

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


class Writer:
    """The ``records`` folder of a run, for writing."""

    def __init__(self, folder: Path, schema: pa.Schema, run_id: str, places: Places) -> None:
        self.folder, self.schema, self.run_id, self.places = folder, schema, run_id, places
        folder.mkdir(parents=True, exist_ok=True)
        self._tables: list[pa.Table] = []
        self._held = 0
        self._number = 0
        self._started = self._written = time.monotonic()

    def recover(self, redo: frozenset[str] = frozenset(), keep_failures: bool = True) -> Recovered:
        """Return what is safely there, and clear away the rest; see ``stress.engine._recover``."""
        found = recover(self.folder, self.run_id, self.places, redo, keep_failures)
        self._number = found.part
        return found

    def add(self, table: pa.Table) -> None:
        """Take the records of a finished unit, and write a part when it is time."""
        self._tables.append(table)
        self._held += len(table)
        now = time.monotonic()
        wait = min(max(_SHORTEST_S, _SHARE * (now - self._started)), _LONGEST_S)
        if now - self._written >= wait or self._held >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken and not yet written."""
        if self._tables:
            table = pa.concat_tables(self._tables).unify_dictionaries().combine_chunks()
            write_table(self._path(self._number), signed(table, self.run_id, whole=False), GROUP)
            self._number += 1
            self._tables, self._held = [], 0
        self._written = time.monotonic()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"

    def compact(self) -> None:
        """Sort all parts into one – by cell, draw and sample – so that equal runs have equal files.

        What has been taken and not yet written goes into it, and is in no part before. A run too large to be held at
        once stays in parts, each merged of several and sorted in itself.
        """
        parts = sorted(self.folder.glob("part-*.parquet"))
        records, held = (sum(each) for each in zip(*map(size, parts), (self._held, 0)))
        if records <= _COMPACT and held <= _COMPACT_BYTES:
            if self._tables or len(parts) > 1 or not all(map(is_sorted, parts)):
                self._merge(parts, self._tables)
                self._tables, self._held = [], 0
                self._path(self._number - 1).replace(self._path(0))
                self._number = 1
            return
        self.flush()
        self._merge_some(sorted(self.folder.glob("part-*.parquet")))

    def _merge_some(self, parts: Sequence[Path]) -> None:
        """Merge parts that follow each other, as many as can be held at once."""
        some: list[Path] = []
        records, held = 0, 0
        left = [(part, size(part)) for part in parts if not is_sorted(part)]
        for part, (rows, room) in left:
            some, records, held = [*some, part], records + rows, held + room
            if records >= _MERGE or held >= _MERGE_BYTES or part == left[-1][0]:
                self._merge(some)
                some, records, held = [], 0, 0

    def _merge(self, parts: Sequence[Path], more: Sequence[pa.Table] = ()) -> None:
        """Put one sorted part in the place of some and of ``more`` records, in one moment: that in which it gets its
        name.
        """
        tables = [*(parquet.read_table(part, page_checksum_verification=True) for part in parts), *more]
        table = pa.concat_tables([each.replace_schema_metadata(None) for each in tables]).unify_dictionaries()
        rank = {cell: order for order, cell in enumerate(self.places.cells)}
        names = table["cell"].combine_chunks()
        place = pa.array([rank[name] for name in names.dictionary.to_pylist()], pa.int32()).take(names.indices)
        order = table.select(["draw", "sample"]).append_column("order", place)
        keys = [("order", "ascending"), ("draw", "ascending"), ("sample", "ascending")]
        table = table.take(compute.sort_indices(order, sort_keys=keys))
        columns = [_recode(table[field.name], field.type) for field in self.schema]
        whole = signed(pa.table(columns, schema=self.schema), self.run_id, whole=True, rows=_GROUP)
        merged = self.folder / "merged.parquet"
        write_table(merged, whole, _GROUP)
        announce_swap(self.folder, self._path(self._number), parts)
        merged.replace(self._path(self._number))
        finish_swap(self.folder)
        self._number += 1


def _recode(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Encode names anew, in the order in which they appear, so that the bytes do not tell who finished first."""
    if not pa.types.is_dictionary(kind):
        return column
    return column.cast(kind.value_type).combine_chunks().dictionary_encode().cast(kind)
