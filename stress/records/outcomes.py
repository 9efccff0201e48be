"""What became of the records, cell by cell: plain sums, so that those of parts of a run add up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stress.records import statuses

__all__ = ["Failure", "StatusCounts"]

Ints = NDArray[np.int64]
Failure = tuple[int, str, str | None]
"""How a record came to have no usable answer: position of the cell, name of the status, message."""


@dataclass(frozen=True)
class StatusCounts:
    """Number of records by (cell × status), and how many samples each cell has records of that count."""

    by_cell: Ints
    present: Ints

    @classmethod
    def none(cls, cells: int) -> StatusCounts:
        """Return the counts of no records."""
        return cls(np.zeros((cells, len(statuses.names())), np.int64), np.zeros(cells, np.int64))

    @cached_property
    def counts(self) -> dict[str, Ints]:
        """Records of each cell that count (``n``), and how many of these failed or were left unchanged."""
        counted, failed, still = (
            self.by_cell[:, statuses.flags(holds)].sum(axis=1)
            for holds in (
                lambda status: status.counts != "left out",
                lambda status: status.counts == "failed",
                lambda status: not status.acted,
            )
        )
        return {"n": counted, "failed": failed, "unchanged": still}

    @cached_property
    def by_status(self) -> dict[str, int]:
        """Number of records of each status, by its name."""
        return dict(zip(statuses.names(), self.by_cell.sum(axis=0).tolist()))

    @property
    def records(self) -> int:
        """Number of records that count."""
        return int(self.counts["n"].sum())

    @property
    def failed(self) -> int:
        """Number of records without a usable answer, by the model's fault."""
        return int(self.counts["failed"].sum())

    @property
    def left_out(self) -> int:
        """Number of records that say nothing of the model and count nowhere."""
        return int(self.left_out_by_cell.sum())

    @property
    def left_out_by_cell(self) -> Ints:
        """The same, of each cell."""
        found: Ints = self.by_cell[:, statuses.flags(lambda status: status.counts == "left out")].sum(axis=1)
        return found

    def __add__(self, other: StatusCounts) -> StatusCounts:
        """Return the counts of two sets of records that share no sample."""
        return StatusCounts(self.by_cell + other.by_cell, self.present + other.present)
