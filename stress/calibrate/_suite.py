"""Equal severities as a suite: level tables of one's own, with a version that rises when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError, SpecError
from scenarios import Step, loads
from stress.calibrate._calibrate import Calibration
from stress.calibrate._levels import Level
from stress.calibrate._steps import Graded

__all__ = ["save", "suite_of"]

_DIGITS = 6
"""Significant digits of a parameter."""


def suite_of(found: Calibration, name: str | None = None, version: int = 1) -> dict[str, Any]:
    """Return a suite in which level k costs the same in every scenario that has it, as plain data.

    A scenario that does not reach a level has the others: its ``severities`` say which. Raises InputError where the
    parameters are not known: the run's suite is not, or no scenario reaches a level.
    """
    scenarios = {}
    for scenario, steps in found.graded.items():
        levels = found.of(scenario)
        if any(level.severity is not None for level in levels):
            scenarios[scenario] = _scenario(levels, steps)
    if not scenarios:
        raise InputError("calibrate: a suite needs a scenario that reaches a level, got none.")
    own = str(found.source.get("suite", "suite")).partition("@")[0]
    suite: dict[str, Any] = {"suite": f"{name or f'{own}-equal-{found.by}'}@{version}", "about": _about(found)}
    for key in ("plugins", "draws"):
        if found.source.get(key):
            suite[key] = found.source[key]
    return {**suite, "scenarios": scenarios}


def _about(found: Calibration) -> str:
    each = "; ".join(f"{kind} {', '.join(f'{t:.3g}' for t in some)}" for kind, some in found.targets.items())
    panel = f"a panel of {len(found.models)}" if found.by == "loss" else found.models[0]
    return f"Levels of equal {found.what} for {panel}: {each}. Made by stress calibrate from {', '.join(found.runs)}."


def _scenario(levels: Sequence[Level], steps: Sequence[Graded]) -> dict[str, Any]:
    """Return a scenario; a level that it does not reach has the nearest one's parameters, which no cell then uses."""
    there = [level for level in levels if level.severity is not None]
    nearest = [min(there, key=lambda each: abs(each.level - level.level)) for level in levels]
    found: dict[str, Any] = {}
    for place, graded in enumerate(steps):
        tables = {
            name: [_short(level.parameters[place][name]) for level in nearest]
            for name in (there[0].parameters[place] if graded.perturbation else ())
        }
        found.setdefault(graded.step.key, []).append(_step(graded, tables, there[0].severity))
    entry = {key: each[0] if len(each) == 1 else each for key, each in found.items()}
    if len(there) < len(levels):
        entry["severities"] = [level.level for level in there]
    return entry


def _step(graded: Graded, tables: Mapping[str, Sequence[Any]], severity: float | None) -> Any:
    step = graded.step
    found: dict[str, Any] = {"name": step.name, **step.given, **{k: list(v) for k, v in step.lists.items()}}
    if graded.perturbation is not None:
        found |= _choices(graded, severity)
        found["levels"] = dict(tables)
    else:
        found |= _plain(step)
    if step.shared is not None:
        found["key"] = step.shared
    return step.name if len(found) == 1 else found


def _plain(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if step.severity is not None:
        found["severity"] = step.severity
    if step.levels is not None:
        found["levels"] = {name: list(values) for name, values in step.levels.items()}
    if step.profile is not None:
        found["profile"] = step.profile
    return found


def _choices(graded: Graded, severity: float | None) -> dict[str, Any]:
    """Return the choices that a profile makes, which own tables would not."""
    perturbation = graded.perturbation
    if perturbation is None or severity is None:
        return {}
    settings = perturbation.settings(severity, graded.profile, graded.step.given, graded.of)
    rows = perturbation.params
    return {
        name: value
        for name, value in settings.items()
        if name in rows and name not in perturbation.graded and name not in graded.step.given
        if value != rows[name].default
    }


def _short(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def save(found: Calibration, path: Path, name: str | None = None) -> str:
    """Write the suite and return its title; where the file holds one of that name with other levels, its version rises.

    Raises InputError where the file holds something else.
    """
    import yaml

    made = suite_of(found, name)
    title, _, _ = made["suite"].partition("@")
    if path.exists():
        before = _before(path)
        if before.name != title:
            raise InputError(f"calibrate: {path} must be free, or hold {title}, got {before.title}. Give another out.")
        same = before.source.get("scenarios") == loads(made).source.get("scenarios")
        made["suite"] = f"{title}@{before.version + (0 if same else 1)}"
    loads(made)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    path.write_text(text, encoding="utf-8")
    return str(made["suite"])


def _before(path: Path) -> Any:
    from scenarios import load

    try:
        return load(path, plugins=False)
    except SpecError:
        raise InputError(f"calibrate: {path} must be free, or hold a suite, got something else.") from None
