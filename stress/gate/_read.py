"""A gate file becomes rules: every problem is found and placed, then raised as one error."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perturbations import InputError, SpecError
from perturbations.errors import gather, meant, named_keywords
from perturbations.files import read_text
from scenarios import Goals, goals_of
from scenarios.reading import Node, Problems, from_plain, one_of, parse, text_of
from stress.gate._bars import outside
from stress.gate._leakage import read_audit
from stress.gate._rules import Bar, Gates, Rule
from stress.gate._select import Selection, read_selection
from stress.gate._streams import STREAM_METRICS
from stress.tasks import class_metrics

__all__ = ["CORRECTIONS", "PER", "PRESETS", "gates_of", "load_gates", "loads_gates"]

PRESETS = Path(__file__).parent / "presets"
CORRECTIONS = ("holm", "bh", "none")
PER = ("class", "cell", "group", "stream", "modality", "scenario", "severity")
_TOP = ("gates", "confidence", "correction", "cluster", "about")
_BARS = ("min", "max", "max_drop", "within", "goals")
_RULE = (
    "metric",
    "on",
    "per",
    "by",
    "of",
    "class",
    "stream",
    *_BARS,
    "against",
    "policy",
    "audit",
    "confidence",
    "name",
)


def presets() -> tuple[str, ...]:
    """Return the names of the built-in gate files."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


@named_keywords
def load_gates(name: str | Path) -> Gates:
    """Return a built-in gate file by name, or the one at a path. Raises SpecError with all that is wrong in it."""
    path = PRESETS / f"{name}.yaml" if str(name) in presets() else Path(name)
    if not os.path.isfile(path):
        known = f"an existing YAML file or one of {', '.join(presets())}"
        raise SpecError(f"gates: must be {known}, got {str(name)!r}. {meant(str(name), presets())}".rstrip())
    text = read_text(path, "gates", SpecError)
    return loads_gates(text, path.name if str(name) in presets() else str(name), path.resolve().parent)


@named_keywords
def loads_gates(gates: str | Mapping[str, Any], name: str = "<string>", folder: Path | None = None) -> Gates:
    """Return the gates in a YAML text, or in plain data of the same form; policies in it are relative to ``folder``."""
    found: list[str] = []
    root = parse(gates, name, found, "gates") if isinstance(gates, str) else from_plain(gates, name)
    return gates_of(root, name, found, gates if isinstance(gates, str) else "", folder)


@named_keywords
def gates_of(root: Node, name: str, found: Sequence[str] = (), text: str = "", folder: Path | None = None) -> Gates:
    """Return the gates in nodes that know their place: rules may stand in a file that says more than a gate file does.

    ``found`` are problems that are known already; all are raised as one SpecError. Policies are relative to ``folder``.
    """
    problems = Problems(list(found), folder or Path.cwd())
    top = _top(root, problems)
    rules = _rules(top.get("gates"), root, _confidence(top.get("confidence"), problems, 0.95), problems)
    if not rules and not problems.found:
        raise SpecError(f"{root.where}: gates: must have at least one rule, got none: an empty gate passes everything.")
    correction = top.get("correction")
    chosen = one_of(correction, CORRECTIONS, "gates", "correction", problems) if correction else "holm"
    cluster = text_of(top.get("cluster"), "gates", "cluster", problems)
    gather(problems.sorted(), SpecError)
    return Gates(name, tuple(rules), chosen or "holm", cluster, text)


def _top(root: Node, problems: Problems) -> dict[str, Node]:
    if not isinstance(root.value, dict):
        raise SpecError(f"{root.where}: gates: must be a mapping with gates: and a list of rules, got {root.shown}.")
    top: dict[str, Node] = root.value
    for key in top.keys() - set(_TOP):
        problems.say(root.keys[key], "gates", f"a key must be one of {', '.join(_TOP)}, got {key!r}.", key, _TOP)
    return top


def _rules(node: Node | None, root: Node, confidence: float, problems: Problems) -> list[Rule]:
    if node is None or node.value in (None, [], {}):
        return []
    if not isinstance(node.value, list):
        problems.say(node.where, "gates", f"must be a list of rules, got {node.shown}.")
        return []
    found: list[Rule] = []
    for child in node.value:
        if not isinstance(child.value, dict):
            problems.say(child.where, "gates", f"a rule must be a mapping such as {{metric: accuracy, min: 0.9}}, "
                         f"got {child.shown}.")  # fmt: skip
        elif "preset" in child.value:
            found += _preset(child, problems)
        else:
            rule = _rule(child, confidence, problems)
            found += [rule] if rule else []
    return found


def _preset(node: Node, problems: Problems) -> list[Rule]:
    """Return the rules of a preset, at the place that asks for them, on the cells that it names."""
    fields: dict[str, Node] = node.value
    for key in fields.keys() - {"preset", "on"}:
        problems.say(node.keys[key], "gates", f"beside preset only on can be given, got {key!r}.", key, ("on",))
    name = one_of(fields["preset"], presets(), "gates", "preset", problems)
    on = read_selection(fields["on"], problems) if "on" in fields else None
    if name is None:
        return []
    return [replace(rule, where=node.where, on=on or rule.on) for rule in load_gates(name).rules]


def _rule(node: Node, confidence: float, problems: Problems) -> Rule | None:
    fields: dict[str, Node] = node.value
    for key in fields.keys() - set(_RULE):
        problems.say(node.keys[key], "gates", f"a key of a rule must be one of {', '.join(_RULE)}, got {key!r}.", key,
                     _RULE)  # fmt: skip
    texts = {
        key: text_of(fields.get(key), "gates", key, problems)
        for key in ("metric", "by", "of", "name", "policy", "audit")
    }
    if "metric" not in fields:
        problems.say(node.where, "gates", f"a rule must have a metric, got only {', '.join(fields) or 'nothing'}.")
    kind, bar, ends, goals = _bar(node, problems)
    per = one_of(fields["per"], PER, "gates", "per", problems) if "per" in fields else None
    on = read_selection(fields.get("on"), problems)
    sure = _confidence(fields.get("confidence"), problems, confidence)
    classes = _several(fields.get("class"), "class", problems)
    streams = _several(fields.get("stream"), "stream", problems)
    _agree(node, texts, per, kind, classes, problems)
    if texts["metric"] is None or kind is None:
        return None
    per = "class" if classes and per is None and texts["metric"] != "gap" else per
    rule = Rule(texts["metric"], kind, bar, node.where, on, per, texts["by"], texts["of"], classes, sure, texts["name"],
                streams, ends, goals, _policy(node, texts["policy"], problems),
                read_audit(node, texts["metric"], texts["audit"], problems))  # fmt: skip
    outside(rule, None, problems)
    return rule


def _policy(node: Node, name: str | None, problems: Problems) -> str | None:
    """Return the path of a rule's policy, from the folder of the gate file. A file that is none is noted."""
    if name is None:
        return None
    from stress.policy import load

    if "against" in node.value:
        problems.say(node.where, "gates", "policy goes with min, max or within, got against: baseline.")
    path = (problems.folder or Path()) / name
    try:
        load(path)
    except InputError as error:
        problems.say(node.value["policy"].where, "gates", str(error))
    return str(path)


_Bars = tuple[Bar | None, float, tuple[float, float] | None, Goals | None]


def _bar(node: Node, problems: Problems) -> _Bars:
    """Return the kind of a rule, and its bar, its two ends or its goals."""
    given = [key for key in _BARS if key in node.value]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        problems.say(node.where, "gates", f"a rule must have within, goals, or one of min, max, max_drop, got {got}.")
        return None, math.nan, None, None
    kind: Any = given[0]
    child: Node = node.value[kind]
    if kind == "goals":
        found = goals_of(child.plain())
        if isinstance(found, Goals):
            return "within", math.nan, None, found
        problems.say(child.where, "gates", found)
    elif kind == "within":
        ends = [each.value for each in child.value] if isinstance(child.value, list) else []
        if len(ends) == 2 and all(map(_finite, ends)) and ends[0] < ends[1]:
            return "within", math.nan, (float(ends[0]), float(ends[1])), None
        text = f"within must be two numbers, the lower one first, such as [0.3, 0.5], got {child.shown}."
        problems.say(child.where, "gates", text)
    elif _finite(child.value):
        return kind, float(child.value), None, None
    else:
        problems.say(child.where, "gates", f"{kind} must be a number, got {child.shown}.")
    return None, math.nan, None, None


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _agree(
    node: Node,
    texts: Mapping[str, str | None],
    per: str | None,
    kind: str | None,
    classes: Sequence[str],
    say: Problems,
) -> None:
    """Note what does not go together in a rule."""
    fields, metric = node.value, texts["metric"]
    against = fields.get("against")
    if against is not None and against.value != "baseline":
        say.say(
            against.where, "gates", f"against must be baseline, got {against.shown}.", str(against.value), ("baseline",)
        )
    if (against is not None) != (kind == "max_drop") and kind is not None:
        say.say(node.where, "gates", "against: baseline and max_drop go together, got only one of them.")
    if metric in ("gap", "widening") and not texts["by"]:
        say.say(node.where, "gates", f"{metric} must have by: the name of a group, such as by: accent.")
    if per == "group" and not texts["by"]:
        say.say(node.where, "gates", "per: group must have by: the name of a group, such as by: accent.")
    if texts["by"] and per != "group" and metric not in ("gap", "widening"):
        say.say(node.where, "gates", "by goes with metric: gap or per: group, got neither.")
    _agree_on_streams(node, texts, per, kind, classes, say)
    if classes and per not in (None, "class"):
        say.say(fields["class"].where, "gates", f"class goes with per: class, got per: {per}.")
    if per == "class" and metric and metric not in (known := class_metrics()):
        text = f"the metric per class must be one of {', '.join(known)}, got {metric!r}."
        say.say(fields["metric"].where, "gates", text, metric, known)
    if kind == "max_drop" and metric == "widening":
        say.say(node.where, "gates", "max_drop compares with a baseline, got widening. gap by: is how to compare gaps.")


def _agree_on_streams(
    node: Node,
    texts: Mapping[str, str | None],
    per: str | None,
    kind: str | None,
    classes: Sequence[str],
    say: Problems,
) -> None:
    """Note what does not go together in a rule about another metric's change, or about streams."""
    fields, metric = node.value, texts["metric"]
    if texts["of"] and metric not in ("gap", "widening", "drop", "retention", *STREAM_METRICS):
        say.say(fields["of"].where, "gates", f"of goes with gap, drop or retention, got metric {metric}.")
    if "stream" in fields and metric not in STREAM_METRICS:
        text = (
            f"stream goes with {', '.join(STREAM_METRICS)}, got metric {metric}. Hint: on: {{stream: …}} is of cells."
        )
        say.say(fields["stream"].where, "gates", text)
    if "goals" in fields and metric != "shapley_share":
        say.say(fields["goals"].where, "gates", f"goals go with shapley_share, got metric {metric}.")
    if metric in STREAM_METRICS and (kind == "max_drop" or per):
        say.say(node.where, "gates", f"{metric} takes min, max or within and a stream, got {'per' if per else kind}.")
    if metric == "gap" and (bool(classes) != (texts["of"] == "recall") or (classes and kind == "max_drop")):
        say.say(node.where, "gates", "a gap of: recall must have class: the classes it is of, min or max, got another.")


def _several(node: Node | None, what: str, problems: Problems) -> tuple[str, ...]:
    if node is None:
        return ()
    found = [str(child.value) for child in (node.value if isinstance(node.value, list) else [node])
             if child.value is not None and not isinstance(child.value, dict | list)]  # fmt: skip
    if not found:
        problems.say(node.where, "gates", f"{what} must be a name or a list of names, got {node.shown}.")
    return tuple(found)


def _confidence(node: Node | None, problems: Problems, default: float) -> float:
    if node is None:
        return default
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.5 <= value < 1:
        problems.say(node.where, "gates", f"confidence must be in [0.5, 1), got {node.shown}.")
        return default
    return float(value)


def selection_of(text: str) -> Selection:
    """Return a selection from YAML, for tests and programs: ``{modality: audio}``."""
    problems = Problems([], Path.cwd())
    found = read_selection(parse(text, "<string>", problems.found, "on"), problems)
    gather(problems.sorted(), SpecError)
    return found
