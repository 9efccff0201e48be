"""A run on disk, for reading: who ran what on what, and all the records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import RunError
from stress.records.blocks import Block, plan
from stress.records.layout import Layout, layout, presence, together
from stress.records.memo import Memo
from stress.records.portions import Portion
from stress.records.source import Source

__all__ = ["FORMAT", "Folder", "open_folder"]

FORMAT = 2
"""Version of the folder's layout."""


@dataclass(frozen=True)
class Folder:
    """A run folder: ``run.json``, ``samples.parquet``, ``cells.parquet`` and ``records/part-*.parquet``."""

    path: Path

    held = False
    wide = False

    @cached_property
    def _memo(self) -> Memo:
        return Memo()

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What ``run.json`` says: suite, seed, task, data, model, packages, host, and how far the run got."""
        found: Mapping[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def samples(self) -> pa.Table:
        """id, order, sequence, time, split, target, and a column ``group.NAME`` for each group."""
        from pyarrow import parquet

        return parquet.read_table(self.path / "samples.parquet")

    @cached_property
    def cells(self) -> pa.Table:
        """The cells, in the order of the plan; see ``stress.records.schema.CELLS``."""
        from pyarrow import parquet

        return parquet.read_table(self.path / "cells.parquet")

    @property
    def parts(self) -> Sequence[Path]:
        """The files of the records, as they were written."""
        return sorted((self.path / "records").glob("part-*.parquet"))

    @cached_property
    def count(self) -> int:
        """How many records there are; no record is read for it."""
        from pyarrow import parquet

        return sum(parquet.read_metadata(part).num_rows for part in self.parts)

    @cached_property
    def layout(self) -> Layout:
        """Where the records of each cell stand; one column of all records is read for it."""
        return layout(self.parts, list(self._place))

    @cached_property
    def presence(self) -> NDArray[np.bool_]:
        """Whether there is a record of each (cell × sample), both by position."""
        return presence(self.parts, list(self._place), self.samples["order"].to_numpy().astype(np.int64))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {str(name): i for i, name in enumerate(self.cells["cell"].to_pylist())}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records. Raises RunError where there is no record yet."""
        from pyarrow import parquet

        return tuple(parquet.read_schema(self._begun()[0]).names)

    def _begun(self) -> Sequence[Path]:
        if not (parts := self.parts):
            raise RunError(f"{self.path}: has no records yet.")
        return parts

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), sorted by cell and sample, with the columns asked for (or all)."""
        from pyarrow import dataset

        parts = self._begun()
        wanted = None if cells is None else dataset.field("cell").isin(list(cells))
        need = None if columns is None else list(dict.fromkeys(["cell", "sample", "draw", *columns]))
        return dataset.dataset(parts, format="parquet").to_table(columns=need, filter=wanted).unify_dictionaries()

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records, in the order in which ``records`` has them."""
        from pyarrow import dataset

        return dataset.dataset(self._begun(), format="parquet").to_table(columns=[name])[name].unify_dictionaries()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records, a few of them at a time."""
        from pyarrow import parquet

        for part in self.parts:
            with parquet.ParquetFile(part) as file:
                for batch in file.iter_batches(columns=list(columns)):
                    yield pa.Table.from_batches([batch])

    def present(self, cell: str) -> NDArray[np.bool_]:
        """Return which of the samples have a record in a cell."""
        found: NDArray[np.bool_] = self.presence[self._place[cell]]
        return found

    def only(self, cells: Sequence[str]) -> Portion:
        """Return some of the cells."""
        return Portion(self, tuple(self.parts), tuple(cells))

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield as many cells at a time as there is room for."""
        names = self.cells["cell"].to_pylist()
        if self.count <= room:
            yield list(range(len(names))), self
            return
        for some in together(self.layout.count.tolist(), room):
            yield some, self.only([names[i] for i in some])

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[Block]:
        """Yield all records of some samples at a time; the plan for it is made once for each size."""
        yield from self._memo(plan, self, size, tuple(self.parts)).blocks(self, columns)


def open_folder(path: str | Path) -> Folder:
    """Return the run in a folder. Raises RunError where there is none, or one of another format."""
    run = Folder(Path(path))
    try:
        version = run.info["format"]
    except (FileNotFoundError, NotADirectoryError):
        what = "a folder without run.json" if run.path.is_dir() else "a file" if run.path.exists() else "nothing there"
        raise RunError(f"{path}: must be a run folder, got {what}.") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(f"{path}/run.json: cannot be read: {error}.") from None
    if version != FORMAT:
        raise RunError(f"{path}: must have format {FORMAT}, got {version!r}. Open it with the version that wrote it.")
    return run
