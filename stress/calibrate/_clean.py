"""How far a suite's scenarios are from clean data, without any model: a sample at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perturbations import InputError, Sample
from perturbations.modality import modality
from scenarios import Cell, Suite, expand, perturb
from stress.calibrate._curves import ROWS, Curves, graded, ratios
from stress.calibrate._distances import distance_curve, measure_of
from stress.data import Samples
from stress.records.cells import CellRow, cell_rows
from stress.records.schema import cells_table
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import clusters

__all__ = ["clean_distances"]


def clean_distances(
    data: Samples, suite: Suite, measure: str | None = None, samples: int = 100, seed: int = 0
) -> Curves:
    """Return how far each scenario's inputs are from the clean ones: of at most so many samples, drawn by the seed.

    Attacks need a model, and are left out. Raises InputError where no scenario has a distortion.
    """
    if samples < 1:
        raise InputError(f"calibrate: samples must be at least 1, got {samples}.")
    plan = expand(suite, data.streams, has=data.has)
    rows = cell_rows(cells_table(plan.cells, data.streams))
    kept, reasons = graded(rows)
    reasons |= dict(plan.left_out)
    wanted: dict[str, tuple[str, float, float]] = {}
    for name, some in list(kept.items()):
        found = measure_of(rows[some[-1]].modality, measure)
        attacked = any(c.declaration.kind == "attack" for c in plan.cells[some[-1]].conditions)
        if found is None or attacked:
            reasons[name] = "an attack needs a model" if attacked else "it has no one distortion"
            del kept[name]
        else:
            wanted[name] = found
    chosen = np.random.default_rng(seed).permutation(len(data))[:samples]
    top, bottom = _sums(data, plan.cells, rows, kept, wanted, [int(i) for i in chosen], seed)
    by = data.cluster
    groups = None if by is None else [_group(data, by, int(i)) for i in chosen]
    own = clusters([data.ids[int(i)] for i in chosen], groups, by or "sample", ROWS)
    point, again = ratios(own, top, bottom)
    curves = []
    for name, some in kept.items():
        if np.isfinite(point[some]).all():
            curves.append(distance_curve(rows, name, some, (point[some], again[:, some]), wanted[name]))
        else:
            reasons[name] = "its distortion is undefined: sizes changed, or streams were lost"
    if not curves:
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no scenario has severities"
        raise InputError(f"calibrate: a scenario must have a distortion, got none. {listed}.")
    return Curves(
        measure or "distortion", (data.name,), len(chosen), len(own), tuple(curves), reasons, plan.source,
        (f"{data.name} ({data.fingerprint[:16]})",),
    )  # fmt: skip


def _group(data: Samples, by: str, place: int) -> str | None:
    found = data.sequences[place] if by == "sequence" else data.index.groups[by][place]
    return None if found is None else str(found)


def _sums(
    data: Samples, cells: Sequence[Cell], rows: Sequence[CellRow], kept: Mapping[str, Sequence[int]],
    wanted: Mapping[str, tuple[str, float, float]], chosen: Sequence[int], seed: int,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return (samples × cells) sums of distortions, and how many went into each."""
    top, bottom = np.zeros((len(chosen), len(cells))), np.zeros((len(chosen), len(cells)))
    for k, place in enumerate(chosen):
        sample = data[place]
        for name, some in kept.items():
            for i in some:
                changed = perturb(cells[i], sample, data, seed)
                for value in _of(sample, changed, rows[i], wanted[name][0]):
                    top[k, i] += value
                    bottom[k, i] += 1
    return top, bottom


def _of(before: Sample, after: Sample, row: CellRow, measure: str) -> list[float]:
    found = []
    for stream in row.streams:
        clean, changed = before.streams.get(stream), after.streams.get(stream)
        if clean is not None and changed is not None:
            value = modality(row.modality).distortion(clean, changed).get(measure, np.nan)
            found += [float(value)] if np.isfinite(value) else []
    return found
