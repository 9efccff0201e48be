"""A run read in blocks of whole samples: as few at a time as memory allows, whatever the order of its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import RunError
from stress.records.frame import LIMIT
from stress.records.layout import Layout, codes
from stress.records.parts import open_part, read_parts
from stress.records.source import Source
from stress.records.views import View

__all__ = ["Block", "Plan", "plan"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """All records of some of a run's samples; ``places`` are the samples' positions in the run's."""

    whole: Source
    places: Ints
    table: pa.Table

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

    @cached_property
    def samples(self) -> pa.Table:
        """The samples of the block."""
        return self.whole.samples.take(pa.array(self.places))

    @property
    def cells(self) -> pa.Table:
        """The cells of the run."""
        return self.whole.cells

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.table)

    @cached_property
    def _codes(self) -> Ints:
        return codes(self.table["cell"], [str(name) for name in self.cells["cell"].to_pylist()])

    @cached_property
    def layout(self) -> Layout:
        """How many records each cell has; they are here."""
        return Layout((), (), np.bincount(self._codes, minlength=len(self.cells)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that were read."""
        return tuple(self.table.column_names)

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), with the columns asked for (or all that were read)."""
        import pyarrow.compute as pc

        need = self.table.column_names if columns is None else dict.fromkeys(["cell", "sample", "draw", *columns])
        found = self.table.select(list(need))
        return found if cells is None else found.filter(pc.is_in(found["cell"], pa.array(list(cells), pa.string())))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records."""
        return self.table[name]

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records at once."""
        yield self.table.select(list(columns))

    def present(self, cell: str) -> Flags:
        """Return which of the samples have a record in a cell."""
        mine = self.table["sample"].to_numpy()[self._codes == self.cells["cell"].to_pylist().index(cell)]
        return np.isin(self.samples["order"].to_numpy(), mine)

    def only(self, cells: Sequence[str]) -> View:
        """Return some of the cells."""
        return View.of(self, {name: [name] for name in self.cells["cell"].to_pylist() if name in set(cells)})

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield all records at once: they are in memory."""
        yield list(range(len(self.cells))), self

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[Source]:
        """Yield all records at once: they are in memory."""
        yield self


@dataclass(frozen=True)
class Plan:
    """Which samples make up each block, and which parts hold records of it, ``bool (parts, blocks)``."""

    parts: tuple[Path, ...]
    number: Ints
    holds: Flags
    rows: Ints
    """Records of each part."""

    def blocks(self, run: Source, columns: Sequence[str]) -> Iterator[Block]:
        """Yield the blocks of the run that was planned for, with these columns of the records."""
        order = run.samples["order"].to_numpy()
        need = list(dict.fromkeys(["cell", "sample", "draw", *columns]))
        held: dict[Path, pa.Table] = {}
        for k in range(self.holds.shape[1]):
            places = np.flatnonzero(self.number == k)
            if len(places):
                some = np.flatnonzero(self.holds[:, k])
                parts = [self.parts[i] for i in some]
                if self.rows[some].sum() <= LIMIT:  # blocks of one part follow each other: it is read once for all
                    held = {part: held[part] if part in held else _whole(part, need) for part in parts}
                    table = _of(pa.concat_tables(held.values()), order[places])
                else:
                    table = _read(parts, need, order[places])
                yield Block(run, places, table)


def _whole(part: Path, columns: Sequence[str]) -> pa.Table:
    with open_part(part) as file:
        return file.read(columns=list(columns))


def _of(table: pa.Table, orders: NDArray[Any]) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["sample"], pa.array(orders, pa.int32()))).unify_dictionaries()


def _read(parts: Sequence[Path], columns: Sequence[str], orders: NDArray[Any]) -> pa.Table:
    import pyarrow.compute as pc

    sample = pc.field("sample")
    ours = (sample >= int(orders.min())) & (sample <= int(orders.max())) & sample.isin(pa.array(orders, pa.int32()))
    return read_parts(parts, columns, filter=ours, fragment_readahead=2, batch_readahead=4)


def plan(run: Source, size: int, parts: tuple[Path, ...]) -> Plan:
    """Return how to read a run, whose records stand in ``parts``, in blocks of about ``size`` records.

    A block holds one sample at least. Samples are taken in the order in which the parts bring them. Parts that were
    written shard by shard, as large runs are, are then read about once; if every part holds all samples, each block
    looks through all parts.
    """
    order = run.samples["order"].to_numpy()
    each = max(1, len(order) * size // max(run.count, 1))
    position = np.full(int(order.max(initial=-1)) + 1, -1, np.int64)
    position[order] = np.arange(len(order))
    number, begun = np.full(len(order), -1, np.int64), 0
    holds, rows = np.zeros((len(parts), -(-len(order) // each)), bool), np.zeros(len(parts), np.int64)
    for i, part in enumerate(parts):
        with open_part(part) as file:
            for batch in file.iter_batches(columns=["sample"]):
                places = position[batch["sample"].to_numpy()]
                if places.min(initial=0) < 0:
                    raise RunError(f"{part.resolve()}: records must name samples that the run knows.")
                new = np.unique(places[number[places] < 0])
                number[new] = (begun + np.arange(len(new))) // each
                begun += len(new)
                holds[i, number[places]] = True
                rows[i] += len(batch)
    return Plan(parts, number, holds, rows)
