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
from stress.records.blocks import plan
from stress.records.folder import Folder
from stress.records.layout import Layout
from stress.records.portions import Portion
from stress.records.schema import CELLS
from stress.records.views import View, blended, with_clean

__all__ = ["Pool", "selection"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Pool(Folder):
    """What ``pooled`` shows of a run of any size. ``chosen`` are the orders of the only samples kept, where not all."""

    base: Folder
    blocks: Mapping[str, Sequence[str]]
    chosen: frozenset[int] | None
    limit: int

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.base.info

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.base.columns

    @property
    def parts(self) -> Sequence[Path]:
        """The files of the run."""
        return self.base.parts

    @cached_property
    def cells(self) -> pa.Table:
        """One row for each cell of the view."""
        rows = [{**blended(self.base, set(cells)), "cell": name, "order": i}
                for i, (name, cells) in enumerate(self.blocks.items())]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=CELLS)

    @cached_property
    def _kept(self) -> Flags:
        """Which of the run's samples are among those chosen."""
        order = self.base.samples["order"].to_numpy()
        return np.ones(len(order), bool) if self.chosen is None else np.isin(order, list(self.chosen))

    def present(self, name: str) -> Flags:
        """Return which samples of the view have a record in one of its cells."""
        return self._there(name)[self._held]

    def _there(self, name: str) -> Flags:
        places = self._places(self.blocks[name])
        return np.asarray(self.base.presence[places].any(axis=0) & self._kept)

    def _places(self, cells: Sequence[str]) -> list[int]:
        return [i for i, name in enumerate(self.base.cells["cell"].to_pylist()) if name in set(cells)]

    @cached_property
    def _held(self) -> Flags:
        return np.logical_or.reduce([self._there(name) for name in self.blocks])

    @cached_property
    def samples(self) -> pa.Table:
        """The samples that the view holds records of: nobody else has a part in an interval."""
        return self.base.samples.filter(pa.array(self._held))

    @cached_property
    def layout(self) -> Layout:
        """How many records each cell of the view has, at most; they stand in the run's files."""
        share = self._kept.mean() if len(self._kept) else 0.0
        count = [self.base.layout.count[self._places(cells)].sum() for cells in self.blocks.values()]
        return Layout((), (), np.ceil(np.array(count) * share).astype(np.int64))

    @cached_property
    def count(self) -> int:
        """How many records there are, at most."""
        return int(self.layout.count.sum())

    @property
    def wide(self) -> bool:
        """Whether a cell of the view is of several of the run's that cannot be held together."""
        return any(map(self._wide, self.blocks))

    def _wide(self, name: str) -> bool:
        count = self.layout.count[list(self.blocks).index(name)]
        return len(set(self.blocks[name])) > 1 and bool(count > self.limit)

    def view(self, blocks: Mapping[str, Sequence[str]]) -> View:
        """Return some of the cells, or pieces of them, to be held in memory."""
        names = tuple(dict.fromkeys(name for cells in blocks.values() for name in cells))
        return View.of(Portion(self.base.path, self.base, names), blocks, self.chosen)

    def only(self, names: Sequence[str]) -> View:
        """Return some of the cells. Raises InputError where one is of several of the run's and cannot be held."""
        for name in filter(self._wide, names):
            raise InputError(
                f"measure: {name} is of {len(set(self.blocks[name]))} cells with more than {self.limit:,} records, and "
                "this metric needs all of them at once. Ask for fewer cells, or for each (per: cell)."
            )
        return self.view({name: self.blocks[name] for name in names})

    def pieces(self) -> Iterator[tuple[int, View]]:
        """Yield the number of a cell, and some of its records, as many at a time as may be held, until all are seen."""
        count = self.base.layout.count * self._kept.mean()
        ids = self.base.cells["cell"].to_pylist()
        for number, (name, cells) in enumerate(self.blocks.items()):
            some: list[str] = []
            held = 0.0
            for place in self._places(cells):
                if some and held + count[place] > self.limit:
                    yield number, self.view({name: some})
                    some, held = [], 0.0
                some, held = [*some, str(ids[place])], held + count[place]
            yield number, self.view({name: some})

    def read(self, size: int, columns: Sequence[str]) -> Iterator[View]:
        """Yield blocks of samples with their records."""
        if size not in self.base.plans:
            self.base.plans[size] = plan(self.base, size)
        for block in self.base.plans[size].blocks(columns):
            view = View.of(block, self.blocks, self.chosen)
            if view.count:
                yield view


def selection(
    run: Folder, parts: Mapping[str, Sequence[str]], samples: Collection[int] | None, limit: int
) -> View | Pool:
    """Return ``pooled``, held in memory where it is no more than ``limit`` records, else read when it is asked for."""
    if not run.parts or run.count <= limit:
        return View.of(run, with_clean(run, parts), samples)
    found = Pool(run.path, run, with_clean(run, parts), None if samples is None else frozenset(samples), limit)
    return found.view(found.blocks) if found.count <= limit else found
