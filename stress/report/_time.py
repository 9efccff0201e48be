"""Curves over time: severity that comes and goes, and the metric that follows it."""

from __future__ import annotations

from collections.abc import Sequence

from stress.report._book import Book, Row, hue
from stress.report._chart import Chart, Line, Point
from stress.report._grid import Column, Grid, nums, texts
from stress.report._numbers import DASH, count, severity, visible
from stress.report._part import Drawing, Part
from stress.report._svg import axis_of

__all__ = ["over_time"]


def over_time(book: Book) -> Part | None:
    """Return the section of the scenarios whose severity follows the order of the data."""
    cells: dict[str, list[Row]] = {}
    for row in book.table("timeline"):
        if row["value"] is not None:
            cells.setdefault(row["cell"], []).append(row)
    if not cells:
        return None
    how = (
        f"{book.form.title.capitalize()} in ten windows of time while severity comes and goes (grey, in words below); "
        "dashed: the same samples on clean input."
    )
    figures = [_figure(book, rows) for rows in cells.values()]
    return Part("time", "Over time", how, figures, [_grid(book, rows) for rows in cells.values()])


def _figure(book: Book, rows: Sequence[Row]) -> Drawing:
    first, colour = rows[0], hue(rows[0]["modality"])
    points = [
        Point(_middle(r), r["value"], r["low"], r["high"], says=_says(book, r), bad=bool(r["failed"])) for r in rows
    ]
    clean = [Point(_middle(r), r["clean"], says=f"clean {book.form.value(r['clean'])}", size=1.5) for r in rows]
    share = axis_of([0, 100], lambda v: f"{v:g} %")
    values = [v for r in rows for v in (r["low"], r["high"], r["clean"])]
    chart = Chart(
        [Line(points, colour), Line(clean, colour, dashed=True)],
        share,
        axis_of(values, book.axis.write, (0.0, 1.0) if book.form.share else None),
        f"{book.form.title} over time in {visible(first['scenario'])}",
        x_title="of the span of time",
        width=380,
        height=190,
    )
    course = " → ".join(severity(round(row["met"], 1)) for row in rows)
    return Drawing(
        visible(first["scenario"]), f"{visible(first['perturbation'])}; severity {course}", colour, chart.draw()
    )


def _middle(row: Row) -> float:
    return 50 * (float(row["start"]) + float(row["stop"]))


def _point(book: Book, row: Row) -> Point:
    says, failed = _says(book, row), bool(row["failed"])
    return Point(_middle(row), row["value"], row["low"], row["high"], says=says, bad=failed)


def _says(book: Book, row: Row) -> str:
    return f"severity {severity(round(row['met'], 1))}: {book.form.both(row, True)}, n {count(row['n'])}"


def _grid(book: Book, rows: Sequence[Row]) -> Grid:
    columns = [*texts("window"), *nums("severity", book.form.title, "clean", "n"), Column("", "wrap")]
    body = [
        [
            f"{100 * row['start']:.0f}–{100 * row['stop']:.0f} %",
            severity(round(row["met"], 2)),
            book.form.both(row),
            DASH if row["clean"] is None else book.form.value(row["clean"]),
            count(row["n"]),
            row["note"] or "",
        ]
        for row in rows
    ]
    return Grid(columns, body, visible(rows[0]["scenario"])).cut("timeline")
