"""A run's tables, each made once, with what the run says of itself: all that a page or a terminal needs to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import pyarrow as pa

from perturbations.modality import MODALITIES
from scenarios import MACHINE
from stress.measure import TABLES, Measurable, Measured
from stress.records.cells import CellRow, cell_rows
from stress.report._numbers import Form
from stress.report._svg import Axis, axis_of

__all__ = ["ABOUT", "BREAK_AT", "JOINT", "Book", "Row", "about_of", "hue", "weakest"]

BREAK_AT = 0.9
"""Share of the clean value under which a model counts as broken."""
JOINT = "joint"
ABOUT = ("scenario", "stream", "modality", "perturbation", "profile", "fallback")
"""What tells the summary's scenarios apart."""

Row = Mapping[str, Any]


def hue(modality: str | None) -> str:
    """Return the colour class of a modality, or of several together; what befalls the machine has its own."""
    if modality and MACHINE in modality.split("+"):
        return "other"
    if not modality or "+" in modality:
        return JOINT
    return modality if modality in MODALITIES else "other"


def about_of(row: Row) -> tuple[Any, ...]:
    """Return what tells a row's scenario from all others of the summary."""
    return tuple(row[name] for name in ABOUT)


def _first(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a mapping in which the first of several values of a key counts."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def weakest(rows: Sequence[Row], most: int, value: Callable[[Row], float | None]) -> list[Row]:
    """Return the rows of the lowest values, of no value last, in their own order; all, where they are few enough."""
    if len(rows) <= most:
        return list(rows)
    known = [value(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda at: inf if known[at] is None else known[at])  # type: ignore[arg-type, return-value]
    return [rows[at] for at in sorted(order[:most])]


@dataclass(frozen=True)
class Book:
    """Everything that is shown about a run; ``begun`` is false where there is no record yet.

    ``goals`` are what share of the worth each stream is to have; those of the run's suite, where there are none.
    """

    run: Measurable
    goals: Any = None

    @cached_property
    def info(self) -> Row:
        """What ``run.json`` says."""
        return self.run.info

    @property
    def identity(self) -> Row:
        """What was run on what."""
        found: Row = self.info.get("identity") or {}
        return found

    @cached_property
    def begun(self) -> bool:
        """Whether there are records."""
        return any((self.run.path / "records").glob("part-*.parquet"))

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.info.get("finished", True))

    @cached_property
    def measured(self) -> Measured:
        """The run, read once."""
        found = self.run.measured(break_at=BREAK_AT, **({} if self.goals is None else {"goals": self.goals}))
        if self.begun:
            found.ahead(list(TABLES))
        return found

    @property
    def summary(self) -> Row:
        """The summary of ``stress.measure``."""
        return self.measured.summary()

    def arrow(self, name: str) -> pa.Table | None:
        """Return a table, or nothing where measures have none of that name."""
        return self.measured.table(name) if name in TABLES and self.begun else None

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return a table's rows; none where measures have no such table."""
        return self.measured.rows(name) if name in TABLES and self.begun else []

    @cached_property
    def form(self) -> Form:
        """How values of the headline metric are written."""
        return Form.of(self.measured.headline)

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """How values of each metric are written."""
        return {metric.name: Form.of(metric) for metric in self.measured.declared}

    @cached_property
    def plan(self) -> Mapping[str, CellRow]:
        """The cells of the run by their ids."""
        return {row.cell: row for row in cell_rows(self.run.cells)}

    @cached_property
    def plan_of(self) -> Mapping[str, list[CellRow]]:
        """The cells of each scenario."""
        return _grouped((row.scenario, row) for row in self.plan.values())

    @cached_property
    def values(self) -> Mapping[tuple[str, str], Row]:
        """Rows of the table of cells by (cell, metric)."""
        return {(row["cell"], row["metric"]): row for row in self.table("cells")}

    def value(self, cell: str, metric: str | None = None) -> Row | None:
        """Return a cell's row of a metric, the headline by default."""
        return self.values.get((cell, metric or self.form.name))

    @cached_property
    def clean(self) -> Row | None:
        """The clean cell's row of the headline metric."""
        return self.value("clean")

    @cached_property
    def clean_value(self) -> float | None:
        """The clean value of the headline metric."""
        return None if self.clean is None else self.clean["value"]

    @cached_property
    def chance(self) -> float | None:
        """The accuracy of always answering the most frequent class, which takes no input; None for another metric."""
        if self.form.name != "accuracy" or self.info.get("labels") == "many":
            return None
        counts = Counter(self.run.samples["target"].to_pylist())
        total = sum(counts.values())
        return max(counts.values()) / total if total else None

    @cached_property
    def curves(self) -> Mapping[tuple[Any, ...], list[Row]]:
        """The points of the headline's curves by what tells the curves apart."""
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in self.table("curves"):
            if row["metric"] == self.form.name:
                names = ("scenario", "stream", "modality", "perturbation", "profile", "category", "fallback")
                found.setdefault(tuple(row[name] for name in names), []).append(row)
        return found

    @cached_property
    def scenario_at(self) -> Mapping[tuple[Any, ...], Row]:
        """The summary's rows by what tells them apart."""
        return _first((about_of(row), row) for row in self.summary["scenarios"])

    @cached_property
    def scenarios_named(self) -> Mapping[str, list[Row]]:
        """The summary's rows by name: one name may stand for several."""
        return _grouped((row["scenario"], row) for row in self.summary["scenarios"])

    @cached_property
    def curve_at(self) -> Mapping[tuple[Any, ...], list[Row]]:
        """The points of the curve of each row of the summary."""
        return _first((about_of(rows[-1]), rows) for rows in self.curves.values())

    @cached_property
    def curves_named(self) -> Mapping[str, list[Row]]:
        """The last points of the curves by scenario."""
        return _grouped((rows[-1]["scenario"], rows[-1]) for rows in self.curves.values())

    @cached_property
    def single(self) -> Mapping[tuple[Any, ...], list[Row]]:
        """The retention of cells without a severity by scenario and fallback."""
        rows = (row for row in self.table("cells") if row["metric"] == "retention" and row["severity"] is None)
        return _grouped(((row["scenario"], row["fallback"]), row) for row in rows)

    @cached_property
    def dropped(self) -> Mapping[str, float | None]:
        """What is left of the headline metric where streams are dropped, by the streams that a scenario touches."""
        return _first((row["stream"], row["value"]) for row in self._headline if row["fallback"] == "drop")

    @cached_property
    def axis(self) -> Axis:
        """The one axis that all curves share, so that they can be compared by eye; a quarter of the scale at least."""
        rows = [row for row in self.table("curves") if row["metric"] == self.form.name]
        return self._axis(
            [*rows, *(row for row in self._headline if row["fallback"])] if rows else self._headline, 0.25
        )

    @cached_property
    def whole_axis(self) -> Axis:
        """The axis of drawings that hold every cell, those without any stream too."""
        return self._axis(self._headline, 0.0)

    @cached_property
    def _headline(self) -> list[dict[str, Any]]:
        return [row for row in self.table("cells") if row["metric"] == self.form.name]

    def _axis(self, rows: Sequence[Row], least: float) -> Axis:
        write = (lambda v: f"{100 * v:.4g}") if self.form.share else (lambda v: f"{v:.3g}")
        known = [row[k] for row in rows for k in ("value", "low", "high") if row[k] is not None]
        if self.form.share and known:
            known += [max(0.0, max(known) - least), min(1.0, min(known) + least)]
        return axis_of(known, write, (0.0, 1.0) if self.form.share else None)

    @cached_property
    def modalities(self) -> Sequence[str]:
        """The modalities of the data's streams, in their usual order."""
        kinds = set((self.info.get("streams") or {}).values())
        kinds |= {kind for row in self.plan.values() for kind in row.modality.split("+") if kind}
        return [*(m for m in MODALITIES if m in kinds), *sorted(kinds - set(MODALITIES))]

    def parameters(self, cell: str) -> str:
        """Return what a cell does in physical terms: ``sigma 0.18``."""
        parts = []
        for condition in self.plan[cell].conditions if cell in self.plan else ():
            for name, value in (condition.get("settings") or {}).items():
                parts.append(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}")
        return ", ".join(parts)
