"""Some cells of a run with all their records: as many at a time as memory allows, whatever the order of the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from stress.records.folder import Folder

__all__ = ["Portion"]

_KEYS = ("cell", "sample", "draw")


@dataclass(frozen=True)
class Portion(Folder):
    """All records of some of a run's cells, a run by itself; what holds none of them is not read."""

    whole: Folder
    names: tuple[str, ...]

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.whole.info

    @cached_property
    def samples(self) -> pa.Table:
        """The samples of the run."""
        return self.whole.samples

    @cached_property
    def cells(self) -> pa.Table:
        """The cells, in the order of the plan."""
        return self.whole.cells.filter(pc.is_in(self.whole.cells["cell"], pa.array(self.names, pa.string())))

    @property
    def parts(self) -> Sequence[Path]:
        """None: the files hold other cells too."""
        return ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.whole.columns

    @cached_property
    def _places(self) -> list[tuple[Path, list[int], pa.ChunkedArray | None]]:
        """Where the cells have records: a file, some of its row groups, and which of their rows (None: all)."""
        ids = [str(name) for name in self.whole.cells["cell"].to_pylist()]
        wanted = set(self.names)
        cells = [i for i, name in enumerate(ids) if name in wanted]
        found = []
        for path, groups in self.whole.layout.having(cells):
            names = _read(path, groups, ["cell"])["cell"]
            ours = pc.is_in(names, pa.array(self.names, pa.string()))
            found.append((path, groups, None if pc.all(ours).as_py() else ours))
        return found

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for path, groups, ours in self._places:
            table = _read(path, groups, columns)
            yield table if ours is None else table.filter(ours)

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records as ``Folder.records`` does."""
        need = list(self.columns if columns is None else dict.fromkeys([*_KEYS, *columns]))
        schema = parquet.read_schema(self.whole.parts[0])
        none = pa.schema([schema.field(name) for name in need]).empty_table()
        found = pa.concat_tables([none, *self._tables(need)]).unify_dictionaries()
        return found if cells is None else found.filter(pc.is_in(found["cell"], pa.array(list(cells), pa.string())))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column as ``Folder.column`` does."""
        kind = parquet.read_schema(self.whole.parts[0]).field(name).type
        chunks = [chunk for table in self._tables([name]) for chunk in table[name].chunks]
        return pa.chunked_array(chunks, kind).unify_dictionaries()


def _read(path: Path, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
    with parquet.ParquetFile(path) as file:
        return file.read_row_groups(list(groups), columns=list(columns))
