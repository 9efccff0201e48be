"""Runs that stop where they know enough: which of their cells did, so that nobody takes the end for a fixed one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from perturbations import RunError
from stress.records.source import Source

BLOCKS = "chance alone, balanced blocks"
"""Order of a run whose cells were each asked about other samples, and whose end was chosen by how many alone."""

__all__ = ["BLOCKS", "begun_as", "is_stopped", "refuse_stopped", "stopped_cells"]


def is_stopped(run: Source) -> bool:
    """Whether a run was made to stop where it knows enough, and so cannot be judged as if its end were fixed."""
    return begun_as(run.info) == "rules"


def begun_as(info: Mapping[str, Any]) -> Literal["rules", "means"] | None:
    """Return what a run was begun to end by, as its ``run.json`` says: None of one that is whole.

    One that ends where ``means`` are narrow does not end by where they lie, so that its intervals are ordinary ones.
    """
    order = info.get("identity", {}).get("order")
    return None if order is None else "means" if order == BLOCKS else "rules"


def stopped_cells(run: Source) -> frozenset[str]:
    """Return the cells of a run that were not asked about all samples, as the run stopped before."""
    if not is_stopped(run):
        return frozenset()
    draws = np.array([1 if each is None else int(each) for each in run.cells["draws"].to_pylist()])
    names = [str(name) for name in run.cells["cell"].to_pylist()]
    return frozenset(names[i] for i in np.flatnonzero(run.layout.count < draws * len(run.samples)))


def refuse_stopped(run: Source, who: str) -> None:
    """Raise RunError where a run stopped by what it saw, for whoever would take its end for one fixed before."""
    if cells := stopped_cells(run):
        raise RunError(
            f"{who}: {run.path}: must be a run of all samples, got one that stopped early by what it saw in "
            f"{len(cells):,} cells: intervals as if its end had been fixed would be wrong. Hint: the command that "
            "began it, without --until, goes on to the whole grid; gates judge it as it is."
        )
