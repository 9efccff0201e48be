"""Tables for a paper: CSV with every column, LaTeX with booktabs rules."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from perturbations.errors import named_keywords
from stress.measure import TABLES
from stress.report._book import Book
from stress.report._numbers import DASH, Form, percent, severity, visible
from stress.report._verdict import label

__all__ = ["plain_table", "tex", "write_tables"]

_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", DASH: "--", "−": "$-$"}
_LATEX |= {"<": "$<$", ">": "$>$", "|": r"\textbar{}"}  # in LaTeX's own fonts these print as other characters
_LATEX |= {c: f"\\{c}" for c in "&%$#_{}"}
_PATTERN = re.compile("|".join(map(re.escape, _LATEX)))


def write_tables(book: Book, folder: Path) -> None:
    """Write every table as CSV, and curves and robustness as LaTeX. Tables that are empty are left out."""
    from pyarrow import csv

    folder.mkdir(exist_ok=True)
    if not book.begun:
        return
    for name in TABLES:
        table = book.arrow(name)
        if table is not None and len(table):
            csv.write_csv(plain_table(table), folder / f"{name}.csv")
    (folder / "robustness.tex").write_text(_robustness(book), encoding="utf-8")
    (folder / "curves.tex").write_text(_curves(book), encoding="utf-8")


_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20\\t\\r"
_FORMULA = re.compile(rf"(^|[\n\r;\t])([^\S\n\r\t]*)(?=[{_STARTS}])")
"""Where a spreadsheet would begin to read a formula, in wide characters too: where it takes a cell to start."""


@named_keywords
def plain_table(table: pa.Table, as_json: bool = False) -> pa.Table:
    """Return a table without nested columns, and without text that a spreadsheet would run as a formula.

    Such text gets an apostrophe before its ``=``, ``+``, ``-`` or ``@``. Lists become JSON or words in a row.
    """
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            given = table[index].to_pylist()
            text = partial(json.dumps, ensure_ascii=False) if as_json else _words
            values = [None if v is None else text(v) for v in given]
            column = pa.chunked_array([pa.array(values, pa.string())])
        elif (
            pa.types.is_string(field.type)
            or pa.types.is_large_string(field.type)
            or (pa.types.is_dictionary(field.type) and pa.types.is_string(field.type.value_type))
        ):
            column = table[index]
        else:
            continue
        table = table.set_column(index, field.name, _inert(column))
    return table.rename_columns([_FORMULA.sub(r"\1\2'", name) for name in table.column_names])


def _inert(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return texts that a spreadsheet does not run; each is looked at once, however often it stands there."""
    plain = not pa.types.is_dictionary(column.type)
    whole = (column.dictionary_encode() if plain else column).unify_dictionaries().combine_chunks()
    coded = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    known = coded.dictionary.to_pylist()
    inert = [_FORMULA.sub(r"\1\2'", value) if value else value for value in known]
    if plain and inert == known:
        return column
    return pa.array(inert, pa.string()).take(coded.indices)


def _words(values: Sequence[Any]) -> str:
    return " ".join(map(str, values))


def tex(text: Any) -> str:
    """Return text as LaTeX prints it."""
    return _PATTERN.sub(lambda found: _LATEX[found[0]], visible(text))


def _booktabs(heads: Sequence[str], rows: Sequence[Sequence[str]], looks: str) -> str:
    lines = [rf"\begin{{tabular}}{{{looks}}}", r"\toprule", " & ".join(map(tex, heads)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(tex, row)) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _robustness(book: Book) -> str:
    form = book.form
    rows = []
    for row in book.summary["scenarios"]:
        name = label(row, book) + (" (dropped)" if row["fallback"] else "")
        breaking = row["breaking_severity"]
        at = severity(breaking["value"]) if breaking["value"] is not None else DASH
        rows.append([name, form.change(row["drop"]), percent(row["retention"]), form.both(row["area"]), at])
    heads = ["Scenario", f"Drop ({form.points})", "Retention (%)", f"Area ({form.mark})", "Breaks at"]
    return _booktabs(heads, rows, "lrrrr")


def _curves(book: Book) -> str:
    form: Form = book.form
    levels = sorted({row["severity"] for rows in book.curves.values() for row in rows})
    rows = []
    for points in book.curves.values():
        last = points[-1]
        at = {row["severity"]: form.both(row) for row in points}
        rows.append([last["scenario"], last["stream"], *(at.get(level, DASH) for level in levels)])
    heads = ["Scenario", "Stream", *(severity(level) for level in levels)]
    return _booktabs(heads, rows, "ll" + "r" * len(levels))
