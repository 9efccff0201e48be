"""Where a model gives no usable answer, how often, and in which words: each kind once per cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure._cells import counted
from stress.measure._context import Context
from stress.measure._frame import FAILURES
from stress.measure._tables import CELL, about_cell

__all__ = ["FAILED", "failure_rows"]

FAILED: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "status": (pa.string(), "crash (the model raised), invalid (not a usable answer) or timeout"),
    "error": (pa.string(), "the message, where there is one"),
    "records": (pa.int64(), "records of the cell that failed in this way"),
    "n": (pa.int64(), "records of the cell"),
}


def failure_rows(context: Context) -> list[dict[str, Any]]:
    """Return one row per cell, status and message of the failed records."""
    frame = context.frame
    rows = np.flatnonzero(frame.failed)
    if not len(rows):
        return []
    texts = frame.raw("error").take(pa.array(rows)).to_pylist() if frame.has("error") else [None] * len(rows)
    found: dict[tuple[int, int, str | None], int] = {}
    for cell, status, text in zip(frame.cell[rows].tolist(), frame.status[rows].tolist(), texts):
        found[cell, status, text] = found.get((cell, status, text), 0) + 1
    listed = sorted(found.items(), key=lambda entry: (entry[0][0], -entry[1], str(entry[0])))
    return [
        {
            **about_cell(frame.cells[cell]),
            "status": FAILURES[status - 2],
            "error": text,
            "records": count,
            "n": counted(context, cell)["n"],
        }
        for (cell, status, text), count in listed
    ]
