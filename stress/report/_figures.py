"""Figures for a paper: curves with their intervals, drawn by matplotlib; the same run gives the same file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from perturbations.modality import MODALITIES, modality
from stress.measure import Measurable
from stress.report._book import JOINT, Book, Row, hue
from stress.report._numbers import readable, visible
from stress.report._several import curves_of_all
from stress.report._slices import telling_cells
from stress.report._tables import lost_rows, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "KINDS", "plot", "save"]

KINDS = ("curves", "lost", "reliability")
COLOURS = {name: modality(name).look.colour for name in MODALITIES} | {JOINT: "#8f3f8f", "other": "#5b5b9a"}
"""One hue per modality, the page's own; distinguished with any kind of colour vision, and in grey by their markers."""
MARKERS = {name: modality(name).look.marker for name in MODALITIES} | {JOINT: "D", "other": "X"}
STYLE: Any = {
    "svg.hashsalt": "multimodal-stress",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dfe3e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "text.parse_math": False,  # a class named $x$ is a name
}


@named_keywords
def plot(
    run: Measurable,
    kind: str = "curves",
    *,
    modality: str | None = None,
    columns: int = 4,
    others: Sequence[Measurable] = (),
    scenarios: Sequence[str] = (),
) -> Figure:
    """Return a figure of a run: ``curves`` (one small plot per curve), ``lost`` (streams missing) or ``reliability``.

    ``modality`` keeps one modality's curves, or ``"joint"`` those of several at once; ``scenarios`` keeps those of
    these names. ``others`` are runs whose curves are drawn into the same plots: those that all have. Raises InputError
    where there is nothing to draw, or matplotlib is not installed.
    """
    if kind not in KINDS:
        raise InputError(f"plot: kind must be one of {', '.join(KINDS)}, got {kind!r}. {nearest(kind, KINDS)}")
    try:
        import matplotlib
    except ImportError:
        raise InputError(
            "plot: needs matplotlib, which is not installed. pip install 'multimodal-stress[report]'"
        ) from None
    book = Book(run)
    if not book.begun:
        raise InputError(f"plot: {run.path} has no records yet.")
    with matplotlib.rc_context(STYLE):
        if others:
            return _of_all([book, *map(Book, others)], kind, modality, columns, scenarios)
        if kind == "reliability":
            return _reliability(book, scenarios, columns)
        return _curves(book, modality, columns, scenarios) if kind == "curves" else _lost(book)


def _of_all(books: Sequence[Book], kind: str, modality: str | None, columns: int, scenarios: Sequence[str]) -> Figure:
    if kind != "curves" or modality is not None:
        raise InputError("plot: several runs are drawn as curves, all modalities at once; got another kind, or one.")
    if waiting := [book.run.path for book in books if not book.begun]:
        raise InputError(f"plot: {waiting[0]} has no records yet.")
    found: Figure = curves_of_all(books, columns, scenarios, _paper())
    return found


@named_keywords
def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure without a date, so that equal figures are equal files. The suffix names the format."""
    import matplotlib

    path = Path(path)
    dates: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, metadata=dates.get(path.suffix), dpi=200)
    return path


def _chosen(book: Book, modality: str | None, scenarios: Sequence[str]) -> list[list[Row]]:
    found = [rows for rows in book.curves.values() if not rows[-1]["fallback"]]
    if not found:
        raise InputError("plot: the run has no graded scenario, so it has no curves.")
    names = list(dict.fromkeys(str(rows[-1]["scenario"]) for rows in found))
    if wrong := [name for name in scenarios if name not in names]:
        raise InputError(f"plot: scenario must be one that has curves, got {wrong[0]!r}. {nearest(wrong[0], names)}")
    found = [rows for rows in found if not scenarios or rows[-1]["scenario"] in scenarios]
    known = dict.fromkeys(hue(rows[-1]["modality"]) for rows in found)
    if modality is not None:
        found = [rows for rows in found if modality in (hue(rows[-1]["modality"]), rows[-1]["modality"])]
    if not found:
        raise InputError(f"plot: modality must be one that has curves ({', '.join(known)}), got {modality!r}.")
    return found


@cache
def _paper() -> type[Figure]:
    """Return the class of figures: they need no window and no pyplot, and a notebook shows them as they are saved."""
    import matplotlib
    from matplotlib.figure import Figure

    class Paper(Figure):
        def _repr_png_(self) -> bytes:
            image = BytesIO()
            with matplotlib.rc_context(STYLE):
                self.savefig(image, format="png", dpi=110)
            return image.getvalue()

    return Paper


def _curves(book: Book, modality: str | None, columns: int, scenarios: Sequence[str]) -> Figure:
    curves = _chosen(book, modality, scenarios)
    wide = min(columns, len(curves))
    high = -(-len(curves) // wide)
    figure = _paper()(figsize=(1.85 * wide + 0.3, 1.65 * high + 0.2), layout="constrained")
    axes = figure.subplots(high, wide, sharex=False, sharey=True, squeeze=False)
    for place, rows in zip(axes.flat, curves):
        _curve(book, place, rows)
    for place in list(axes.flat)[len(curves) :]:
        place.set_axis_off()
    for line in axes:
        line[0].set_ylabel(f"{book.form.title}{f' ({book.form.mark})' if book.form.mark else ''}")
    for place in axes[-1]:
        place.set_xlabel("severity")
    return figure


def _curve(book: Book, place: Any, rows: list[Row]) -> None:
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
        place.axhline(scale * book.clean_value, color="#5b6670", linewidth=0.7)
    place.plot(x, [scale * row["value"] for row in known], color=COLOURS[colour], marker=MARKERS[colour])
    place.set_title(title_of(book, rows[-1]), loc="left", fontsize=8)
    place.set_xticks(sorted({row["severity"] for row in rows}))


def _reliability(book: Book, scenarios: Sequence[str], columns: int) -> Figure:
    """Draw how often answers of a stated confidence are right: clean, and in each scenario's worst cell."""
    chosen = (*scenarios, "clean")
    wanted = [cell for cell in telling_cells(book) if not scenarios or book.plan[cell].scenario in chosen]
    cells = {cell: [r for r in book.table("reliability") if r["cell"] == cell and r["bins"] == "width" and r["n"]]
             for cell in wanted}  # fmt: skip
    cells = {cell: rows for cell, rows in cells.items() if any(row["accuracy"] is not None for row in rows)}
    if not cells:
        raise InputError("plot: the run has no confidences, so there is no reliability to draw.")
    wide = min(columns, len(cells))
    high = -(-len(cells) // wide)
    figure = _paper()(figsize=(1.85 * wide + 0.3, 1.85 * high + 0.2), layout="constrained")
    axes = figure.subplots(high, wide, sharex=True, sharey=True, squeeze=False)
    for place, (cell, rows) in zip(axes.flat, cells.items()):
        known = [row for row in rows if row["accuracy"] is not None]
        colour = COLOURS["other" if cell == "clean" else hue(book.plan[cell].modality)]
        place.plot([0, 100], [0, 100], color="#5b6670", linewidth=0.7, linestyle="--")
        for row in (row for row in known if row["low"] is not None and row["high"] is not None):
            place.plot([100 * row["confidence"]] * 2, [100 * row["low"], 100 * row["high"]], color=colour, alpha=0.4)
        values = [100 * row["accuracy"] for row in known]
        place.plot([100 * row["confidence"] for row in known], values, color=colour, marker="o", linestyle="")
        place.set_title(visible(cell), loc="left", fontsize=8)
    for place in list(axes.flat)[len(cells) :]:
        place.set_axis_off()
    for line in axes:
        line[0].set_ylabel("right (%)")
    for place in axes[-1]:
        place.set_xlabel("confidence (%)")
    return figure


def _lost(book: Book) -> Figure:
    rows = [row for row in lost_rows(book) if row["value"] is not None][::-1]
    if not rows:
        raise InputError("plot: the run has no cells in which a stream is missing.")
    scale = 100.0 if book.form.share else 1.0
    figure = _paper()(figsize=(4.2, 0.26 * len(rows) + 0.7), layout="constrained")
    place = figure.subplots()
    for y, row in enumerate(rows):
        colour = hue(row["modality"])
        if row["low"] is not None and row["high"] is not None:
            ends = [scale * row["low"], scale * row["high"]]
            place.plot(ends, [y, y], color=COLOURS[colour], linewidth=3, alpha=0.4, solid_capstyle="butt")
        place.plot(scale * row["value"], y, color=COLOURS[colour], marker=MARKERS[colour], markersize=4.5)
    if book.clean_value is not None:
        place.axvline(scale * book.clean_value, color="#5b6670", linewidth=0.7)
    names = [f"{visible(r['lost']).replace('+', ' + ')} ({book.plan[r['cell']].fill or 'none'})" for r in rows]
    place.set_yticks(range(len(rows)), names)
    place.set_xlabel(f"{readable(book.form.name)}{f' ({book.form.mark})' if book.form.mark else ''}")
    return figure
