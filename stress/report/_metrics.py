"""The curves of every other metric as numbers: a table each, scenarios by severity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stress.report._book import Book, Row
from stress.report._grid import Grid, nums, texts
from stress.report._numbers import DASH, readable, severity
from stress.report._panels import MOST_CURVES
from stress.report._part import Part
from stress.report._tables import title_of

__all__ = ["other_metrics"]


def other_metrics(book: Book) -> Part | None:
    """Return the section of metrics beside the headline; statuses that never occurred are left out."""
    found: dict[str, dict[tuple[Any, ...], list[Row]]] = {}
    for row in book.table("curves"):
        if row["metric"] != book.form.name and not row["fallback"] and row["value"] is not None:
            key = tuple(row[name] for name in ("scenario", "stream", "perturbation", "profile", "category"))
            found.setdefault(row["metric"], {}).setdefault(key, []).append(row)
    grids = [
        _grid(book, metric, list(curves.values())) for metric, curves in found.items() if _telling(curves.values())
    ]
    if not grids:
        return None
    how = "Every other metric against severity, with its interval; severity 0 is clean input."
    return Part("metrics", "Other metrics", how, grids=grids)


def _telling(curves: Any) -> bool:
    return any(row["value"] for rows in curves for row in rows)


def _grid(book: Book, metric: str, curves: Sequence[Sequence[Row]]) -> Grid:
    form = book.forms.get(metric, book.form)
    levels = sorted({row["severity"] for rows in curves for row in rows})
    body = []
    for rows in curves[:MOST_CURVES]:
        at = {row["severity"]: form.both(row) for row in rows}
        body.append([title_of(book, rows[-1]), *(at.get(level, DASH) for level in levels)])
    title = f"{readable(metric)}{f' ({form.mark})' if form.mark else ''}"
    grid = Grid([*texts("scenario"), *nums(*(severity(level) for level in levels))], body, title)
    return grid.noted(len(curves) - len(body), "curves", "curves")
