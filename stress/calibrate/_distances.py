"""How far the inputs of each cell of a suite are from the clean ones, by the distortion that a run recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from perturbations import InputError
from perturbations.modality import modality
from stress.calibrate._curves import Curve, Curves, Found, clusters_of, curve_of, curves_of, graded, name_of, ratios
from stress.records.cells import CellRow
from stress.records.frame import Frame
from stress.records.source import Source
from stress.statistics.bootstrap import Clusters

__all__ = ["distance_curve", "distances", "measure_of"]


def distances(run: Source, measure: str | None = None) -> Curves:
    """Return how far each scenario's inputs are from the clean ones, by the distortion that a run recorded.

    ``measure`` is of one modality (``ssim``, ``snr_db``); without it each modality has its own: see ``measure_of``.
    Raises InputError where no scenario has a distortion: sizes changed, or streams were lost.
    """
    frame = Frame(run)
    kinds: Mapping[str, str] = run.info.get("streams") or {}
    kept, reasons = graded(frame.cells)
    curves = []
    own = clusters_of(frame)
    for name, some in kept.items():
        row = frame.cells[some[-1]]
        wanted = measure_of(row.modality, measure)
        if wanted is None:
            reasons[name] = f"{measure or 'one distortion'} is no measure of {row.modality}"
            continue
        columns = [f"distortion.{s}.{wanted[0]}" for s in row.streams if kinds.get(s, row.modality) == row.modality]
        found = _distance(frame, own, [c for c in columns if frame.has(c)], some)
        if found is None:
            reasons[name] = f"its {wanted[0]} is undefined: sizes changed, or streams were lost"
            continue
        curves.append(distance_curve(frame.cells, name, some, found, wanted))
    if not curves:
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no scenario has severities"
        raise InputError(f"calibrate: a scenario must have a distortion, got none. {listed}.")
    return curves_of([frame], measure or "distortion", (name_of(run),), curves, reasons)


def measure_of(kind: str, wanted: str | None = None) -> tuple[str, float, float] | None:
    """Return a modality's measure of distortion, +1 where it falls with damage (else −1), and its undamaged value.

    ``wanted``, or the last one that the modality has: SSIM of pictures, SNR of sounds, the character error rate.
    """
    if "+" in kind or not kind:
        return None
    here = modality(kind)
    value = here.witness()
    known = here.distortion(value, value)
    name = wanted or list(known)[-1]
    if name not in known:
        return None
    return name, (1.0 if here.falls else -1.0), float(known[name])


def _distance(frame: Frame, own: Clusters, columns: Sequence[str], some: Sequence[int]) -> Found | None:
    if not columns:
        return None
    means = []
    for column in columns:
        values = frame.column(column)
        kept = np.isfinite(values)
        means.append(ratios(own, frame.grid(np.where(kept, values, 0.0)), frame.grid(kept.astype(np.float64))))
    point, rows = np.mean([m[0][some] for m in means], axis=0), np.mean([m[1][:, some] for m in means], axis=0)
    return (point, rows) if np.isfinite(point).all() else None


def distance_curve(
    cells: Sequence[CellRow], name: str, some: Sequence[int], found: Found, measure: tuple[str, float, float]
) -> Curve:  # fmt: skip
    """Return a scenario's curve from the mean distortion of its cells: damage grows upwards, whatever the measure."""
    label, sign, perfect = measure
    start = perfect if np.isfinite(perfect) else 0.0
    loss, again = (sign * (start - each)[None] for each in found)
    made = curve_of(cells, name, some, loss, again, label)
    return replace(made, anchored=bool(np.isfinite(perfect)), start=start, slope=-sign)
