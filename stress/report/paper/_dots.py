"""Figures of values in rows: lost streams, what streams are worth, groups, and differences between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from stress.gate import compare_several
from stress.report._book import Book, Row, hue
from stress.report._numbers import readable, visible
from stress.report._slices import MOST_LINES, MOST_MAPS, telling_cells
from stress.report._tables import lost_rows
from stress.report._verdict import worst_cell
from stress.report.paper._look import (
    COLOURS,
    LOOKS,
    MARKERS,
    SOFT,
    Dots,
    axis_title,
    dots,
    folded,
    legend,
    names_of,
    plots,
    scaled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compared", "contributions", "groups", "lost"]

_ROW = 0.24
"""Inches of a row of dots."""


def _series(books: Sequence[Book], of: Callable[[Book], Mapping[Any, Row]], share: bool = False) -> list[Dots]:
    """Return the dots of each run: its rows that have a value, in per cent where they are shares."""
    found = []
    for book, name, (colour, marker, _) in zip(books, names_of(books), LOOKS):
        rows = {key: row for key, row in of(book).items() if row["value"] is not None}
        form = book.form
        at = {key: _percent(row) if share else scaled(form, row) for key, row in rows.items()}
        hues = (
            {key: hue(row["modality"]) for key, row in rows.items()}
            if "modality" in next(iter(rows.values()), {})
            else {}
        )
        own = len(books) == 1 and hues
        colours = {key: COLOURS[each] for key, each in hues.items()} if own else None
        markers = {key: MARKERS[each] for key, each in hues.items()} if own else None
        found.append(Dots(name, colour, marker, at, colours, markers))
    return found


def _percent(row: Row) -> tuple[float, float | None, float | None]:
    low, high = (None if row[end] is None else 100 * row[end] for end in ("low", "high"))
    return 100 * row["value"], low, high


def _together(series: Sequence[Dots]) -> list[Any]:
    """Return the rows that every run has, in the order of the first."""
    return [key for key in series[0].at if all(key in one.at for one in series)]


def lost(books: Sequence[Book]) -> Figure:
    """Return what is left of the headline where streams are missing, for each set of them and each fill."""

    def of(book: Book) -> dict[Any, Row]:
        return {(row["lost"], book.plan[row["cell"]].fill or "none"): row for row in lost_rows(book)}

    series = _series(books, of)
    keys = _together(series)
    if not keys:
        whose = "the run has no cells" if len(books) == 1 else "the runs share no cells"
        raise InputError(f"plot: {whose} in which a stream is missing.")
    figure, places = plots(1, 1, (4.2, _height(len(keys), len(books))), 0.7)
    labels = [f"{visible(streams).replace('+', ' + ')} ({visible(fill)})" for streams, fill in keys]
    dots(places[0], keys, labels, series)
    _clean(places[0], books)
    places[0].set_xlabel(axis_title(books[0].form))
    legend(figure, places, len(books))
    return figure


def _height(rows: int, runs: int) -> float:
    return rows * (_ROW + 0.1 * (runs - 1))


def _clean(place: Any, books: Sequence[Book]) -> None:
    for book, (colour, _, dash) in zip(books, LOOKS):
        if book.clean_value is not None:
            scale = 100.0 if book.form.share else 1.0
            look = {"color": SOFT} if len(books) == 1 else {"color": colour, "linestyle": dash}
            place.axvline(scale * book.clean_value, linewidth=0.7, **look)


_WORTH = ("alone", "necessity", "shapley")


def contributions(books: Sequence[Book], columns: int) -> Figure:
    """Return what each stream is worth: alone, when it is taken away, and on average over all orders."""
    found = []
    for measure in _WORTH:

        def of(book: Book, measure: str = measure) -> dict[Any, Row]:
            rows = [row for row in book.table("contributions") if row["measure"] == measure and not row["other"]]
            return {(row["stream"], row["fill"]): row for row in rows}

        series = _series(books, of)
        if keys := _together(series):
            found.append((measure, keys, series))
    if not found:
        raise InputError("plot: what streams are worth needs cells in which they are missing (grid: subsets).")
    most = max(len(keys) for _, keys, _ in found)
    figure, places = plots(len(found), columns, (2.1, _height(most, len(books))), 0.8, sharey=False)
    fills = {fill for _, keys, _ in found for _, fill in keys}
    for place, (measure, keys, series) in zip(places, found):
        names = [visible(s) + (f" ({visible(fill)})" if len(fills) > 1 else "") for s, fill in keys]
        dots(place, keys, names, series)
        place.set_title(readable(measure), loc="left", fontsize=8)
        form = books[0].form
        place.set_xlabel(axis_title(form) if measure == "alone" else form.points)
    legend(figure, places, len(books))
    return figure


def groups(books: Sequence[Book], columns: int, scenarios: Sequence[str]) -> Figure:
    """Return the headline of each group, clean and in the worst cell, or in the worst cells of these scenarios."""
    tables = [{(r["by"], r["cell"], r["group"]): r for r in _of_groups(book)} for book in books]
    cells = [cell for cell in telling_cells(books[0]) if cell != "clean"]
    if scenarios:
        cells = [cell for cell in cells if books[0].plan[cell].scenario in scenarios]
    else:
        worst = worst_cell(books[0])
        cells = [] if worst is None or worst["cell"] == "clean" else [worst["cell"]]
    single = {name.removeprefix("group.") for name in books[0].run.samples.column_names}
    ways = list(dict.fromkeys(by for by, *_ in tables[0] if by in single))[:MOST_MAPS]
    panels = []
    for by in ways:
        for cell in ("clean", *cells):
            series = _series(books, lambda book, by=by, cell=cell: _at(tables[books.index(book)], by, cell))  # type: ignore[misc]
            if keys := _together(series)[:MOST_LINES]:
                panels.append((by, cell, keys, series))
    if not panels:
        raise InputError("plot: the runs have no groups in these cells that all of them share.")
    most = max(len(keys) for _, _, keys, _ in panels)
    figure, places = plots(len(panels), columns, (2.1, _height(most, len(books)) + 0.35), 0.4, sharex=True)
    for place, (by, cell, keys, series) in zip(places, panels):
        dots(place, keys, [visible(key) for key in keys], series)
        place.set_title(f"{folded(by)}\n{folded(cell)}", loc="left", fontsize=7.5)
        place.set_xlabel(axis_title(books[0].form))
    legend(figure, places, len(books))
    return figure


def _of_groups(book: Book) -> list[Row]:
    return [
        row for row in book.table("groups") if row["metric"] == book.form.name and row["by"] and not row["fallback"]
    ]


def _at(rows: Mapping[tuple[Any, Any, Any], Row], by: str, cell: str) -> dict[Any, Row]:
    found = {group: row for (b, c, group), row in rows.items() if (b, c) == (by, cell)}
    return {group: {k: v for k, v in row.items() if k != "modality"} for group, row in found.items()}


def compared(books: Sequence[Book], scenarios: Sequence[str], common: bool) -> Figure:
    """Return by how much each other run is better than the first, by scenario: filled where the difference is sure."""
    if len(books) < 2:
        raise InputError("plot: compare must have at least two runs, got one. Name the others.")
    found = compare_several(*(book.run for book in books), common=common)
    rows = [r for r in found.rows if r.measure == found.metric and (not scenarios or r.part in (*scenarios, "clean"))]
    scale = 100.0 if books[0].form.share else 1.0
    series = []
    for j, (book_name, (colour, marker, _)) in enumerate(zip(names_of(books), LOOKS)):
        pairs = {row.part: pair for row in rows for pair in row.pairs if (pair.one, pair.other) == (0, j)}
        known = {part: pair for part, pair in pairs.items() if pair.difference.drop is not None}
        if j:
            at = {part: _gain(pair.difference, scale) for part, pair in known.items()}
            unsure = frozenset(part for part, pair in known.items() if pair.better is None)
            series.append(Dots(book_name, colour, marker, at, open=unsure))
    parts = [row.part for row in rows if any(row.part in one.at for one in series)]
    if not parts:
        raise InputError("plot: the runs have no differences in these scenarios.")
    figure, places = plots(1, 1, (4.2, _height(len(parts), len(series))), 0.8)
    dots(places[0], parts, [visible(part) for part in parts], series)
    places[0].axvline(0, color=SOFT, linewidth=0.7)
    form = books[0].form
    unit = f" ({form.points})" if form.points else ""
    places[0].set_xlabel(f"{form.title} against {names_of(books)[0]}{unit}: right is better, filled: surely")
    legend(figure, places, 2)
    return figure


def _gain(difference: Any, scale: float) -> tuple[float, float | None, float | None]:
    """Return a difference turned round, so that more is better."""
    ends = [None if end is None else -scale * end for end in (difference.high, difference.low)]
    return -scale * difference.drop + 0.0, ends[0], ends[1]
