"""A run seen otherwise: some of its cells as one, or some samples only.

A view is a run to everything that measures. A metric over a selection of cells is then found by the same code as a
metric of a cell, with the same weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.records.folder import Folder
from stress.records.layout import codes
from stress.records.schema import CELLS, NAME

__all__ = ["View", "blended", "pooled", "with_clean"]

Ints = NDArray[np.int64]
_DRAWS = 32_000
"""Numbers of draws are kept small; that they are above 0 is what matters to a measure."""


@dataclass(frozen=True)
class View(Folder):
    """Records of a run under other cells; nothing is copied before it is asked for."""

    base: Folder = field(default_factory=lambda: Folder(Path()))
    names: tuple[str, ...] = ()
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    codes: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    sample: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    draw: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.base.info

    @cached_property
    def samples(self) -> pa.Table:
        """The samples that the view holds records of: nobody else has a part in an interval."""
        table = self.base.samples
        return table.filter(pa.array(np.isin(table["order"].to_numpy(), self.sample)))

    @cached_property
    def cells(self) -> pa.Table:
        """One row for each cell of the view."""
        rows = [{**self.about[name], "cell": name, "order": i} for i, name in enumerate(self.names)]
        return pa.Table.from_pylist(rows, schema=CELLS)

    @cached_property
    def count(self) -> int:
        """How many records there are."""
        return len(self.rows)

    @property
    def parts(self) -> Sequence[Path]:
        """None: the records stand in another run's files, under other cells."""
        return ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.base.columns

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records as ``Folder.records`` does."""
        keep = np.arange(len(self.rows))
        if cells is not None:
            wanted = [i for i, name in enumerate(self.names) if name in set(cells)]
            keep = np.flatnonzero(np.isin(self.codes, wanted))
        table = self.base.records(columns=columns).unify_dictionaries().take(pa.array(self.rows[keep]))
        names = pa.DictionaryArray.from_arrays(
            pa.array(self.codes[keep], pa.int32()), pa.array(self.names, pa.string())
        )
        table = _put(table, "cell", names.cast(NAME))
        table = _put(table, "sample", pa.array(self.sample[keep], pa.int32()))
        return _put(table, "draw", pa.array(self.draw[keep], pa.int32()))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column as ``Folder.column`` does."""
        return self.base.column(name).unify_dictionaries().take(pa.array(self.rows))

    @staticmethod
    def of(run: Folder, blocks: Mapping[str, Sequence[str]], samples: Collection[int] | None = None) -> View:
        """Return a view whose cells are ``blocks``: each holds every record of the cells that it lists."""
        base = _base(run)
        few = np.ones(len(base.cell), bool) if samples is None else np.isin(base.sample, list(samples))
        rows, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for number, cells in enumerate(blocks.values()):
            wanted = np.zeros(len(base.ids) + 1, bool)
            wanted[[i for i, name in enumerate(base.ids) if name in set(cells)]] = True
            found = np.flatnonzero(few & wanted[base.cell])
            rows.append(found)
            numbers.append(np.full(len(found), number))
        row, code = np.concatenate(rows), np.concatenate(numbers)
        one = {name: len(set(cells)) == 1 for name, cells in blocks.items()}
        single = np.array(list(one.values()), bool)[code] if len(code) else np.zeros(0, bool)
        # a sample's records of several cells are repeats of it: each needs a draw of its own
        draws = int(base.draw.max(initial=0)) + 1
        draw = np.where(single, base.draw[row], base.cell[row] * draws + base.draw[row])
        about = {name: blended(run, set(cells)) for name, cells in blocks.items()}
        return View(run.path, run, tuple(blocks), about, row, code, base.sample[row], np.minimum(draw, _DRAWS))


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


@dataclass(frozen=True)
class _Base:
    """The keys of a run's records: position of the cell, "order" of the sample, draw."""

    ids: tuple[str, ...]
    cell: Ints
    sample: Ints
    draw: Ints


def _base(run: Folder) -> _Base:
    table = run.records(columns=[])
    ids = tuple(str(name) for name in run.cells["cell"].to_pylist())
    sample, draw = (table[name].to_numpy().astype(np.int64) for name in ("sample", "draw"))
    return _Base(ids, codes(table["cell"], ids), sample, draw)


def blended(run: Folder, cells: Collection[str]) -> dict[str, Any]:
    """Return what the rows of several cells agree on, for the row of the one cell that they become."""
    rows = [row for row in run.cells.to_pylist() if row["cell"] in cells]
    if not rows:
        return {"scenario": "", "modality": "", "perturbation": "", "profile": "", "streams": [], "lost": []}
    found = {name: value if all(row[name] == value for row in rows) else None for name, value in rows[0].items()}
    for name in ("scenario", "modality", "perturbation", "profile"):
        found[name] = found[name] or ""
    return {**found, "streams": found["streams"] or [], "lost": found["lost"] or []}


def with_clean(run: Folder, parts: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the parts with the clean cell beside them, so that a change against clean can be measured."""
    there = "clean" in run.cells["cell"].to_pylist()
    return {"clean": ["clean"], **parts} if there else dict(parts)


def pooled(run: Folder, parts: Mapping[str, Sequence[str]], samples: Collection[int] | None = None) -> View:
    """Return a view whose cells are ``parts``: each holds every record of the cells that it lists.

    The clean cell stays beside them. ``samples`` (their "order") are the only ones kept.
    """
    return View.of(run, with_clean(run, parts), samples)
