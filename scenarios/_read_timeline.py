"""A timeline as it is written in a suite."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios._timeline import OVER, Over, Timeline
from scenarios._yaml import Node
from scenarios.reading import Problems, number_of, one_of

__all__ = ["read_timeline"]

_SHAPES = ("ramp", "step", "recovery")
_KEYS = {
    "shape": ("shape", "from", "to", "severity", "over"),
    "points": ("points", "over"),
    "bursts": ("bursts", "length", "severity", "over"),
}
_FORMS = "shape: (ramp, step or recovery), points: or bursts:"


def read_timeline(node: Node, scenario: str, problems: Problems) -> Timeline | None:
    """Return a timeline: a named shape, one's own points, or bursts at seeded places."""
    values: Mapping[str, Node] = node.value if isinstance(node.value, dict) else {}
    forms = [form for form in _KEYS if form in values]
    if len(forms) != 1:
        problems.say(node.where, scenario, f"timeline must have one of {_FORMS}, got {node.shown}.")
        return None
    before = len(problems.found)
    for key in values.keys() - set(_KEYS[forms[0]]):
        known = _KEYS[forms[0]]
        text = f"timeline: a key must be one of {', '.join(known)}, got {key!r}."
        problems.say(node.keys[key], scenario, text, key, known)
    over: Over = OVER[0]
    if "over" in values and (found := one_of(values["over"], OVER, scenario, "over", problems)):
        over = next(each for each in OVER if each == found)
    read = {"shape": _shape, "points": _points, "bursts": _bursts}[forms[0]]
    timeline = read(values, scenario, over, problems)
    return timeline if len(problems.found) == before else None


def _place(values: Mapping[str, Node], key: str, default: float, scenario: str, problems: Problems) -> float:
    if key not in values:
        return default
    number = number_of(values[key])
    if number is None or number > 1:
        text = f"timeline: {key} must be a share of the span in [0, 1], got {values[key].shown}."
        problems.say(values[key].where, scenario, text)
        return default
    return number


def _peak(values: Mapping[str, Node], scenario: str, problems: Problems) -> float:
    node = values.get("severity")
    number = 5.0 if node is None else number_of(node)
    if node is not None and not number:
        problems.say(node.where, scenario, f"timeline: severity must be a number above 0, got {node.shown}.")
    return number or 5.0


def _shape(values: Mapping[str, Node], scenario: str, over: Over, problems: Problems) -> Timeline:
    shape = one_of(values["shape"], _SHAPES, scenario, "shape", problems)
    start, end = _place(values, "from", 0, scenario, problems), _place(values, "to", 1, scenario, problems)
    if start >= end:
        where = values.get("to", values.get("from", values["shape"])).where
        problems.say(where, scenario, f"timeline: to must come after from, got {start:g} and {end:g}.")
    peak = _peak(values, scenario, problems)
    if shape == "recovery":
        return Timeline(scenario, ((start, peak), (end, 0.0)), over=over)
    if shape == "ramp":
        return Timeline(scenario, ((start, 0.0), (end, peak)), over=over)
    back = ((end, peak), (end, 0.0)) if end < 1 else ()
    return Timeline(scenario, ((start, 0.0), (start, peak), *back), over=over)


def _points(values: Mapping[str, Node], scenario: str, over: Over, problems: Problems) -> Timeline:
    node = values["points"]
    rows = node.value if isinstance(node.value, list) else []
    points: list[tuple[float, float]] = []
    for row in rows:
        pair = [number_of(child) for child in row.value] if isinstance(row.value, list) else []
        place, severity = pair if len(pair) == 2 else (None, None)
        if place is None or severity is None or place > 1:
            text = f"timeline: a point must be a place in [0, 1] and a severity, like [0.5, 3], got {row.shown}."
            problems.say(row.where, scenario, text)
        elif points and place < points[-1][0]:
            problems.say(row.where, scenario, f"timeline: points must be in order, got {place:g} late.")
        else:
            points.append((place, severity))
    if not rows or (len(points) == len(rows) and not any(severity for _, severity in points)):
        text = f"timeline: points must be a list of [place, severity], one above 0, got {node.shown}."
        problems.say(node.where, scenario, text)
    return Timeline(scenario, tuple(points), over=over)


def _bursts(values: Mapping[str, Node], scenario: str, over: Over, problems: Problems) -> Timeline:
    node = values["bursts"]
    count = node.value if type(node.value) is int and 1 <= node.value <= 10_000 else 0
    if not count:
        problems.say(node.where, scenario, f"timeline: bursts must be a whole number above 0, got {node.shown}.")
    length = _place(values, "length", 0.05, scenario, problems)
    if not 0 < count * length <= 1:
        where = values.get("length", node).where
        text = f"timeline: bursts must fit into the span, got {count} of length {length:g}."
        problems.say(where, scenario, text)
    return Timeline(scenario, (), count, length, _peak(values, scenario, problems), over)
