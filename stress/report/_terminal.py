"""A run at the terminal: what it comes to, a row for each scenario, what was lost, and what must not be overlooked."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from perturbations.errors import named_keywords
from perturbations.modality import MODALITIES, modality
from stress.measure import Measurable
from stress.report._book import Book, Row, hue
from stress.report._findings import findings
from stress.report._numbers import DASH, count, percent, plural, severity, visible
from stress.report._overview import VERDICTS
from stress.report._streams import balance
from stress.report._tables import lost_rows
from stress.report._verdict import curve_of, headline, label, verdict, worst_cell

__all__ = ["print_summary"]

STYLES = {name: modality(name).look.terminal for name in MODALITIES} | {"joint": "magenta", "other": "cyan"}
OUTCOMES = {
    "holds": "green",
    "breaks": "bold red",
    "unsure": "yellow",
    "few": "yellow",
    "unknown": "dim",
    "untested": "yellow",
}
BARS = "▁▂▃▄▅▆▇█"
FINDINGS = {"problem": "bold red", "warning": "yellow", "note": "dim"}
WIDE, NARROW = 118, 92


@named_keywords
def print_summary(console: Any, run: Measurable, goals: Any = None) -> None:
    """Print a run's headline, scenarios, missing streams and findings; narrow terminals get fewer columns."""
    book = Book(run, goals)
    if not book.begun:
        console.print(Text("no records yet", style="yellow"))
        return
    console.print()
    console.print(_headline(book))
    for table in (_scenarios(book, console.width), _lost(book)):
        if table is not None:
            console.print()
            console.print(table)
    if said := balance(book):
        console.print()
        console.print(visible(said))
    found = findings(book)
    if found:
        console.print()
    for finding in found:
        console.print(Text.assemble((f"{finding.level:<8}", FINDINGS[finding.level]), visible(finding.text)))


def _headline(book: Book) -> Text:
    form, summary, worst = book.form, book.summary, worst_cell(book)
    parts: list[Any] = [(visible(headline(book)), "bold"), "\n"]
    if book.info.get("mixed"):
        parts += [("mixed: a changed model was accepted, and records of both are in the run\n", "yellow")]
    if not book.finished:
        planned = book.info.get("records")
        of = f" of {count(planned)}" if planned else ""
        parts += [(f"unfinished: {count(summary['records'])}{of} records\n", "yellow")]
    parts += [f"{form.title} on clean input ", (form.both(book.clean, True), "bold")]
    if worst:
        parts += [f", at worst {form.both(worst, True)} in {visible(worst['cell'])}"]
    parts += [f"; {plural(summary['samples'], 'sample')}, {plural(summary['cells'], 'cell')}"]
    return Text.assemble(*parts, (f"; {100 * summary['confidence']:.0f} % intervals in brackets", "dim"))


def _scenarios(book: Book, width: int) -> Table | None:
    rows = [row for row in book.summary["scenarios"] if not row["fallback"]]
    if not rows:
        return None
    levels = _levels(book) if width >= WIDE else []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("scenario", overflow="fold", min_width=10)
    table.add_column("stream", overflow="fold")
    table.add_column("curve", no_wrap=True)
    for level in levels:
        table.add_column(severity(level), justify="right", no_wrap=True)
    titles = [f"drop {book.form.points}", "keeps %", "breaks at", ""]
    for title in titles if width >= NARROW else titles[1:]:
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for row in rows:
        cells = _scenario(book, row, levels)
        table.add_row(*(cells if width >= NARROW else [*cells[:3], *cells[4:]]))
    return table


def _levels(book: Book) -> list[float]:
    """Return the severities that have a column: all there are, where they are few."""
    found = sorted({row["severity"] for rows in book.curves.values() for row in rows if row["severity"]})
    return found if len(found) <= 6 else []


def _scenario(book: Book, row: Row, levels: list[float]) -> list[Text]:
    form, style, outcome = book.form, STYLES[hue(row["modality"])], verdict(book, row)
    points = next((rows for rows in book.curves.values() if curve_of(book, rows[-1]) is row), [])
    at = {point["severity"]: form.value(point["value"]) for point in points}
    breaking = row["breaking_severity"]["value"]
    return [
        Text(visible(label(row, book)), style=style),
        Text(visible(row["stream"] or DASH)),
        Text(_bars(book, points), style=style),
        *(Text(at.get(level, DASH if points else "")) for level in levels),
        Text(form.change(row["drop"])),
        Text(percent(row["retention"])),
        Text(severity(breaking) if breaking is not None else ""),
        Text(VERDICTS[outcome], style=OUTCOMES[outcome]),
    ]


def _bars(book: Book, points: list[Row]) -> str:
    """Return a curve as blocks, as high as the value on the axis that all curves share."""
    found = ""
    for point in points:
        share = 0.0 if point["value"] is None else book.axis.at(point["value"], 0.0, 1.0)
        found += "?" if point["value"] is None else BARS[min(int(share * len(BARS)), len(BARS) - 1)]
    return found


def _lost(book: Book) -> Table | None:
    rows = lost_rows(book)
    if not rows:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("lost", overflow="fold", min_width=10)
    for title in ("filled with", f"{book.form.title} {book.form.mark}", f"drop {book.form.points}"):
        table.add_column(title, justify="left" if title == "filled with" else "right")
    for row in rows:
        fill = book.plan[row["cell"]].fill or DASH
        drop = book.form.change(book.value(row["cell"], "drop"))
        names = visible(row["lost"]).replace("+", " + ")
        table.add_row(
            Text(names, style=STYLES[hue(row["modality"])]), Text(visible(fill)), Text(book.form.both(row)), Text(drop)
        )
    return table
