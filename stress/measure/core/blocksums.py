"""Means and ratios of a run that is too large to be held in memory: sums over blocks of samples, and nothing else kept.

Every mean, ratio and paired change, and every resample of it, is made of sums over samples. A sample's weights depend
on its cluster alone, so a block's part of all weighted sums is known from the block: what is kept is (resamples ×
cells) for each metric, however many records there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from perturbations import InputError
from stress.measure.core.sums import Sums
from stress.measure.core.values import Values, discordant, shared
from stress.records.frame import DERIVED, Frame
from stress.records.metric import Metric
from stress.records.outcomes import Failure, StatusCounts
from stress.records.source import Source
from stress.records.statuses import failures
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters

__all__ = ["BlockSums"]

_BLOCK = 250_000
"""Records that are read at a time."""
_SUMS = 16_000_000
"""Resamples × cells × metrics that are summed up in one reading."""
_CHEAP = 500
"""Cells × metrics up to which drawing the weights costs more than using them: all are then summed up at once."""


@dataclass
class _First:
    """What the first reading gathers besides the headline: statuses, failures, and how cells differ from clean."""

    counts: StatusCounts
    failures: Counter[Failure]
    discordant: Floats
    complete: bool = True


@dataclass(frozen=True)
class BlockSums:
    """The metrics of a run, the headline first, read when first asked for: those of few cells all in one reading.

    Of many cells the headline is read first, and the others only if they are asked for, as many at a time as there is
    room for the sums of all resamples.
    """

    frame: Frame
    who: Clusters
    confidence: float
    metrics: tuple[Metric, ...]
    _known: dict[str, Values] = field(default_factory=dict)

    def _blocks(self, columns: Sequence[str]) -> Iterator[Source]:
        return self.frame.run.blocks(min(_BLOCK, self.frame.limit or _BLOCK), columns)

    @property
    def _early(self) -> tuple[Metric, ...]:
        """The metrics that are summed up in the first reading."""
        return self.metrics if len(self.frame.ids) * len(self.metrics) <= _CHEAP else self.metrics[:1]

    @property
    def status_counts(self) -> StatusCounts:
        """What became of the records of each cell."""
        return self._first.counts

    @property
    def failures(self) -> Counter[Failure]:
        """How many records have no usable answer, by cell, status and message."""
        return self._first.failures

    def values(self, metric: Metric) -> Values:
        """Return a metric in every cell, resampled."""
        together = max(1, _SUMS // max(self.who.rows * len(self.frame.ids), 1))
        if metric in self._early:
            _ = self._first
        elif metric in self.metrics and metric.name not in self._known:
            rest = self.metrics[len(self._early) :]
            start = rest.index(metric) // together * together
            self._gather(rest[start : start + together])
        if metric.name not in self._known:
            raise InputError(f"measure: {metric.name} is not among the metrics that are read in blocks.")
        return self._known[metric.name]

    def paired(self, metric: Metric, clean: int) -> Values | None:
        """Return the headline as ``shared`` pairs it with clean; None where every cell has all of clean's samples."""
        self._headline(metric, clean)
        return None if self._first.complete else self._known[f"{metric.name} paired"]

    def discordant(self, metric: Metric, clean: int) -> Floats:
        """Return in how many samples the headline differs from clean, as ``discordant`` counts them."""
        self._headline(metric, clean)
        return self._first.discordant

    def _headline(self, metric: Metric, clean: int) -> None:
        if metric not in self.metrics[:1] or clean != self.frame.clean:
            raise InputError(
                f"measure: changes of a large run are the headline's, got {metric.name}. Ask for it with metric=."
            )

    @cached_property
    def _first(self) -> _First:
        cells = len(self.frame.ids)
        found = _First(StatusCounts.none(cells), Counter(), np.zeros((3, cells)))
        self._gather(self._early, found)
        return found

    def _gather(self, metrics: Sequence[Metric], first: _First | None = None) -> None:
        """Read all records once: the sums of some metrics and, in the first reading, what else is gathered there."""
        metrics = [m for m in metrics if all(map(self.frame.has, m.needs))]
        cells, clean = len(self.frame.ids), self.frame.clean
        paired = [m for m in metrics[:1] if first is not None and clean is not None and m == self.metrics[0]]
        sums = Sums(self.who, cells * (len(metrics) + 2 * len(paired)))
        for block in self._blocks(self._columns(metrics)):
            inner = Frame(block)
            pairs = [inner.sums(metric) for metric in metrics]
            if first is not None:
                first.counts, first.failures = first.counts + inner.status_counts, first.failures + inner.failures
            if first is not None and clean is not None and paired:
                top, bottom = pairs[0]
                above, below, complete = shared(top, bottom, clean)
                pairs.append((above, below))
                first.discordant += discordant(top, bottom, clean)
                first.complete &= complete
            if pairs:
                sums.add(
                    self.frame.sample_table.place[block.samples["order"].to_numpy()],
                    *(np.concatenate(side, axis=1) for side in zip(*pairs)),
                )
        for k, metric in enumerate(metrics):
            self._known[metric.name] = sums.values(metric, slice(k * cells, (k + 1) * cells), self.confidence)
        for metric in paired:
            last = slice(len(metrics) * cells, (len(metrics) + 2) * cells)
            self._known[f"{metric.name} paired"] = sums.values(metric, last, self.confidence)

    def _columns(self, metrics: Sequence[Metric]) -> list[str]:
        named = [name for metric in metrics for name in metric.needs]
        stored = [DERIVED.get(name, name) for name in named if name not in ("failed", *failures())]
        return ["status", *stored, *(["error"] if self.frame.has("error") else [])]
