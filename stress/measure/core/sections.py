"""Rows that are worked out cell by cell: for all cells at once or, of a run that is too large, portion by portion.

A portion holds some cells with all their records, and the cells that these are compared with. Which cells must stand
together, and beside which, is all that a section of a table has to say of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.core.rows import Columns, build, tabled
from stress.records.layout import together

__all__ = ["Fill", "Needs", "Section", "apart", "beside_clean", "filled", "for_headline", "pieces", "portions_of"]

Fill = Callable[[Context], "list[dict[str, Any]] | pa.Table"]


@dataclass(frozen=True)
class Needs:
    """``bundles`` are cells that are measured together, ``beside`` those that every bundle is compared with."""

    bundles: Sequence[Sequence[int]]
    beside: Sequence[int] = ()


def apart(context: Context) -> Needs:
    """Each cell can be measured alone."""
    return Needs([(i,) for i in range(len(context.frame.ids))])


def beside_clean(context: Context) -> Needs:
    """Each cell is compared with the clean one."""
    return Needs(apart(context).bundles, () if context.frame.clean is None else (context.frame.clean,))


def for_headline(context: Context) -> Needs:
    """Each cell can be measured alone, unless the headline compares it with clean."""
    return (beside_clean if context.headline.top == "flip" else apart)(context)


@dataclass(frozen=True)
class Section:
    """How rows are filled in, which cells they need together, and the columns that they are ordered by before cells.

    Unless ``needs`` says otherwise each cell stands beside the clean one, and is compared with no other.
    """

    fill: Fill
    needs: Callable[[Context], Needs] = beside_clean
    order: tuple[str, ...] = ()


def portions_of(context: Context, needs: Needs) -> Iterator[tuple[Context, dict[str, int]]]:
    """Yield contexts of as many bundles as may be held at once, and the number of its bundle for each cell of those.

    Where all fits, that is one context: the whole. Where there is no bundle, it is one without any of their cells.
    """
    ids = context.frame.ids
    if not context.frame.large or not needs.bundles:
        yield context.only(needs.beside), {ids[i]: k for k, bundle in enumerate(needs.bundles) for i in bundle}
        return
    count, base = context.frame.run.layout.count, set(needs.beside)
    sizes = [sum(int(count[i]) for i in bundle if i not in base) for bundle in needs.bundles]
    for some in together(sizes, context.frame.room - sum(int(count[i]) for i in base)):
        own = {i: k for k in some for i in needs.bundles[k]}
        yield context.only([*base, *own]), {ids[i]: k for i, k in own.items()}


def pieces(context: Context) -> Iterator[tuple[Context, list[int]]]:
    """Yield contexts of all records, each in one, and the positions of their cells: for what can be added up."""
    for places, source in context.frame.run.pieces(context.frame.room):
        yield context.part(source), places


def filled(context: Context, sections: Sequence[tuple[Section, Columns]]) -> list[pa.Table]:
    """Return the rows of each section as a table; sections with equal needs share the portions that are read."""
    found: dict[int, pa.Table] = {}
    for needs in dict.fromkeys(section.needs for section, _ in sections):
        mine = [k for k, (section, _) in enumerate(sections) if section.needs == needs]
        parts: dict[int, list[tuple[pa.Table, NDArray[np.int64]]]] = {k: [] for k in mine}
        for some, numbers in portions_of(context, needs(context)):
            if some is context:  # the whole: its rows are complete, and in order
                found |= {k: _table(*sections[k], context) for k in mine}
                break
            for k in mine:
                parts[k].append(_own(_table(*sections[k], some), numbers))
            pa.default_memory_pool().release_unused()
        else:
            found |= {k: _joined(parts[k], *sections[k]) for k in mine}
    return [found[k] for k in range(len(sections))]


def _table(section: Section, columns: Columns, context: Context) -> pa.Table:
    return tabled(section.fill(context), columns)


def _own(table: pa.Table, numbers: Mapping[str, int]) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return the rows of a portion's own cells, and to which bundle each belongs: one of no cell to that before it."""
    cells = table["cell"].to_pylist()
    bundle = np.array([-1 if name is None else numbers.get(name, -2) for name in cells], np.int64)
    keep = np.flatnonzero(bundle != -2)
    bundle = bundle[keep]
    last = np.maximum.accumulate(np.where(bundle >= 0, np.arange(len(bundle)), -1))
    return table.take(pa.array(keep)), np.where(last >= 0, bundle[last], -1)


def _joined(pieces: Sequence[tuple[pa.Table, NDArray[np.int64]]], section: Section, columns: Columns) -> pa.Table:
    """Return the rows of all portions in the order in which one portion of all cells would have them."""
    table = pa.concat_tables([build([], columns), *(piece for piece, _ in pieces)])
    keys = [np.concatenate([bundle for _, bundle in pieces])]
    if section.order:
        keys.append(_ranks(table.select(section.order)))
    table = table.take(pa.array(np.lexsort(keys)))
    return table.filter(pa.array(_first(table)))


def _ranks(table: pa.Table) -> NDArray[np.int64]:
    """Return a number for each row, equal for equal rows, growing in the order in which they first appear."""
    whole = np.zeros(len(table), np.int64)
    for column in table.columns:
        encoded = column.combine_chunks().dictionary_encode()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        size = len(encoded.dictionary)
        whole = whole * (size + 1) + pc.fill_null(encoded.indices, size).to_numpy()
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    return first[inverse]


def _first(table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows to keep: all with a cell and, of those without (what is said of the whole run), each once."""
    keep = np.ones(len(table), bool)
    rows = np.flatnonzero(np.asarray(pc.is_null(table["cell"])))
    seen = set()
    for row, said in zip(rows, table.take(pa.array(rows)).to_pylist()):
        keep[row] = str(said) not in seen
        seen.add(str(said))
    return keep
