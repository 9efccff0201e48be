"""Whether the model knows when it is wrong: calibration errors by cell, and reliability diagrams."""

from __future__ import annotations

from typing import Any

from stress.report._book import Book, Row, hue
from stress.report._chart import Chart, Line, Point
from stress.report._grid import Grid, nums, texts
from stress.report._numbers import DASH, Form, count, readable, visible
from stress.report._part import Drawing, Part
from stress.report._slices import telling_cells
from stress.report._svg import Axis

__all__ = ["calibration"]

MOST = 6
"""Reliability diagrams that are drawn."""
_AXIS = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), lambda v: f"{100 * v:.4g}")


def calibration(book: Book) -> Part | None:
    """Return calibration in the telling cells, where the records hold confidences."""
    table = _errors(book)
    figures = [figure for cell in telling_cells(book)[:MOST] if (figure := _diagram(book, cell))]
    if table is None and not figures:
        return None
    how = (
        "Left to right: the confidence that the model stated; upwards: how often it was right, with its interval. The "
        "larger a dot, the more answers it stands for. Under the diagonal the model is surer than it should be."
    )
    return Part("calibration", "Calibration", how if figures else "", figures, [table] if table else [], open=True)


def _errors(book: Book) -> Grid | None:
    cells = telling_cells(book)
    rows = [row for row in book.table("calibration") if row["cell"] in cells and "metric" in row]
    names = [
        name
        for name in dict.fromkeys(r["metric"] for r in rows)
        if any(r["value"] is not None for r in rows if r["metric"] == name)
    ]
    if not names:
        return None
    at = {(row["cell"], row["metric"]): row for row in rows}
    form = Form("calibration", share=False)
    body: list[list[Any]] = [
        [cell, *(form.both(at.get((cell, name))) for name in names)]
        for cell in cells
        if any((cell, n) in at for n in names)
    ]
    return Grid([*texts("cell"), *nums(*map(readable, names))], body).cut("calibration")


def _diagram(book: Book, cell: str) -> Drawing | None:
    rows = [r for r in book.table("reliability") if r["cell"] == cell and r["bins"] == "width" and r["n"]]
    rows = [row for row in rows if row["confidence"] is not None]
    if not rows:
        return None
    most = max(row["n"] for row in rows)
    points = [
        Point(
            r["confidence"], r["accuracy"], r["low"], r["high"], says=_says(r), size=2.2 + 3.8 * (r["n"] / most) ** 0.5
        )
        for r in rows
    ]
    colour = "other" if cell == "clean" else hue(book.plan[cell].modality)
    lines = [Line([Point(0.0, 0.0), Point(1.0, 1.0)], "ideal"), Line(points, colour, apart=True)]
    about = f"reliability in {visible(cell)}"
    chart = Chart(lines, _AXIS, _AXIS, about, x_title="confidence, %", width=300, height=210, room=14)
    return Drawing(visible(cell), "accuracy by stated confidence, %", colour, chart.draw())


def _says(row: Row) -> str:
    right = f"{100 * row['accuracy']:.1f} %" if row["accuracy"] is not None else DASH
    return f"confidence {100 * row['confidence']:.1f} %: right {right}, n {count(row['n'])}"
