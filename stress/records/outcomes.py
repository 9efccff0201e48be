"""What became of the records, cell by cell: plain sums, so that those of parts of a run add up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Facts", "Failure"]

Ints = NDArray[np.int64]
Failure = tuple[int, int, str | None]
"""A way to fail: position of the cell, status (2 crash, 3 invalid, 4 timeout), message."""


@dataclass(frozen=True)
class Facts:
    """Number of records by (cell × status), and how many samples each cell has records of."""

    statuses: Ints
    present: Ints

    @cached_property
    def counts(self) -> dict[str, Ints]:
        """Records of each cell: all (``n``), failed, unchanged."""
        n, failed = self.statuses.sum(axis=1), self.statuses[:, 2:].sum(axis=1)
        return {"n": n, "failed": failed, "unchanged": self.statuses[:, 1]}

    @property
    def records(self) -> int:
        """Number of records."""
        return int(self.statuses.sum())

    @property
    def failed(self) -> int:
        """Number of records without a usable answer."""
        return int(self.statuses[:, 2:].sum())

    def __add__(self, other: Facts) -> Facts:
        """Return the facts of two sets of records that share no sample."""
        return Facts(self.statuses + other.statuses, self.present + other.present)
