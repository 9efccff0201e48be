"""Which parameters a scenario's steps have at a severity between its levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perturbations import InputError, Param, Perturbation, StressError, get
from scenarios import Scenario, Step
from stress.records.cells import CellRow

__all__ = ["Graded", "Readable", "readable", "steps_of"]

_ALL = "all"


@dataclass(frozen=True)
class Readable:
    """Where level tables can be read: towards no damage at all (``below``), or at some severities alone (``stops``).

    What is tabulated only has its levels as stops, a whole number every severity at which it is one: between them it
    would be rounded, and cost something else. A cost is met by the nearest stop, if that is ``within`` so much of it.
    """

    below: bool = True
    stops: tuple[float, ...] | None = None
    within: float = float("inf")


@dataclass(frozen=True)
class Graded:
    """A step of a scenario and, where severity drives it, its perturbation with the tables that it reads."""

    step: Step
    perturbation: Perturbation | None
    profile: str | None = None
    of: str | None = None

    @property
    def top(self) -> int:
        """The highest severity of its tables."""
        return self.perturbation.top(self.profile) if self.perturbation else 1

    def at(self, severity: float) -> dict[str, Any]:
        """Return the graded parameters at a severity. Raises InputError where the tables cannot be read there."""
        if self.perturbation is None:
            return {}
        settings = self.perturbation.settings(severity, self.profile, self.step.given, self.of)
        return {name: settings[name] for name in self.perturbation.graded if name in settings}

    def stops(self) -> set[float] | None:
        """Return the severities at which the parameters are what the scale says; None: all, as far as it is read."""
        found: set[float] | None = None
        for name in self.perturbation.graded if self.perturbation else ():
            row = self.perturbation.params[name] if self.perturbation else None
            if isinstance(row, Param) and row.scale not in ("integer", "step"):
                continue
            mine = {float(level) for level in range(1, self.top + 1)}
            if isinstance(row, Param) and row.scale == "integer" and self.perturbation:
                mine |= _whole(row, self.perturbation.profile(self.profile))
            found = mine if found is None else found & mine
        return found

    def reads(self, severity: float) -> bool:
        """Return whether the tables can be read at a severity."""
        try:
            self.at(severity)
        except InputError:
            return False
        return True


def steps_of(scenario: Scenario, cell: CellRow, kinds: Mapping[str, str]) -> list[Graded] | str:
    """Return the steps of a scenario as they were on a run's streams, or why there is no table of them to write."""
    found = []
    for step in scenario.steps:
        if isinstance(step.severity, tuple):
            return "a step of it has severities of its own"
        mine = [c for c in cell.conditions if _is(step, c, kinds)]
        driven = step.severity is None and any(c.get("severity") is not None for c in mine)
        if not driven:
            found.append(Graded(step, None))
            continue
        condition = next(c for c in mine if c.get("severity") is not None)
        if len({(c["perturbation"], c["profile"]) for c in mine}) > 1:
            return "a step of it is another perturbation on each stream"
        try:
            perturbation = get(condition["perturbation"])
            if step.levels is not None:
                perturbation = perturbation.with_levels(step.levels)
        except StressError as error:
            return str(error)
        profile = None if step.levels is not None else (condition["profile"] or None)
        found.append(Graded(step, perturbation, profile, kinds.get(condition["stream"])))
    if not any(each.perturbation for each in found):
        return "no step of it is graded"
    return found


def _is(step: Step, condition: Mapping[str, Any], kinds: Mapping[str, str]) -> bool:
    """Whether a condition of a cell is a step's doing."""
    named = step.name in (condition["perturbation"], condition["perturbation"].partition(".")[2])
    on = step.key in (_ALL, condition["stream"], kinds.get(condition["stream"]))
    return on and (named or step.name.replace(":", ".") == condition["perturbation"])


def _whole(row: Param, profile: str) -> set[float]:
    """Return the severities at which a whole number is one, between its levels and from its clean value."""
    table = [row.clean, *row.tables[profile]]
    found: set[float] = set()
    for level, (start, end) in enumerate(zip(table, table[1:])):
        if start is not None and start != end:
            between = range(int(min(start, end)), int(max(start, end)) + 1)
            found |= {round(level + (value - start) / (end - start), 9) for value in between}
    return found - {0.0}


def readable(steps: Sequence[Graded]) -> Readable:
    """Return how the tables of a scenario's steps can be read, all at once."""
    each = [stops for step in steps if (stops := step.stops()) is not None]
    shared = tuple(sorted(set.intersection(*each))) if each else None
    return Readable(all(step.reads(0.5) for step in steps), shared)
