"""All units of a run, and those that are left to do: named by number, so that millions of them cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unit", "Units"]


@dataclass(frozen=True, order=True)
class Unit:
    """The name of a unit: positions of the shard and the cell in the plan, and the draw."""

    shard: int
    cell: int
    draw: int


class Units(Sequence[Unit]):
    """Every cell on every shard, each draw of it, in the order in which they are done: shards outside, cells inside.

    ``draws`` is how often each cell is asked: not at all where another's records are its own. ``numbers`` are the
    units that are meant, of all; a unit is made when it is looked at.
    """

    def __init__(self, shards: int, draws: Sequence[int], numbers: NDArray[np.int64] | None = None) -> None:
        self._shards, self._numbers = shards, numbers
        self._draws = np.asarray(draws, np.int64)
        self._first = np.cumsum(self._draws) - self._draws
        """Place of each cell's first draw in a shard."""
        self._each = int(self._draws.sum())
        """Units of one shard."""
        self._cell = np.repeat(np.arange(len(self._draws)), self._draws)
        """Cell of each place in a shard."""

    def __len__(self) -> int:
        return self._shards * self._each if self._numbers is None else len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Unit: ...
    @overload
    def __getitem__(self, index: slice) -> Units: ...
    def __getitem__(self, index: int | slice) -> Unit | Units:
        if isinstance(index, slice):
            numbers = np.arange(len(self)) if self._numbers is None else self._numbers
            return self._some(numbers[index])
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self._unit(index if self._numbers is None else int(self._numbers[index]))

    def __iter__(self) -> Iterator[Unit]:
        return map(self._unit, range(len(self)) if self._numbers is None else map(int, self._numbers))

    def _some(self, numbers: NDArray[np.int64]) -> Units:
        return Units(self._shards, self._draws.tolist(), numbers)

    def _unit(self, number: int) -> Unit:
        shard, place = divmod(number, self._each)
        cell = int(self._cell[place])
        return Unit(shard, cell, place - int(self._first[cell]))

    def without(self, done: Iterable[Unit]) -> Units:
        """Return the units that are not among those done, in order."""
        left = np.zeros(self._shards * self._each, bool)
        left[slice(None) if self._numbers is None else self._numbers] = True
        for unit in done:
            if unit.shard < self._shards and unit.cell < len(self._draws) and unit.draw < self._draws[unit.cell]:
                left[unit.shard * self._each + self._first[unit.cell] + unit.draw] = False
        return self._some(np.flatnonzero(left))
