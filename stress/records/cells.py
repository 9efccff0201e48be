"""The cells of a run as rows: what was done to the input in each, read from ``cells.parquet`` once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import pyarrow as pa

__all__ = ["MISSING", "CellRow", "by_scenario", "cell_rows", "listed"]

MISSING = "stream.missing"
"""The perturbation that takes a stream away."""


@dataclass(frozen=True)
class CellRow:
    """A cell: the conditions under which samples are looked at. ``conditions`` and ``axes`` are plain data.

    ``streams`` are degraded; those that are only lost stand under ``lost``; conditions of the machine are on none, and
    ``modality`` says ``machine`` there. ``base``
    is the cell of which this one is a fallback that no other shares. ``order`` is the place in the plan.
    """

    cell: str
    order: int
    scenario: str
    grid: str | None
    modality: str
    streams: tuple[str, ...]
    lost: tuple[str, ...]
    fill: str | None
    perturbation: str
    profile: str
    severity: float | None
    category: str | None
    axes: Mapping[str, Any]
    fallback: str | None
    conditions: tuple[Mapping[str, Any], ...]
    base: str | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing is done to the input."""
        return self.scenario == "clean"

    @property
    def graded(self) -> bool:
        """Whether the cell has one severity, so that it is a point of a curve."""
        return self.clean or self.severity is not None

    @cached_property
    def perturbations(self) -> tuple[str, ...]:
        """Names of the perturbations, in the order they are applied, streams that are only lost apart."""
        return tuple(self.perturbation.split(" > ")) if self.perturbation else ()

    @cached_property
    def machine(self) -> tuple[str, ...]:
        """Names of the conditions of the machine, under which the model answers what it is given."""
        return tuple(c["perturbation"] for c in self.conditions if not c["stream"])

    @property
    def only_lost(self) -> bool:
        """Whether streams are lost and nothing else is wrong."""
        lost = bool(self.lost) and set(self.lost) == set(self.streams)
        return lost and self.perturbation == MISSING and not self.fallback

    @property
    def takes_away(self) -> bool:
        """Whether all that is done is to take streams away, or to drop them instead of degrading them."""
        return self.fallback == "drop" or all(c["perturbation"] == MISSING for c in self.conditions)

    @cached_property
    def coordinates(self) -> str:
        """The coordinates besides the severity, as text: cells that differ in them are points of different curves."""
        return json.dumps({name: value for name, value in self.axes.items() if name != "severity"}, sort_keys=True)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What a result row says of its cell: the columns that all tables share."""
        return {
            "scenario": self.scenario,
            "stream": "+".join(self.streams),
            "modality": self.modality,
            "perturbation": self.perturbation,
            "profile": self.profile,
            "severity": 0.0 if self.clean else self.severity,
            "category": self.category,
            "lost": "+".join(self.lost),
            "fallback": self.fallback,
            "cell": self.cell,
        }


def cell_rows(table: pa.Table) -> list[CellRow]:
    """Return the cells of a run, in the order of the plan."""
    return [_row(row) for row in table.to_pylist()]


def by_scenario(table: pa.Table, among: Collection[str]) -> dict[str, list[str]]:
    """Return which of some cells are clean, and of each scenario; fallbacks are no scenario of their own."""
    found: dict[str, list[str]] = {}
    for row in table.to_pylist():
        if row["cell"] in among and not row["fallback"]:
            found.setdefault("clean" if row["cell"] == "clean" else row["scenario"], []).append(row["cell"])
    return found


def listed(text: str | None) -> Any:
    """Return what a column of a table, or of a history, holds as JSON; an empty mapping where it holds nothing."""
    return json.loads(text or "{}")


def _row(row: Mapping[str, Any]) -> CellRow:
    read: dict[str, Any] = {name: json.loads(row[name] or "null") for name in ("axes", "conditions")}
    read |= {name: tuple(row[name] or ()) for name in ("streams", "lost")}
    read |= {"axes": read["axes"] or {}, "conditions": tuple(read["conditions"] or ())}
    known: dict[str, Any] = {f.name: read.get(f.name, row.get(f.name)) for f in fields(CellRow)}
    return CellRow(**known)
