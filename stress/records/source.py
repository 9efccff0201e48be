"""What everything that measures asks of records, wherever they are: a folder, a view of it, a block of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from stress.records.layout import Layout

__all__ = ["Source"]


class Source(Protocol):
    """Records and what they are of. ``parts`` are the files that hold them and nothing else, where there are such."""

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
    def parts(self) -> Sequence[Path]:
        """The files of the records."""
        ...

    @property
    def count(self) -> int:
        """How many records there are."""
        ...

    @property
    def layout(self) -> Layout:
        """Where the records of each cell stand."""
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
