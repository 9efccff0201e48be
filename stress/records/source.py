"""What everything that measures asks of records, wherever they are: a folder, a view of it, a block of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.records.layout import Layout

__all__ = ["Source"]


class Source(Protocol):
    """Records and what they are of: read from files when asked for, or held in memory.

    Implemented by a folder (``Folder``), cells under other names (``View``, ``Pool``), some samples (``Block``) and
    some cells (``Portion``). None of them is another: what each can do is asked of it here.
    """

    @property
    def path(self) -> Path:
        """The folder of the run."""
        ...

    @property
    def info(self) -> Mapping[str, Any]:
        """What ``run.json`` says."""
        ...

    @property
    def samples(self) -> pa.Table:
        """The samples: id, order, sequence, time, split, target, groups."""
        ...

    @property
    def cells(self) -> pa.Table:
        """The cells, in the order of the plan."""
        ...

    @property
    def held(self) -> bool:
        """Whether all records are in memory, or few enough that whoever made this source meant them to be."""
        ...

    @property
    def count(self) -> int:
        """How many records there are (at most, where counting them would mean reading them)."""
        ...

    @property
    def layout(self) -> Layout:
        """How many records each cell has, and where they stand."""
        ...

    @property
    def wide(self) -> bool:
        """Whether one of the cells has more records than may be held, so that ``only`` cannot give it."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the records."""
        ...

    def records(self, cells: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of some cells (or all), with the columns asked for (or all)."""
        ...

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records, in the order in which ``records`` has them."""
        ...

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of all records, as many records at a time as were written together."""
        ...

    def present(self, cell: str) -> NDArray[np.bool_]:
        """Return which of the samples have a record in a cell."""
        ...

    def only(self, cells: Sequence[str]) -> Source:
        """Return some of the cells with all their records. Raises InputError where one cannot be held."""
        ...

    def pieces(self, room: float) -> Iterator[tuple[list[int], Source]]:
        """Yield some records and the positions of their cells, about ``room`` records at a time, until all are seen.

        What fits is one piece. A cell may come in several pieces, whose sums add up to the cell's.
        """
        ...

    def blocks(self, size: int, columns: Sequence[str]) -> Iterator[Source]:
        """Yield all records of some samples, about ``size`` records at a time, until all samples are seen."""
        ...
