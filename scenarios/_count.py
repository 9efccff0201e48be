"""How many cells a grid has, counted before any is made."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from scenarios._axes import Axis, choices, crossed, one_severity
from scenarios._bound import Bound
from scenarios._spec import Scenario

__all__ = ["count"]


def count(scenario: Scenario, bounds: Sequence[Bound]) -> int:
    """Return the number of cells of a scenario; of a pairwise grid the least that it can have."""
    if scenario.grid == "timeline":
        return _points(choices(bounds))
    if scenario.grid == "product":
        return _points(crossed(scenario, bounds))
    if scenario.grid == "pairwise":
        return prod(sorted(len(axis.values) for axis in crossed(scenario, bounds))[-2:])
    if scenario.grid == "each":
        axes = crossed(scenario, bounds)
        return sum(_points([axis for axis in axes if index in axis.moves]) for index in range(len(bounds)))
    together = _points([*one_severity(scenario, bounds), *choices(bounds)])
    if scenario.grid == "subsets":
        together *= 2 ** len({target.stream for bound in bounds for target in bound.targets if target.stream}) - 1
    return together


def _points(axes: Sequence[Axis]) -> int:
    return prod(len(axis.values) for axis in axes)
