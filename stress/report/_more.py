"""The tables further down: classes, groups, calibration, distortion, time – each only where the measures have it."""

from __future__ import annotations

from collections.abc import Sequence

from perturbations.modality import MODALITIES, modality
from stress.report._attacks import attacked
from stress.report._book import Book, Row, hue
from stress.report._calibration import calibration
from stress.report._chart import Chart, Line, Point
from stress.report._cost import cost
from stress.report._fallbacks import fallbacks
from stress.report._grid import Column, Grid, nums, texts
from stress.report._heat import Heat
from stress.report._metrics import other_metrics
from stress.report._numbers import DASH, Form, count, severity, visible
from stress.report._part import Drawing, Part
from stress.report._severities import severities
from stress.report._slices import classes, groups
from stress.report._streams import agreement, contributions, flips, relative
from stress.report._svg import Axis, axis_of
from stress.report._time import over_time

__all__ = ["more"]


def more(book: Book) -> list[Part]:
    """Return the sections that this run has something to show in."""
    sliced = [_sliced("classes", "Classes", classes(book)), _sliced("groups", "Groups", groups(book))]
    found = [
        over_time(book),
        attacked(book),
        contributions(book),
        agreement(book),
        *sliced,
        calibration(book),
        flips(book),
        relative(book),
        fallbacks(book),
    ]
    return [
        part
        for part in (*found, other_metrics(book), severities(book), _distortion(book), _latency(book), cost(book))
        if part
    ]


def _sliced(name: str, title: str, found: tuple[Sequence[Heat], Sequence[Grid], str] | None) -> Part | None:
    return None if found is None else Part(name, title, found[2], heats=found[0], grids=found[1])


def _distortion(book: Book) -> Part | None:
    """Metric against distortion: what a severity does to this model, beside what it does to the input."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in book.table("distortion"):
        score = book.value(row["cell"])
        if row["value"] is None or row["severity"] is None or row["fallback"] or not score or score["value"] is None:
            continue
        groups.setdefault((row["of"], row["metric"]), {}).setdefault(row["scenario"], []).append(row)
    figures = [_distortion_figure(book, of, metric, curves) for (of, metric), curves in groups.items()]
    if not figures:
        return None
    how = (
        f"{book.form.title.capitalize()} against the mean distortion of each cell, damage growing to the right: curves "
        "that fall early hurt this model more than their distortion alone explains."
    )
    return Part("distortion", "Distortion", how, figures, [_distortion_grid(book)])


def _distortion_figure(book: Book, of: str, metric: str, curves: dict[str, list[Row]]) -> Drawing:
    kind = (book.info.get("streams") or {}).get(of, "")
    falls = kind in MODALITIES and modality(kind).falls
    lines = []
    for scenario, rows in curves.items():
        rows.sort(key=lambda row: row["severity"])
        points = []
        for row in rows:
            score = book.value(row["cell"]) or {}
            at = f"{visible(scenario)} {severity(row['severity'])}"
            says = f"{at}: {metric} {row['value']:.3g}, {book.form.both(score, True)}"
            points.append(Point(row["value"], score["value"], score["low"], score["high"], says=says))
        colour = hue(rows[0]["modality"])
        lines.append(Line(points, colour, visible(scenario), dashed=colour != hue(kind)))
    values = [row["value"] for rows in curves.values() for row in rows]
    x = axis_of(values, lambda v: f"{v:.4g}")
    if falls:
        x = Axis(x.high, x.low, x.ticks, x.write)
    name = modality(kind).look.titles.get(metric, metric) if kind in MODALITIES else metric
    chart = Chart(lines, x, book.axis, f"{book.form.title} against {name} of {visible(of)}", clean=book.clean_value,
                  x_title=name, width=380, height=210, room=110)  # fmt: skip
    return Drawing(visible(of), name, hue(kind), chart.draw())


def _distortion_grid(book: Book) -> Grid:
    columns = [Column("cell"), Column("stream"), Column("measure"), Column("mean", "num"), Column("interval", "num")]
    columns += [Column("n", "num"), Column("note", "wrap")]
    body = [
        [r["cell"], r["of"], r["metric"], _plain(r["value"]), _ends(r), count(r["n"]), r["note"] or ""]
        for r in book.table("distortion")
    ]
    return Grid(columns, body, "Distortion of every cell").cut("distortion")


def _plain(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}".replace("-", "−")


def _ends(row: Row) -> str:
    return "" if row["low"] is None or row["high"] is None else f"{_plain(row['low'])} to {_plain(row['high'])}"


def _latency(book: Book) -> Part | None:
    form = Form("latency", share=False)
    at: dict[str, dict[str, Row]] = {}
    for row in book.table("latency"):
        at.setdefault(row["cell"], {})[row["metric"]] = row
    middle, tail = "latency_p50_ms", "latency_p95_ms"
    clean = at.get("clean", {}).get(middle)
    if clean is None or clean["value"] is None:
        return None
    body = [
        [cell, form.both(rows[middle]), form.both(rows[tail]), count(rows[middle]["n"]), rows[tail]["note"] or ""]
        for cell, rows in at.items()
    ]
    size = f" for {_plain(clean['batch'])} samples" if clean["batch"] is not None else ""
    how = f"Time of a call on this machine and under its load. Clean: {form.value(clean['value'])} ms{size} (median)."
    columns = [*texts("cell"), *nums("median, ms", "95th percentile, ms", "calls"), Column("", "wrap")]
    return Part("latency", "Latency", how, grids=[Grid(columns, body, "Latency of every cell").cut("latency")])
