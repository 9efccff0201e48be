"""What each scenario of a suite costs at each of its severities: what models lose, or how far inputs are changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from perturbations import InputError
from stress.records.cells import CellRow
from stress.records.frame import Frame
from stress.records.source import Source
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters, clusters

__all__ = ["ROWS", "Curve", "Curves", "Found", "clusters_of", "curve_of", "curves_of", "graded", "name_of", "ratios"]

ROWS = 1000
"""Resamples of the samples."""


@dataclass(frozen=True)
class Curve:
    """What a scenario does at its severities, falling to 0 at severity 0 (``anchored``) where that is known.

    ``loss`` is (models × severities); ``rows`` the same for each resample of the samples (models × rows × severities).
    Distances are losses of a panel of one: ``start`` and ``slope`` carry a cost into the measure's own unit (SSIM falls
    from 1, decibels fall, error rates rise from 0). ``cell`` is the row of the harshest cell.
    """

    scenario: str
    modality: str
    cell: CellRow
    severities: Floats
    loss: Floats
    rows: Floats
    anchored: bool = True
    measure: str = ""
    start: float = 0.0
    slope: float = 1.0

    def of(self, models: Sequence[int]) -> Curve:
        """Return the curve of some of the models."""
        some = list(models)
        return replace(self, loss=self.loss[some], rows=self.rows[some])

    def shown(self, cost: float) -> float:
        """Return a cost in the measure's own unit."""
        return self.start + self.slope * cost

    def cost(self, shown: float) -> float:
        """Return what a value in the measure's own unit costs."""
        return (shown - self.start) / self.slope


@dataclass(frozen=True)
class Curves:
    """All scenarios that have severities, and why others are left out. ``what`` says what is lost."""

    what: str
    models: tuple[str, ...]
    samples: int
    clusters: int
    curves: tuple[Curve, ...]
    left_out: Mapping[str, str]
    source: Mapping[str, Any]
    """The suite's content."""
    runs: tuple[str, ...] = ()
    """What the curves were read from: names and digests."""

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the scenarios, in their order."""
        return tuple(dict.fromkeys(curve.modality for curve in self.curves))

    def of(self, kind: str) -> list[Curve]:
        """Return the curves of one modality."""
        return [curve for curve in self.curves if curve.modality == kind]


Found = tuple[Floats, Floats]
"""A number in some cells, and in each resample."""


def graded(cells: Sequence[CellRow]) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Return the cells of each scenario that has one curve, by severity; and why each other scenario has none."""
    found: dict[str, list[int]] = {}
    reasons: dict[str, str] = {}
    for i, row in enumerate(cells):
        if row.clean or row.fallback:
            continue
        if row.machine:
            reasons[row.scenario] = "it changes the machine, whose levels are times and bytes"
        elif row.only_lost:
            reasons[row.scenario] = "it takes streams away, which has no severity"
        elif row.grid != "joint" or row.severity is None:
            reasons[row.scenario] = "it has no single severity"
        else:
            found.setdefault(row.scenario, []).append(i)
    for name, some in found.items():
        if len({cells[i].coordinates for i in some}) > 1:
            reasons[name] = "it has a curve for each category"
    kept = {
        name: sorted(some, key=lambda i: cells[i].severity or 0.0)
        for name, some in found.items()
        if name not in reasons
    }
    return kept, reasons


def clusters_of(frame: Frame) -> Clusters:
    """Return which samples are resampled together, as the run declares."""
    by = frame.run.info.get("cluster")
    return clusters(frame.samples, frame.group(by) if by else None, by or "sample", ROWS)


def ratios(own: Clusters, top: Floats, bottom: Floats) -> Found:
    """Return the ratio in each cell of (samples × cells) sums, and in each resample."""
    above, below = own.gather(top), own.gather(bottom)
    with np.errstate(invalid="ignore", divide="ignore"):
        again = own.resample(above).astype(np.float64) / own.resample(below)
        return above.sum(axis=0) / below.sum(axis=0), again


def curve_of(
    cells: Sequence[CellRow], name: str, some: Sequence[int], loss: Floats, rows: Floats, measure: str
) -> Curve:  # fmt: skip
    """Return a scenario's curve from what each model loses in its cells."""
    row = cells[some[-1]]
    severities = np.array([cells[i].severity for i in some], np.float64)
    return Curve(name, row.modality, row, severities, loss, rows, measure=measure)


def curves_of(
    frames: Sequence[Frame], what: str, models: tuple[str, ...], curves: list[Curve], reasons: dict[str, str]
) -> Curves:  # fmt: skip
    if not curves:
        raise InputError("calibrate: the suite must have a scenario with severities, got none.")
    first = frames[0]
    suite = first.run.info.get("suite")
    return Curves(
        what=what,
        models=models,
        samples=len(first.samples),
        clusters=len(clusters_of(first)),
        curves=tuple(curves),
        left_out=reasons,
        source=suite if isinstance(suite, Mapping) else {},
        runs=tuple(f"{frame.run.path.name} ({_digest(frame.run)})" for frame in frames),
    )


def _digest(run: Source) -> str:
    """Return a digest of who was run on what: model, data, suite, seed."""
    said = json.dumps(run.info.get("identity"), sort_keys=True, ensure_ascii=False)
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def name_of(run: Source) -> str:
    said = (run.info.get("identity") or {}).get("model")
    return str(said.get("name") if isinstance(said, Mapping) and said.get("name") else run.path.name)
