"""Cells of a run taken together, where their records are more than can be held: read in blocks or pieces when asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError
from stress.records.layout import Layout, together
from stress.records.schema import CELLS
from stress.records.source import Source
from stress.records.views import View, about_cells, blended, weights, with_clean

__all__ = ["Pool", "selection"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Pool:
    """What ``pooled`` shows of a run of any size. ``chosen`` are the orders of the only samples kept, where not all."""

    base: Source
    parts: Mapping[str, Sequence[str]]
    chosen: frozenset[int] | None
    limit: int

    held = False

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.base.path

    @property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.base.info

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.base.columns

    @cached_property
    def cells(self) -> pa.Table:
        """One row for each cell of the view."""
        known = about_cells(self.base)
        rows = [{**blended(known, set(cells)), "cell": name, "order": i}
                for i, (name, cells) in enumerate(self.parts.items())]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=CELLS)

    @cached_property
    def _kept(self) -> Flags:
        """Which of the run's samples are among those chosen."""
        order = self.base.samples["order"].to_numpy()
        return np.ones(len(order), bool) if self.chosen is None else np.isin(order, list(self.chosen))

    def present(self, cell: str) -> Flags:
        """Return which of the samples have a record in a cell."""
        return self._there(cell)[self._shown]

    def _there(self, name: str) -> Flags:
        each = [self.base.present(cell) for cell in self._names(self.parts[name])]
        return np.logical_or.reduce([np.zeros_like(self._kept), *each]) & self._kept

    def _names(self, cells: Sequence[str]) -> list[str]:
        ids = self.base.cells["cell"].to_pylist()
        return [str(ids[i]) for i in self._places(cells)]

    def _places(self, cells: Sequence[str]) -> list[int]:
        wanted = set(cells)
        return [i for i, name in enumerate(self.base.cells["cell"].to_pylist()) if name in wanted]

    @cached_property
    def _shown(self) -> Flags:
        return np.logical_or.reduce([self._there(name) for name in self.parts])

    @cached_property
    def samples(self) -> pa.Table:
        """The samples that the view holds records of: no other has a part in an interval."""
        return self.base.samples.filter(pa.array(self._shown))

    @cached_property
    def _times(self) -> Mapping[str, Mapping[str, int]]:
        return weights(self.base, self.parts)

    def _sizes(self, name: str) -> NDArray[np.int64]:
        """Return how many records of each of a part's cells the view has."""
        cells = self.parts[name]
        often = np.array([self._times[name][each] for each in self._names(cells)], np.int64)
        found: NDArray[np.int64] = self.base.layout.count[self._places(cells)] * often
        return found

    @cached_property
    def layout(self) -> Layout:
        """How many records each cell of the view has, at most; they stand in the run's files."""
        share = self._kept.mean() if len(self._kept) else 0.0
        count = [self._sizes(name).sum() for name in self.parts]
        return Layout((), (), np.ceil(np.array(count) * share).astype(np.int64))

    @cached_property
    def count(self) -> int:
        """How many records there are, at most."""
        return int(self.layout.count.sum())

    @property
    def wide(self) -> bool:
        """Whether a cell of the view is of several of the run's that cannot be held together."""
        return any(map(self._wide, self.parts))

    def _wide(self, name: str) -> bool:
        count = self.layout.count[list(self.parts).index(name)]
        return len(set(self.parts[name])) > 1 and bool(count > self.limit)

    def _view(self, parts: Mapping[str, Sequence[str]]) -> View:
        """Return some of the cells, or pieces of them, to be held in memory."""
        names = tuple(dict.fromkeys(name for cells in parts.values() for name in cells))
        return View.of(self.base.only(names), parts, self.chosen, self._times)

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), with the columns asked for (or all)."""
        return self._view(self.parts).records(cells, columns)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records."""
        return self._view(self.parts).column(name)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records, piece by piece."""
        for _, view in self.pieces(self.limit):
            yield from view.batches(columns)

    def only(self, cells: Sequence[str]) -> View:
        """Return some of the cells. Raises InputError where one is of several of the run's and cannot be held."""
        for name in filter(self._wide, cells):
            raise InputError(
                f"measure: {name} is of {len(set(self.parts[name]))} cells with more than {self.limit:,} records, and "
                "this metric needs all of them at once. Ask for fewer cells, or for each (per: cell)."
            )
        return self._view({name: self.parts[name] for name in cells})

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield some records of one cell at a time; of a cell of several of the run's, as many as there is room for."""
        for number, (name, cells) in enumerate(self.parts.items()):
            names, count = self._names(cells), self._sizes(name) * self._kept.mean()
            for some in together(count.tolist(), min(room, self.limit)) if names else [[]]:
                yield [number], self._view({name: [names[k] for k in some]})

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[View]:
        """Yield all records of some samples at a time."""
        for block in self.base.blocks(size, columns):
            view = View.of(block, self.parts, self.chosen)
            if view.count:
                yield view


def selection(
    run: Source, parts: Mapping[str, Sequence[str]], samples: Collection[int] | None, limit: int
) -> View | Pool:
    """Return ``pooled``, held in memory where it is no more than ``limit`` records, else read when it is asked for."""
    if run.held or run.count <= limit:
        return View.of(run, with_clean(run, parts), samples)
    found = Pool(run, with_clean(run, parts), None if samples is None else frozenset(samples), limit)
    return found.only(list(found.parts)) if found.count <= limit else found
