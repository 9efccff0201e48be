"""A run as it would have been with its policy: the records of the actions taken, under the cells in which they were."""

from __future__ import annotations

import numpy as np

from perturbations import InputError
from stress.policy._policy import Policy
from stress.policy._replay import replayed
from stress.records.source import Source
from stress.records.statuses import PERTURBATION_ERROR
from stress.records.views import View, about_cells

__all__ = ["system"]


def system(run: Source, policy: Policy) -> View:
    """Return what a run of the system with its policy would hold: its clean and degraded cells, with every metric.

    An input that the policy leaves unanswered has a record that says so, and counts as a failure. Cells of lost streams
    and of fallbacks are no part of it. Raises InputError where the run does not show what an action comes to.
    """
    done = replayed(run, policy)
    frame = done.frame
    status = run.column("status").cast("string").to_numpy(zero_copy_only=False)
    counted = np.flatnonzero(status != PERTURBATION_ERROR.name)
    if len(counted) != len(frame.cell):
        raise InputError(f"policy: {run.path}: must have as many records as were read, got {len(counted)}.")
    places = np.unique(done.cell)
    names = tuple(frame.ids[i] for i in places)
    order = run.samples["order"].to_numpy().astype(np.int64)
    rows = counted[np.where(done.answered, done.taken, done.record)]
    about = about_cells(run)
    return View(
        run,
        names,
        {name: about[name] for name in names},
        rows,
        np.searchsorted(places, done.cell).astype(np.int64),
        order[frame.sample[done.record]],
        frame.draw[done.record].astype(np.int64),
        silent=np.flatnonzero(~done.answered),
    )
