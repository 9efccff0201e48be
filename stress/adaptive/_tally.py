"""What finished units add above and below the line of each metric that is asked for, cluster by cluster of a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stress.engine import Planned, Unit
from stress.gate import clusters_of
from stress.records.blocks import Block
from stress.records.frame import Frame
from stress.records.metric import Metric
from stress.records.samples import SampleTable
from stress.records.source import Source
from stress.statistics.arrays import Floats

__all__ = ["Tally"]


@dataclass
class Tally:
    """Sums of (shard, cell), by metric: (clusters of the shard × 2), of cells whose draws are all there."""

    planned: Planned
    run: Source
    cluster: str | None
    metrics: Mapping[str, Metric]
    sums: dict[tuple[str, int, int], Floats] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    """Shards of each cell that are there, from the first on without a gap."""
    there: set[tuple[int, int]] = field(default_factory=set)
    """(Shard, cell) of all that is there."""
    kept: frozenset[int] = frozenset()
    """Cells whose records are kept, for numbers that are no sums."""
    tables: list[pa.Table] = field(default_factory=list)

    @cached_property
    def _samples(self) -> SampleTable:
        return SampleTable(self.run)

    @cached_property
    def members(self) -> NDArray[np.int64]:
        """Number of each sample's cluster, by row of the samples."""
        return clusters_of(self.run, self.cluster)

    def rows(self, shard: int) -> NDArray[np.int64]:
        """Return the rows of the samples of a shard."""
        return self._samples.place[np.asarray(self.planned.shards[shard], np.int64)]

    def gathered(self, rows: NDArray[np.int64], values: Floats) -> Floats:
        """Return sums over the clusters of some samples, in the order of the clusters' numbers."""
        _, of = np.unique(self.members[rows], return_inverse=True)
        return np.stack([np.bincount(of, each) for each in values.T], axis=1)

    def tell(self, units: Sequence[Unit], records: pa.Table) -> None:
        """Take the records of some units."""
        calls = self.planned.repeats.calls
        told: dict[tuple[int, int], int] = {}
        for unit in units:
            told[unit.shard, unit.cell] = told.get((unit.shard, unit.cell), 0) + 1
        whole = [key for key, count in told.items() if count == calls[key[1]]]
        if self.metrics and whole:
            self._add(whole, records)
        if self.kept:
            names = [self.planned.plan.cells[cell].id for cell in self.kept]
            self.tables.append(records.filter(pc.is_in(records["cell"], pa.array(names, pa.string()))))
        self.there.update(whole)
        for _, cell in whole:
            while (self.done.get(cell, 0), cell) in self.there:
                self.done[cell] = self.done.get(cell, 0) + 1

    def _add(self, whole: Sequence[tuple[int, int]], records: pa.Table) -> None:
        shards = dict.fromkeys(shard for shard, _ in whole)
        rows = {shard: self.rows(shard) for shard in shards}
        places = np.concatenate(list(rows.values()))
        starts = dict(zip(rows, np.cumsum([0, *map(len, rows.values())])))
        frame = Frame(Block(self.run, places, records))
        drawn = self.planned.repeats.drawn
        for name, metric in self.metrics.items():
            top, bottom = frame.sums(metric)
            for shard, cell in whole:
                mine = slice(starts[shard], starts[shard] + len(rows[shard]))
                both = np.stack([top[mine, cell], bottom[mine, cell]], axis=1) / drawn[cell]
                self.sums[name, shard, cell] = self.gathered(rows[shard], both)

    def part(self, end: int) -> Block:
        """Return the records that are kept of the first shards."""
        rows = np.concatenate([self.rows(shard) for shard in range(end)])
        orders = pa.array(self.run.samples["order"].to_numpy()[rows], pa.int32())
        found = [each.filter(pc.is_in(each["sample"], orders)) for each in self.tables]
        return Block(self.run, np.sort(rows), pa.concat_tables(found).unify_dictionaries())

    def of(self, metric: str, shard: int, cells: Sequence[int]) -> Floats:
        """Return what some cells add together on a shard: (clusters × 2)."""
        return np.asarray(sum(self.sums[metric, shard, cell] for cell in cells))
