"""Some cells of a run with all their records: as many at a time as memory allows, whatever the order of the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stress.records.layout import Layout, together
from stress.records.parts import open_part
from stress.records.source import Source

__all__ = ["Portion"]

_KEYS = ("cell", "sample", "draw")


@dataclass(frozen=True)
class Portion:
    """All records of some of a run's cells, in the order of the plan; what holds none of them is not read.

    ``parts`` are the files that hold the records of the whole run.
    """

    whole: Source
    parts: tuple[Path, ...]
    names: tuple[str, ...]

    held = True
    wide = False

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.whole.path

    @property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.whole.info

    @property
    def samples(self) -> pa.Table:
        """The samples of the run."""
        return self.whole.samples

    @cached_property
    def cells(self) -> pa.Table:
        """The cells, in the order of the plan."""
        return self.whole.cells.filter(pc.is_in(self.whole.cells["cell"], pa.array(self.names, pa.string())))

    @cached_property
    def _ours(self) -> list[int]:
        """Positions of the cells in the plan."""
        wanted = set(self.names)
        return [i for i, name in enumerate(self.whole.cells["cell"].to_pylist()) if name in wanted]

    @cached_property
    def layout(self) -> Layout:
        """How many records each cell has; they stand in the run's files."""
        return Layout((), (), self.whole.layout.count[self._ours])

    @property
    def count(self) -> int:
        """How many records there are."""
        return int(self.layout.count.sum())

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.whole.columns

    @cached_property
    def _places(self) -> list[tuple[Path, list[int], pa.ChunkedArray | None]]:
        """Where the cells have records: a file, some of its row groups, and which of their rows (None: all)."""
        found = []
        for path, groups in self.whole.layout.having(self._ours):
            names = _read(path, groups, ["cell"])["cell"]
            ours = pc.is_in(names, pa.array(self.names, pa.string()))
            found.append((path, groups, None if pc.all(ours).as_py() else ours))
        return found

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for path, groups, ours in self._places:
            table = _read(path, groups, columns)
            yield table if ours is None else table.filter(ours)

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), with the columns asked for (or all)."""
        need = list(self.columns if columns is None else dict.fromkeys([*_KEYS, *columns]))
        with open_part(self.parts[0]) as file:
            schema = file.schema_arrow
        none = pa.schema([schema.field(name) for name in need]).empty_table()
        found = pa.concat_tables([none, *self._tables(need)]).unify_dictionaries()
        return found if cells is None else found.filter(pc.is_in(found["cell"], pa.array(list(cells), pa.string())))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records."""
        with open_part(self.parts[0]) as file:
            kind = file.schema_arrow.field(name).type
        chunks = [chunk for table in self._tables([name]) for chunk in table[name].chunks]
        return pa.chunked_array(chunks, kind).unify_dictionaries()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records, row group by row group."""
        yield from self._tables(columns)

    def present(self, cell: str) -> NDArray[np.bool_]:
        """Return which of the samples have a record in a cell."""
        return self.whole.present(cell)

    def only(self, cells: Sequence[str]) -> Portion:
        """Return some of the cells."""
        return Portion(self.whole, self.parts, tuple(name for name in self.names if name in set(cells)))

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield as many cells at a time as there is room for."""
        names = self.cells["cell"].to_pylist()
        for some in together(self.layout.count.tolist(), room):
            yield some, self if len(some) == len(names) else self.only([names[i] for i in some])

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[Source]:
        """Yield all records of some samples at a time."""
        for block in self.whole.blocks(size, columns):
            yield block.only(self.names)


def _read(path: Path, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
    with open_part(path) as file:
        return file.read_row_groups(list(groups), columns=list(columns))
