"""What a suite says, read and checked, before it meets a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scenarios._timeline import Timeline

__all__ = ["ALL", "EVERYTHING", "GRIDS", "MACHINE", "RESERVED", "Scenario", "Step", "Suite"]

ALL = "all"
"""The key that stands for every stream, whatever its modality."""

MACHINE = "machine"
"""The key of what befalls no stream, but the machine that the model runs on."""

EVERYTHING = frozenset({"data", "sequence", "alternates", "target"})
"""All that a fault can need of a data set."""

GRIDS = ("joint", "product", "each", "pairwise", "subsets", "timeline")
"""How the severities of a scenario's steps are crossed."""

RESERVED = frozenset({"ask", "clean", "drop", "fill"})
"""Names that no scenario can have: those of the clean cell and of the fallback cells."""


@dataclass(frozen=True)
class Step:
    """One perturbation in a scenario, as it is written.

    ``key`` is a modality, a stream's name, ``all`` or ``machine``; ``name`` the perturbation's, perhaps without family.
    ``given`` are parameters by name; ``lists`` are choices of which each makes a cell. ``severity`` is one fixed
    severity, or the severities this step goes through; without it the scenario's apply. ``levels`` are own tables.
    ``shared`` names an event that several streams see together. ``where`` begins an error message; ``folder`` is where
    relative paths start, if not here.
    """

    key: str
    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severity: float | tuple[float, ...] | None = None
    levels: Mapping[str, tuple[Any, ...]] | None = None
    profile: str | None = None
    shared: str | None = None
    where: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Scenario:
    """A named composition of steps, and how it is graded.

    ``severities`` are its own, ``inherited`` those of the suite; without either, the levels that all its steps have.
    ``profile`` is used by the steps that have it.
    """

    name: str
    steps: tuple[Step, ...]
    grid: str = "joint"
    severities: tuple[float, ...] | None = None
    inherited: tuple[float, ...] | None = None
    profile: str | None = None
    fallbacks: tuple[str, ...] = ()
    timeline: Timeline | None = None
    about: str = ""
    where: str = ""


@dataclass(frozen=True)
class Suite:
    """A set of scenarios, versioned: ``release@1``. Changed severities make old results incomparable: count up.

    ``unchecked`` are the steps that no perturbation is known for because the plug-ins were not imported.

    ``builtin`` suites take what fits a data set and say what they left out; a user's own suite must fit as a whole.
    """

    name: str
    version: int
    scenarios: tuple[Scenario, ...]
    draws: int = 1
    plugins: tuple[str, ...] = ()
    about: str = ""
    builtin: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and version, as the suite's file says it."""
        return f"{self.name}@{self.version}"
