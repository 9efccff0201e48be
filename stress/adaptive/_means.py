"""The mean over a grid, as narrow as wanted: clean on all samples, then all cells in balanced blocks of questions.

The run ends by how *narrow* its intervals are, never by where they lie: so its tables are those of any run, whose cells
have fewer samples (Chow & Robbins 1965; the interval holds the truth as often as one whose end was fixed, the more
exactly the narrower it is).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from perturbations import InputError
from stress.adaptive._ask import Asked, metrics_of, unbroken_of
from stress.adaptive._tally import Tally
from stress.engine import Planned, Unit
from stress.records.blocks import Block
from stress.records.declared import Declared
from stress.records.source import Source
from stress.statistics.arrays import Ints
from stress.statistics.designs import balanced_blocks, jackknifed

__all__ = ["Means"]

_FLOOR = 64
"""Samples that each cell is asked about in any case."""
_ROUND = 64
"""Units that are asked at once."""
_MORE = 8
"""It is looked again how narrow the mean is after an eighth more questions."""
_CONFIDENCE = 0.95


@dataclass
class Means:
    """Chooses the units of a run until half the interval of the mean over its degraded cells is at most ``half``."""

    asked: Asked
    half: float
    floor: int = _FLOOR
    kind: Literal["means"] = "means"
    _rounds: Generator[list[Unit], None, None] | None = None
    _whole: Mapping[int, str] = field(default_factory=dict)
    _names: Mapping[str, int] = field(default_factory=dict)
    _found: tuple[float, float, float] | None = None
    _metric: str = ""
    _done: Tally = field(init=False)
    _plan: Planned = field(init=False)

    @property
    def cluster(self) -> str | None:
        """The group whose samples are alike: of intervals alone, as cells meet samples one by one."""
        return self.asked.cluster

    def begin(self, planned: Planned, run: Source, schema: pa.Schema) -> None:
        """Take what is known of a run before its first record. Raises InputError where no mean can be asked for."""
        self._plan = planned
        known = metrics_of(Block(run, np.arange(len(run.samples)), schema.empty_table()))
        metric = known[Declared.of(run.info).headline]
        if not metric.linear or metric.root:
            raise InputError(
                f"run: --until {self.asked.text} is of means over cells, got {metric.name}, which is no mean of its "
                "records. Without --until the run is whole."
            )
        self._metric, self._whole = metric.name, unbroken_of(planned)
        self._done = Tally(planned, run, run.info.get("cluster"), {metric.name: metric})
        if not self._cells:
            raise InputError(
                f"run: --until {self.asked.text} must have degraded cells that are no timelines or attacks."
            )
        self._affordable()
        self._rounds = self._all_rounds()

    def _affordable(self) -> None:
        """Raise InputError where the calls that are allowed are not even enough for the first look."""
        planned, calls = self._plan, self._plan.repeats.calls
        total, most = sum(map(len, planned.shards)), planned.settings.max_calls
        least = total * calls[0] + min(self.floor, total) * sum(calls[cell] for cell in self._cells)
        if most is not None and most < least:
            raise InputError(
                f"run: max_calls must be at least {least:,} (clean on {total:,} samples, and {self.floor} in each of "
                f"{len(self._cells):,} cells), got {most:,}. --only and --skip choose scenarios, --limit samples."
            )

    @property
    def _cells(self) -> list[int]:
        """The degraded cells that are asked in blocks."""
        calls = self._plan.repeats.calls
        return [cell for cell in range(1, len(calls)) if calls[cell] and cell not in self._whole]

    def ask(self) -> Sequence[Unit]:
        """Return the units of the next round; none where the mean is known well enough."""
        return next(self._rounds, []) if self._rounds is not None else []

    def tell(self, units: Sequence[Unit], records: pa.Table) -> None:
        """Take the records of the units of a round."""
        self._done.tell(units, records)

    def _all_rounds(self) -> Generator[list[Unit], None, None]:
        shards = len(self._plan.shards)
        yield from self._pieces([(shard, 0) for shard in range(shards)])
        cells = np.array(self._cells)
        row, cell = balanced_blocks(shards, len(cells), self._plan.settings.seed)
        pairs = list(zip(row.tolist(), cells[cell].tolist()))
        done, size = 0, max(1, sum(map(len, self._plan.shards)) // shards)
        while done < len(pairs) and not self._enough():
            more = max(-(-done // _MORE), len(cells) * (1 if done else -(-self.floor // size)))
            upto = min(-(-(done + more) // len(cells)) * len(cells), len(pairs))  # each cell has equally many
            yield from self._pieces(pairs[done:upto])
            done = upto
            self._found = self._estimate()
        yield from self._pieces([(shard, cell) for cell in self._whole for shard in range(shards)])

    def _pieces(self, pairs: Sequence[tuple[int, int]]) -> Generator[list[Unit], None, None]:
        calls = self._plan.repeats.calls
        for start in range(0, len(pairs), _ROUND):
            some = pairs[start : start + _ROUND]
            if units := [Unit(shard, cell, draw) for shard, cell in some for draw in range(calls[cell])]:
                yield units

    def _enough(self) -> bool:
        return self._found is not None and self._found[2] - self._found[1] <= 2 * self.half

    def _estimate(self) -> tuple[float, float, float] | None:
        """Return the mean over the cells with its interval, of all that was told; None where a cell has nothing."""
        place = {cell: i for i, cell in enumerate(self._cells)}
        members: list[Ints] = []
        of: list[Ints] = []
        sums = []
        for (_, shard, cell), each in self._done.sums.items():
            if cell in place:
                members.append(np.unique(self._done.members[self._done.rows(shard)]))
                of.append(np.full(len(each), place[cell], np.int64))
                sums.append(each)
        if not sums:
            return None
        keys, at = np.unique(np.concatenate(members) * len(place) + np.concatenate(of), return_inverse=True)
        top, bottom = (np.bincount(at, column).astype(np.float64) for column in np.concatenate(sums).T)
        weights = np.full(len(place), 1 / len(place))
        found = jackknifed(keys // len(place), keys % len(place), top, bottom, weights, _CONFIDENCE)
        return found if np.isfinite(found[1]) else None

    def ended(self, budget: bool) -> Mapping[str, Any]:
        """Return what ``run.json`` says of where the run stopped, and of each cell why."""
        planned, sizes = self._plan, [len(shard) for shard in self._plan.shards]
        self._found = self._estimate()
        total, asked = sum(sizes), dict.fromkeys(planned.repeats.names, 0)
        for shard, cell in self._done.there:
            asked[cell] += sizes[shard]
        enough = "precise" if self._enough() else "open"
        why = {
            cell: "all samples" if count == total else "budget" if budget else enough for cell, count in asked.items()
        }
        low, high = (self._found or (None, None, None))[1:]
        return {
            "until": self.asked.text,
            "samples": total,
            "ended": "budget" if budget else "decided",
            "cells": {
                planned.plan.cells[name].id: {"samples": asked[first], "why": why[first]}
                for first, names in planned.repeats.names.items()
                for name in names
            },
            "whole": {planned.plan.cells[cell].id: reason for cell, reason in self._whole.items()},
            "mean": {"metric": self._metric, "cells": len(self._cells), "value": self._found and self._found[0],
                     "low": low, "high": high, "confidence": _CONFIDENCE, "method": "jackknife over a balanced design"},
            "questions": [{"rule": f"mean of {self._metric} over cells ± {self.half:g}", "on": "all cells",
                           "outcome": enough, "samples": min((asked[cell] for cell in self._cells), default=0),
                           "cells": len(self._cells)}],
        }  # fmt: skip
