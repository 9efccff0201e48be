"""Every scenario in one row: its curve, whether it holds, what is kept, where it breaks; and every measure of it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from stress.report._book import Book, Row, about_of, hue, weakest
from stress.report._chart import Point, spark
from stress.report._grid import MOST_ROWS, Column, Grid, drawn, nums, texts
from stress.report._numbers import DASH, Form, count, percent, readable, severity, visible
from stress.report._svg import Axis, axis_of, dot, dot_axis, tag
from stress.report._verdict import label, verdict

__all__ = ["VERDICTS", "breaking", "measures", "overview"]

VERDICTS = {
    "holds": "holds",
    "breaks": "breaks",
    "unsure": "may break",
    "few": "not enough evidence",
    "unknown": "not judged",
    "untested": "not tested",
}


def overview(book: Book) -> Grid:
    """Return every scenario in one row."""
    form = book.form
    rows = [row for row in book.summary["scenarios"] if not row["fallback"]]
    kept = [row["retention"][k] for row in rows for k in ("value", "low", "high")]
    top = max([1.0, *(row["retention"]["value"] or 0.0 for row in rows)])
    axis = axis_of([*kept, 1.0], lambda v: f"{100 * v:.4g}", (0.0, top))
    columns = [
        *texts("scenario"),
        Column("stream", "aside"),
        Column("curve", "spark"),
        *texts("verdict"),
        *drawn(dot_axis(axis)),
    ]
    columns += [*nums("keeps %", f"drop {form.points}", "breaks at", f"worst cell {form.mark}")]
    rows = weakest(rows, MOST_ROWS, lambda row: row["retention"]["value"])
    grid = Grid(columns, [_row(book, row, axis) for row in rows], hues=[hue(row["modality"]) for row in rows])
    return grid.noted(len(kept) // 3 - len(rows), "robustness", "scenarios")


def _row(book: Book, row: Row, axis: Axis) -> list[Any]:
    kept, outcome = row["retention"], verdict(book, row)
    return [
        label(row, book),
        (row["stream"] or DASH).replace("+", " + "),
        _curve(book, row),
        _said(outcome, _remark(row)),
        dot(axis, hue(row["modality"]), kept["value"], kept["low"], kept["high"], 1.0),
        percent(kept),
        book.form.change(row["drop"]),
        breaking(row["breaking_severity"]),
        book.form.both(row["worst"]),
    ]


def _said(outcome: str, remark: str) -> Markup:
    """Return the verdict and, under it, what a reader must know beside it: a scenario that acted on little may hold."""
    said = tag("span", VERDICTS[outcome], class_=f"verdict {outcome}")
    return said + Markup("<br>") + tag("i", remark) if remark else said


def _curve(book: Book, row: Row) -> Markup | str:
    found = book.curve_at.get(about_of(row))
    if not found:
        return ""
    drawn = [Point(r["severity"], r["value"], r["low"], r["high"]) for r in found]
    levels = Axis(0.0, max(p.x for p in drawn), (), str)
    about = f"{book.form.title} {', '.join(book.form.value(p.value) for p in drawn)}"
    return spark(drawn, levels, book.axis, hue(row["modality"]), about, book.clean_value)


def breaking(row: Row) -> str:
    """Return where a curve breaks, with its interval; ``> 5`` where it holds that far."""
    if row["value"] is None:
        return f"> {row['last_severity']:g}" if row["holds"] else DASH
    if row["high"] is None:
        return f"{severity(row['value'])} (from {severity(row['low'])})"
    return f"{severity(row['value'])} ({severity(row['low'])}–{severity(row['high'])})"


def _remark(row: Row) -> str:
    parts = [f"{count(row['failed'])} failed"] if row["failed"] else []
    if row["unchanged"] and row["unchanged"] >= 0.005:
        parts.append(f"{100 * row['unchanged']:.0f} % unchanged")
    notes = {row[m]["note"] for m in ("drop", "retention") if row[m]["note"]}
    return visible("; ".join([*parts, *sorted(notes)]))


def measures(book: Book) -> Grid:
    """Return every summary measure of every scenario, labelled raw, normalised or relative, with its interval."""
    rows = book.table("robustness")
    names = list(dict.fromkeys((row["measure"], row["kind"]) for row in rows))
    found = {(*about_of(row), row["measure"]): row for row in rows}
    body = []
    scenarios = book.summary["scenarios"]
    shown = weakest(scenarios, MOST_ROWS, lambda row: row["retention"]["value"])
    for row in shown:
        title = f"{label(row, book)}{' – streams dropped' if row['fallback'] else ''}"
        body.append([title, *(_measure(book, found.get((*about_of(row), name))) for name, _ in names)])
    grid = Grid([*texts("scenario"), *nums(*(f"{readable(name)} ({kind})" for name, kind in names))], body)
    return grid.noted(len(scenarios) - len(shown), "robustness", "scenarios")


def _measure(book: Book, row: Row | None) -> Any:
    """Return a measure in its own unit, or a dash that says why on hover."""
    if row is None:
        return DASH
    if row["measure"] == "breaking_severity":
        found = breaking(row)
    elif row["measure"] == "relative_robustness":
        found = Form("", share=False).both(row)
    elif row["kind"] == "relative":
        found = percent(row)
    else:
        found = (book.form.change if row["measure"] == "drop" else book.form.both)(row)
    return tag("span", DASH, title=row["note"] or "") if found == DASH else found
