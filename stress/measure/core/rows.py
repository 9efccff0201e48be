"""Rows into tables: one schema for all numbers with an interval, and what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.records.cells import CellRow

__all__ = ["CELL", "INTERVAL", "build", "expand", "tabled"]

CELL: Mapping[str, tuple[pa.DataType, str]] = {
    "scenario": (pa.string(), "the scenario that the cell is part of; 'clean' for the clean cell"),
    "stream": (pa.string(), "streams that are touched, joined by '+'"),
    "modality": (pa.string(), "modalities of the streams that are touched, joined by '+'"),
    "perturbation": (pa.string(), "names, joined by ' > ', in the order they are applied"),
    "profile": (pa.string(), "level tables that were used"),
    "severity": (pa.float64(), "the one severity; 0 is clean; null where the cell has none or several"),
    "category": (pa.string(), "the one category (a language, a fill rule), where there is one"),
    "lost": (pa.string(), "streams that the model was given nothing of, joined by '+'"),
    "fallback": (pa.string(), "'drop' where the degraded streams were dropped instead"),
    "cell": (pa.string(), "id of the cell"),
}

INTERVAL: Mapping[str, tuple[pa.DataType, str]] = {
    "metric": (pa.string(), "what is measured"),
    "value": (pa.float64(), "the number; null where it is undefined, and note says why"),
    "low": (pa.float64(), "lower end of the confidence interval; null where there is none"),
    "high": (pa.float64(), "upper end of the confidence interval; null where there is none"),
    "n": (pa.int64(), "records that it rests on"),
    "failed": (pa.int64(), "of these, records without a usable answer (crash, invalid, timeout)"),
    "unchanged": (pa.float64(), "share of the records in which no perturbation could act; null where it means nothing"),
    "method": (pa.string(), "how the interval was found"),
    "few": (pa.bool_(), "whether the interval is Student's t of fewer than 20 clusters"),
    "trials": (pa.float64(), "independent yes-or-no answers that it is worth, where it is a share of such answers"),
    "freedom": (pa.float64(), "degrees of freedom with which trials was estimated from clusters"),
    "note": (pa.string(), "why a number is missing, or what to know before using it"),
}

Columns = Mapping[str, tuple[pa.DataType, str]]


def expand(
    cells: Sequence[CellRow],
    counts: Mapping[str, NDArray[np.int64]],
    columns: Columns,
    cell: NDArray[np.int64],
    found: Mapping[str, NDArray[Any]],
) -> pa.Table:
    """Return a table from whole columns; what is known of a cell is looked up by its position, ``cell``."""
    n = np.maximum(counts["n"], 1)
    about = {"n": counts["n"], "failed": counts["failed"]}
    about["unchanged"] = np.where(counts["n"] > 0, counts["unchanged"] / n, np.nan)
    places = pa.array(cell)
    known = [row.about for row in cells]
    arrays = {}
    for name, (kind, _) in columns.items():
        if name in found:
            arrays[name] = _column(found[name], kind)
        elif name in CELL:
            arrays[name] = pa.array([row[name] for row in known], kind).take(places)
        elif name in about:
            arrays[name] = _column(about[name], kind).take(places)
        else:
            arrays[name] = pa.nulls(len(cell), kind)
    return pa.table(arrays)


def _column(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        return pa.array(values, kind, mask=~np.isfinite(values))
    return pa.array(values, kind) if values.dtype == object else pa.array(values).cast(kind, safe=False)


def tabled(rows: Iterable[Mapping[str, Any]] | pa.Table, columns: Columns) -> pa.Table:
    """Return rows as a table, whichever of the two they are."""
    return rows if isinstance(rows, pa.Table) else build(rows, columns)


def build(rows: Iterable[Mapping[str, Any]], columns: Columns) -> pa.Table:
    """Return rows as a table; a column that a row lacks is null, and a number that is not finite too."""
    listed: Sequence[Mapping[str, Any]] = list(rows)
    arrays = {}
    for name, (kind, _) in columns.items():
        values = [row.get(name) for row in listed]
        if pa.types.is_floating(kind):
            found = np.array([np.nan if v is None else v for v in values], np.float64)
            arrays[name] = pa.array(found, kind, mask=~np.isfinite(found))
        elif pa.types.is_integer(kind):
            arrays[name] = pa.array([None if v is None else int(v) for v in values], kind)
        else:
            arrays[name] = pa.array(values, kind)
    return pa.table(arrays)
