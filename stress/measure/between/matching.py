"""Two runs, record by record: the same sample in the same cell and draw, answered by both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.context import Context
from stress.measure.session.once import session_of
from stress.records.pairing import Pair, who

__all__ = ["Matched", "match"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """The records that two runs share. ``old`` and ``new`` are their positions in either run, pair by pair.

    What stands in a record is looked up in its own run; what it is about – cell, sample, cluster – in the later one.
    Of a run that is too large to be held, only some cells are at a time (``holding``).
    """

    pair: Pair
    before: Context
    after: Context
    _held: dict[tuple[str, ...], Matched] = field(default_factory=dict, repr=False)

    def holding(self, cells: Collection[str]) -> Matched:
        """Return the shared records of these cells and of clean, or all where there is room for them."""
        wanted = {"clean", *cells}
        names = tuple(name for name in self.pair.cells if name in wanted)
        shared = set(names)
        before, after = (
            context.only([i for i, name in enumerate(context.frame.ids) if name in shared])
            for context in (self.before, self.after)
        )
        if before is self.before and after is self.after:
            return self
        if names not in self._held:
            self._held.clear()
            self._held[names] = Matched(self.pair, before, after)
        return self._held[names]

    @cached_property
    def ran(self) -> frozenset[str]:
        """The cells that have records in both runs."""
        counts = ((c.frame.ids, c.frame.run.layout.count) for c in (self.before, self.after))
        one, other = ({name for name, n in zip(ids, count) if n} for ids, count in counts)
        return frozenset(one & other & set(self.pair.cells))

    @cached_property
    def _positions(self) -> tuple[Ints, Ints]:
        return _positions(self.pair, self.before, self.after)

    @property
    def old(self) -> Ints:
        """Positions of the shared records in the earlier run."""
        return self._positions[0]

    @property
    def new(self) -> Ints:
        """Positions of the shared records in the later run."""
        return self._positions[1]

    @cached_property
    def cell(self) -> Ints:
        """Position of each pair's cell among the later run's."""
        return self.after.frame.cell[self.new]

    @cached_property
    def sample(self) -> Ints:
        """Position of each pair's sample among the later run's."""
        return self.after.frame.sample[self.new]

    @cached_property
    def cluster(self) -> Ints:
        """Position of the cluster that each pair's sample belongs to."""
        return self.after.clusters.member[self.sample]

    @property
    def task(self) -> str:
        """Name of the runs' task."""
        return self.after.frame.declared.task

    @property
    def headline(self) -> str:
        """Name of the metric that is compared where none is asked for."""
        return self.after.headline.name

    def members(self, by: str, value: str) -> NDArray[np.bool_]:
        """Return which samples of the later run, by position, are of a group. Raises InputError where there is none."""
        return np.array([str(each) == value for each in self.after.frame.group(by)], bool)

    @property
    def alone(self) -> bool:
        """Whether every sample is a cluster of its own."""
        return self.after.clusters.alone

    @cached_property
    def _order(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.cell, kind="stable")
        return order, np.searchsorted(self.cell[order], np.arange(len(self.after.frame.ids) + 1))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.after.frame.ids)}

    def rows(self, cells: Collection[str], samples: NDArray[np.bool_] | None = None) -> Ints:
        """Return the pairs of these cells (by position in ``old`` and ``new``), of all samples or those of a mask.

        Cells count alike, drawn once or several times: the pairs of one that is drawn more rarely are repeated.
        """
        order, edges = self._order
        chosen = sorted(self._place[name] for name in set(cells) if name in self._place)
        some = [order[edges[i] : edges[i + 1]] for i in chosen]
        drawn = [1 + int(self.after.frame.draw[self.new[rows]].max(initial=0)) for rows in some]
        most = max(drawn, default=1)
        pairs = (np.repeat(rows, max(most // count, 1)) for rows, count in zip(some, drawn))
        found = np.concatenate([np.zeros(0, np.int64), *pairs])
        return found if samples is None else found[samples[self.sample[found]]]


def match(pair: Pair, **given: Any) -> Matched:
    """Return the records that both runs of a pair have, in the cells that mean the same in both.

    ``pair`` is what ``stress.records.pairing.paired`` makes of two runs, or refuses; options are those of ``table``.
    """
    given["cluster"] = given.get("cluster") or pair.cluster
    before, after = (session_of(run, **given).context for run in (pair.before, pair.after))
    return Matched(pair, before, after)


def _positions(pair: Pair, before: Context, after: Context) -> tuple[Ints, Ints]:
    """Return where the records that two contexts have in common – same sample, cell and draw – stand in either."""
    cells = {name: i for i, name in enumerate(pair.cells)}
    place = {which: i for i, which in enumerate(who(pair.after, pair.before))}
    samples = _lookup([place.get(each, -1) for each in who(pair.before, pair.after)])
    draws = 1 + max(int(context.frame.draw.max(initial=0)) for context in (before, after))
    keys = []
    for context, own in ((before, samples), (after, np.arange(len(place), dtype=np.int64))):
        cell = _lookup([cells.get(name, -1) for name in context.frame.ids])[context.frame.cell]
        sample = own[context.frame.sample]
        rows = np.flatnonzero((cell >= 0) & (sample >= 0))
        keys.append((rows, (cell[rows] * (len(place) + 1) + sample[rows]) * draws + context.frame.draw[rows]))
    (mine, one), (theirs, other) = keys
    _, old, new = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return mine[old], theirs[new]


def _lookup(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
