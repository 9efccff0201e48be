"""The coordinates of a grid: which there are, what their values mean, and how a cell is named after them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from scenarios._bound import Bound, mismatch
from scenarios._spec import Scenario

__all__ = [
    "Axis",
    "Point",
    "assignments",
    "choices",
    "crossed",
    "joined",
    "one_severity",
    "short_name",
    "slug",
    "values_at",
]


@dataclass(frozen=True)
class Axis:
    """One coordinate of a grid: its values, and what each value means for each step (by index) that it moves.

    ``param`` is the choice that it sets; ``None`` for a severity.
    """

    name: str
    values: tuple[float | str, ...]
    moves: Mapping[int, tuple[float | str, ...]]
    param: str | None = None


Point = tuple[int, ...]
"""An index into the values of each axis."""


def one_severity(scenario: Scenario, bounds: Sequence[Bound]) -> list[Axis]:
    """Return the one axis that drives every driven step, or nothing where there is no such step."""
    driven = {i: bound for i, bound in enumerate(bounds) if bound.driven}
    if not driven:
        return []
    listed = {i: bound.step.severity for i, bound in driven.items() if isinstance(bound.step.severity, tuple)}
    free = [bound for i, bound in driven.items() if i not in listed]
    wanted = scenario.severities or scenario.inherited
    if wanted is None:
        top = min(bound.top for bound in free) if free else len(next(iter(listed.values())))
        wanted = tuple(float(level) for level in range(1, top + 1))
    for i, own in listed.items():
        if len(own) != len(wanted):
            text = f"severity must have one value for each of the scenario's {len(wanted)}, got {len(own)}."
            raise mismatch(bounds[i].step.where, scenario.name, text)
    moves = list(zip(wanted, *(listed.get(i, wanted) for i in driven)))
    kept = list(dict.fromkeys(moves))  # a point that is written twice is one point
    columns = [tuple(row[place] for row in kept) for place in range(1 + len(driven))]
    return [Axis("severity", columns[0], dict(zip(driven, columns[1:])))]


def crossed(scenario: Scenario, bounds: Sequence[Bound]) -> list[Axis]:
    """Return an axis of its own for every driven step and every list of choices."""
    axes = []
    for i, bound in enumerate(bounds):
        if bound.driven:
            own = bound.step.severity if isinstance(bound.step.severity, tuple) else None
            full = tuple(float(level) for level in range(1, bound.top + 1))
            values = tuple(dict.fromkeys(own or scenario.severities or scenario.inherited or full))
            axes.append(Axis(bound.label, values, {i: values}))
    return axes + choices(bounds)


def choices(bounds: Sequence[Bound]) -> list[Axis]:
    """Return an axis for every list of choices, named by the parameter, and by the step too where two are alike."""
    lists = [(i, name, values) for i, bound in enumerate(bounds) for name, values in bound.step.lists.items()]
    names = [name for _, name, _ in lists]
    return [
        Axis(name if names.count(name) == 1 else f"{bounds[i].label}.{name}", values, {i: values}, name)
        for i, name, values in lists
    ]


def values_at(axes: Sequence[Axis], point: Point) -> list[tuple[Axis, float | str]]:
    return [(axis, axis.values[index]) for axis, index in zip(axes, point, strict=True)]


def assignments(axes: Sequence[Axis], point: Point) -> list[str]:
    return [f"{slug(axis.name)}={slug(value)}" for axis, value in values_at(axes, point)]


def joined(axes: Sequence[Axis], point: Point) -> str:
    return ",".join(assignments(axes, point))


def short_name(axes: Sequence[Axis], point: Point) -> str:
    """Return the short form for one axis or for a severity and choices: ``3``, ``de``, ``3,layout=azerty``."""
    if len(axes) == 1 or (axes and axes[0].param is None):
        return ",".join([slug(axes[0].values[point[0]]), *assignments(axes[1:], point[1:])])
    return joined(axes, point)


def slug(value: float | str) -> str:
    """Return a value as part of a cell's id: short, and free of what shells, file systems and globs read."""
    if not isinstance(value, str):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if re.fullmatch(r"[\w.#-]+", value):
        return value
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return re.sub(r"[^\w.]+", "-", value).strip("-")[-40:] + "-" + digest
