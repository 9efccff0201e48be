"""A run seen otherwise: some of its cells as one, or some samples only.

A view is a run to everything that measures. A metric over a selection of cells is then found by the same code as a
metric of a cell, with the same weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stress.records.layout import Layout, codes
from stress.records.schema import CELLS, NAME
from stress.records.source import Source
from stress.records.statuses import INVALID

__all__ = ["View", "about_cells", "blended", "pooled", "weights", "with_clean"]

Ints = NDArray[np.int64]
_DRAWS = 32_000
"""Numbers of draws are kept small; that they are above 0 is what matters to a measure."""


@dataclass(frozen=True)
class View:
    """Records of a run under other cells; nothing is copied before it is asked for.

    ``rows`` are positions among the base's records; ``codes``, ``sample`` and ``draw`` their keys in this view. Of
    those in ``silent`` (positions in the view) no answer is given: they count as failures, whatever the base holds.
    """

    base: Source
    names: tuple[str, ...]
    about: Mapping[str, Mapping[str, Any]]
    rows: Ints
    codes: Ints
    sample: Ints
    draw: Ints
    silent: Ints | None = None

    held = True
    wide = False

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.base.path

    @property
    def info(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        return self.base.info

    @cached_property
    def samples(self) -> pa.Table:
        """The samples that the view holds records of: no other has a part in an interval."""
        table = self.base.samples
        there = np.isin(table["order"].to_numpy(), self.sample)
        return table if there.all() else table.filter(pa.array(there))

    @cached_property
    def cells(self) -> pa.Table:
        """One row for each cell of the view."""
        rows = [{**self.about[name], "cell": name, "order": i} for i, name in enumerate(self.names)]
        return pa.Table.from_pylist(rows, schema=CELLS)

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.rows)

    @cached_property
    def layout(self) -> Layout:
        """How many records each cell has; they stand in another run's files."""
        return Layout((), (), np.bincount(self.codes, minlength=len(self.names)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        return self.base.columns

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), with the columns asked for (or all)."""
        keep = np.arange(len(self.rows)) if cells is None else self._of(cells)
        table = self.base.records(columns=columns).unify_dictionaries().take(pa.array(self.rows[keep]))
        if self.silent is not None:
            gone = np.isin(keep, self.silent)
            table = pa.table({name: _silenced(name, table[name], gone) for name in table.column_names})
        names = pa.DictionaryArray.from_arrays(
            pa.array(self.codes[keep], pa.int32()), pa.array(self.names, pa.string())
        )
        table = _put(table, "cell", names.cast(NAME))
        table = _put(table, "sample", pa.array(self.sample[keep], pa.int32()))
        return _put(table, "draw", pa.array(self.draw[keep], pa.int32()))

    def _of(self, cells: Sequence[str]) -> Ints:
        some = set(cells)
        wanted = [i for i, name in enumerate(self.names) if name in some]
        return np.flatnonzero(np.isin(self.codes, wanted))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records."""
        if name in ("cell", "sample", "draw"):  # those of the view, not of what it is made of
            return self.records(columns=[])[name]
        found = self.base.column(name).unify_dictionaries().take(pa.array(self.rows))
        return found if self.silent is None else _silenced(name, found, np.isin(np.arange(len(self.rows)), self.silent))

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records at once."""
        yield self.records(columns=columns).select(list(columns))

    def present(self, cell: str) -> NDArray[np.bool_]:
        """Return which of the samples have a record in a cell."""
        found: NDArray[np.bool_] = self._presence[self._place[cell]]
        return found

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def _presence(self) -> NDArray[np.bool_]:
        """Whether there is a record of each (cell × sample), both by position."""
        orders = self.samples["order"].to_numpy().astype(np.int64)
        order = np.argsort(orders)
        found = np.zeros((len(self.names), len(orders)), bool)
        found[self.codes, order[np.searchsorted(orders, self.sample, sorter=order)]] = True
        return found

    def only(self, cells: Sequence[str]) -> View:
        """Return some of the cells."""
        some = set(cells)
        return View.of(self, {name: [name] for name in self.names if name in some})

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield all records at once: they are in memory."""
        yield list(range(len(self.names))), self

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[Source]:
        """Yield all records at once: they are in memory."""
        if self.count:
            yield self

    @staticmethod
    def of(
        run: Source,
        blocks: Mapping[str, Sequence[str]],
        samples: Collection[int] | None = None,
        times: Mapping[str, Mapping[str, int]] | None = None,
    ) -> View:
        """Return a view whose cells are ``blocks``: each holds every record of the cells that it lists.

        ``times`` is how often it holds those of each cell, where the run does not hold all of the block's cells.
        """
        base, times = _base(run), weights(run, blocks) if times is None else times
        few = np.ones(len(base.cell), bool) if samples is None else np.isin(base.sample, list(samples))
        place = {name: i for i, name in enumerate(base.ids)}
        none = np.zeros(0, np.int64)
        rows, numbers, repeats = [none], [none], [none]
        kept = np.flatnonzero(few & (base.cell >= 0))
        order = kept[np.argsort(base.cell[kept], kind="stable")]
        ends = np.searchsorted(base.cell[order], np.arange(len(base.ids) + 1))
        for number, (name, cells) in enumerate(blocks.items()):
            those = [(place[each], times[name].get(each, 1)) for each in set(cells) & place.keys()]
            mine = np.concatenate([none, *(order[ends[at] : ends[at + 1]] for at, _ in those)])
            often = np.repeat([count for _, count in those], [ends[at + 1] - ends[at] for at, _ in those])
            sort = np.argsort(mine, kind="stable")  # as they stand among the base's records
            mine, often = mine[sort], often[sort].astype(np.int64)
            found = np.repeat(mine, often)
            rows.append(found)
            numbers.append(np.full(len(found), number))
            repeats.append(np.arange(len(found)) - np.repeat(np.cumsum(often) - often, often))
        row, code, again = (np.concatenate(each) for each in (rows, numbers, repeats))
        one = {name: len(set(cells)) == 1 for name, cells in blocks.items()}
        single = np.array(list(one.values()), bool)[code] if len(code) else np.zeros(0, bool)
        # a sample's records of several cells are repeats of it: each needs a draw of its own
        draws = int(base.draw.max(initial=0) + again.max(initial=0)) + 1
        draw = np.where(single, base.draw[row], base.cell[row] * draws + base.draw[row] + again)
        known = about_cells(run)
        about = {name: blended(known, set(cells)) for name, cells in blocks.items()}
        return View(run, tuple(blocks), about, row, code, base.sample[row], np.minimum(draw, _DRAWS))


def _silenced(name: str, values: pa.ChunkedArray, gone: NDArray[np.bool_]) -> pa.ChunkedArray:
    """Return a column in which some records have no answer: unusable ones, of which only the input is known."""
    if name in ("cell", "sample", "draw", "seconds", "batch") or name.startswith(("signal.", "distortion.")):
        return values
    if name in ("status", "error"):
        said = INVALID.name if name == "status" else "no answer was given"
        texts = [said if bad else text for bad, text in zip(gone, values.to_pylist())]
        return pa.chunked_array([pa.array(texts, pa.string()).dictionary_encode().cast(NAME)])
    keep = pa.array(np.where(gone, -1, np.arange(len(gone))), pa.int64())
    return values.take(pc.if_else(pc.less(keep, 0), pa.scalar(None, pa.int64()), keep))


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


@dataclass(frozen=True)
class _Base:
    """The keys of a run's records: position of the cell, "order" of the sample, draw."""

    ids: tuple[str, ...]
    cell: Ints
    sample: Ints
    draw: Ints


def _base(run: Source) -> _Base:
    table = run.records(columns=[])
    ids = tuple(str(name) for name in run.cells["cell"].to_pylist())
    sample, draw = (table[name].to_numpy().astype(np.int64) for name in ("sample", "draw"))
    return _Base(ids, codes(table["cell"], ids), sample, draw)


def weights(run: Source, blocks: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """Return how often each cell's records count where cells are pooled: all cells alike, drawn once or several times.

    What leaves nothing to chance is drawn once, and that is as good as any number of equal draws.
    """
    known = {row["cell"]: row.get("draws") or 1 for row in run.cells.to_pylist()}
    found = {}
    for name, cells in blocks.items():
        often = {cell: known[cell] for cell in set(cells) if cell in known}
        most = max(often.values(), default=1)
        found[name] = {cell: max(most // count, 1) for cell, count in often.items()}
    return found


def about_cells(run: Source) -> dict[str, dict[str, Any]]:
    """Return the rows of a run's cells, by their ids."""
    return {row["cell"]: row for row in run.cells.to_pylist()}


def blended(known: Mapping[str, Mapping[str, Any]], cells: Collection[str]) -> dict[str, Any]:
    """Return what the rows of several cells agree on, for the row of the one cell that they become."""
    rows = [known[name] for name in cells if name in known]
    if not rows:
        return {"scenario": "", "modality": "", "perturbation": "", "profile": "", "streams": [], "lost": []}
    found = {name: value if all(row[name] == value for row in rows) else None for name, value in rows[0].items()}
    for name in ("scenario", "modality", "perturbation", "profile"):
        found[name] = found[name] or ""
    return {**found, "streams": found["streams"] or [], "lost": found["lost"] or []}


def with_clean(run: Source, parts: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the parts with the clean cell beside them, so that a change against clean can be measured."""
    there = "clean" in run.cells["cell"].to_pylist()
    return {"clean": ["clean"], **parts} if there else dict(parts)


def pooled(run: Source, parts: Mapping[str, Sequence[str]], samples: Collection[int] | None = None) -> View:
    """Return a view whose cells are ``parts``: each holds every record of the cells that it lists.

    The clean cell stays beside them. ``samples`` (their "order") are the only ones kept.
    """
    return View.of(run, with_clean(run, parts), samples)
