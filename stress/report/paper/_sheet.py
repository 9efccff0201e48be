"""A table of one run, or of several side by side with the surely best in bold, before it is LaTeX or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest
from stress.gate import Several, compare_several
from stress.report._book import Book, Row
from stress.report._numbers import DASH, Form, percent, readable, visible
from stress.report._overview import breaking
from stress.report._verdict import label
from stress.report.paper._best import Best, best_of
from stress.report.paper._keys import key_of, keys_of, text_of, told, value_name, written
from stress.report.paper._look import names_of

__all__ = ["Cell", "Sheet", "rows_of", "scenarios_sheet", "table_sheet"]


@dataclass(frozen=True)
class Cell:
    """A text, with its interval set after it; ``best``: surely better than the same number of every other run."""

    text: str
    ends: str = ""
    best: bool = False


@dataclass(frozen=True)
class Sheet:
    """Heads, rows, how many columns in front are names, and what the reader of the table must know."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    names: int
    notes: Sequence[str]


def rows_of(book: Book, table: str, metrics: Sequence[str], scenarios: Sequence[str]) -> list[Row]:
    """Return the rows of a table that are of these metrics and scenarios; all, where none are given."""
    rows: list[Row] = list(book.table(table))
    for name, chosen in (("metric", metrics), ("scenario", scenarios)):
        known = sorted({str(row[name]) for row in rows if row.get(name)}) if rows and name in rows[0] else []
        if wrong := [each for each in chosen if each not in known]:
            raise InputError(
                f"table: {name} must be one of the table {table} ({', '.join(known[:12]) or 'which has none'}), "
                f"got {wrong[0]!r}. {nearest(wrong[0], known)}"
            )
        rows = [row for row in rows if not chosen or row[name] in chosen]
    if not rows:
        raise InputError(f"table: the run {book.run.path} has no rows in its table {table}.")
    return rows


def table_sheet(
    books: Sequence[Book], table: str, metrics: Sequence[str], scenarios: Sequence[str], common: bool
) -> Sheet:
    """Return a table of measures: a row for each of its rows, and for each run what it says."""
    found = [rows_of(book, table, metrics, scenarios) for book in books]
    every = [row for rows in found for row in rows]
    keys = keys_of(table, list(every[0]))
    best, notes = best_of(books, table, keys, found, common) if len(books) > 1 else (Best({}), [])
    needed, same = told(every, keys)
    at = [{key_of(row, keys): row for row in rows} for rows in found]
    order = dict.fromkeys(key_of(row, keys) for row in every)
    body = []
    for key in order:
        line = [Cell(text_of(name, value)) for name, value in zip(keys, key) if name in needed]
        for i, (book, rows) in enumerate(zip(books, at)):
            shown = written(book, table, rows[key]) if key in rows else (DASH, "")
            line.append(Cell(*shown, best=best.run(key) == i))
        body.append(line)
    heads = [*(readable(name) for name in keys if name in needed), *_titles(books, value_name(table))]
    facts = [f"{readable(name)}: {text_of(name, value)}" for name, value in same.items()]
    common_to_all = [f"All rows are of {'; '.join(facts)}."] if facts else []
    return Sheet(heads, body, len(needed), [*common_to_all, _units(books), *notes])


def _titles(books: Sequence[Book], value: str) -> list[str]:
    return names_of(books) if len(books) > 1 else [readable(value)]


def _units(books: Sequence[Book]) -> str:
    sure = f"{100 * books[0].summary['confidence']:.3g} %"
    return f"Shares are in per cent; in brackets {sure} intervals."


def scenarios_sheet(books: Sequence[Book], scenarios: Sequence[str], common: bool) -> Sheet:
    """Return the table of scenarios: of one run each in single numbers, of several the headline metric in each run."""
    return _one(books[0], scenarios) if len(books) == 1 else _side_by_side(books, scenarios, common)


def _check(chosen: Iterable[str], known: Iterable[str]) -> None:
    known = list(dict.fromkeys(known))
    for name in chosen:
        if name not in known:
            raise InputError(
                f"table: scenario must be one that all runs have ({', '.join(known)}), got {name!r}. "
                f"{nearest(name, known)}"
            )


def _one(book: Book, scenarios: Sequence[str]) -> Sheet:
    form, every = book.form, book.summary["scenarios"]
    _check(scenarios, (row["scenario"] for row in every))
    body = []
    for row in every:
        if scenarios and row["scenario"] not in scenarios:
            continue
        name = label(row, book) + (" (dropped)" if row["fallback"] else "")
        numbers = [form.change(row["drop"]), percent(row["retention"]), form.both(row["area"])]
        body.append([Cell(name), *map(_split, [*numbers, breaking(row["breaking_severity"]), form.both(row["worst"])])])
    heads = ["Scenario", f"Drop ({form.points})", "Retention (%)", f"Area ({form.mark})", "Breaks at"]
    clean = f"Clean {form.title}: {form.both(book.clean, True)}."
    return Sheet([*heads, f"Worst cell ({form.mark})"], body, 1, [clean, _units([book])])


def _split(text: str) -> Cell:
    value, _, rest = text.partition(" (")
    return Cell(value, f"({rest}" if rest else "")


def _side_by_side(books: Sequence[Book], scenarios: Sequence[str], common: bool) -> Sheet:
    found = compare_several(*(book.run for book in books), common=common)
    kinds = (found.metric, "retention", "ece")
    rows = [row for row in found.rows if row.measure in kinds]
    _check(scenarios, (row.part for row in rows if row.part != "clean"))
    rows = [row for row in rows if not scenarios or row.part in (*scenarios, "clean")]
    forms = {found.metric: books[0].form, "retention": Form("retention"), "ece": Form("ece", "lower")}
    body = []
    for row in rows:
        form, first = forms[row.measure], _first(row.pairs, len(books))
        line = [Cell(visible(row.part)), Cell(f"{readable(row.measure)}{f' ({form.mark})' if form.mark else ''}")]
        body.append(line + [Cell(form.value(value), best=i == first) for i, value in enumerate(row.values)])
    return Sheet(["Scenario", "Measure", *names_of(books)], body, 2, _rule(found))


def _first(pairs: Any, runs: int) -> int | None:
    """Return the run that is surely better than each other one, if there is one."""
    wins = [pair.better for pair in pairs if pair.better is not None]
    return next((i for i in range(runs) if wins.count(i) == runs - 1), None)


def _rule(found: Several) -> list[str]:
    notes = [
        "Means over a scenario's severities, on the samples that runs share. Bold: surely better than every other run, "
        f"by paired differences at {100 * found.confidence:.3g} %, corrected ({found.correction}) over "
        f"{found.tested} differences."
    ]
    return notes + [f"Left out: {visible(line)}." for line in found.dropped]
