"""The samples of a shard, and what several of its cells need."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perturbations import Sample
from scenarios import Cell
from stress.data import Samples
from stress.engine._streams import Shared

__all__ = ["Shard"]


class Shard:
    """The samples of a shard, decoded once and kept while its cells run; ``done`` lets go of them after the last.

    ``shared`` is what several of its cells need.
    """

    def __init__(self, data: Samples, positions: NDArray[np.int64], uses: int, cells: Sequence[Cell]) -> None:
        self.positions = positions.tolist()
        self.shared: Shared | None = None
        self._cells, self._data, self._uses, self._lock = cells, data, uses, threading.Lock()
        self._samples: list[Sample] | None = None

    def samples(self, proof: Sequence[str] = ()) -> list[Sample]:
        """Return the decoded samples, proved to be those that the run began with; ``proof``: by another's digests."""
        with self._lock:
            if self._samples is None:
                self._samples = self._data.proven(self.positions, proof)
                self.shared = Shared(self._cells)
            return self._samples

    def done(self) -> None:
        """Say that one more unit is finished."""
        with self._lock:
            self._uses -= 1
            if self._uses == 0:
                self._samples = self.shared = None
