"""What a reader should take home: a stream that is better dropped, the group that falls first – where it is sure."""

from __future__ import annotations

from collections.abc import Sequence

from stress.report._book import Book, Row
from stress.report._numbers import plural, severity, visible

__all__ = ["telling"]


def telling(book: Book) -> list[str]:
    """Return sentences that the measures are sure of, however many cells and groups were looked at; often none."""
    return [*_better_dropped(book), *_falls_first(book)]


def _better_dropped(book: Book) -> list[str]:
    """Say where a degraded stream hurts more than a missing one, by an interval that holds in all cells at once."""
    rows = [row for row in book.table("dropping") if row["all_low"] is not None and row["kind"] == "drop"]
    sure = sorted((row for row in rows if row["all_low"] > 0), key=lambda row: -row["value"])
    if not sure:
        return []
    form, worst = book.form, sure[0]
    counted = "degraded cell" if len({row["cell"] for row in rows}) == len(rows) else "comparison"
    gain = form.change({"value": worst["value"], "low": worst["all_low"], "high": worst["all_high"]})
    said = (
        f"Worse when bad than when gone: under {_cell(worst)} {form.title} is {form.value(worst['kept'], True)} with "
        f"{_streams(worst['action'])} and {form.value(worst['without'], True)} without, so that dropping is better by "
        f"{gain} {form.points} (interval over all {plural(len(rows), counted)} at once)."
    )
    if others := [name for name in dict.fromkeys(map(_cell, sure[1:])) if name != _cell(worst)]:
        said += f" So it is under {_listed(others)}."
    return [said]


def _falls_first(book: Book) -> list[str]:
    """Say, for each grouping, which group loses most against another, where it is sure of all groups and cells."""
    if book.measured.large:
        return []  # what is sure of all gaps at once would have to be read anew
    rows = _wider(book.table("gaps"))
    likely = list(dict.fromkeys(row["by"] for row in rows if row["low"] > 0))
    if not likely:
        return []
    level = book.summary["confidence"] ** (1 / len(rows))
    sure = [row for row in _wider(book.measured.again(confidence=level, by=likely).rows("gaps")) if row["low"] > 0]
    surest: dict[str, Row] = {}
    for row in sorted(sure, key=lambda row: -row["low"]):
        surest.setdefault(row["by"], row)
    return [_first(book, row, len(rows)) for row in surest.values()]


def _wider(gaps: Sequence[Row]) -> list[Row]:
    """Return how much wider the gaps of single groups are than on clean input, fallbacks aside."""
    rows = [row for row in gaps if row["metric"] == "widening" and row["low"] is not None]
    return [row for row in rows if row["cell"] != "clean" and not row["fallback"] and "*" not in row["by"]]


def _first(book: Book, row: Row, looked: int) -> str:
    form = book.form
    groups = {(r["by"], r["group"], r["cell"]): r for r in book.table("groups") if r["metric"] == form.name}

    def lost(name: str) -> str:
        before, after = (groups[row["by"], name, cell] for cell in ("clean", row["cell"]))
        return f"{form.value(before['value'], True)} to {form.value(after['value'], True)}"

    return (
        f"Falls first, by {visible(row['by'])}: from clean input to {_cell(row)}, {visible(row['worst'])} falls from "
        f"{lost(row['worst'])}, {visible(row['best'])} from {lost(row['best'])}; the gap is wider by "
        f"{form.change(row)} {form.points} (interval over all {looked} gaps at once)."
    )


def _cell(row: Row) -> str:
    level = row["severity"]
    return f"{visible(row['scenario'])} at severity {severity(level)}" if level else visible(row["cell"])


def _streams(names: str) -> str:
    return visible(names).replace("+", " and ")


def _listed(names: list[str], most: int = 4) -> str:
    found = ", ".join(names[:most])
    return found if len(names) <= most else f"{found} and {len(names) - most} more"
