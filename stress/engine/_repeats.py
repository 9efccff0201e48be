"""What is asked once and stands under several names: cells in which the model is given the same, draw by draw."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from scenarios import Cell, content, drawn
from stress.engine._units import Unit

__all__ = ["Repeats"]


@dataclass(frozen=True)
class Repeats:
    """The cells of a plan, by whose calls their records come to be.

    ``draws`` is how often a suite draws what is left to chance. A model that answers the same question in several ways
    (``steady`` false) is asked so often in every cell, as its answers are a draw, too.
    """

    cells: Sequence[Cell]
    draws: int
    steady: bool = True

    @cached_property
    def names(self) -> dict[int, tuple[int, ...]]:
        """The cells that are asked, and for each the cells (itself first) that its records stand for."""
        found: dict[object, list[int]] = {}
        for position, cell in enumerate(self.cells):
            found.setdefault(content(cell), []).append(position)
        return {same[0]: tuple(same) for same in found.values()}

    @cached_property
    def asked(self) -> list[Cell]:
        """The cells that are asked."""
        return [self.cells[position] for position in self.names]

    @cached_property
    def drawn(self) -> list[int]:
        """Number of draws of each cell: one where nothing is left to chance, and of the clean cell."""
        found = [1] * len(self.cells)
        for first, same in self.names.items():
            often = first and (drawn(self.cells[first]) or not self.steady)
            for position in same:
                found[position] = self.draws if often else 1
        return found

    @cached_property
    def calls(self) -> list[int]:
        """Number of draws of each cell for which the model is asked: none where another cell's calls are its own."""
        return [count if position in self.names else 0 for position, count in enumerate(self.drawn)]

    def whole(self, there: Collection[Unit]) -> list[Unit]:
        """Return the units, of those that are asked, whose records are there under each of their names."""
        return [unit for unit in there if unit.cell in self.names and all(each in there for each in self._under(unit))]

    def _under(self, unit: Unit) -> list[Unit]:
        return [Unit(unit.shard, position, unit.draw) for position in self.names[unit.cell]]

    def named(self, unit: Unit, table: pa.Table, there: Collection[Unit]) -> Iterator[pa.Table]:
        """Yield a unit's records under each of its names under which they are not there yet."""
        for each in self._under(unit):
            if each not in there:
                yield table if each == unit else _called(table, self.cells[each.cell].id)


def _called(table: pa.Table, name: str) -> pa.Table:
    cells = pa.DictionaryArray.from_arrays(np.zeros(len(table), np.int32), [name])
    return table.set_column(table.column_names.index("cell"), table.schema.field("cell"), cells)
