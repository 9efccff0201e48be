"""The tables further down: classes, groups, calibration, distortion, time – each only where the measures have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perturbations.modality import MODALITIES, modality
from stress.report._book import Book, Row, hue
from stress.report._calibration import calibration
from stress.report._chart import Chart, Line, Point
from stress.report._grid import Column, Grid
from stress.report._heat import Heat
from stress.report._numbers import DASH, count, severity, visible
from stress.report._part import Drawing, Part
from stress.report._slices import classes, contributions, groups
from stress.report._svg import Axis, axis_of

__all__ = ["more"]


def more(book: Book) -> list[Part]:
    """Return the sections that this run has something to show in."""
    found = [_sliced("classes", "Classes", classes(book)), _sliced("groups", "Groups", groups(book))]
    given = contributions(book)
    if given:
        how = "What each stream is worth: alone, when it is lost, and shared out over all sets of streams (Shapley)."
        found.append(Part("contributions", "What each stream contributes", how, grids=given, open=True))
    return [part for part in (*found, calibration(book), _distortion(book), _latency(book)) if part]


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
    name = {"psnr_db": "PSNR, dB", "snr_db": "SNR, dB", "cer": "character error rate"}.get(metric, metric)
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
    return Grid(columns, body, "Distortion of every cell")


def _plain(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}".replace("-", "−")


def _ends(row: Row) -> str:
    return "" if row["low"] is None or row["high"] is None else f"{_plain(row['low'])} to {_plain(row['high'])}"


def _latency(book: Book) -> Part | None:
    rows = {(row["cell"], row["metric"]): row for row in book.table("latency")}
    if not any(row["value"] is not None for row in rows.values()):
        return None
    columns = [
        Column("cell"),
        Column("median ms", "num"),
        Column("interval", "num"),
        Column("95th percentile ms", "num"),
    ]
    columns += [Column("interval", "num"), Column("calls", "num"), Column("samples a call", "num")]
    body: list[list[Any]] = []
    for cell in dict.fromkeys(cell for cell, _ in rows):
        middle, tail = rows[cell, "latency_p50_ms"], rows[cell, "latency_p95_ms"]
        body.append([cell, _plain(middle["value"]), _ends(middle), _plain(tail["value"]), _ends(tail),
                     count(middle["n"]), _plain(middle["batch"])])  # fmt: skip
    clean = rows.get(("clean", "latency_p50_ms"))
    how = "How long one call of the model took, on this machine and under its load."
    if clean and clean["value"] is not None:
        how += f" On clean input: {_plain(clean['value'])} ms for {_plain(clean['batch'])} samples (median)."
    return Part("latency", "Latency", how, grids=[Grid(columns, body, "Latency of every cell")])
