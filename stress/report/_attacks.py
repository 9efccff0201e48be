"""What attacks found: the worst within each budget beside plain chance, and how small a change was enough."""

from __future__ import annotations

from typing import Any

from stress.records.cells import listed
from stress.report._book import Book, Row
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import DASH, count, percent, severity, visible
from stress.report._part import Part

__all__ = ["attacked"]


def attacked(book: Book) -> Part | None:
    """Return the section of attacks, where the run had any."""
    rows, least = book.table("attacks"), book.table("minimal")
    grids = [grid for grid in (_worst(book, rows), _minimal(least)) if grid]
    if not grids:
        return None
    how = (
        "The worst case counts a sample as right where it is right under every attack of the same budget, in every "
        "draw; plain chance is one random change of that size. What these attacks did not find, others may: values are "
        "upper bounds of what the model is worth within the budget."
    )
    return Part("attacks", "Attacks", how, grids=grids, open=True)


def _worst(book: Book, rows: list[dict[str, Any]]) -> Grid | None:
    if not rows:
        return None
    form = book.form
    body = [
        [
            row["stream"],
            _budget(row),
            severity(row["severity"]),
            row["attack"],
            form.both(row),
            count(row["n"] or 0),
            DASH if row["calls"] is None else f"{row['calls']:.4g}",
            DASH if row["gradients"] is None else f"{row['gradients']:.4g}",
            row["note"] or "",
        ]
        for row in rows
    ]
    columns = [*texts("stream"), *wrapped("budget"), *nums("severity"), *texts("attack")]
    columns += [*nums(f"{form.title} {form.mark}", "n", "calls", "gradients"), *wrapped("note")]
    return Grid(columns, body, "Within a budget").cut("attacks")


def _budget(row: Row) -> str:
    """Return a budget in words: ``image: epsilon 0.031``."""
    parts = []
    for stream, values in listed(row["budget"]).items():
        each = ", ".join(
            f"{visible(k)} {v:.4g}" if isinstance(v, float) else f"{visible(k)} {v}" for k, v in values.items()
        )
        parts.append(f"{visible(stream)}: {each}")
    return "; ".join(parts) or DASH


def _minimal(rows: list[dict[str, Any]]) -> Grid | None:
    if not rows:
        return None
    body = [
        [
            row["stream"],
            row["attack"],
            row["parameter"],
            percent({"value": row["quantile"]}),
            "more than the budget" if row["value"] is None else f"{row['value']:.4g}",
            count(row["n"] or 0),
        ]
        for row in rows
    ]
    columns = [*texts("stream", "attack", "parameter"), *nums("enough for % of samples", "value", "n")]
    return Grid(columns, body, "How small a change is enough").cut("minimal")
