"""Whether one severity means the same in all scenarios of a modality."""

from __future__ import annotations

from perturbations.modality import MODALITIES
from stress.report._book import Book, Row, hue
from stress.report._grid import Grid, nums, texts
from stress.report._numbers import severity, visible
from stress.report._part import Part

__all__ = ["severities"]

_HOW = (
    "What scenarios of a modality cost at one severity: {metric} lost against clean input. The wider they are apart, "
    "the less a severity says by itself; `stress calibrate` finds levels that cost the same."
)


def severities(book: Book) -> Part | None:
    """Return how far apart scenarios are at each severity, where a modality has several."""
    rows = [row for row in book.table("severities") if row["value"] is not None]
    if not rows:
        return None
    place = {kind: at for at, kind in enumerate(MODALITIES)}
    rows.sort(key=lambda row: (place.get(row["modality"], len(place)), row["modality"], row["severity"]))
    columns = [
        *texts("modality"),
        *nums("severity", "scenarios"),
        *texts("mildest", "harshest"),
        *nums("apart", "mean"),
    ]
    body = [_line(book, row) for row in rows]
    hues = [hue(row["modality"]) for row in rows]
    grid = Grid(columns, body, "How unequal severities are", hues).cut("severities")
    return Part("severities", "Severities", _HOW.format(metric=book.form.title), grids=[grid])


def _line(book: Book, row: Row) -> list[str]:
    form = book.form
    ends = [
        f"{visible(name)}, {form.value(row[which])}"
        for name, which in ((row["mildest_scenario"], "mildest"), (row["scenario"], "harshest"))
    ]
    apart, mean = form.change(row), form.value(row["mean"])
    return [visible(row["modality"]), severity(row["severity"]), str(row["scenarios"]), *ends, apart, mean]
