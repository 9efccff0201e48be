"""A run on disk, for reading: who ran what on what, and all the records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import RunError
from perturbations.files import read_regular
from stress.records.blocks import Block, plan
from stress.records.info import misshapen
from stress.records.layout import Layout, codes, keys_of, layout, presence, together
from stress.records.memo import Memo
from stress.records.parts import Moment, open_part, read_parts, read_whole
from stress.records.portions import Portion
from stress.records.source import Source

__all__ = ["FORMAT", "Folder", "open_folder"]

FORMAT = 2
"""Version of the folder's layout."""
_SMALL = 250_000
"""Records up to which all columns of plain values are read at once, and kept: some 50 MB."""


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
        found: Mapping[str, Any] = json.loads(read_regular(self.path / "run.json", "run", RunError))
        if not isinstance(found, dict):
            raise RunError(f"{self.path}/run.json: must be a JSON object, got {type(found).__name__}.")
        if wrong := misshapen(found):
            raise RunError(f"{self.path}/run.json: {wrong}.")
        return found

    @cached_property
    def samples(self) -> pa.Table:
        """id, order, sequence, time, split, target, and a column ``group.NAME`` for each group."""
        self._moment  # noqa: B018 - the records first: samples that are added later do not matter to them
        return read_whole(self.path / "samples.parquet")

    @cached_property
    def cells(self) -> pa.Table:
        """The cells, in the order of the plan; see ``stress.records.schema.CELLS``."""
        return read_whole(self.path / "cells.parquet")

    @property
    def parts(self) -> Sequence[Path]:
        """The files of the records at the moment when they were first asked for; see ``stress.records.parts``."""
        return self._moment.parts

    @cached_property
    def _moment(self) -> Moment:
        return Moment(self.path / "records")

    @property
    def _held(self) -> Sequence[Path]:
        return self._moment.held

    def written(self) -> frozenset[tuple[str, int, int, int]]:
        """Return name, size, time and number of each file there is now: equal as long as nothing was written."""
        found = [self.path / name for name in ("run.json", "samples.parquet", "cells.parquet")]
        with suppress(OSError):  # no record was written yet
            found += [Path(entry.path) for entry in os.scandir(self.path / "records")]
        stats = []
        for file in found:
            with suppress(OSError):  # a temporary file that has got its name since
                stats.append((str(file), file.stat()))
        return frozenset((name, each.st_size, each.st_mtime_ns, each.st_ino) for name, each in stats)

    @cached_property
    def count(self) -> int:
        """How many records there are; no record is read for it."""
        found = 0
        for part in self._held:
            with open_part(part) as file:
                found += file.metadata.num_rows
        return found

    @cached_property
    def layout(self) -> Layout:
        """Where the records of each cell stand; one column of all records is read for it."""
        return layout(self._held, list(self._place))

    @cached_property
    def presence(self) -> NDArray[np.bool_]:
        """Whether there is a record of each (cell × sample), both by position."""
        tables = None if self.count > _SMALL or not self._held else [self.records(columns=[])]
        orders = self.samples["order"].to_numpy().astype(np.int64)
        return presence(tables or keys_of(self._held), list(self._place), orders)

    @cached_property
    def _plain(self) -> pa.Table | None:
        """All records without nested columns; None where they are too many to keep.

        A run of many cells that is still going has a file for each few of them: opening all anew for each column
        takes far longer than reading what is in them.
        """
        if self.count > _SMALL:
            return None
        with open_part(self._begun()[0]) as file:
            plain = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
        return read_parts(self._held, plain).combine_chunks()

    @cached_property
    def _place(self) -> dict[str, int]:
        return {str(name): i for i, name in enumerate(self.cells["cell"].to_pylist())}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records. Raises RunError where there is no record yet."""
        with open_part(self._begun()[0]) as file:
            return tuple(file.schema_arrow.names)

    def _begun(self) -> Sequence[Path]:
        if not (parts := self._held):
            raise RunError(f"{self.path}: has no records yet.")
        return parts

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), sorted by cell and sample, with the columns asked for (or all)."""
        from pyarrow import dataset

        parts = self._begun()
        need = list(self.columns) if columns is None else list(dict.fromkeys(["cell", "sample", "draw", *columns]))
        if self._plain is not None and set(need) <= set(self._plain.column_names):
            found = self._plain.select(need)
            return found if cells is None else found.filter(_among(found["cell"], set(cells)))
        wanted = None if cells is None else dataset.field("cell").isin(list(cells))
        return read_parts(parts, need, filter=wanted)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records, in the order in which ``records`` has them."""
        if self._plain is not None and name in self._plain.column_names:
            return self._plain[name]
        return read_parts(self._begun(), [name])[name]

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records, a few of them at a time."""
        for part in self._held:
            with open_part(part) as file:
                for batch in file.iter_batches(columns=list(columns)):
                    yield pa.Table.from_batches([batch])

    def present(self, cell: str) -> NDArray[np.bool_]:
        """Return which of the samples have a record in a cell."""
        found: NDArray[np.bool_] = self.presence[self._place[cell]]
        return found

    def only(self, cells: Sequence[str]) -> Portion:
        """Return some of the cells."""
        return Portion(self, tuple(self._held), tuple(cells))

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
        yield from self._memo(plan, self, size, tuple(self._held)).blocks(self, columns)


def _among(values: pa.ChunkedArray, names: set[str]) -> pa.Array:
    """Return which values of a dictionary (or string) column are some of these."""
    listed = sorted(names)
    return pa.array(codes(values, listed) >= 0)


def open_folder(path: str | Path) -> Folder:
    """Return the run in a folder. Raises RunError where there is none, or one of another format."""
    run = Folder(Path(path))
    if not os.path.lexists(run.path / "run.json"):
        somewhere = "a file" if os.path.exists(run.path) else "a path where nothing is"
        what = "a folder without run.json" if os.path.isdir(run.path) else somewhere
        raise RunError(f"{path}: must be a run folder, got {what}.")
    try:
        version = run.info["format"]
    except KeyError:
        raise RunError(f"{path}/run.json: must name the format of the folder, got none.") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}/run.json: cannot be read: {str(error)[:200]}.") from None
    if version != FORMAT:
        raise RunError(f"{path}: must have format {FORMAT}, got {version!r}. Open it with the version that wrote it.")
    return run
