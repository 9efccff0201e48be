"""A suite's text, read strictly: every value keeps the place where it stands, so that errors can point at it.

YAML as it comes is a trap for this job: it reads ``no`` (Norwegian) as False, leaves ``1e-3`` a text, and takes the
second of two equal keys without a word. Here a plain scalar is null, true, false, a decimal number, or text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from perturbations.errors import SpecError, short

__all__ = ["Node", "from_plain", "parse"]

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d+")
_WORDS: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}
_TOP = {"suite": " with suite: and scenarios:", "gates": " with gates: and a list of rules"}
_MOST = 100_000
"""Nodes that a suite may have after its aliases are followed; more is an accident, or an attack."""


@dataclass(frozen=True)
class Node:
    """A value and where it stands. ``value`` is a dict of nodes, a list of nodes, or a scalar.

    ``where`` begins an error message (``suite.yaml:4:24``); ``keys`` tells where each key of a mapping stands.
    """

    value: Any
    where: str
    keys: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> Any:
        """Return the value as plain data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    @property
    def shown(self) -> str:
        """The value as an error message shows it."""
        return short(self.plain())


@dataclass
class _Reading:
    name: str
    what: str
    problems: list[str]
    count: int = 0
    open: list[int] = field(default_factory=list)

    def where(self, mark: Any) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}"


def parse(text: str, name: str, problems: list[str], what: str = "suite") -> Node:
    """Return the one document of a YAML text; what can be found beside other errors is appended to ``problems``.

    ``what`` is the kind of file that messages speak of: a suite, or gates.

    Raises SpecError where the text is not YAML, has a cycle of aliases, or explodes through them.
    """
    reading = _Reading(name, what, problems)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        if root is None:
            raise SpecError(f"{name}:1:1: {what}: must be a mapping{_TOP.get(what, '')}, got an empty file.")
        return _node(root, reading)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = reading.where(mark) if mark else name
        raise SpecError(f"{where}: {what}: must be valid YAML, got {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: {what}: must be valid YAML, got {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise SpecError(f"{name}: {what}: must not be nested this deeply.") from None


def _node(node: yaml.Node, reading: _Reading) -> Node:
    where = reading.where(node.start_mark)
    reading.count += 1
    if reading.count > _MOST:
        raise SpecError(f"{where}: {reading.what}: must have at most {_MOST} values, got more through its aliases.")
    if id(node) in reading.open:
        raise SpecError(f"{where}: {reading.what}: an alias must not lead back to itself, got a cycle.")
    if node.tag not in _TAGS:
        reading.problems.append(f"{where}: {reading.what}: values must have no tag, got {node.tag}.")
    reading.open.append(id(node))
    result = _content(node, where, reading)
    reading.open.pop()
    return result


def _content(node: yaml.Node, where: str, reading: _Reading) -> Node:
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(child, reading) for child in node.value], where)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, where, reading)
    text = str(node.value)
    return Node(text if getattr(node, "style", None) else _scalar(text), where)


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text) and len(text) < 20:
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _mapping(node: yaml.MappingNode, where: str, reading: _Reading) -> Node:
    values: dict[str, Node] = {}
    keys: dict[str, str] = {}
    merged: dict[str, tuple[Node, str]] = {}
    for key, value in node.value:
        place = reading.where(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            reading.problems.append(f"{place}: {reading.what}: a key must be a name, got a list or a mapping.")
            continue
        name = str(key.value)
        if name == "<<" and not key.style:
            merged.update(_merged(value, place, reading))
            continue
        if name in values:
            reading.problems.append(f"{place}: {name}: must be given once, got it at {keys[name]} already.")
            continue
        values[name], keys[name] = _node(value, reading), place
    for name, (inherited, place) in merged.items():
        if name not in values:
            values[name], keys[name] = inherited, place
    return Node(values, where, keys)


def _merged(value: yaml.Node, place: str, reading: _Reading) -> dict[str, tuple[Node, str]]:
    """Return what ``<<: *base`` or ``<<: [*one, *other]`` brings: of two, the first that has a key gives it."""
    found: dict[str, tuple[Node, str]] = {}
    for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
        if not isinstance(each, yaml.MappingNode):
            reading.problems.append(f"{place}: {reading.what}: << must name a mapping, or a list of mappings.")
            continue
        node = _node(each, reading)
        for name, child in node.value.items():
            found.setdefault(name, (child, node.keys[name]))
    return found


def from_plain(value: Any, where: str, depth: int = 0) -> Node:
    """Return plain Python data as nodes that are placed by their path: ``<suite>.scenarios.night``."""
    if depth > 50:
        raise SpecError(f"{where}: suite: must not be nested this deeply.")
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise SpecError(f"{where}: suite: a key must be a text, got {short(wrong[0])}.")
        children = {key: from_plain(child, f"{where}.{key}", depth + 1) for key, child in value.items()}
        return Node(children, where, {key: child.where for key, child in children.items()})
    if isinstance(value, list | tuple | range):
        return Node([from_plain(child, f"{where}[{i}]", depth + 1) for i, child in enumerate(value)], where)
    if hasattr(value, "tolist"):  # numpy
        return from_plain(value.tolist(), where, depth + 1)
    if value is not None and not isinstance(value, str | bool | int | float):
        raise SpecError(f"{where}: suite: must be made of names, numbers, lists and mappings, got {short(value)}.")
    return Node(value, where)
