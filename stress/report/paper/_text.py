"""Tables as text: LaTeX with booktabs rules, Markdown, or CSV with every column."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Literal, get_args

import pyarrow as pa

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from stress.measure import TABLES, Measurable
from stress.report._book import Book
from stress.report._export import plain_table, tex
from stress.report._numbers import visible
from stress.report.paper._look import names_of
from stress.report.paper._sheet import Cell, Sheet, rows_of, scenarios_sheet, table_sheet

__all__ = ["SCENARIOS", "markdown", "table_text"]

SCENARIOS = "scenarios"
Form = Literal["latex", "markdown", "csv"]


@named_keywords
def table_text(
    runs: Sequence[Measurable],
    name: str = SCENARIOS,
    form: Form = "latex",
    *,
    metrics: Sequence[str] = (),
    scenarios: Sequence[str] = (),
    common: bool = False,
) -> str:
    """Return a table of one run, or of several side by side, as text for a paper.

    ``name`` is ``scenarios`` (each scenario in single numbers) or one of ``stress.measure.TABLES``; ``metrics`` and
    ``scenarios`` keep the rows of these. LaTeX and Markdown leave out columns that tell nothing, set intervals behind
    values, and set the best run bold where it is surely better than every other one, by paired differences that are
    corrected together. CSV has every column; of several runs, their rows one after another, named by ``run``.
    Raises RunError for runs of other suites or data, unless ``common`` asks for what they share.
    """
    known = (SCENARIOS, *TABLES)
    if name not in known:
        raise InputError(f"table: table must be one of {', '.join(known)}, got {name!r}. {nearest(name, known)}")
    if form not in get_args(Form):
        raise InputError(f"table: form must be one of {', '.join(get_args(Form))}, got {form!r}.")
    books = [Book(run) for run in runs]
    if not books:
        raise InputError("table: must have at least one run, got none.")
    if waiting := [book.run.path for book in books if not book.begun]:
        raise InputError(f"table: {waiting[0]} has no records yet.")
    if form == "csv" and name != SCENARIOS:
        return _whole(books, name, metrics, scenarios)
    if name == SCENARIOS:
        if metrics:
            raise InputError("table: the table of scenarios is of the headline metric; cells and curves have all.")
        sheet = scenarios_sheet(books, scenarios, common)
    else:
        sheet = table_sheet(books, name, metrics, scenarios, common)
    return {"latex": _latex, "markdown": markdown, "csv": _csv}[form](sheet)


def _latex(sheet: Sheet) -> str:
    looks = "l" * sheet.names + "r" * (len(sheet.heads) - sheet.names)
    lines = [*(f"% {visible(note)}" for note in sheet.notes), rf"\begin{{tabular}}{{{looks}}}", r"\toprule"]
    lines += [" & ".join(map(tex, sheet.heads)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_in_latex, row)) + r" \\" for row in sheet.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _in_latex(cell: Cell) -> str:
    value = rf"\textbf{{{tex(cell.text)}}}" if cell.best else tex(cell.text)
    return f"{value} {tex(cell.ends)}" if cell.ends else value


def markdown(sheet: Sheet) -> str:
    """Return a table in which nothing is read as markup."""
    marks = [*["---"] * sheet.names, *["--:"] * (len(sheet.heads) - sheet.names)]
    lines = [_line(map(_inert, sheet.heads)), _line(marks)]
    lines += [_line(map(_in_markdown, row)) for row in sheet.rows]
    return "\n".join([*lines, "", *map(_inert, sheet.notes), ""])


def _line(cells: object) -> str:
    return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]


_ACTIVE = str.maketrans({c: f"&#{ord(c)};" for c in "|<>&[]()!*_`\\#~"})
"""What Markdown or HTML would read as more than a character: brackets of links, too."""


def _inert(text: str) -> str:
    return visible(text).translate(_ACTIVE) if any(c in "|<>&[]!*_`\\#~" for c in text) else visible(text)


def _in_markdown(cell: Cell) -> str:
    value = f"**{_inert(cell.text)}**" if cell.best else _inert(cell.text)
    return f"{value} {_inert(cell.ends)}" if cell.ends else value


def _csv(sheet: Sheet) -> str:
    columns = [[" ".join(filter(None, (c.text, c.ends))) for c in column] for column in zip(*sheet.rows, strict=True)]
    best = [next((sheet.heads[i] for i, c in enumerate(row) if c.best), "") for row in sheet.rows]
    arrays = [pa.array(column, pa.string()) for column in columns]
    names = [visible(head) for head in sheet.heads]
    if any(best):
        arrays, names = [*arrays, pa.array(best, pa.string())], [*names, "surely best"]
    return _as_csv(pa.Table.from_arrays(arrays, names))


def _whole(books: Sequence[Book], name: str, metrics: Sequence[str], scenarios: Sequence[str]) -> str:
    parts = []
    for book, run in zip(books, names_of(books)):
        rows_of(book, name, metrics, scenarios)  # refuses what is not there
        table = book.measured.table(name)
        for column, chosen in (("metric", metrics), ("scenario", scenarios)):
            if chosen:
                table = table.filter(pa.compute.is_in(table[column], pa.array(chosen, table.schema.field(column).type)))
        parts.append(table if len(books) == 1 else table.add_column(0, "run", pa.array([run] * len(table))))
    return _as_csv(pa.concat_tables(parts, promote_options="permissive"))


def _as_csv(table: pa.Table) -> str:
    from pyarrow import csv

    written = BytesIO()
    csv.write_csv(plain_table(table, as_json=True), written)
    return written.getvalue().decode()
