"""The steps of a scenario, as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenarios._spec import Step
from scenarios._yaml import Node
from scenarios.reading import Problems, number_of, text_of

__all__ = ["read_severities", "read_steps"]

_STEP = ("name", "severity", "levels", "profile", "key")


def read_severities(node: Node | None, who: str, problems: Problems) -> tuple[float, ...] | None:
    """Return a list of different severities, or nothing."""
    if node is None:
        return None
    if not isinstance(node.value, list) or not node.value:
        problems.say(node.where, who, f"severities must be a list of numbers, like [1, 3, 5], got {node.shown}.")
        return None
    values = [number_of(child) for child in node.value]
    for place, (child, value) in enumerate(zip(node.value, values, strict=True)):
        if value is None:
            problems.say(child.where, who, f"a severity must be a number from 0 up, got {child.shown}.")
        elif value in values[:place]:
            problems.say(child.where, who, f"severities must differ, got {child.shown} twice.")
    return tuple(value for value in values if value is not None)


def read_steps(who: str, key: str, node: Node, reserved: Sequence[str], problems: Problems) -> list[Step]:
    """Return the steps on one stream or modality: a name, a mapping with a name, or a list of these, in order."""
    children = node.value if isinstance(node.value, list) else [node]
    if not children:
        problems.say(node.where, who, f"{key} must have a perturbation, got an empty list.")
    found = []
    for child in children:
        if isinstance(child.value, str) and child.value:
            found.append(Step(key, child.value, where=child.where, folder=str(problems.folder or "")))
        elif isinstance(child.value, dict) and "name" in child.value:
            if (step := _step(who, key, child, problems)) is not None:
                found.append(step)
        else:
            text = f"{key} must be a perturbation's name, or a mapping with name:, got {child.shown}."
            problems.say(child.where, who, text, key, reserved)
    return found


def _step(who: str, key: str, node: Node, problems: Problems) -> Step | None:
    before = len(problems.found)
    values: dict[str, Node] = node.value
    name = text_of(values["name"], who, "name", problems)
    label = f"{who}: {key}"
    given: dict[str, Any] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for param, child in values.items():
        if param not in _STEP:
            if ":" in (name or ""):  # an adapter's transform: its lists are its own
                given[param] = child.plain()
            else:
                _param(label, param, child, given, lists, problems)
    severity = _severity(values.get("severity"), label, problems)
    levels = _levels(values["levels"], label, problems) if "levels" in values else None
    profile = text_of(values.get("profile"), label, "profile", problems)
    shared = text_of(values.get("key"), label, "key", problems)
    if levels is not None and profile is not None:
        problems.say(values["profile"].where, label, "profile must not be given beside levels, which replace it.")
    if len(problems.found) > before or name is None:
        return None
    return Step(key, name, given, lists, severity, levels, profile, shared, node.where, str(problems.folder or ""))


def _param(
    who: str, param: str, node: Node, given: dict[str, Any], lists: dict[str, tuple[str, ...]], problems: Problems
) -> None:
    if not isinstance(node.value, list):
        given[param] = node.plain()
        return
    values = [child.value for child in node.value]
    if values and all(isinstance(value, str) for value in values):
        if len(set(values)) < len(values):
            problems.say(node.where, who, f"{param} must have different values, got {node.shown}.")
        lists[param] = tuple(values)
    elif values and all(isinstance(value, int | float) for value in values):
        text = f"{param} must be one number, got {node.shown}. For a severity each, write levels: {{{param}: …}}."
        problems.say(node.where, who, text)
    else:
        problems.say(node.where, who, f"{param} must be a value, or a list of names for a cell each, got {node.shown}.")


def _severity(node: Node | None, who: str, problems: Problems) -> float | tuple[float, ...] | None:
    """Return one fixed severity, or the severities that a step goes through; those may be equal."""
    if node is None:
        return None
    values = [number_of(child) for child in (node.value if isinstance(node.value, list) else [node])]
    if not values or None in values:
        problems.say(node.where, who, f"severity must be a number from 0 up, or a list of them, got {node.shown}.")
        return None
    numbers = tuple(value for value in values if value is not None)
    return numbers if isinstance(node.value, list) else numbers[0]


def _levels(node: Node, who: str, problems: Problems) -> dict[str, tuple[Any, ...]] | None:
    """Return one's own tables: for each parameter as many values, one for each severity."""
    tables = node.value if isinstance(node.value, dict) else {}
    good = {name: child for name, child in tables.items() if isinstance(child.value, list) and child.value}
    if not good or len(good) < len(tables):
        text = f"levels must map each parameter to a list, one value for each severity, got {node.shown}."
        problems.say(node.where, who, text)
        return None
    counts = {name: len(child.value) for name, child in good.items()}
    if len(set(counts.values())) > 1:
        text = f"levels must have equally many values for each parameter, got {counts}."
        problems.say(node.where, who, text)
        return None
    return {name: _frozen(child.plain()) for name, child in good.items()}


def _frozen(value: Any) -> Any:
    """Return lists as tuples, at every depth: a level may be a range."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
