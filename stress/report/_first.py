"""The first screen: what the gates said, and three sentences – the stream to repair, the worst scenario, the fallback.

Each sentence names one number of a table, and where the table is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stress.report._book import Book, Row, hue
from stress.report._numbers import percent, plural, severity, visible
from stress.report._verdict import label

__all__ = ["Sentence", "costliest", "takeaways"]


@dataclass(frozen=True)
class Sentence:
    """What to take home: a heading, the sentence, and the section of the page that it is from."""

    title: str
    text: str
    href: str


def takeaways(book: Book) -> list[Sentence]:
    """Return what the measures say to whoever must act; each only where the run can tell."""
    return [*_repair(book), *_worst(book), *_fallback(book)]


def _drops(book: Book) -> list[Row]:
    """Return the scenarios that degrade a stream and have a mean drop, the greatest first."""
    rows = [row for row in book.summary["scenarios"] if not row["fallback"] and row["drop"]["value"] is not None]
    rows = [row for row in rows if not all(cell.only_lost for cell in book.plan_of[row["scenario"]])]
    return sorted(rows, key=lambda row: -row["drop"]["value"])


def costliest(book: Book) -> list[Row]:
    """Return, of each single stream, the scenario that costs most, the costliest stream first."""
    found: dict[str, Row] = {}
    for row in _drops(book):
        if row["stream"] and "+" not in row["stream"]:
            found.setdefault(row["stream"], row)
    return list(found.values())


def _repair(book: Book) -> Iterator[Sentence]:
    rows = costliest(book)
    if not rows or rows[0]["drop"]["value"] <= 0:
        return
    first = rows[0]
    text = f"{visible(first['stream'])}: {_cost(book, first)}"
    if len(rows) > 1:
        second = rows[1]
        text += f"; of {visible(second['stream'])} most: {_cost(book, second)}"
        low, high = first["drop"]["low"], second["drop"]["high"]
        if low is not None and high is not None and low <= high:
            text += ". Their intervals overlap"
    yield Sentence("Stream to repair", f"{text}.", "#scenarios")


def _cost(book: Book, row: Row) -> str:
    form = book.form
    level = "on average over its severities" if row["breaking_severity"]["last_severity"] else "in its cell"
    return f"{label(row, book)} costs {form.change(row['drop'])} {form.points} {level}"


def _worst(book: Book) -> Iterator[Sentence]:
    rows = _drops(book)
    if not rows or rows[0]["drop"]["value"] <= 0:
        return
    row, form = rows[0], book.form
    worst = row["worst"]
    text = f"{label(row, book)} costs {form.change(row['drop'])} {form.points}, and keeps {percent(row['retention'])} %"
    text += f" of the clean value; at worst {form.both(worst, True)} in {visible(worst['cell'])}."
    yield Sentence("Worst scenario", text, "#scenarios")


def _fallback(book: Book) -> Iterator[Sentence]:
    rows = [row for row in book.table("dropping") if row["value"] is not None and row["all_low"] is not None]
    if not rows:
        if _drops(book) and len(book.info.get("streams") or {}) > 1:
            text = "not tested: a suite that says fallbacks: [drop] has cells in which degraded streams are dropped."
            yield Sentence("Best fallback", text, "#scenarios")
        return
    best, form = max(rows, key=lambda row: row["value"]), book.form
    if best["all_low"] <= 0:
        text = f"none: in none of {plural(len(rows), 'comparison')} is dropping a stream surely better than keeping it."
    else:
        gain = form.change({"value": best["value"], "low": best["all_low"], "high": best["all_high"]})
        streams = visible(best["action"]).replace("+", " and ")
        text = f"drop {streams} under {_cell(best)}: better by {gain} {form.points}, over all {len(rows)} at once."
    yield Sentence("Best fallback", text, "#findings")


def _cell(row: Row) -> str:
    level = row["severity"]
    return f"{visible(row['scenario'])} at severity {severity(level)}" if level else visible(row["cell"])


def telling_curves(book: Book) -> Sequence[Sequence[Row]]:
    """Return the curve that ends lowest of each modality, and of several at once: one picture each."""
    sign = 1 if book.form.better == "higher" else -1
    found: dict[str, Sequence[Row]] = {}
    for rows in book.curves.values():
        last = rows[-1]
        if last["fallback"] or last["value"] is None or not last["modality"]:
            continue
        kind = hue(last["modality"])
        if kind not in found or sign * last["value"] < sign * found[kind][-1]["value"]:
            found[kind] = rows
    return list(found.values())
