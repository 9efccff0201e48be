"""What is declared of a system: intended use, levels that it keeps, conditions it is meant for, who signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perturbations import InputError, SpecError
from perturbations.errors import gather, nearest
from scenarios.reading import Node, Problems, parse, text_of
from stress.gate import Gates, gates_of

__all__ = ["Condition", "Declaration", "Declared", "load_declaration"]

_TOP = (
    "declaration", "system", "provider", "intended_use", "not_intended", "levels", "conditions", "fallback",
    "signed_by", "confidence", "correction", "cluster",
)  # fmt: skip
_TEXTS = ("declaration", "system", "provider", "intended_use", "fallback")
_SIGNED = ("name", "role", "date")


@dataclass(frozen=True)
class Condition:
    """A condition of use that was foreseen, and the scenarios that are to show what the system does in it."""

    name: str
    scenarios: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """A declared level as it is written; ``suite`` is the one whose runs it is about, where it names one."""

    node: Node
    suite: str | None = None


@dataclass(frozen=True)
class Declaration:
    """A declaration, read and checked as far as that can be done without a run."""

    name: str
    texts: Mapping[str, str]
    not_intended: tuple[str, ...]
    levels: tuple[Declared, ...]
    conditions: tuple[Condition, ...]
    signed_by: Mapping[str, str]
    settings: Mapping[str, Node] = field(default_factory=dict)
    file: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)

    def gates(self, suite: str) -> Gates | None:
        """Return the levels that are about runs of a suite, as rules; None where there is none."""
        mine = [level.node for level in self.levels if level.suite in (None, suite)]
        if not mine:
            return None
        nodes = {"gates": Node(mine, mine[0].where), **self.settings}
        return gates_of(Node(nodes, mine[0].where, {key: node.where for key, node in nodes.items()}), self.file)


def load_declaration(path: Path) -> Declaration:
    """Read a declaration from YAML. Raises SpecError with all that is wrong in it: unknown keys, metrics, bars."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"evidence: {path} must be a YAML file in UTF-8, got {type(error).__name__}.") from None
    found: list[str] = []
    root = parse(text, str(path), found, "declaration")
    problems = Problems(found, path.parent)
    if not isinstance(root.value, dict):
        raise SpecError(f"{root.where}: declaration: must be a mapping, got {root.shown}.")
    top: dict[str, Node] = root.value
    for key in top.keys() - set(_TOP):
        problems.say(root.keys[key], "declaration", f"a key must be one of {', '.join(_TOP)}, got {key!r}.", key, _TOP)
    texts = {key: text_of(top.get(key), "declaration", key, problems) for key in _TEXTS}
    for key in ("declaration", "intended_use"):
        if key not in top:
            problems.say(root.where, "declaration", f"must have {key}, got none.")
    made = Declaration(
        texts["declaration"] or "",
        {key: value for key, value in texts.items() if value},
        _listed(top.get("not_intended"), "not_intended", problems),
        _levels(top.get("levels"), root, problems),
        _conditions(top.get("conditions"), problems),
        _signed(top.get("signed_by"), problems),
        {key: top[key] for key in ("confidence", "correction", "cluster") if key in top},
        str(path),
        root.plain(),
    )
    try:
        for suite in {level.suite for level in made.levels}:
            made.gates(suite or "")
    except SpecError as error:
        problems.found += [line for line in str(error).splitlines() if not line.endswith(" problems:")]
    gather(problems.sorted(), SpecError)
    return made


def _levels(node: Node | None, root: Node, problems: Problems) -> tuple[Declared, ...]:
    if node is None or not isinstance(node.value, list) or not node.value:
        where, got = (root.where, "none") if node is None else (node.where, node.shown)
        problems.say(
            where, "declaration", f"levels must be a list such as [{{metric: accuracy, min: 0.9}}], got {got}."
        )
        return ()
    found = []
    for child in node.value:
        if not isinstance(child.value, dict) or "preset" in child.value or "against" in child.value:
            example = "{metric: accuracy, min: 0.9}"
            text = f"a level must name a metric and a bar of its own, such as {example}, got {child.shown}."
            problems.say(child.where, "declaration", text)
            continue
        suite = text_of(child.value.get("suite"), "declaration", "suite", problems)
        rest = {key: value for key, value in child.value.items() if key != "suite"}
        found.append(Declared(Node(rest, child.where, child.keys), suite))
    return tuple(found)


def _listed(node: Node | None, what: str, problems: Problems) -> tuple[str, ...]:
    if node is None:
        return ()
    children = node.value if isinstance(node.value, list) else [node]
    return tuple(text for child in children if (text := text_of(child, "declaration", what, problems)))


def _conditions(node: Node | None, problems: Problems) -> tuple[Condition, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        problems.say(node.where, "declaration", f"conditions must be a list of names and scenarios, got {node.shown}.")
        return ()
    found = []
    for child in node.value:
        fields = child.value if isinstance(child.value, dict) else {}
        for key in fields.keys() - {"name", "scenarios"}:
            hint = nearest(key, ("name", "scenarios"))
            problems.say(child.keys[key], "declaration", f"a condition has name and scenarios, got {key!r}. {hint}")
        if "name" not in fields:
            problems.say(child.where, "declaration", f"a condition must have a name, got {child.shown}.")
            continue
        name = text_of(fields["name"], "declaration", "name", problems)
        shown = fields.get("scenarios")
        empty = shown is None or shown.value in (None, [])
        found.append(Condition(name or "", () if empty else _listed(shown, "scenarios", problems)))
    return tuple(found)


def _signed(node: Node | None, problems: Problems) -> dict[str, str]:
    if node is None:
        return {}
    fields: Mapping[str, Node] = node.value if isinstance(node.value, dict) else {}
    unknown: Sequence[str] = [key for key in fields if key not in _SIGNED]
    if not fields or unknown or "name" not in fields:
        problems.say(
            node.where, "declaration", f"signed_by must have a name, and may have role and date, got {node.shown}."
        )
        return {}
    each = {key: text_of(child, "declaration", key, problems) for key, child in fields.items()}
    return {key: value for key, value in each.items() if value}
