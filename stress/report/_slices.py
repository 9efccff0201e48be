"""Who and what is hurt most: classes, groups, streams – each in the cells that matter, shaded by what is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from stress.report._book import Book, Row
from stress.report._grid import MOST_ROWS, Grid, nums, texts, wrapped
from stress.report._heat import Heat, heat_of
from stress.report._numbers import Form, count

__all__ = ["classes", "groups", "telling_cells"]

MOST_LINES, MOST_CELLS, MOST_MAPS = 20, 12, 6


def telling_cells(book: Book) -> list[str]:
    """Return the clean cell, then the worst cell of each scenario, of the worst scenarios where there are many."""
    sign = 1 if book.form.better == "higher" else -1
    rows = [row["worst"] for row in book.summary["scenarios"] if not row["fallback"]]
    worst = {row["cell"]: row["value"] for row in rows if row["value"] is not None}
    kept = sorted(worst, key=lambda cell: sign * worst[cell])[:MOST_CELLS]
    return [*(["clean"] if book.clean else []), *(cell for cell in worst if cell in kept)]


def classes(book: Book) -> tuple[list[Heat], list[Grid], str] | None:
    """Return the recall of each class in the telling cells, the classes that lose most first."""
    rows = {(r["class"], r["cell"]): r for r in book.table("classes") if r["metric"] == "recall"}
    if not rows:
        return None
    heat, left = _heat(book, rows, "class", Form("recall"))
    how = "Recall of each class, clean and in each scenario's worst cell; the classes that lose most first."
    return [heat], [], how + (f" {count(left)} more are in tables/classes.csv." if left > 0 else "")


def groups(book: Book) -> tuple[list[Heat], list[Grid], str] | None:
    """Return the headline metric of each group in the telling cells, and the gaps between best and worst group."""
    rows = _shown(book)
    if not rows:
        return None
    names = {name.removeprefix("group.") for name in book.run.samples.column_names}
    split: dict[str, dict[tuple[Any, Any], Row]] = {}
    for row in rows:
        split.setdefault(row["by"], {})[row["group"], row["cell"]] = row
    single = [by for by in split if by in names]
    sure = _sure(book)
    if len(single) > MOST_MAPS:
        single = [by for by in single if by in sure] or single
    widest = sorted(single, key=lambda by: -sure.get(by, 0.0))[:MOST_MAPS]
    maps = [_heat(book, split[by], by, book.form)[0] for by in widest]
    gaps = _gaps(book, sure)
    title = book.form.title.capitalize()
    how = f"{title} of each group, clean and in each scenario's worst cell; the worst groups first."
    if not any("*" in by for by in split) and len(split) > 1:
        how += " Intersections of so many groups are measured on request."
    return maps, [gaps] if gaps else [], how


def _shown(book: Book) -> list[Row]:
    """Return the groups' rows of the headline in the telling cells: of many cells, few of all rows."""
    table = book.arrow("groups")
    if table is None:
        return []
    found = table.filter((pc.field("metric") == book.form.name) & pc.field("cell").isin(telling_cells(book)))
    return [row for row in found.to_pylist() if row["by"]]


def _heat(book: Book, rows: Mapping[tuple[Any, str], Row], name: str, form: Form) -> tuple[Heat, int]:
    there = {key[1] for key in rows}
    cells = [cell for cell in telling_cells(book) if cell in there]
    names = list(dict.fromkeys(key[0] for key in rows))
    sign = 1 if form.better == "higher" else -1

    def standing(line: Any) -> float:
        known = [rows[line, c]["value"] for c in cells if (line, c) in rows and rows[line, c]["value"] is not None]
        return sign * sum(known) / len(known) if known else float("inf")

    names.sort(key=standing)
    at: Callable[[Any, Any], Row | None] = lambda line, cell: rows.get((line, cell))  # noqa: E731
    title = "" if name == "class" else name
    return heat_of(title, (name, ""), cells, names[:MOST_LINES], at, form), len(names) - MOST_LINES


def _sure(book: Book) -> dict[str, float]:
    """Return the ways to slice in which some gap is surely there, and the widest sure gap of each."""
    found: dict[str, float] = {}
    for row in book.table("gaps"):
        if row.get("by") and row["metric"] == "gap" and (row["low"] or 0.0) > 0:
            found[row["by"]] = max(found.get(row["by"], 0.0), row["low"])
    return found


def _gaps(book: Book, sure: Mapping[str, float]) -> Grid | None:
    """Return the widest gap of each way to slice, clean and in the telling cells; of many ways, where it is sure."""
    rows = {(r["by"], r["cell"], r["metric"]): r for r in book.table("gaps") if r.get("by")}
    cells = telling_cells(book)
    body: list[Sequence[Any]] = []
    ways = list(dict.fromkeys(key[0] for key in rows))
    shown = ways if len(ways) * len(cells) <= MOST_ROWS else [by for by in ways if by in sure]
    for by in shown:
        for cell in cells:
            gap, wider = rows.get((by, cell, "gap")), rows.get((by, cell, "widening"))
            if gap is not None and gap["value"] is not None:
                line = [by.replace("*", " × "), cell, gap["worst"], gap["best"]]
                body.append([*line, book.form.change(gap), book.form.change(wider), gap["note"] or ""])
    if not body:
        return None
    columns = [
        *texts("by", "cell", "worst group", "best group"),
        *nums(f"gap {book.form.points}", "wider than clean by"),
    ]
    grid = Grid([*columns, *wrapped("")], body, "Gaps between groups").cut("gaps")
    return grid.noted(len(ways) - len(shown), "gaps", "ways to slice, in which no gap is sure,")
