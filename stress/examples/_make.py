"""A sample as the model met it in a cell, made again by the keys of its draws and held against what was recorded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perturbations import RunError, Sample
from perturbations.errors import named_keywords
from perturbations.modality import modality
from scenarios import Cell, perturb
from stress.data import Samples
from stress.examples._choose import has_private
from stress.records.folder import Folder

__all__ = ["made_again", "shown_again"]

_OTHERS = {"data", "sequence"}
"""What a perturbation needs that puts other samples into this one."""


def shown_again(run: Folder, cell: Cell, data: Samples, position: int, seed: int) -> tuple[Sample, Sample]:
    """Return a sample that may be shown, as it is and as it was in a cell; see ``made_again``.

    Raises RunError where other samples are in it and some of the run are private.
    """
    if has_private(run) and any(_OTHERS & c.declaration.needed(c.settings) for c in cell.conditions):
        raise RunError(f"{run.path}: {cell.id} is not shown: other samples are in it, and some of the run are private.")
    return made_again(run, cell, data, position, seed)


@named_keywords
def made_again(run: Folder, cell: Cell, data: Samples, position: int, seed: int) -> tuple[Sample, Sample]:
    """Return a sample as it is and as it was in a cell (the first draw).

    Raises RunError where it is not what was recorded: its distortion is another, since a perturbation, or what it
    draws from, is not the same any more.
    """
    clean = data.proven([position])[0]
    after = perturb(cell, clean, data, seed)
    recorded = _recorded(run, cell.id, position)
    for stream in cell.streams:
        for name, value in _distortion(clean, after, stream, data.streams).items():
            known = recorded.get(f"distortion.{stream}.{name}")
            if known is not None and not np.isclose(known, value, rtol=1e-4, atol=1e-4, equal_nan=True):
                raise RunError(
                    f"{run.path}: sample {clean.id!r} in {cell.id} must be made again as it was, got {name} of "
                    f"{stream} {value:.4g}, recorded {known:.4g}. The perturbation or the data are not the same."
                )
    return clean, after


def _distortion(clean: Sample, after: Sample, stream: str, kinds: Mapping[str, str]) -> Mapping[str, float]:
    one, other = clean.streams[stream], after.streams[stream]
    if one is None or other is None:
        return {"missing": float(other is None)}
    return {**modality(kinds[stream]).distortion(one, other), "missing": 0.0}


def _recorded(run: Folder, cell: str, position: int) -> Mapping[str, float | None]:
    """Return the distortion that was recorded of a sample in a cell, by column."""
    columns = [name for name in run.columns if name.startswith("distortion.")]
    table = run.records([cell], columns)
    here = (np.asarray(table["sample"]) == position) & (np.asarray(table["draw"]) == 0)
    rows = table.filter(here).to_pylist()
    return {name: rows[0][name] for name in columns} if rows else {}
