"""The tables of a report: points of curves as numbers, single cells as dots, lost streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from stress.report._book import Book, Row, hue
from stress.report._grid import Grid, drawn, nums, texts, wrapped
from stress.report._heat import is_heat
from stress.report._numbers import DASH, count, percent, severity, visible
from stress.report._svg import dot, dot_axis

__all__ = ["dots", "lost_grid", "lost_rows", "points", "title_of"]


def _dot(book: Book, row: Row) -> Markup:
    return dot(book.whole_axis, hue(row["modality"]), row["value"], row["low"], row["high"], book.clean_value)


def title_of(book: Book, row: Row) -> str:
    """Return a curve's name: its scenario, and what else tells it apart from the scenario's other curves."""
    ends = book.curves_named.get(row["scenario"], ())
    same = {(end["stream"], end["perturbation"], end["category"]) for end in ends}
    name = visible(row["scenario"])
    if len(same) == 1:
        return name
    extra = [
        visible(row[key]).rpartition(".")[2] if key == "perturbation" else visible(row[key])
        for place, key in enumerate(("stream", "perturbation", "category"))
        if len({entry[place] for entry in same}) > 1 and row[key]
    ]
    return " · ".join([name, *extra])


def _note(row: Row) -> str:
    parts = [f"{count(row['failed'])} failed"] if row["failed"] else []
    if row["unchanged"]:
        parts.append(f"{100 * row['unchanged']:.1f} % unchanged")
    return "; ".join([*parts, *([row["note"]] if row["note"] else [])])


def dots(book: Book, rows: Sequence[Row]) -> Grid:
    """Return cells without a severity: one dot with its interval for each, on one axis."""
    form = book.form
    columns = [*texts("scenario", "case"), *drawn(dot_axis(book.whole_axis))]
    columns += [*nums(f"{form.title} {form.mark}", f"drop {form.points}", "n"), *wrapped("")]
    return Grid(columns, [_dot_row(book, row) for row in rows], hues=[hue(row["modality"]) for row in rows]).cut(
        "cells"
    )


def _dot_row(book: Book, row: Row) -> list[Any]:
    case = row["category"] or ", ".join(f"{k} {v}" for k, v in book.plan[row["cell"]].axes.items())
    numbers = [book.form.both(row), book.form.change(book.value(row["cell"], "drop")), count(row["n"])]
    return [row["scenario"], case or row["perturbation"], _dot(book, row), *numbers, _note(row)]


def points(book: Book, rows: Sequence[Row]) -> Grid:
    """Return the points of curves as numbers, with what each severity is in physical terms."""
    form = book.form
    columns = [*texts("scenario"), *nums("severity"), *wrapped("parameters"), *nums(f"{form.title} {form.mark}", "n")]
    body = [
        [
            title_of(book, row),
            severity(row["severity"]),
            book.parameters(row["cell"]),
            form.both(row),
            count(row["n"]),
            _note(row),
        ]
        for row in rows
    ]
    return Grid([*columns, *wrapped("")], body).cut("curves")


def lost_rows(book: Book) -> list[Row]:
    """Return the headline's rows of cells that lose streams, each set and fill rule once, the smallest sets first."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in book.table("cells"):
        if row["metric"] == book.form.name and row["lost"] and row["severity"] is None and not is_heat(book, row):
            plan = book.plan[row["cell"]]
            found.setdefault((row["lost"], plan.fill, None if plan.takes_away else row["cell"]), row)
    return sorted(found.values(), key=lambda row: str(row["lost"]).count("+"))


def lost_grid(book: Book) -> Grid | None:
    """Return the table of missing streams: every set of lost streams, with the fill rule that stood in."""
    form, rows = book.form, lost_rows(book)
    if not rows:
        return None
    flips = any(book.value(row["cell"], "flip_rate") for row in rows)
    columns = [*texts("lost", "filled with"), *drawn(dot_axis(book.whole_axis))]
    columns += nums(f"{form.title} {form.mark}", f"drop {form.points}", "keeps %")
    columns += [*nums(*["answers flipped %"] * flips, "n"), *wrapped("")]
    body = []
    for row in rows:
        line: list[Any] = [row["lost"].replace("+", " + "), book.plan[row["cell"]].fill or DASH, _dot(book, row)]
        line += [form.both(row), form.change(book.value(row["cell"], "drop"))]
        line += [percent(book.value(row["cell"], name)) for name in ("retention", *["flip_rate"] * flips)]
        body.append([*line, count(row["n"]), _note(row)])
    return Grid(columns, body, hues=[hue(row["modality"]) for row in rows]).cut("cells")
