"""What a person should read first: the headline, every scenario in a row, and what must not be overlooked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from stress.measure.core.cells import absent, cell_table, columns_of, counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.session.registry import make
from stress.measure.session.warnings import warnings
from stress.measure.tables.cells import CELLS
from stress.records.stopping import stopped_cells

__all__ = ["summarise"]


def summarise(context: Context) -> Mapping[str, Any]:
    """Return a run's headline numbers as plain data, ready to print, to write as JSON or to draw.

    ``task``, ``metric``, ``better``, ``samples``, ``cells``, ``records``; ``clean`` (value, low, high, n, failed);
    ``scenarios``: a row for each curve or ungraded scenario, each measure a mapping with value, low, high, note;
    ``statuses``: how many records ended how; ``errors``: the most frequent messages; ``warnings``: plain sentences.
    """
    frame, metric = context.frame, context.headline
    return {
        "task": frame.declared.task,
        "metric": metric.name,
        "better": metric.better,
        "samples": len(frame.samples),
        "cells": len(frame.ids),
        "records": context.status_counts.records,
        "cluster": context.clusters.by,
        "confidence": context.options.confidence,
        "clean": _clean(context),
        "scenarios": _scenarios(context),
        "statuses": context.status_counts.by_status,
        "errors": _errors(context),
        "warnings": [each.text for each in context.once(warnings)],
    }


def _plain(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _clean(context: Context) -> dict[str, Any] | None:
    metric, clean = context.headline, context.frame.clean
    if clean is None:
        return None
    note = absent(context, metric)
    if note is None and stopped_cells(context.frame.run):
        rows = make(context, "cells").to_pylist()
        return Number.of(next(r for r in rows if r["cell"] == "clean" and r["metric"] == metric.name)).row()
    if note is not None:
        return Number(**counted(context, clean), note=note).row()
    values = context.values(metric)
    table = cell_table(context, [columns_of(context, metric, values.point, values.bounds())], CELLS)
    return Number.of(table.slice(clean, 1).to_pylist()[0]).row()


def _scenarios(context: Context) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    about = ("scenario", "stream", "modality", "perturbation", "profile", "fallback")
    for row in make(context, "robustness").to_pylist():
        entry = found.setdefault(tuple(row[name] for name in about), _plain(row, *about, "n", "failed", "unchanged"))
        more = ("holds", "last_severity") if row["measure"] == "breaking_severity" else ()
        entry[row["measure"]] = _plain(row, "value", "low", "high", "cell", "method", "few", "note", *more)
    return list(found.values())


def _errors(context: Context, most: int = 5) -> list[dict[str, Any]]:
    if not context.frame.has("error"):
        return []
    counts: Counter[str | None] = Counter()
    for (_, _, error), count in context.failures.items():
        counts[error] += count
    listed = sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
    return [{"error": error, "records": count} for error, count in listed[:most]]
