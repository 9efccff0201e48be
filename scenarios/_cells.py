"""What a grid is made of: conditions, cells, and the plan that a suite becomes on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perturbations import Perturbation, get
from scenarios._timeline import Course

__all__ = ["CLEAN", "Cell", "Condition", "Plan"]


@dataclass(frozen=True)
class Condition:
    """A perturbation at a severity (or a category, or with its own parameters) on one stream; of a machine, on none.

    ``settings`` are the physical parameters, resolved and checked. ``step`` counts the earlier conditions of the same
    perturbation on the same stream, so that the second rain is another rain. ``shared`` names an event that several
    streams see together: they then share the draw. Along a timeline, severity and settings are different for each
    sample: ``course`` gives them, and ``settings`` are those of the peak.
    """

    stream: str
    perturbation: str
    settings: Mapping[str, Any]
    severity: float | None = None
    category: str | None = None
    profile: str = ""
    version: int = 1
    step: int = 0
    shared: str | None = None
    course: Course | None = None

    @property
    def declaration(self) -> Perturbation:
        """The perturbation's declaration."""
        return get(self.perturbation)

    def identity(self) -> dict[str, Any]:
        """Return plain data that two conditions share exactly when they do the same."""
        along = {} if self.course is None else {"timeline": self.course.describe()}
        return {
            "stream": self.stream,
            "perturbation": self.perturbation,
            "version": self.version,
            "profile": self.profile,
            "severity": self.severity,
            "category": self.category,
            "settings": dict(self.settings),
            "step": self.step,
            "shared": self.shared,
            **along,
        }


@dataclass(frozen=True)
class Cell:
    """One point of a scenario's grid.

    ``axes`` are its coordinates: ``{"severity": 3}`` in a joint grid, ``{"audio.babble": 1, "image.fog": 3}`` in a
    product, ``{"fill": "zeros"}`` for a category. ``fallback`` is ``"drop"`` where the degraded streams are
    dropped, all of them, ``"drop audio"`` where just these are, ``"fill audio with mean"`` where the model is given a
    stand-in and ``"ask module:attribute"`` where another model is asked, of the cell whose id is ``base``.
    """

    id: str
    scenario: str
    conditions: tuple[Condition, ...] = ()
    axes: Mapping[str, float | str] = field(default_factory=dict)
    grid: str = "joint"
    fallback: str | None = None
    base: str | None = None

    @property
    def model(self) -> str | None:
        """Name of the model that is asked instead of the run's own, where one is."""
        kind, _, name = (self.fallback or "").partition(" ")
        return name if kind == "ask" else None

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that are touched, in the order of the first touch."""
        return tuple(dict.fromkeys(condition.stream for condition in self.conditions if condition.stream))

    @property
    def machine(self) -> tuple[Condition, ...]:
        """The conditions of the machine that the model runs on, which touch no stream."""
        return tuple(condition for condition in self.conditions if not condition.stream)

    @property
    def severity(self) -> float | None:
        """The one severity of the cell, where it has one."""
        value = self.axes.get("severity")
        return None if value is None or isinstance(value, str) else float(value)

    def on(self, stream: str) -> tuple[Condition, ...]:
        """Return the conditions on one stream, in order."""
        return tuple(condition for condition in self.conditions if condition.stream == stream)


CLEAN = Cell("clean", "clean")
"""The cell in which nothing is wrong."""


@dataclass(frozen=True)
class Plan:
    """A suite on a data set: its cells (the clean one first), and what was left out and why.

    ``left_out`` and ``notes`` are pairs of a scenario's name and a sentence.
    """

    suite: str
    version: int
    cells: tuple[Cell, ...]
    draws: int = 1
    left_out: tuple[tuple[str, str], ...] = ()
    plugins: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    """The suite file's content, as it was read."""
    notes: tuple[tuple[str, str], ...] = ()
    """What is worth saying of a scenario's grid: how few cells of the full product a covering array needs."""
