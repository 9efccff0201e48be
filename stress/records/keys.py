"""Which cell and sample each record is of, which draw it is, and what became of it: as positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import RunError
from stress.records import statuses
from stress.records.layout import codes
from stress.records.outcomes import Failure
from stress.records.source import Source

__all__ = ["Keys", "read_keys"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Keys:
    """Positions of each record's cell, sample and status (in ``statuses.names()``), and the number of its draw."""

    cell: Ints
    sample: Ints
    draw: NDArray[np.int16]
    status: Ints

    @property
    def counted(self) -> Ints | None:
        """Which records say something of the model, where not all do: no number is made of the others."""
        left = statuses.flags(lambda status: status.counts == "left out")[self.status]
        return np.flatnonzero(~left) if left.any() else None

    def of(self, rows: Ints) -> Keys:
        """Return the keys of some of the records."""
        return Keys(self.cell[rows], self.sample[rows], self.draw[rows], self.status[rows])

    def by_status(self, cells: int) -> Ints:
        """Return the number of records by (cell × status)."""
        size = len(statuses.names())
        return np.bincount(self.cell * size + self.status, minlength=cells * size).reshape(-1, size)

    def failures(self, errors: Callable[[], pa.ChunkedArray] | None) -> Counter[Failure]:
        """Return how many records have no usable answer, by cell, status and message."""
        names = statuses.names()
        rows = np.flatnonzero(~np.isin(names, statuses.answered())[self.status])
        unknown = errors is None or not len(rows)
        texts = [None] * len(rows) if unknown else errors().take(pa.array(rows)).to_pylist()  # type: ignore[misc]
        return Counter(zip(self.cell[rows].tolist(), [names[i] for i in self.status[rows].tolist()], texts))


def read_keys(run: Source, cells: Sequence[str], place: Ints) -> Keys:
    """Return the keys of all records; ``place`` gives the position of the sample of each ``order``.

    Raises RunError where a record names a cell, a sample or a status that is not known.
    """
    table = run.records(columns=["status"])
    cell, status = codes(table["cell"], cells), codes(table["status"], statuses.names())
    sample = place[table["sample"].to_numpy()]
    if min(cell.min(initial=0), sample.min(initial=0), status.min(initial=0)) < 0:
        raise RunError(f"{run.path}: records must name cells, samples and statuses that the run knows.")
    return Keys(cell, sample, table["draw"].to_numpy().astype(np.int16), status)
