"""Blocks: inputs that belong together – frames of a sequence – are one look, of the mean of the first of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from stress.statistics.arrays import Floats

__all__ = ["Blocks"]

_OPEN = 4096
"""Blocks that are remembered: one that goes on later than that is looked at again."""


class Blocks:
    """Blocks that are open or were looked at, the latest last; each is the mean of its first ``frames`` inputs."""

    def __init__(self, frames: int, signals: int) -> None:
        self.frames, self._signals = frames, signals
        self._open: OrderedDict[str, tuple[int, Floats, Floats]] = OrderedDict()

    def add(self, block: str, values: Floats) -> Floats | None:
        """Add an input; return the block's values where it is now as long as those of the reference."""
        count, total, there = self._open.pop(block, (0, np.zeros(self._signals), np.zeros(self._signals)))
        found = None
        if count < self.frames:
            known = np.isfinite(values)
            count, total, there = count + 1, total + np.where(known, values, 0.0), there + known
            if count == self.frames:
                found = np.divide(total, there, out=np.full(self._signals, np.nan), where=there > 0)
        self._open[block] = (count, total, there)
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return found

    def state(self) -> tuple[list[Any], Floats]:
        """Return the blocks: names with counts; sums and numbers of what is defined (blocks × 2 × signals)."""
        sums = [np.stack(each[1:]) for each in self._open.values()]
        shape = (0, 2, self._signals)
        return [[name, each[0]] for name, each in self._open.items()], np.array(sums) if sums else np.zeros(shape)

    def restore(self, names: list[Any], sums: Floats) -> None:
        """Go on where the state was taken."""
        self._open = OrderedDict((name, (int(count), one[0], one[1])) for (name, count), one in zip(names, sums))
