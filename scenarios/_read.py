"""A suite file becomes a suite: every problem is found and placed, then raised as one error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perturbations import SpecError
from perturbations.errors import gather, named_keywords, nearest, short
from perturbations.files import read_text
from perturbations.plugins import import_file
from scenarios._expand import check
from scenarios._fallbacks import read_fallback
from scenarios._goals import goals_of
from scenarios._read_timeline import read_timeline
from scenarios._spec import GRIDS, RESERVED, Scenario, Step, Suite
from scenarios._steps import read_severities, read_steps
from scenarios._yaml import Node, from_plain, parse
from scenarios.reading import Problems, one_of, text_of

__all__ = ["LIBRARY", "load", "loads", "suites"]

LIBRARY = Path(__file__).parent / "library"
"""Where the built-in suites are."""

_TOP = ("suite", "about", "severities", "draws", "profile", "plugins", "fallbacks", "goals", "scenarios")
_SCENARIO = ("about", "grid", "severities", "profile", "fallbacks", "timeline")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@named_keywords
def suites() -> tuple[str, ...]:
    """Return the names of the built-in suites."""
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.yaml")))


@named_keywords
def load(name: str | Path | Mapping[str, Any], plugins: bool = True) -> Suite:
    """Return a built-in suite by name, the suite in a YAML file, or one as plain data.

    Plug-ins that the suite names are imported, which runs what is in them; without ``plugins`` they are not, and the
    suite says which steps are ``unchecked`` then: it can be looked at, and not run. Raises SpecError with all that is
    wrong in it.
    """
    if isinstance(name, Mapping):
        return loads(name, plugins=plugins)
    if not isinstance(name, str | Path):
        raise SpecError(f"suite: must be a built-in name, a YAML file, a mapping or a Suite, got {short(name)}.")
    if isinstance(name, str) and name in suites():
        return replace(_read(LIBRARY / f"{name}.yaml", f"{name}.yaml"), builtin=True)
    path = Path(name)
    if "\0" in str(name) or not os.path.isfile(path):
        if "\0" not in str(name) and os.path.isdir(path):
            raise SpecError(f"suite: must be a built-in name or a YAML file, got the folder {str(name)!r}.")
        looks = path.suffix in (".yaml", ".yml") or path.name != str(name)
        kind = "an existing file" if looks else f"a built-in one ({', '.join(suites())}) or a YAML file"
        hint = "" if looks else f" {nearest(str(name), suites())}"
        raise SpecError(f"suite: must be {kind}, got {str(name)!r}.{hint}")
    return _read(path, str(name), plugins)


@named_keywords
def loads(suite: str | Mapping[str, Any], name: str = "<string>", plugins: bool = True) -> Suite:
    """Return the suite in a YAML text, or in plain data of the same form. Paths in it are relative to here."""
    problems: list[str] = []
    root = parse(suite, name, problems) if isinstance(suite, str) else from_plain(suite, name)
    return _suite(root, Problems(problems, None, plugins))


def _read(path: Path, name: str, plugins: bool = True) -> Suite:
    problems: list[str] = []
    text = read_text(path, "suite", SpecError)
    return _suite(parse(text, name, problems), Problems(problems, path.resolve().parent, plugins))


def _suite(root: Node, problems: Problems) -> Suite:
    if not isinstance(root.value, dict):
        raise SpecError(f"{root.where}: suite: must be a mapping with suite: and scenarios:, got {root.shown}.")
    top: dict[str, Node] = root.value
    for key in top.keys() - set(_TOP):
        problems.say(root.keys[key], "suite", f"a key must be one of {', '.join(_TOP)}, got {key!r}.", key, _TOP)
    name, version = _title(top.get("suite"), root, problems)
    plugins = _plugins(top.get("plugins"), problems)
    problems.plugins = problems.plugins or not plugins  # without any, a name that is not known is wrong
    shared = _Shared(
        read_severities(top.get("severities"), "suite", problems),
        text_of(top.get("profile"), "suite", "profile", problems),
        _fallbacks(top.get("fallbacks"), "suite", problems),
    )
    scenarios = _scenarios(top.get("scenarios"), root, shared, problems)
    _check_profile(top.get("profile"), "suite", scenarios, problems)
    draws = _draws(top.get("draws"), problems)
    _check_goals(top.get("goals"), problems)
    about = text_of(top.get("about"), "suite", "about", problems) or ""
    gather(problems.sorted(), SpecError)
    plain, unchecked = root.plain(), tuple(dict.fromkeys(problems.unchecked))
    return Suite(name, version, tuple(scenarios), draws, plugins, about, source=plain, unchecked=unchecked)


@dataclass(frozen=True)
class _Shared:
    """What the suite says for all its scenarios."""

    severities: tuple[float, ...] | None = None
    profile: str | None = None
    fallbacks: tuple[str, ...] = ()


def _title(node: Node | None, root: Node, problems: Problems) -> tuple[str, int]:
    text = node.value if node else None
    name, at, version = str(text).partition("@")
    if not isinstance(text, str) or not _NAME.fullmatch(name) or (at and not re.fullmatch(r"[1-9]\d{0,8}", version)):
        where = node.where if node else root.where
        problems.say(where, "suite", f"must be a name and a version, like night-street@1, got {text!r}.")
        return "", 1
    return name, int(version or 1)


def _draws(node: Node | None, problems: Problems) -> int:
    if node is None:
        return 1
    if type(node.value) is not int or not 1 <= node.value <= 10_000:
        problems.say(node.where, "suite", f"draws must be a whole number in [1, 10000], got {node.shown}.")
        return 1
    return node.value


def _check_goals(node: Node | None, problems: Problems) -> None:
    """Goals stand in the suite's source for whoever measures; what they must be is said before anything runs."""
    if node is not None and isinstance(found := goals_of(node.plain()), str):
        problems.say(node.where, "suite", found)


def _plugins(node: Node | None, problems: Problems) -> tuple[str, ...]:
    """Import the Python files that the suite names: only these, and only because it names them."""
    found = []
    for child in _list(node, "suite", "plugins", problems):
        if (text := text_of(child, "suite", "plugins", problems)) is None:
            continue
        path = (problems.folder or Path.cwd()) / text
        try:
            if problems.plugins:
                import_file(path)
            found.append(str(path))
        except SpecError as error:
            problems.say(child.where, "suite", str(error))
    return tuple(found)


def _list(node: Node | None, who: str, what: str, problems: Problems) -> Sequence[Node]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        problems.say(node.where, who, f"{what} must be a list, got {node.shown}.")
        return ()
    return node.value


def _fallbacks(node: Node | None, who: str, problems: Problems) -> tuple[str, ...]:
    children = _list(node, who, "fallbacks", problems)
    return tuple(found for child in children if (found := read_fallback(child, who, problems)))


def _check_profile(node: Node | None, who: str, scenarios: Sequence[Scenario], problems: Problems) -> None:
    """A profile that no perturbation concerned has is a slip of the pen."""
    from scenarios._bind import candidates
    from scenarios._bound import Mismatch

    if node is None or not isinstance(node.value, str):
        return
    known: dict[str, None] = {}
    for step in (step for scenario in scenarios for step in scenario.steps):
        try:
            known.update(dict.fromkeys(name for option in candidates(step) for name in option.profiles))
        except Mismatch:  # said already
            return
    if node.value not in known:
        text = (
            f"profile must be one of {', '.join(known) or 'none (no perturbation here has any)'}, got {node.value!r}."
        )
        problems.say(node.where, who, text, node.value, known)


def _scenarios(node: Node | None, root: Node, shared: _Shared, problems: Problems) -> list[Scenario]:
    if node is None or not isinstance(node.value, dict) or not node.value:
        got = f"got {node.shown}" if node else "got none"
        problems.say(node.where if node else root.where, "suite", f"scenarios must be a mapping of names, {got}.")
        return []
    found = []
    for name, child in node.value.items():
        where = node.keys[name]
        if not _NAME.fullmatch(name) or name in RESERVED:
            taken = " It is the name of another kind of cell." if name in RESERVED else ""
            text = f"a scenario's name must be of letters, digits, dots, dashes and underscores, got {name!r}.{taken}"
            problems.say(where, "suite", text)
        elif (scenario := _scenario(name, child, where, shared, problems)) is not None:
            found.append(scenario)
    return found


def _scenario(name: str, node: Node, where: str, shared: _Shared, problems: Problems) -> Scenario | None:
    if not isinstance(node.value, dict):
        problems.say(node.where, name, f"must be a mapping of streams to perturbations, got {node.shown}.")
        return None
    before = len(problems.found)
    values: dict[str, Node] = node.value
    steps: list[Step] = []
    for key, child in values.items():
        if key not in _SCENARIO:
            steps += read_steps(name, key, child, _SCENARIO, problems)
    own = read_severities(values.get("severities"), name, problems)
    profile = text_of(values.get("profile"), name, "profile", problems)
    timeline = read_timeline(values["timeline"], name, problems) if "timeline" in values else None
    grid = _grid(values, name, problems)
    fallbacks = _fallbacks(values["fallbacks"], name, problems) if "fallbacks" in values else shared.fallbacks
    about = text_of(values.get("about"), name, "about", problems) or ""
    if not steps and len(problems.found) == before:
        problems.say(where, name, "must name a stream and what befalls it, got nothing.")
    if len(problems.found) > before:
        return None
    inherited = shared.severities if own is None else None
    profile = profile or shared.profile
    scenario = Scenario(name, tuple(steps), grid, own, inherited, profile, fallbacks, timeline, about, where)
    unknown = _unknown(scenario) if not problems.plugins else []
    problems.unchecked += unknown
    problems.found += check(scenario) if not unknown else []
    if "profile" in values:
        _check_profile(values["profile"], name, [scenario], problems)
    return scenario


def _unknown(scenario: Scenario) -> list[str]:
    """Return the steps whose perturbation is not known, as those of a plug-in that was not imported."""
    from scenarios._bind import candidates
    from scenarios._bound import Mismatch

    found = []
    for step in scenario.steps:
        try:
            candidates(step)
        except Mismatch:
            found.append(f"{scenario.name}: {step.name}")
    return found


def _grid(values: Mapping[str, Node], name: str, problems: Problems) -> str:
    """Return the grid; a timeline says by itself that the grid is one, and nothing else can have one."""
    default = "timeline" if "timeline" in values else "joint"
    grid = one_of(values["grid"], GRIDS, name, "grid", problems) if "grid" in values else default
    if grid == "timeline" and "timeline" not in values:
        problems.say(values["grid"].where, name, "timeline must be given: it says how severity goes with time.")
    if "timeline" in values and grid not in ("timeline", None):
        problems.say(values["grid"].where, name, f"grid must be timeline, got {grid}: the scenario has a timeline.")
    if "timeline" in values and "severities" in values:
        text = "severities must not be given beside a timeline, which sets them."
        problems.say(values["severities"].where, name, text)
    return grid or default
