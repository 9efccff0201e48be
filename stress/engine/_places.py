"""Which unit a record belongs to, and which units of a run are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.engine._units import Unit
from stress.records.layout import codes

__all__ = ["BEYOND", "REPEATED", "UNKNOWN", "Places"]

Ints = NDArray[np.int64]
UNKNOWN = -1
"""A record of a cell that the run does not have."""
BEYOND = -2
"""A record of a sample that the run does not visit, for now."""
REPEATED = -3
"""A record of a further draw of a cell in which nothing is left to chance: the first says all that it does."""


@dataclass(frozen=True)
class Places:
    """The cells, their draws, and the shards of a run; a unit's number puts shards outside, then cells, then draws.

    ``most`` is how many draws a cell may have had before it was known that one is enough.
    """

    cells: Sequence[str]
    draws: Sequence[int]
    shards: Sequence[Any]
    most: int

    @cached_property
    def _shard_of(self) -> Ints:
        last = max((int(shard.max()) for shard in self.shards if len(shard)), default=-1)
        found = np.full(last + 1, -1, np.int64)
        for number, shard in enumerate(self.shards):
            found[shard] = number
        return found

    @cached_property
    def sizes(self) -> Ints:
        """How many records each shard has in a cell."""
        return np.array([len(shard) for shard in self.shards], np.int64)

    def numbers(self, table: pa.Table) -> Ints:
        """Return the number of the unit of each record, ``BEYOND`` or ``UNKNOWN``."""
        cell = codes(table["cell"], self.cells)
        sample, draw = (table[name].to_numpy().astype(np.int64) for name in ("sample", "draw"))
        inside = (sample >= 0) & (sample < len(self._shard_of))
        shard = np.where(inside, self._shard_of[np.where(inside, sample, 0)], -1)
        found = (shard * len(self.cells) + cell) * self.most + draw
        found[shard < 0] = BEYOND
        found[draw >= np.array([*self.draws, self.most])[cell]] = REPEATED
        found[(cell < 0) | (draw < 0) | (draw >= self.most) | (sample < 0)] = UNKNOWN
        return found

    def number(self, unit: Unit) -> int:
        """Return the number of a unit."""
        return (unit.shard * len(self.cells) + unit.cell) * self.most + unit.draw

    def unit(self, number: int) -> Unit:
        """Return the unit of a number."""
        rest, draw = divmod(int(number), self.most)
        shard, cell = divmod(rest, len(self.cells))
        return Unit(shard, cell, draw)

    def size(self, number: int) -> int:
        """Return how many records a unit has."""
        return int(self.sizes[self.unit(number).shard])
