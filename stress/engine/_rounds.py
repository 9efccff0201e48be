"""A run that stops where it knows enough: somebody says what is asked next, round by round, by what was answered.

A round is done whole before the next is chosen, and told in the order in which it was asked: the choice depends on
answers alone, never on how many workers there are or which was first. A run that goes on is told again what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from perturbations import InputError, ModelError
from stress.engine._backends import Finished
from stress.engine._places import Places
from stress.engine._plan import Planned
from stress.engine._units import Unit
from stress.engine._within import UnaskedError, check_asked
from stress.models import Endpoint
from stress.records.folder import open_folder
from stress.records.parts import present_parts, read_parts
from stress.records.source import Source

__all__ = ["Chooser", "Rounds", "check_floor"]


class Chooser(Protocol):
    """Who says what is asked next."""

    floor: int
    """Questions that each cell is asked in any case."""

    @property
    def kind(self) -> Literal["rules", "means"]:
        """What ends it, by which its samples are cut into shards."""
        ...

    def begin(self, planned: Planned, run: Source, schema: pa.Schema) -> None:
        """Take what is known of a run before its first record. Raises StressError where it cannot stop early."""
        ...

    def ask(self) -> Sequence[Unit]:
        """Return the units of the next round, the most useful first; none where enough is known."""
        ...

    def tell(self, units: Sequence[Unit], records: pa.Table) -> None:
        """Take the records of the units of a round that were done, in the order in which they were asked."""
        ...

    def ended(self, budget: bool) -> Mapping[str, Any]:
        """Return what ``run.json`` says of where it stopped; ``budget``: because no more may be asked."""
        ...


def check_floor(planned: Planned, chooser: Chooser) -> None:
    """Raise InputError where the calls that are allowed are not even enough for the first questions of each cell."""
    most = planned.settings.max_calls
    least = chooser.floor * sum(planned.repeats.calls)
    if most is not None and most < least:
        raise InputError(
            f"run: max_calls must be at least {least:,} (so many questions give each of {sum(planned.repeats.calls):,} "
            f"cells the {chooser.floor} samples from which on it can be stopped), got {most:,}. --only and --skip "
            "choose scenarios."
        )


@dataclass
class Rounds:
    """The rounds of a run: ``there`` are the units that it has already, ``schema`` that of its records.

    ``budget`` says that one was its end.
    """

    planned: Planned
    chooser: Chooser
    out: Path
    places: Places
    there: Mapping[Unit, int]
    schema: pa.Schema
    asked: int = 0
    budget: bool = False

    def work(self, do: Callable[[Sequence[Unit]], Finished]) -> Generator[tuple[Unit, pa.Table], None, None]:
        """Yield the records of each unit that was missing, as it is finished."""
        self.chooser.begin(self.planned, open_folder(self.out), self.schema)
        held = self._held()
        while not self.budget and (units := self.chooser.ask()):
            wanted = self._within([unit for unit in units if unit not in held])
            tables: dict[Unit, pa.Table] = {}
            try:
                with closing(do(wanted)) as done:
                    for unit, table in done:
                        check_asked(table)
                        yield unit, table
                        tables[unit] = table
            except UnaskedError as error:
                if self._endpoint_budget is None or self._endpoint_budget.spent is None:
                    raise ModelError(f"model: {error}. What was finished is kept; the same command goes on.") from error
                self.budget = True
            known = [unit for unit in units if unit in held or unit in tables]
            if known:
                tables |= {unit: held[unit] for unit in known if unit in held}
                self.asked += sum(len(tables[unit]) for unit in known)
                self.chooser.tell(known, pa.concat_tables([tables[unit] for unit in known]).unify_dictionaries())

    @property
    def said(self) -> Mapping[str, Any]:
        """What ``run.json`` says of where it stopped."""
        full = sum(map(len, self.planned.shards)) * sum(self.planned.repeats.calls)
        return {**self.chooser.ended(self.budget), "asked": self.asked, "of": full}

    @property
    def _endpoint_budget(self) -> Any:
        predict = self.planned.model.predict
        return predict.budget if isinstance(predict, Endpoint) else None

    def _within(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Return the first of some units, as many as may still be asked."""
        most = self.planned.settings.max_calls
        if most is None:
            return units
        counted = self._endpoint_budget
        left = most - (self.asked if counted is None else counted.calls)
        for number, unit in enumerate(units):
            left -= len(self.planned.shards[unit.shard])
            if left < 0:
                self.budget = True
                return units[:number]
        return units

    def _held(self) -> dict[Unit, pa.Table]:
        """Return the records of the units that are there, read once."""
        asked = [unit for unit in self.there if unit.cell in self.planned.repeats.names]
        parts = present_parts(self.out / "records") if asked else []
        if not parts:
            return {}
        table = read_parts(parts)
        numbers = self.places.numbers(table)
        order = np.argsort(numbers, kind="stable")
        known, starts = np.unique(numbers[order], return_index=True)
        pieces = dict(zip(known.tolist(), np.split(order, starts[1:])))
        return {unit: table.take(pa.array(pieces[self.places.number(unit)])) for unit in asked}
