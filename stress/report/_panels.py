"""One panel per modality: curves as small multiples, single cells as dots with intervals, products as heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from scenarios import MACHINE
from stress.report._book import JOINT, Book, Row, hue, weakest
from stress.report._chart import Chart, Line, Point
from stress.report._grid import Grid
from stress.report._heat import Heat, heats, is_heat
from stress.report._numbers import DASH, count, plural, severity, visible
from stress.report._svg import Axis
from stress.report._tables import dots, points, title_of
from stress.report._verdict import curve_of, verdict, worst_of

__all__ = ["Figure", "Panel", "figure_of", "panels"]

MOST_CURVES = 60
"""Curves that are drawn of a modality."""


@dataclass(frozen=True)
class Figure:
    """A small multiple: its title, what it shows in a few words, and the drawing."""

    title: str
    about: str
    drawing: Markup
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """All that is shown of one modality, or of several at once."""

    title: str
    hue: str
    streams: str
    says: str
    figures: Sequence[Figure]
    dots: Grid | None
    heats: Sequence[Heat]
    numbers: Grid | None

    @property
    def few(self) -> bool:
        """Whether the panel needs no more than half the page's width."""
        return len(self.figures) < 3 and self.dots is None and not self.heats


def panels(book: Book) -> list[Panel]:
    """Return a panel for each modality, then one for what touches several; empty ones are left out."""
    axis = book.axis
    found = []
    for kind in [*book.modalities, JOINT]:
        panel = _panel(book, kind, axis)
        if panel.figures or panel.dots or panel.heats:
            found.append(panel)
    return found


def _panel(book: Book, kind: str, axis: Axis) -> Panel:
    def ours(row: Row) -> bool:
        modality = str(row["modality"] or "")
        if MACHINE in (kind, *modality.split("+")):  # crossed with a stream or not, it is about the machine
            return kind == MACHINE and MACHINE in modality.split("+")
        return bool(modality) and ("+" in modality) == (kind == JOINT) and kind in (JOINT, modality)

    every = [
        {**rows[-1], "curve": rows} for rows in book.curves.values() if ours(rows[-1]) and not rows[-1]["fallback"]
    ]
    sign = 1 if book.form.better == "higher" else -1
    drawn = weakest(every, MOST_CURVES, lambda row: None if row["value"] is None else sign * row["value"])
    curves = [row["curve"] for row in drawn]
    cells = [row for row in book.table("cells") if row["metric"] == book.form.name and ours(row)]
    single = [r for r in cells if r["severity"] is None and not r["fallback"] and not is_heat(book, r)]
    single = [r for r in single if not r["lost"]]
    streams = [name for name, of in (book.info.get("streams") or {}).items() if of == kind]
    graded = [row for rows in curves for row in rows if row["cell"] != "clean"]
    says = _says(book, kind)
    if len(every) > len(curves):
        says += f" The {len(curves)} curves that end lowest are drawn; {count(len(every) - len(curves))} more are in "
        says += "tables/curves.csv."
    return Panel(
        title="Several modalities at once" if kind == JOINT else kind.capitalize(),
        hue=hue(None if kind == JOINT else kind),
        streams=", ".join(map(visible, streams)) if streams not in ([], [kind]) else "",
        says=says,
        figures=[figure_of(book, rows, axis) for rows in curves],
        dots=dots(book, single) if single else None,
        heats=heats(book, [r for r in cells if is_heat(book, r) and not r["fallback"]]),
        numbers=points(book, graded) if graded else None,
    )


def _says(book: Book, kind: str) -> str:
    """Return what a panel comes to: how many of its scenarios break, and the worst of them."""
    rows = [row for row in book.summary["scenarios"] if not row["fallback"]]
    rows = [row for row in rows if hue(row["modality"]) == hue(None if kind == JOINT else kind)]
    worst = worst_of(book, rows)
    if worst is None:
        return ""
    broken = sum(verdict(book, row) == "breaks" for row in rows)
    text = f"Breaks under {broken} of {plural(len(rows), 'scenario')}" if broken else "Breaks under none"
    return f"{text}; worst: {book.form.both(worst, True)} in {visible(worst['cell'])}."


def figure_of(book: Book, rows: Sequence[Row], axis: Axis) -> Figure:
    """Return one curve as a small multiple."""
    last, colour = rows[-1], hue(rows[-1]["modality"])
    name = title_of(book, last)
    drawn = [_point(book, row) for row in rows]
    end = next((row for row in reversed(rows) if row["value"] is not None), None)
    label = book.form.value(end["value"]) if end else ""
    top = max(float(row["severity"]) for row in rows)
    levels = Axis(0.0, top, tuple(sorted({float(row["severity"]) for row in rows})), severity)
    breaking = (curve_of(book, last) or {}).get("breaking_severity") or {}
    dropped = _dropped(book, last)
    chart = Chart(
        [Line(drawn, colour, label)],
        levels,
        axis,
        f"{name}: {book.form.title} from {book.form.both(rows[0], True)} at severity 0 to {label or DASH} at {top:g}",
        clean=book.clean_value,
        dropped=dropped,
        chance=book.chance,
        breaks=(breaking.get("value"), breaking.get("low"), breaking.get("high")) if breaking else None,
    )
    return Figure(name, _about(book, last), chart.draw(), _remark(book, breaking, dropped))


def _remark(book: Book, breaking: Row, dropped: float | None) -> str:
    parts = []
    if breaking.get("value") is not None:
        low, high = severity(breaking["low"]), severity(breaking["high"])
        ends = f" ({low}–{high})" if breaking["high"] is not None else f" (from {low})"
        parts.append(f"breaks at {severity(breaking['value'])}{ends}")
    if dropped is not None:
        parts.append(f"{book.form.value(dropped)} if dropped")
    return " · ".join(parts)


def _about(book: Book, row: Row) -> str:
    steps = visible(row["perturbation"].replace(" > ", " + " if "+" in (row["stream"] or "") else ", then "))
    profiles = [name for name in str(row["profile"] or "").split("+") if name not in ("", "default")]
    profile = f", {visible(', '.join(profiles))}" if profiles else ""
    several = len(book.info.get("streams") or {}) > len(book.modalities)
    return f"{steps}{profile}{' on ' + visible(row['stream']) if several else ''}"


def _point(book: Book, row: Row) -> Point:
    does = visible(book.parameters(row["cell"]))
    lines = [
        f"severity {severity(row['severity'])}{' · ' + does if does else ''}",
        f"{book.form.title} {book.form.both(row, True)}, n {count(row['n'])}",
    ]
    if row["failed"]:
        lines.append(f"{count(row['failed'])} records failed")
    if row["unchanged"] and row["cell"] != "clean":
        lines.append(f"{100 * row['unchanged']:.1f} % unchanged")
    if row["note"]:
        lines.append(visible(row["note"]))
    band = (row["band_low"], row["band_high"])
    return Point(row["severity"], row["value"], row["low"], row["high"], band, "; ".join(lines), bool(row["failed"]))


def _dropped(book: Book, row: Row) -> float | None:
    """Return what is left where the streams that a curve touches are dropped, when the run has that cell."""
    return book.dropped.get(row["stream"])
