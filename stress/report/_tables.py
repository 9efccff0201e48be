"""The tables of a report: single cells, lost streams, and every scenario in one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from stress.report._book import Book, Row, hue
from stress.report._chart import Point, spark
from stress.report._grid import Column, Grid
from stress.report._heat import is_heat
from stress.report._numbers import DASH, count, percent, severity, visible
from stress.report._svg import Axis, axis_of, dot, dot_axis, tag
from stress.report._verdict import curve_of, label, verdict

__all__ = ["dots", "lost_grid", "overview", "points", "title_of"]

VERDICTS = {"holds": "holds", "breaks": "breaks", "unsure": "may break", "unknown": "not judged"}


def _dot(book: Book, row: Row) -> Markup:
    return dot(book.axis, hue(row["modality"]), row["value"], row["low"], row["high"], book.clean_value)


def title_of(book: Book, row: Row) -> str:
    """Return a curve's name: its scenario, and what else tells it apart from the scenario's other curves."""
    same = {(r[-1]["stream"], r[-1]["perturbation"], r[-1]["category"]) for r in book.curves.values()
            if r[-1]["scenario"] == row["scenario"]}  # fmt: skip
    name = visible(row["scenario"])
    if len(same) == 1:
        return name
    extra = [
        visible(row[key]).rpartition(".")[2] if key == "perturbation" else visible(row[key])
        for place, key in enumerate(("stream", "perturbation", "category"))
        if len({entry[place] for entry in same}) > 1 and row[key]
    ]
    return " · ".join([name, *extra])


def dots(book: Book, rows: Sequence[Row]) -> Grid:
    """Return cells without a severity: one dot with its interval for each, on one axis."""
    form, axis = book.form, book.axis
    columns = [
        Column("scenario"),
        Column("case"),
        Column(dot_axis(axis), "draw"),
        Column(f"{form.title} {form.mark}", "num"),
    ]
    columns += [
        Column("interval", "num"),
        Column(f"drop {form.points}", "num"),
        Column("n", "num"),
        Column("note", "wrap"),
    ]
    return Grid(columns, [_dot_row(book, row) for row in rows], hues=[hue(row["modality"]) for row in rows])


def _dot_row(book: Book, row: Row) -> list[Any]:
    case = row["category"] or ", ".join(f"{k} {v}" for k, v in (book.plan[row["cell"]]["axes"] or {}).items())
    drawn = _dot(book, row)
    return [
        row["scenario"],
        case or row["perturbation"],
        drawn,
        book.form.value(row["value"]),
        book.form.interval(row),
        book.form.change(book.value(row["cell"], "drop")),
        count(row["n"]),
        _note(row),
    ]


def _note(row: Row) -> str:
    parts = [f"{count(row['failed'])} failed"] if row["failed"] else []
    if row["unchanged"]:
        parts.append(f"{100 * row['unchanged']:.1f} % unchanged")
    return "; ".join([*parts, *([row["note"]] if row["note"] else [])])


def points(book: Book, rows: Sequence[Row]) -> Grid:
    """Return the points of curves as numbers, with what each severity is in physical terms."""
    form = book.form
    columns = [Column("scenario"), Column("severity", "num"), Column("parameters", "small"), Column(form.mark, "num")]
    columns += [Column("interval", "num"), Column("n", "num"), Column("note", "wrap")]
    body = [
        [
            title_of(book, row),
            severity(row["severity"]),
            book.parameters(row["cell"]),
            form.value(row["value"]),
            form.interval(row),
            count(row["n"]),
            _note(row),
        ]
        for row in rows
    ]
    return Grid(columns, body)


def lost_grid(book: Book) -> Grid | None:
    """Return the table of missing streams: every set of lost streams, with the fill rule that stood in."""
    axis, form = book.axis, book.form
    rows = [r for r in book.table("cells") if r["metric"] == form.name and r["lost"] and r["severity"] is None]
    rows = [row for row in rows if not is_heat(book, row)]
    if not rows:
        return None
    flips = any(book.value(row["cell"], "flip_rate") for row in rows)
    columns = [
        Column("lost"),
        Column("filled with"),
        Column(dot_axis(axis), "draw"),
        Column(f"{form.title} {form.mark}", "num"),
    ]
    columns += [Column("interval", "num"), Column(f"drop {form.points}", "num"), Column("keeps %", "num")]
    columns += [*([Column("answers flipped %", "num")] if flips else []), Column("n", "num"), Column("cell", "small")]
    rows.sort(key=lambda r: (r["lost"].count("+"), r["lost"]))
    body = []
    for row in rows:
        plan = book.plan[row["cell"]]
        drawn = _dot(book, row)
        line: list[Any] = [row["lost"].replace("+", " + "), plan["fill"] or DASH, drawn, form.value(row["value"])]
        line += [form.interval(row), form.change(book.value(row["cell"], "drop"))]
        line.append(_share(book.value(row["cell"], "retention")))
        line += [_share(book.value(row["cell"], "flip_rate"))] if flips else []
        body.append([*line, count(row["n"]), row["cell"]])
    return Grid(columns, body, hues=[hue(row["modality"]) for row in rows])


def _share(row: Row | None) -> str:
    return percent(row)


def overview(book: Book) -> Grid:
    """Return every scenario in one row: its curve, whether it holds, what is kept, what is lost, where it breaks."""
    form = book.form
    rows = [row for row in book.summary["scenarios"] if not row["fallback"]]
    kept = [row["retention"][k] for row in rows for k in ("value", "low", "high")]
    axis = axis_of([*kept, 1.0], lambda v: f"{100 * v:.4g}")
    columns = [
        Column("scenario"),
        Column("stream"),
        Column("curve", "draw"),
        Column("verdict"),
        Column(dot_axis(axis), "draw"),
    ]
    columns += [Column("keeps %", "num"), Column(f"drop {form.points}", "num"), Column("area", "num")]
    columns += [Column("breaks at", "num"), Column("worst cell", "num"), Column("note", "wrap")]
    body = [_overview_row(book, row, axis) for row in rows]
    return Grid(columns, body, hues=[hue(row["modality"]) for row in rows])


def _overview_row(book: Book, row: Row, axis: Axis) -> list[Any]:
    form, kept = book.form, row["retention"]
    outcome = verdict(book, row)
    return [
        label(row, book),
        (row["stream"] or DASH).replace("+", " + "),
        _curve(book, row),
        tag("span", VERDICTS[outcome], class_=f"verdict {outcome}"),
        dot(axis, hue(row["modality"]), kept["value"], kept["low"], kept["high"], 1.0),
        percent(kept),
        form.change(row["drop"]),
        form.both(row["area"]),
        _breaking(row["breaking_severity"]),
        form.both(row["worst"]),
        _remark(row),
    ]


def _curve(book: Book, row: Row) -> Markup | str:
    found = next((rows for rows in book.curves.values() if curve_of(book, rows[-1]) is row), None)
    if not found:
        return ""
    drawn = [Point(r["severity"], r["value"], r["low"], r["high"]) for r in found]
    levels = Axis(0.0, max(p.x for p in drawn), (), str)
    about = f"{book.form.title} {', '.join(book.form.value(p.value) for p in drawn)}"
    return spark(drawn, levels, book.axis, hue(row["modality"]), about, book.clean_value)


def _breaking(row: Row) -> str:
    if row["value"] is None:
        return f"> {row['note'].rpartition(' ')[2]}" if str(row["note"] or "").startswith("holds") else DASH
    if row["high"] is None:
        return f"{severity(row['value'])} (from {severity(row['low'])})"
    return f"{severity(row['value'])} ({severity(row['low'])}–{severity(row['high'])})"


def _remark(row: Row) -> str:
    parts = [f"{count(row['failed'])} failed"] if row["failed"] else []
    if row["unchanged"] and row["unchanged"] >= 0.005:
        parts.append(f"{100 * row['unchanged']:.0f} % unchanged")
    notes = {row[m]["note"] for m in ("drop", "retention") if row[m]["note"]}
    return visible("; ".join([*parts, *sorted(notes)]))
