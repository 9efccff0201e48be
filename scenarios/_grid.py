"""A scenario's steps, bound to streams, become cells: the grids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from perturbations import Choice, InputError, Perturbation
from scenarios._acting import Keep, everything, factors, live_points, paired_axes
from scenarios._axes import (
    Axis,
    Point,
    assignments,
    choices,
    crossed,
    joined,
    one_severity,
    short_name,
    slug,
    values_at,
)
from scenarios._bound import Bound, Mismatch, Target, mismatch
from scenarios._cells import Cell, Condition
from scenarios._pairwise import pairwise
from scenarios._spec import Scenario, Step
from scenarios._timeline import course_for

__all__ = ["cells", "check_steps"]

MOST = 100_000
"""Cells that one scenario may have."""


def cells(scenario: Scenario, bounds: Sequence[Bound], first: int | None = None) -> tuple[Cell, ...]:
    """Return the cells of a scenario on a data set, in order; those in which every severity is 0 are left out.

    With ``first`` only so many are made: enough to tell whether a grid can be.
    """
    check_steps(scenario, bounds)
    made = (cell for cell in GRID[scenario.grid](scenario, bounds) if cell.conditions)
    found = tuple(itertools.islice(made, first))
    if not found:
        raise mismatch(scenario.where, scenario.name, "must have a severity above 0, got none.")
    return found


def check_steps(scenario: Scenario, bounds: Sequence[Bound]) -> None:
    """Raise every problem of every step's severities and choices at once, before any cell is made."""
    problems: dict[str, None] = {}
    if scenario.severities and not any(bound.driven for bound in bounds):
        problems[f"{scenario.where}: {scenario.name}: severities must not be given: no step is graded by them."] = None
    for i, bound in enumerate(bounds):
        if wrong := bound.contradiction:
            problems[f"{bound.step.where}: {scenario.name}: {wrong}"] = None
        own = [axis for axis in crossed(scenario, bounds) if i in axis.moves]
        first = dict.fromkeys(range(len(own)), 0)
        varied = [{**first, place: at} for place, axis in enumerate(own) for at in range(len(axis.values))]
        for point in varied or [first]:
            try:
                _cell(scenario, [bound], [_only(axis, i) for axis in own], tuple(point.values()), "check")
            except Mismatch as error:
                problems.update(dict.fromkeys(error.problems))
    if problems:
        raise Mismatch(*problems)


def _only(axis: Axis, index: int) -> Axis:
    """Return the axis for a scenario of this one step."""
    return replace(axis, moves={0: axis.moves[index]})


def _joint(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """One severity drives every step; lists of choices are crossed with it."""
    axes = [*one_severity(scenario, bounds), *choices(bounds)]
    for live, at in live_points(bounds, axes, _points(scenario, axes)):
        yield _cell(scenario, bounds, live, at, short_name(live, at))


def _product(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """Every severity and choice of every step with every other."""
    axes = crossed(scenario, bounds)
    for live, at in live_points(bounds, axes, _points(scenario, axes)):
        yield _cell(scenario, bounds, live, at, joined(live, at))


def _pairwise(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """Few cells in which every pair of values of every two axes occurs, as far as it can and has an effect."""
    axes = paired_axes(scenario, bounds)
    if len(axes) < 2 or any(len(axis.values) < 2 for axis in axes):
        got = ", ".join(f"{axis.name} with {len(axis.values)}" for axis in axes) or "none"
        text = f"a pairwise grid must have two or more axes, each with two or more values, got {got}."
        raise mismatch(scenario.where, scenario.name, text)
    pairs = sum(len(one.values) * len(other.values) for one, other in itertools.combinations(axes, 2))
    if pairs > MOST:
        raise mismatch(scenario.where, scenario.name, f"must have at most {MOST} pairs of values, got {pairs}.")
    for row in pairwise(factors(bounds, axes)):
        live = [axis for axis, value in zip(axes, row) if value is not None]
        at = tuple(value for value in row if value is not None)
        yield _cell(scenario, bounds, live, at, joined(live, at))


def _timeline(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """One cell (for each choice) whose severity goes with time."""
    if not any(bound.driven for bound in bounds):
        raise mismatch(scenario.where, scenario.name, "a timeline must move a step, got none that has severities.")
    if listed := [bound for bound in bounds if isinstance(bound.step.severity, tuple)]:
        text = "severity must be one number or none beside a timeline, got a list."
        raise mismatch(listed[0].step.where, scenario.name, text)
    axes = choices(bounds)
    for live, at in live_points(bounds, axes, _points(scenario, axes)):
        yield _cell(scenario, bounds, live, at, short_name(live, at))


def _each(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """One step at a time, at each of its severities and choices."""
    for index, bound in enumerate(bounds):
        axes = [axis for axis in crossed(scenario, bounds) if index in axis.moves]
        own = [replace(axis, moves={index: axis.moves[index]}) for axis in axes]
        keep = _step_only(index)
        for live, at in live_points(bounds, own, _points(scenario, own), keep):
            graded = live and live[0].param is None
            name = joined(live, at) if graded else ",".join([bound.label, *assignments(live, at)])
            cell = _cell(scenario, bounds, live, at, name, keep)
            values = {"severity" if axis.param is None else axis.name: value for axis, value in values_at(live, at)}
            yield replace(cell, axes={"step": bound.label, **values})


def _subsets(scenario: Scenario, bounds: Sequence[Bound]) -> Iterator[Cell]:
    """Every subset of the streams that are touched, the others clean."""
    axes = [*one_severity(scenario, bounds), *choices(bounds)]
    streams = tuple(dict.fromkeys(target.stream for bound in bounds for target in bound.targets if target.stream))
    if not streams:
        raise mismatch(scenario.where, scenario.name, "a grid of subsets must touch a stream, got the machine alone.")
    count = (2 ** len(streams) - 1) * prod(len(axis.values) for axis in axes)
    if count > MOST:
        text = f"must have at most {MOST} cells, got {count}: {len(streams)} streams have that many subsets."
        raise mismatch(scenario.where, scenario.name, text)
    for size in range(1, len(streams) + 1):
        for subset in itertools.combinations(streams, size):
            label = "+".join(subset)
            keep = _streams_only(subset)
            for live, at in live_points(bounds, axes, _points(scenario, axes), keep):
                name = ",".join(["+".join(map(slug, subset)), *assignments(live, at)])
                cell = _cell(scenario, bounds, live, at, name, keep)
                yield replace(cell, axes={"streams": label, **cell.axes})


def _step_only(only: int) -> Keep:
    return lambda step, stream: step == only


def _streams_only(some: Sequence[str]) -> Keep:
    return lambda step, stream: stream in some or not stream  # the machine is as it is in every subset


GRID: Mapping[str, Callable[[Scenario, Sequence[Bound]], Iterator[Cell]]] = {
    "joint": _joint,
    "product": _product,
    "each": _each,
    "pairwise": _pairwise,
    "subsets": _subsets,
    "timeline": _timeline,
}


def _points(scenario: Scenario, axes: Sequence[Axis]) -> Iterator[Point]:
    """Return every point of the full product of the axes."""
    count = prod(len(axis.values) for axis in axes)
    if count > MOST:
        text = f"must have at most {MOST} cells, got {count}. A pairwise grid covers every pair of values in few cells."
        raise mismatch(scenario.where, scenario.name, text)
    return itertools.product(*(range(len(axis.values)) for axis in axes))


def _cell(
    scenario: Scenario,
    bounds: Sequence[Bound],
    axes: Sequence[Axis],
    point: Point,
    name: str,
    keep: Keep = everything,
) -> Cell:
    """Return the cell at a point; ``keep`` says which steps on which streams take part in it."""
    conditions: list[Condition] = []
    for i, bound in enumerate(bounds):
        severity = bound.step.severity if isinstance(bound.step.severity, float) else None
        chosen: dict[str, str] = {}
        for axis, at in zip(axes, point, strict=True):
            if i in axis.moves and axis.param is None:
                severity = float(axis.moves[i][at])
            elif i in axis.moves and axis.param is not None:
                chosen[axis.param] = str(axis.moves[i][at])
        for target in bound.targets:
            if keep(i, target.stream) and not (severity == 0 and bound.graded(target)):
                again = sum(target.same(other) for earlier in bounds[:i] for other in earlier.targets)
                conditions.append(_condition(scenario, bound, target, severity, chosen, again))
    _one_attack(scenario, bounds, conditions)
    _one_machine(scenario, bounds, conditions)
    coordinates: dict[str, float | str] = {axis.name: value for axis, value in values_at(axes, point)}
    identity = f"{scenario.name}:{name}" if name else scenario.name
    return Cell(identity, scenario.name, tuple(conditions), coordinates, scenario.grid)


def _one_attack(scenario: Scenario, bounds: Sequence[Bound], conditions: Sequence[Condition]) -> None:
    """Raise where a stream is attacked twice in one cell: two budgets add up to one that no table names."""
    attacks = [(c.stream, c.perturbation) for c in conditions if c.declaration.kind == "attack"]
    for place, (stream, name) in enumerate(attacks):
        if first := [other for on, other in attacks[:place] if on == stream]:
            text = (
                f"{stream} must be attacked once in a cell, got {first[0]} and {name}, whose budgets would add up. "
                "Make a scenario of each: the worst case over both is in the table of attacks; or use attack.auto."
            )
            where = next(b.step.where for b in bounds if any(t.perturbation.name == name for t in b.targets))
            raise mismatch(where, scenario.name, text)


def _one_machine(scenario: Scenario, bounds: Sequence[Bound], conditions: Sequence[Condition]) -> None:
    """Raise where the machine is said to be in two states, or in one that an attack would not be made for."""
    own = [c.perturbation for c in conditions if not c.stream]
    if twice := [name for place, name in enumerate(own) if name in own[:place]]:
        where = [b.step.where for b in bounds if any(t.perturbation.name == twice[0] for t in b.targets)][-1]
        raise mismatch(where, scenario.name, f"{twice[0]} must stand once in a cell, got it twice.")
    attacks = [c.perturbation for c in conditions if c.declaration.kind == "attack"]
    if attacks and "machine.weights" in own:
        text = (
            f"machine.weights must not stand beside {attacks[0]}, which looks for changes on the model as it is. Name "
            "the smaller model as the run's own instead (--model)."
        )
        raise mismatch(scenario.where, scenario.name, text)


def _condition(
    scenario: Scenario,
    bound: Bound,
    target: Target,
    severity: float | None,
    chosen: Mapping[str, str],
    again: int,
) -> Condition:
    """Return a step on one stream at one point, its parameters resolved. Raises Mismatch where they cannot be.

    ``again`` counts the earlier steps of the scenario that do the same to the stream, whether they act in this cell or
    not: a sample's draw is then the same in all cells.
    """
    step, perturbation = bound.step, target.perturbation
    given = {name: _located(step, perturbation, name, value) for name, value in {**step.given, **chosen}.items()}
    along = scenario.timeline if bound.graded(target) and step.severity is None else None
    severity = along.peak if along else severity if bound.graded(target) else None
    try:
        settings = perturbation.settings(severity, target.profile or None, given, target.of)
    except InputError as error:
        raise mismatch(step.where, scenario.name, str(error)) from None
    category = settings[perturbation.category] if perturbation.axis == "categorical" and perturbation.category else None
    return Condition(
        stream=target.stream,
        perturbation=perturbation.name,
        settings=settings,
        severity=None if along else severity,
        category=category or next(iter(chosen.values()), None),
        profile=target.profile,
        version=perturbation.version,
        step=again,
        shared=step.shared,
        course=course_for(along, perturbation, target.profile, given, step.levels, target.of) if along else None,
    )


def _located(step: Step, perturbation: Perturbation, name: str, value: Any) -> Any:
    """Return a parameter's value; a relative path starts at the suite's folder."""
    row = perturbation.params.get(name)
    path = isinstance(row, Choice) and row.path and step.folder and isinstance(value, str) and value
    return str(Path(step.folder, value)) if path else value
