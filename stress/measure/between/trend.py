"""A row of releases on the same samples: the value of each part in each release, and what each cluster adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.measure.between.influences import measure
from stress.measure.core.context import Context
from stress.measure.session.once import session_of
from stress.records.cells import by_scenario
from stress.records.pairing import paired, who
from stress.records.source import Source
from stress.statistics.arrays import Floats
from stress.statistics.positions import ranked

__all__ = ["Trend", "trend"]

_Who = tuple[str, ...]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trend:
    """Several runs on what they share. ``series`` has (releases,) values and (releases × clusters) influences of parts.

    ``samples`` are how many all runs share, ``dropped`` what is left out of the comparison, in words.
    """

    metric: str
    better: str
    series: Mapping[str, tuple[Floats, Floats]]
    samples: int
    dropped: tuple[str, ...]


@named_keywords
def trend(runs: Sequence[Source], metric: str | None = None) -> Trend:
    """Return the headline (or another metric) of clean input and of each scenario in several runs, oldest first.

    Only samples and cells that all runs share, under conditions that are the same in all, have a part in it. Raises
    InputError for a metric without influences, RunError for runs that share nothing.
    """
    if len(runs) < 2:
        raise InputError(f"trend: must have at least two runs, got {len(runs)}.")
    last = runs[-1]
    pairs = [paired(run, last, True) for run in runs[:-1]]
    cells = set.intersection(*(set(pair.cells) for pair in pairs))
    here = [who(run, last) for run in runs]
    shared = sorted(set.intersection(*map(set, here)))
    place = {each: i for i, each in enumerate(shared)}
    name = metric or session_of(last).context.headline.name
    parts = by_scenario(last.cells, cells)
    clusters = _clusters(session_of(last, cluster=pairs[0].cluster).context, here[-1], place)
    found: dict[str, list[tuple[float, Floats]]] = {part: [] for part in parts}
    for run, names in zip(runs, here):
        context = session_of(run, cluster=pairs[0].cluster).context
        for part, chosen in parts.items():
            found[part].append(_value(context, name, chosen, names, place, clusters))
    series = {part: (np.array([v for v, _ in each]), np.stack([i for _, i in each])) for part, each in found.items()}
    known = {part: each for part, each in series.items() if np.isfinite(each[0]).all()}
    dropped = tuple(dict.fromkeys(line for pair in pairs for line in pair.dropped))
    row = session_of(last).context.row(name)
    return Trend(name, "higher" if row is None else row.better, known, len(shared), dropped)


def _clusters(context: Context, names: Sequence[_Who], place: Mapping[_Who, int]) -> Ints:
    """Return the cluster of each shared sample, by position."""
    found = np.zeros(len(place), np.int64)
    for name, member in zip(names, context.clusters.member.tolist()):
        if name in place:
            found[place[name]] = member
    return ranked(found)[1]


def _value(
    context: Context,
    name: str,
    cells: Sequence[str],
    names: Sequence[_Who],
    place: Mapping[_Who, int],
    clusters: Ints,
) -> tuple[float, Floats]:
    """Return a metric over the shared records of some cells, and the influence of each cluster on it."""
    wanted = set(cells)
    held = context.only([i for i, cell in enumerate(context.frame.ids) if cell in wanted])
    measured = measure(held, name)
    if measured is None or isinstance(measured, str):
        raise InputError(
            f"trend: metric must be one that can be compared, got {name!r}: {measured or 'it has no pairs'}."
        )
    frame, count = held.frame, int(clusters.max(initial=-1)) + 1
    mine = np.array([name in wanted for name in frame.ids])
    at = np.array([place.get(each, -1) for each in names], np.int64)[frame.sample]
    rows = np.flatnonzero(mine[frame.cell] & (at >= 0) & measured.known)
    if not len(rows):
        return float("nan"), np.zeros(count)
    value, influences = measured.of(rows)
    summed: Floats = np.bincount(clusters[at[rows]], weights=influences, minlength=count).astype(np.float64)
    return value, summed
