"""What the page of several runs says: all side by side, and each against the first, what got worse first."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from stress.gate import Change, Comparison, Several, compare, compare_several, letters, notable
from stress.measure import Example, Measurable
from stress.report._book import Book
from stress.report._chart import Chart, Line, Point
from stress.report._gate import gated
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import DASH, Form, count, plural, readable, severity, visible
from stress.report._panels import MOST_CURVES
from stress.report._svg import Axis, axis_of
from stress.report._tables import title_of
from stress.report.paper import shared_curves

__all__ = ["together"]

MOST, MOST_EXAMPLES = 40, 12
"""Rows of a table of differences, and of one of samples, that are shown."""
_LOOKS = 7


def together(runs: Sequence[Measurable], common: bool) -> dict[str, Any]:
    """Return what the template shows."""
    books = [Book(run) for run in runs]
    several = compare_several(*runs, common=common)
    against = [compare(runs[0], run, common=common) for run in runs[1:]]
    names = [letters(i) for i in range(len(runs))]
    return {
        "title": " · ".join(_sentence(letters(i), found, _form(found, books)) for i, found in enumerate(against, 1)),
        "kicker": f"{plural(len(runs), 'run')} of {_suite(books[0])}, compared sample by sample",
        "runs": _runs(books, names),
        "side": _side(several, books, names),
        "rule": f"{several.tested} differences over all pairs and rows, corrected ({several.correction}). A>B: A is "
        "surely better than B; of reliance: leans more on the stream.",
        "figures": _figures(books),
        "against": [_against(letters(i), found, books) for i, found in enumerate(against, 1)],
        "dropped": [visible(line) for line in several.dropped],
        "commands": _commands(runs, common),
    }


def _suite(book: Book) -> str:
    suite = book.identity.get("suite") or {}
    return visible(f"{suite['name']}@{suite.get('version')}") if "name" in suite else "a suite"


def _sentence(name: str, found: Comparison, form: Form) -> str:
    """Return whether a run is worse than the first, over all cells and by its scenarios."""
    rows = [change for change in found.slices if change.slice == "scenario"]
    worse, better = ([c for c in rows if c.verdict == verdict] for verdict in ("worse", "better"))
    parts = [_overall(found, form)]
    if not worse and not better:
        parts.append("no sure difference")
    if worse:
        parts.append(f"surely worse under {_named(worse)}")
    if better:
        parts.append(f"surely better under {_named(better)}")
    return f"{name} against A: {'; '.join(filter(None, parts))} in {plural(len(rows), 'scenario')}"


def _overall(found: Comparison, form: Form) -> str:
    """Return the difference over all cells, where that is sure."""
    change = found.overall[-1]
    check = change.check
    if change.verdict == "unknown" or check.value is None:
        return ""
    value, low, high = check.value, check.low, check.high
    if change.verdict == "better":
        value, low, high = -value, None if high is None else -high, None if low is None else -low
    written = form.change({"value": value, "low": low, "high": high})
    return f"{change.verdict} by {written} {form.points} over all cells".replace("  ", " ")


def _named(changes: Sequence[Change], most: int = 3) -> str:
    names = [visible(change.check.subject) for change in notable(changes, most)]
    left = len(changes) - len(names)
    return ", ".join([*names, *([f"{left} more"] if left else [])])


def _runs(books: Sequence[Book], names: Sequence[str]) -> Grid:
    rows = []
    for book, name in zip(books, names):
        gate = gated(book)
        model = (book.identity.get("model") or {}).get("name") or DASH
        rows.append([name, book.run.path.name, model, book.form.both(book.clean), gate.sentence if gate else DASH])
    heads = [*texts("", "run", "model"), *nums(f"clean {books[0].form.title} {books[0].form.mark}"), *wrapped("gate")]
    return Grid(heads, rows)


def _side(found: Several, books: Sequence[Book], names: Sequence[str]) -> Grid:
    forms = {**books[0].forms, "retention": Form("retention")}
    rows = []
    for row in found.rows:
        form = forms.get(row.measure, Form("share") if row.measure.startswith(("gap", "needs")) else books[0].form)
        unit = f" {form.mark}" if form.mark else ""
        rows.append([row.part, f"{readable(row.measure)}{unit}", *map(form.value, row.values), row.order])
    return Grid([*texts("scenario", "measure"), *nums(*names), *texts("surely better")], rows)


def _figures(books: Sequence[Book]) -> list[dict[str, Any]]:
    """Return the curves that all runs have, one line a run; of more runs than there are looks, none."""
    if len(books) > _LOOKS:
        return []
    form = books[0].form
    found = shared_curves(books)[:MOST_CURVES]
    known = [row[end] for each in found for rows in each for row in rows for end in ("low", "high", "value")]
    write = (lambda v: f"{100 * v:.4g}") if form.share else (lambda v: f"{v:.3g}")
    y = axis_of(known, write, (0.0, 1.0) if form.share else None)
    figures = []
    for each in found:
        lines = [Line([_point(form, i, row) for row in rows], f"r{i}", letters(i)) for i, rows in enumerate(each)]
        levels = sorted({float(row["severity"]) for rows in each for row in rows})
        x = Axis(0.0, levels[-1], tuple(levels), severity)
        name = title_of(books[0], each[0][-1])
        drawn = Chart(lines, x, y, f"{form.title} against severity of {name}, a line a run", room=46).draw()
        figures.append({"title": name, "drawing": drawn})
    return figures


def _point(form: Form, run: int, row: Any) -> Point:
    says = f"{letters(run)} at severity {severity(row['severity'])}: {form.both(row, True)}, n {count(row['n'])}"
    return Point(row["severity"], row["value"], row["low"], row["high"], says=says)


def _form(found: Comparison, books: Sequence[Book]) -> Form:
    return books[0].forms.get(found.metric, books[0].form)


def _against(name: str, found: Comparison, books: Sequence[Book]) -> dict[str, Any]:
    form = _form(found, books)
    title = f"By scenario, stream, severity … ({readable(found.metric)}{f' {form.points}' if form.points else ''})"
    return {
        "title": _sentence(name, found, form),
        "name": name,
        "overall": _changes(found.overall, form, "", name),
        "slices": _changes(notable(found.slices, MOST), form, title, name),
        "cells": _changes(notable(found.cells, MOST), form, "Cell by cell", name),
        "left": _left(found),
        "lost": _examples(found.lost, f"Right in A, wrong in {name}", name),
        "gained": _examples(found.gained, f"Wrong in A, right in {name}", name),
        "command": _show(found),
    }  # fmt: skip


def _left(found: Comparison) -> str:
    parts = []
    for what, changes in (("slices", found.slices), ("cells", found.cells)):
        if len(changes) > MOST:
            parts.append(f"{count(len(changes) - MOST)} {what} with smaller changes are not shown")
    return f"{'; '.join(parts)}." if parts else ""


def _changes(changes: Sequence[Change], form: Form, title: str, name: str) -> Grid | None:
    rows = []
    for change in changes:
        check = change.check
        value = {"value": check.value, "low": check.low, "high": check.high}
        part = f"{change.slice} {check.subject}" if change.slice not in ("", "cell") else check.subject
        flipped = DASH if check.lost is None else f"{count(check.lost)} / {count(check.gained or 0)}"
        p = DASH if check.p_adjusted is None else f"{check.p_adjusted:.2g}"
        numbers = [form.value(check.before), form.value(check.after), form.change(value), flipped, p]
        rows.append([change.verdict if change.verdict != "unknown" else "undecided", part, *numbers])
    if not rows:
        return None
    heads = nums("A", name, f"worse by {form.points}", "lost / gained", "p (corrected)")
    return Grid([*texts("", "part"), *heads], rows, title)


def _examples(examples: Sequence[Example], title: str, name: str) -> Grid | None:
    if not examples:
        return None
    rows = []
    for one in examples[:MOST_EXAMPLES]:
        sure = DASH if one.confidence is None else f"{100 * one.confidence:.0f}"
        rows.append([one.sample, one.cell, one.target, one.before, one.after, sure])
    heads = [*texts("sample", "cell", "truth", "A", name), *nums("confidence %")]
    note = f"{count(len(examples))} in all; the surest mistakes first."
    return Grid(heads, rows, title, notes=[note])


def _show(found: Comparison) -> str:
    """Return the command that draws the first lost answer."""
    if not found.lost:
        return ""
    first = found.lost[0]
    return shlex.join(["stress", "show", str(found.pair.after.path), visible(first.sample), visible(first.cell)])


def _commands(runs: Sequence[Measurable], common: bool) -> list[str]:
    paths = [str(run.path) for run in runs]
    more = ["--common"] if common else []
    made = [shlex.join(["stress", "report", *paths, *more])]
    return [*made, *(str(run.info["command"]) for run in runs if run.info.get("command"))]
