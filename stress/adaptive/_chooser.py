"""What is asked next: first what every cell needs, then what decides most for a call, last what is run whole.

Only finished rounds are looked at, in the order in which they were asked, and a round's size does not depend on how
many workers there are: the same answers lead to the same questions.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.adaptive._ask import Asked, asked_of
from stress.adaptive._looked import Looked
from stress.adaptive._means import Means
from stress.adaptive._question import Question
from stress.adaptive._tally import Tally
from stress.engine import Planned, Unit
from stress.gate import Gates
from stress.records.source import Source

__all__ = ["Until", "chooser_of"]

_FLOOR = 64
"""Samples that each cell is asked about in any case, so that every curve has its points."""
_ROUND = 32
"""Units of a round, unless one step of a single question takes more."""
_DEEPER = 8
"""A cell is asked at once about an eighth more than it was: what is too much is little, and rounds are few."""


@dataclass
class Until:
    """Chooses the units of a run until what ``asked`` asks for is decided."""

    asked: Asked
    floor: int = _FLOOR
    kind: Literal["rules"] = "rules"
    _questions: list[Question | Looked] = field(default_factory=list)
    _whole: Mapping[int, str] = field(default_factory=dict)
    _rounds: Generator[list[Unit], None, None] | None = None
    _checks: int = 1
    _done: Tally = field(init=False)
    _plan: Planned = field(init=False)

    @property
    def cluster(self) -> str | None:
        """The group whose samples are one observation."""
        return self.asked.cluster

    def begin(self, planned: Planned, run: Source, schema: pa.Schema) -> None:
        """Take what is known of a run before its first record. Raises StressError where it cannot stop early."""
        self._plan = planned
        wanted = self.asked.wanted(planned, run, schema)
        self._questions, self._whole, self._checks = wanted.questions, wanted.whole, wanted.checks
        means = [each.form.metric for each in self._questions if isinstance(each, Question)]
        kept = frozenset(cell for each in self._questions if isinstance(each, Looked) for cell in each.cells)
        self._done = Tally(planned, run, run.info.get("cluster"), {each.name: each for each in means}, kept=kept)
        self._rounds = self._all_rounds()

    def ask(self) -> Sequence[Unit]:
        """Return the units of the next round; none where enough is known."""
        return next(self._rounds, []) if self._rounds is not None else []

    def tell(self, units: Sequence[Unit], records: pa.Table) -> None:
        """Take the records of the units of a round, and decide what they decide."""
        self._done.tell(units, records)
        for question in self._questions:
            if isinstance(question, Question):
                self._feed(question)
            elif not question.outcome:
                question.feed(self._done, self._checks, self.asked.correction)

    def _feed(self, question: Question) -> None:
        tally, name = self._done, question.form.metric.name
        needed = (*question.cells, *question.beside)
        while not question.outcome and all(tally.done.get(cell, 0) > question.done for cell in needed):
            shard = question.done
            rows = [tally.of(name, shard, question.cells)]
            if question.beside:
                rows.append(tally.of(name, shard, question.beside))
            elif question.earlier is not None:
                samples = tally.rows(shard)
                rows.append(tally.gathered(samples, np.stack([each[samples] for each in question.earlier], axis=1)))
            else:
                rows.append(np.zeros_like(rows[0]))
            question.add(np.concatenate(rows, axis=1))
            question.judge(self._checks, self.asked.correction)

    def _all_rounds(self) -> Generator[list[Unit], None, None]:
        planned = self._plan
        cells = [cell for cell, calls in enumerate(planned.repeats.calls) if calls]
        for shard in range(self._floor_shards(planned)):
            yield self._units([(shard, cell) for cell in cells])
        while units := self._next():
            yield units
        for shard in range(len(planned.shards)):
            if left := [(shard, cell) for cell in self._whole if self._done.done.get(cell, 0) <= shard]:
                yield self._units(left)

    @staticmethod
    def _floor_shards(planned: Planned) -> int:
        """Return how many shards hold the samples that each cell is asked about in any case."""
        sizes = np.cumsum([len(shard) for shard in planned.shards])
        return min(int(np.searchsorted(sizes, _FLOOR)) + 1, len(sizes))

    def _units(self, pairs: Sequence[tuple[int, int]]) -> list[Unit]:
        """Return the units of (shard, cell), each draw of them; the clean cell first."""
        calls = self._plan.repeats.calls
        return [Unit(shard, cell, draw) for shard, cell in pairs for draw in range(calls[cell])]

    def _next(self) -> list[Unit]:
        """Return the units that decide most for a call: of the questions whose evidence grows fastest, their next."""
        open_ones = [each for each in self._questions if not each.outcome]
        open_ones = [each for each in open_ones if each.done < len(self._plan.shards)]
        ranked = sorted(open_ones, key=lambda each: -each.speed)
        wanted: dict[tuple[int, int], None] = {}
        for depth in range(max((self._depth(each) for each in ranked), default=0)):
            for question in ranked:
                if depth >= self._depth(question):
                    continue
                steps = self._step(question, question.done + depth)
                if wanted and len(wanted) + len(steps) > _ROUND:
                    return self._units(list(wanted))
                wanted |= dict.fromkeys(steps)
        return self._units(list(wanted))

    def _depth(self, question: Question | Looked) -> int:
        return min(1 + question.done // _DEEPER, len(self._plan.shards) - question.done)

    def _step(self, question: Question | Looked, shard: int) -> list[tuple[int, int]]:
        """Return what a question needs of a shard: clean first."""
        clean = [cell for cell in (0,) if self._plan.repeats.calls[cell]]
        cells = dict.fromkeys([*clean, *question.beside, *question.cells])
        return [(shard, cell) for cell in cells if self._done.done.get(cell, 0) <= shard]

    def ended(self, budget: bool) -> Mapping[str, Any]:
        """Return what ``run.json`` says of where the run stopped, and of each question and cell why."""
        planned = self._plan
        total = sum(map(len, planned.shards))
        sizes = np.cumsum([0, *(len(shard) for shard in planned.shards)])
        found: dict[str, dict[str, Any]] = {}
        for first, names in planned.repeats.names.items():
            samples = int(sizes[self._done.done.get(first, 0)])
            why = self._why(first, samples == total, budget)
            found |= {planned.plan.cells[name].id: {"samples": samples, "why": why} for name in names}
        return {
            "until": self.asked.text,
            "samples": total,
            "ended": "budget" if budget else "decided",
            "cells": found,
            "whole": {planned.plan.cells[cell].id: reason for cell, reason in self._whole.items()},
            "questions": [
                {"rule": each.rule.title, "on": each.subject, "outcome": each.outcome or "open",
                 "samples": int(sizes[each.done]), "cells": len(each.cells)}
                for each in self._questions
            ],
        }  # fmt: skip

    def _why(self, cell: int, whole: bool, budget: bool) -> str:
        """Return why a cell was asked no further."""
        if whole:
            return "all samples"
        mine = [each for each in self._questions if cell in (*each.cells, *each.beside)]
        if budget and (cell in self._whole or any(not each.outcome for each in mine)):
            return "budget"
        if not mine:
            return "no rule" if cell else "no other cell went further"
        return "cannot be decided" if any(each.outcome == "hopeless" for each in mine) else "decided"


@named_keywords
def chooser_of(
    until: str | Path | Gates | None, against: str | Path | None = None, cluster: str | None = None
) -> Until | Means | None:
    """Return who chooses what a run asks: None of one that is whole. Raises StressError for what cannot be meant."""
    if until is None:
        if against is not None:
            raise InputError("run: --against goes with --until, whose rules compare with that run, got it alone.")
        return None
    asked = asked_of(until, against, cluster)
    return Means(asked, float(asked.precision or 0)) if asked.mean else Until(asked)
