"""Curves against severity: of one run in the colours of its modalities, of several told apart by colour and marker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from perturbations.errors import nearest
from stress.report._book import Book, Row, hue
from stress.report._tables import title_of
from stress.report.paper._look import COLOURS, LOOKS, MARKERS, SOFT, axis_title, legend, names_of, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves", "shared_curves"]

_Key = tuple[Any, ...]


def curves(books: Sequence[Book], modality: str | None, columns: int, scenarios: Sequence[str]) -> Figure:
    """Return a figure with a small plot for each curve that all runs have, and one line a run in each.

    Raises InputError where there is no such curve of this modality and these scenarios.
    """
    keys = _chosen(books, modality, scenarios)
    figure, places = plots(len(keys), columns, (1.85, 1.65), 0.2 if len(books) == 1 else 0.5, sharey=True)
    for place, key in zip(places, keys):
        if len(books) == 1:
            _curve(books[0], place, _rows(books[0], key))
        else:
            _lines(place, books, key)
        if place.get_subplotspec().is_first_col():
            place.set_ylabel(axis_title(books[0].form))
    for place in places[-min(columns, len(keys)) :]:
        place.set_xlabel("severity")
    legend(figure, places, len(books))
    return figure


def shared_curves(books: Sequence[Book]) -> list[list[Sequence[Row]]]:
    """Return the points of each curve that all runs have, a list a run; none where they have no curve in common."""
    try:
        return [[_rows(book, key) for book in books] for key in _shared(books)]
    except InputError:
        return []


def _key(row: Row) -> _Key:
    return tuple(row[name] for name in ("scenario", "stream", "perturbation", "profile", "category"))


def _rows(book: Book, key: _Key) -> Sequence[Row]:
    return next(rows for rows in book.curves.values() if _key(rows[-1]) == key and not rows[-1]["fallback"])


def _shared(books: Sequence[Book]) -> dict[_Key, str]:
    """Return what tells the curves apart that every run has, each with its modality."""
    found = [{_key(r[-1]): str(r[-1]["modality"]) for r in b.curves.values() if not r[-1]["fallback"]} for b in books]
    shared = {key: kind for key, kind in found[0].items() if all(key in other for other in found[1:])}
    if not shared and len(books) == 1:
        raise InputError("plot: the run has no graded scenario, so it has no curves.")
    if not shared:
        raise InputError("plot: the runs must have a graded scenario in common, got none. Run one suite on each.")
    return shared


def _chosen(books: Sequence[Book], modality: str | None, scenarios: Sequence[str]) -> list[_Key]:
    shared = _shared(books)
    names = list(dict.fromkeys(str(key[0]) for key in shared))
    if wrong := [name for name in scenarios if name not in names]:
        those = "has curves" if len(books) == 1 else f"all runs have ({', '.join(names)})"
        raise InputError(f"plot: scenario must be one that {those}, got {wrong[0]!r}. {nearest(wrong[0], names)}")
    keys = [key for key in shared if not scenarios or key[0] in scenarios]
    known = dict.fromkeys(hue(shared[key]) for key in keys)
    if modality is not None:
        keys = [key for key in keys if modality in (hue(shared[key]), shared[key])]
    if not keys:
        raise InputError(f"plot: modality must be one that has curves ({', '.join(known)}), got {modality!r}.")
    return keys


def _curve(book: Book, place: Any, rows: Sequence[Row]) -> None:
    scale = 100.0 if book.form.share else 1.0
    colour = hue(rows[-1]["modality"])
    known = [row for row in rows if row["value"] is not None]
    x = [row["severity"] for row in known]
    for low, high, alpha in (("band_low", "band_high", 0.12), ("low", "high", 0.25)):
        sure = [row for row in known if row[low] is not None and row[high] is not None]
        below, above = ([scale * row[end] for row in sure] for end in (low, high))
        at = [row["severity"] for row in sure]
        place.fill_between(at, below, above, color=COLOURS[colour], alpha=alpha, linewidth=0)
    if book.clean_value is not None:
        place.axhline(scale * book.clean_value, color=SOFT, linewidth=0.7)
    place.plot(x, [scale * row["value"] for row in known], color=COLOURS[colour], marker=MARKERS[colour])
    place.set_title(title_of(book, rows[-1]), loc="left", fontsize=8)
    place.set_xticks(sorted({row["severity"] for row in rows}))


def _lines(place: Any, books: Sequence[Book], key: _Key) -> None:
    for book, name, (colour, marker, dash) in zip(books, names_of(books), LOOKS):
        rows = _rows(book, key)
        scale = 100.0 if book.form.share else 1.0
        known = [row for row in rows if row["value"] is not None]
        sure = [row for row in known if row["low"] is not None and row["high"] is not None]
        ends = [[scale * row[end] for row in sure] for end in ("low", "high")]
        place.fill_between([row["severity"] for row in sure], *ends, color=colour, alpha=0.15, linewidth=0)
        values = [scale * row["value"] for row in known]
        at = [row["severity"] for row in known]
        place.plot(at, values, color=colour, marker=marker, linestyle=dash, label=name)
    place.set_title(title_of(books[0], rows[-1]), loc="left", fontsize=8)
    place.set_xticks(sorted({row["severity"] for row in rows}))
