"""The tables of a run folder: which columns there are, and what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from perturbations.modality import MODALITIES
from scenarios import MACHINE, Cell
from stress.records.cells import MISSING

__all__ = ["CELLS", "cells_table", "record_schema"]

NAME = pa.dictionary(pa.int32(), pa.string())

CELLS = pa.schema(
    {
        "cell": pa.string(),  # id, unique in the run
        "order": pa.int32(),  # place in the plan; clean is 0
        "scenario": pa.string(),
        "grid": pa.string(),  # joint, product, each, pairwise, subsets, timeline
        "modality": pa.string(),  # of the streams that are touched, and "machine", joined by "+"; "" when clean
        "streams": pa.list_(pa.string()),  # that are degraded; those that are only lost stand under "lost"
        "lost": pa.list_(pa.string()),  # that the model is given nothing of (or a fill for)
        "fill": pa.string(),  # the fill rule, where a stream is lost
        "perturbation": pa.string(),  # names joined by " > ", in order
        "profile": pa.string(),
        "severity": pa.float64(),  # the one severity, where there is one
        "category": pa.string(),  # the one category, where there is one
        "axes": pa.string(),  # all coordinates, JSON
        "fallback": pa.string(),
        "conditions": pa.string(),  # everything, JSON
        "base": pa.string(),  # of a fallback that is one cell's own: the id of that cell
        "draws": pa.int32(),  # how often it is drawn: once where nothing is left to chance; null in older runs
    }
)


def record_schema(columns: Mapping[str, pa.DataType], measured: Iterable[str], kept: bool = False) -> pa.Schema:
    """Return the schema of the records of a task; ``measured`` are the names of distortion and signal columns.

    With ``kept`` a record names the answer it rests on, as the run's folder keeps it.
    """
    return pa.schema(
        {
            "cell": NAME,
            "sample": pa.int32(),  # "order" of samples.parquet
            "draw": pa.int16(),
            "status": NAME,  # see stress.records.statuses
            "score": pa.float64(),  # null for a failure
            **columns,
            **dict.fromkeys(measured, pa.float32()),
            **({"answer": NAME} if kept else {}),
            "error": NAME,
            "seconds": pa.float64(),  # of the call that answered, which had
            "batch": pa.int32(),  # so many samples
        }
    )


def cells_table(cells: Sequence[Cell], streams: Mapping[str, str], draws: Sequence[int] = ()) -> pa.Table:
    """Return the cells as a table; ``streams`` gives the modality of each stream, ``draws`` how often each is drawn."""
    often: Sequence[int | None] = draws or [None] * len(cells)
    rows = [_row(order, cell, streams, count) for order, (cell, count) in enumerate(zip(cells, often))]
    return pa.Table.from_pylist(rows, schema=CELLS)


def _row(order: int, cell: Cell, streams: Mapping[str, str], draws: int | None) -> dict[str, Any]:
    # A stream that is only lost is the setting, not the subject, of a cell in which others are degraded.
    subject = [c for c in cell.conditions if c.perturbation != MISSING] or list(cell.conditions)
    named = list(dict.fromkeys(c.stream for c in subject if c.stream))
    touched = {streams[name] for name in named} | ({MACHINE} if cell.machine else set())
    categories = list(dict.fromkeys(c.category for c in cell.conditions if c.category is not None))
    lost = [c for c in cell.conditions if c.perturbation == MISSING]
    dropped = cell.streams if cell.fallback == "drop" else tuple(dict.fromkeys(c.stream for c in lost))
    fills = ["none"] if cell.fallback == "drop" else list(dict.fromkeys(str(c.settings["fill"]) for c in lost))
    return {
        "cell": cell.id,
        "order": order,
        "scenario": cell.scenario,
        "grid": cell.grid,
        "modality": "+".join(name for name in (*MODALITIES, MACHINE) if name in touched),
        "streams": named,
        "lost": list(dropped),
        "fill": "+".join(fills) if dropped else None,
        "perturbation": " > ".join(dict.fromkeys(c.perturbation for c in subject)),
        "profile": "+".join(sorted({c.profile for c in cell.conditions if c.profile})),
        "severity": cell.severity,
        "category": categories[0] if len(categories) == 1 else None,
        "axes": json.dumps(dict(cell.axes), sort_keys=True),
        "fallback": cell.fallback,
        "base": cell.base,
        "conditions": json.dumps([c.identity() for c in cell.conditions], sort_keys=True, ensure_ascii=False),
        "draws": draws,
    }
