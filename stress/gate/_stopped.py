"""A run that stopped where it knew enough: what each of its numbers rests on, read from its records.

Of each cell those samples count that are a beginning of the order, which is left to chance: what a killed run has
beyond a gap is not looked at. Several cells are looked at on the samples that all of them have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, SpecError
from perturbations.errors import named_keywords
from stress.gate._asked import Form, Observed
from stress.gate._looks import Looks, look_of, looks_of
from stress.gate._rules import Rule
from stress.records.blocks import Block
from stress.records.frame import LIMIT, Frame
from stress.records.metric import Metric
from stress.records.source import Source
from stress.statistics.arrays import Floats

__all__ = ["Stopped", "cell_draws", "cell_sums", "cluster_of", "clusters_of"]

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def cluster_of(run: Source, asked: str | None) -> str | None:
    """Return the group whose samples are one observation. Raises SpecError for another than the run's order is of."""
    own = run.info.get("cluster")
    if asked not in (None, own):
        raise SpecError(
            f"gates: cluster must be that by which the run's order was left to chance, {own or 'none'}, as the run "
            f"stopped early; got {asked!r}. Run it with --cluster {asked}, or anew."
        )
    return own


@named_keywords
def clusters_of(run: Source, cluster: str | None) -> Ints:
    """Return the number of the cluster of each sample of a run; samples without one stand alone."""
    name = {"sequence": "sequence"}.get(cluster or "", f"group.{cluster}")
    if cluster is None:
        return np.arange(len(run.samples))
    values = run.samples[name].to_pylist()
    keys = [f"id {i}" if value is None else f"value {value}" for i, value in enumerate(values)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


def cell_draws(run: Source) -> dict[str, int]:
    """Return how often each cell of a run is drawn."""
    rows = run.cells.select(["cell", "draws"]).to_pylist()
    return {str(row["cell"]): int(row["draws"] or 1) for row in rows}


@named_keywords
def cell_sums(run: Source, metric: Metric, cells: Sequence[str]) -> tuple[Floats, Floats]:
    """Return what the records of each sample add above and below a metric's line in some cells: (samples × cells).

    Cells count alike, however often each is drawn.
    """
    frame = Frame(run.only(list(cells)), LIMIT)
    place = [frame.ids.index(cell) for cell in cells]
    top, bottom = frame.sums(metric)
    often = np.array([cell_draws(run)[cell] for cell in cells], np.float64)
    return top[:, place] / often, bottom[:, place] / often


@dataclass(frozen=True)
class Stopped:
    """A run that may have stopped, and the run that it is compared with, where there is one."""

    run: Source
    baseline: Source | None = None
    cluster: str | None = None
    _sums: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def members(self) -> Ints:
        """Number of each sample's cluster."""
        return clusters_of(self.run, self.cluster)

    @cached_property
    def _draws(self) -> Mapping[str, int]:
        return cell_draws(self.run)

    def there(self, cell: str) -> Flags:
        """Return which of the samples are a beginning of the order of which a cell has all records."""
        if cell not in self._sums:
            table = self.run.records([cell], ["sample"])
            orders = self.run.samples["order"].to_numpy().astype(np.int64)
            counts = np.bincount(table["sample"].to_numpy(), minlength=int(orders.max(initial=-1)) + 1)[orders]
            whole = counts >= self._draws[cell]
            shard = self.run.samples["shard"].to_numpy().astype(np.int64)
            first_gap = shard[~whole].min(initial=int(shard.max(initial=0)) + 1)
            self._sums[cell] = shard < first_gap
        found: Flags = self._sums[cell]
        return found

    def whole(self, cells: Sequence[str]) -> bool:
        """Whether some cells were asked about all samples."""
        return all(bool(self.there(cell).all()) for cell in cells)

    def samples(self, cells: Sequence[str]) -> int:
        """Return on how many samples all of some cells were asked."""
        return int(np.logical_and.reduce([self.there(cell) for cell in cells]).sum())

    def observed(self, form: Form, cells: Sequence[str]) -> Observed:
        """Return what was observed of a number of some cells."""
        beside = ["clean"] if form.kind in ("drop", "retention") else []
        there = np.logical_and.reduce([self.there(cell) for cell in [*cells, *beside]])
        columns = [*self._part(self.run, form.metric, cells), *self._other(form, cells)]
        sizes = np.bincount(self.members)
        counted = np.bincount(self.members, weights=there.astype(np.float64), minlength=len(sizes))
        rows: list[Floats] = [
            np.bincount(self.members, np.where(there, each, 0.0), len(sizes)).astype(np.float64) for each in columns
        ]
        rows += [np.zeros(len(sizes))] * (4 - len(rows))
        most = float(sizes.max() * len(cells))
        kept = (counted == sizes) & (sizes > 0)
        shard: Ints = np.zeros(len(sizes), np.int64)
        shard[self.members] = self.run.samples["shard"].to_numpy()
        return Observed.of(form, np.stack(rows, axis=1)[kept], most, shard[kept])

    def looks(self, rule: Rule, cells: Sequence[str]) -> Looks | None:
        """Return what a number of some cells was at each look; None where the run stopped before the first."""
        shard = self.run.samples["shard"].to_numpy().astype(np.int64)
        there = np.logical_and.reduce([self.there(cell) for cell in cells])
        upto = int(shard[there].max(initial=-1)) + 1
        ends = [end for end in looks_of(self.members, shard) if end <= upto]
        if not ends:
            return None
        table, orders = self.run.records(list(cells)), self.run.samples["order"].to_numpy()
        at = np.searchsorted(orders, table["sample"].to_numpy(), sorter=(by_order := np.argsort(orders)))
        of = shard[by_order[at]]
        found = Looks(rule.confidence)
        for end in ends:
            part = Block(self.run, np.flatnonzero(shard < end), table.filter(of < end).unify_dictionaries())
            found.taken.append(look_of(rule, cells, part, self.cluster))
        return found

    def _part(self, run: Source, metric: Metric, cells: Sequence[str]) -> list[Floats]:
        key = id(run), metric.name, tuple(cells)
        if key not in self._sums:
            self._sums[key] = [each.sum(axis=1) for each in cell_sums(run, metric, cells)]
        found: list[Floats] = self._sums[key]
        return found

    def _other(self, form: Form, cells: Sequence[str]) -> list[Floats]:
        """Return the sums of what is compared with, sample by sample of this run; 0 where it has none."""
        if form.kind == "rate":
            return []
        if form.kind != "lost":
            return self._part(self.run, form.metric, ["clean"])
        if self.baseline is None:
            raise InputError("gate: a rule against baseline needs a run to compare with (--against RUN).")
        place = {name: i for i, name in enumerate(self.baseline.samples["id"].to_pylist())}
        where = np.array([place.get(name, -1) for name in self.run.samples["id"].to_pylist()], np.int64)
        found = self._part(self.baseline, form.metric, cells)
        return [np.where(where >= 0, each[where], 0.0) for each in found]
