"""Which cells of a run belong together as a curve, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stress.measure.core.context import Context

__all__ = ["AGAINST", "Curve", "curves", "from_start", "start_of", "starting"]

AGAINST = ("drop", "retention", "mmi")
"""Measures over the samples that each cell shares with clean."""


@dataclass(frozen=True)
class Curve:
    """Cells of one scenario that belong together; with severities, in their order, where it is graded."""

    about: Mapping[str, Any]
    cells: tuple[int, ...]
    severities: tuple[float, ...] = ()


def curves(context: Context) -> list[Curve]:
    """Return the graded curves, and one entry for the ungraded cells of each scenario."""
    return context.once(_curves)


def _curves(context: Context) -> list[Curve]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(context.frame.cells):
        if i == context.frame.clean:
            continue
        about, graded = row.about, row.graded
        names = ("stream", "modality", "perturbation", "profile", "category", "lost") if graded else ()
        which = (*(about[name] for name in names), row.coordinates if graded else "")
        found.setdefault((graded, about["scenario"], about["fallback"], *which), []).append(i)
    return [_curve(context, cells, key[0]) for key, cells in found.items()]


def _curve(context: Context, cells: list[int], graded: bool) -> Curve:
    rows = [context.frame.cells[i].about for i in cells]
    about = {name: value if all(r[name] == value for r in rows) else None for name, value in rows[0].items()}
    if not graded:
        return Curve(about, tuple(cells))
    order = sorted(range(len(cells)), key=lambda i: float(rows[i]["severity"]))
    return Curve(about, tuple(cells[i] for i in order), tuple(float(rows[i]["severity"]) for i in order))


def start_of(context: Context, curve: Curve) -> int | None:
    """Return where a curve starts: clean or, with streams lost all along, the cell that only loses these."""
    first = context.frame.cells[curve.cells[0]]
    lost = context.once(_only_lost).get((frozenset(first.lost), first.fill)) if first.lost else None
    return context.frame.clean if lost is None else lost


def _only_lost(context: Context) -> dict[tuple[frozenset[str], str | None], int]:
    """Return the first cell that only loses some streams and puts the same in their place, by these two."""
    found: dict[tuple[frozenset[str], str | None], int] = {}
    for i, row in enumerate(context.frame.cells):
        if row.only_lost:
            found.setdefault((frozenset(row.lost), row.fill), i)
    return found


def from_start(context: Context, curve: Curve) -> tuple[list[int], list[float]]:
    """Return the cells of a curve with the one where it starts before them, and their severities."""
    start = start_of(context, curve)
    first = [] if start is None else [start]
    return [*first, *curve.cells], [*(0.0 for _ in first), *curve.severities]


def starting(context: Context, curve: Curve, measure: str) -> str | None:
    """Return the cell that a measure of a curve starts from; none for that of a single cell."""
    start = start_of(context, curve) if curve.severities and measure not in AGAINST else context.frame.clean
    return None if start is None or measure == "worst" else context.frame.ids[start]
