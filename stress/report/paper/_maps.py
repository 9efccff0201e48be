"""Figures of two axes at once: products of severities, confidence against accuracy, severity over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from stress.report._book import Book, Row, hue
from stress.report._heat import is_heat, products
from stress.report._numbers import severity, visible
from stress.report._slices import telling_cells
from stress.report.paper._look import COLOURS, LOOKS, MARKERS, SOFT, axis_title, folded, legend, names_of, plots, scaled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["heat", "reliability", "timeline"]


def _products(book: Book, scenarios: Sequence[str]) -> dict[tuple[Any, ...], dict[tuple[Any, Any], Row]]:
    rows = [r for r in book.table("cells") if r["metric"] == book.form.name and is_heat(book, r) and not r["fallback"]]
    return products(book, [row for row in rows if not scenarios or row["scenario"] in scenarios])


def heat(books: Sequence[Book], columns: int, scenarios: Sequence[str]) -> Figure:
    """Return the headline over two severities at once, one map a product and a run, all on one scale."""
    found = [_products(book, scenarios) for book in books]
    keys = [key for key in found[0] if all(key in each for each in found)]
    if not keys:
        raise InputError("plot: heat needs a scenario with `grid: product` that all runs have.")
    panels = [(book, name, key, maps[key]) for key in keys for book, name, maps in zip(books, names_of(books), found)]
    known = [row["value"] for _, _, _, at in panels for row in at.values() if row["value"] is not None]
    if not known:
        raise InputError("plot: the products of these runs have no values.")
    scale = 100.0 if books[0].form.share else 1.0
    ends = (scale * min(known), scale * max(known))
    wide = columns if len(books) == 1 else min(columns, len(books))
    lines = max(len({down for down, _ in at}) for _, _, _, at in panels)
    across = max(len({right for _, right in at}) for _, _, _, at in panels)
    figure, places = plots(len(panels), wide, (0.5 * across + 1.2, 0.4 * lines + 0.9), 0.3)
    for place, (_, name, key, at) in zip(places, panels):
        mesh = _map(place, key, at, scale, ends)
        title = visible(key[0]) + "".join(f", {visible(n)} {_coordinate(v)}" for n, v in key[3])
        place.set_title(f"{title}: {name}" if len(books) > 1 else title, loc="left", fontsize=8)
    figure.colorbar(mesh, ax=places, label=axis_title(books[0].form), shrink=0.8)
    return figure


def _coordinate(value: Any) -> str:
    return severity(value) if isinstance(value, int | float) else visible(value)


def _map(place: Any, key: tuple[Any, ...], at: Mapping[tuple[Any, Any], Row], scale: float, ends: Any) -> Any:
    import numpy as np

    def order(values: Any) -> list[Any]:
        return sorted(set(values), key=lambda v: (isinstance(v, str), v))

    downs, rights = order(d for d, _ in at), order(r for _, r in at)
    values = np.full((len(downs), len(rights)), np.nan)
    for (down, right), row in at.items():
        if row["value"] is not None:
            values[downs.index(down), rights.index(right)] = scale * row["value"]
    span = (ends[0], ends[1] if ends[1] > ends[0] else ends[0] + 1)
    mesh = place.pcolormesh(values, cmap="cividis", vmin=span[0], vmax=span[1], edgecolors="white", linewidth=0.5)
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            dark = np.isnan(value) or (value - span[0]) / (span[1] - span[0]) > 0.55
            text = "–" if np.isnan(value) else f"{value:.0f}" if scale == 100.0 else f"{value:.3g}"
            place.text(j + 0.5, i + 0.5, text, ha="center", va="center", color="black" if dark else "white", fontsize=7)
    place.set_xticks(np.arange(len(rights)) + 0.5, [_coordinate(v) for v in rights])
    place.set_yticks(np.arange(len(downs)) + 0.5, [_coordinate(v) for v in downs])
    place.set_ylabel(visible(key[1]))
    place.set_xlabel(visible(key[2]))
    place.grid(visible=False)
    return mesh


def reliability(books: Sequence[Book], scenarios: Sequence[str], columns: int) -> Figure:
    """Return how often answers of a stated confidence are right: clean, and in each scenario's worst cell."""
    first = books[0]
    chosen = (*scenarios, "clean")
    wanted = [cell for cell in telling_cells(first) if not scenarios or first.plan[cell].scenario in chosen]
    found = [_bins(book) for book in books]
    cells = [cell for cell in wanted if all(cell in each for each in found)]
    if not cells:
        raise InputError("plot: the run has no confidences, so there is no reliability to draw.")
    figure, places = plots(len(cells), columns, (1.85, 1.85), 0.2 + 0.3 * (len(books) > 1), sharex=True, sharey=True)
    for place, cell in zip(places, cells):
        place.plot([0, 100], [0, 100], color=SOFT, linewidth=0.7, linestyle="--")
        for bins, name, look in zip(found, names_of(books), LOOKS):
            own = COLOURS["other" if cell == "clean" else hue(first.plan[cell].modality)], "o"
            colour, marker = own if len(books) == 1 else look[:2]
            for row in (row for row in bins[cell] if row["low"] is not None and row["high"] is not None):
                ends = [100 * row["low"], 100 * row["high"]]
                place.plot([100 * row["confidence"]] * 2, ends, color=colour, alpha=0.4)
            values = [100 * row["accuracy"] for row in bins[cell]]
            at = [100 * row["confidence"] for row in bins[cell]]
            place.plot(at, values, color=colour, marker=marker, linestyle="", label=name)
        place.set_title(folded(cell), loc="left", fontsize=8)
        place.set_xlabel("confidence (%)")
        place.set_ylabel("right (%)")
        place.label_outer()
    legend(figure, places, len(books))
    return figure


def _bins(book: Book) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in book.table("reliability"):
        if row["bins"] == "width" and row["n"] and row["accuracy"] is not None:
            found.setdefault(row["cell"], []).append(row)
    return found


def timeline(books: Sequence[Book], columns: int, scenarios: Sequence[str]) -> Figure:
    """Return the headline over time while severity comes and goes; dashed grey: the same samples on clean input."""
    found = [_windows(book, scenarios) for book in books]
    cells = [cell for cell in found[0] if all(cell in each for each in found)]
    if not cells:
        raise InputError("plot: timeline needs a scenario with `grid: timeline` that all runs have.")
    form = books[0].form
    scale = 100.0 if form.share else 1.0
    figure, places = plots(len(cells), min(columns, 2), (3.2, 1.9), 0.4, sharey=True)
    for place, cell in zip(places, cells):
        for book, each, name, look in zip(books, found, names_of(books), LOOKS):
            rows = each[cell]
            kind = hue(rows[0]["modality"])
            colour, marker, dash = (COLOURS[kind], MARKERS[kind], "-") if len(books) == 1 else look
            x = [_middle(row) for row in rows]
            points = [scaled(book.form, row) for row in rows]
            sure = [i for i, point in enumerate(points) if None not in point]
            below, above = ([points[i][end] for i in sure] for end in (1, 2))
            place.fill_between([x[i] for i in sure], below, above, color=colour, alpha=0.15, linewidth=0)
            clean = [None if row["clean"] is None else scale * row["clean"] for row in rows]
            place.plot(x, clean, color=SOFT if len(books) == 1 else colour, linewidth=0.7, linestyle="--")
            place.plot(x, [p[0] for p in points], color=colour, marker=marker, linestyle=dash, label=name)
        _course(place, found[0][cell])
        place.set_title(folded(cell), loc="left", fontsize=8)
        place.set_xlabel("of the span of time (%)")
    places[0].set_ylabel(axis_title(form))
    legend(figure, places, len(books))
    return figure


def _middle(row: Row) -> float:
    return 50 * (float(row["start"]) + float(row["stop"]))


def _windows(book: Book, scenarios: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in book.table("timeline"):
        if row["value"] is not None and (not scenarios or row["scenario"] in scenarios):
            found.setdefault(row["cell"], []).append(row)
    return found


def _course(place: Any, rows: Sequence[Row]) -> None:
    """Draw the severity that was met, in grey, on an axis of its own."""
    beside = place.twinx()
    beside.fill_between([_middle(r) for r in rows], 0, [r["met"] for r in rows], color=SOFT, alpha=0.12, linewidth=0)
    beside.set_ylim(0, 2 * max(1.0, *(float(row["met"]) for row in rows)))
    beside.set_ylabel("severity", color=SOFT)
    beside.grid(visible=False)
    beside.spines["right"].set_visible(True)
