"""Which perturbation a step means on which stream."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from perturbations import InputError, Perturbation, SpecError, get, names
from perturbations.errors import nearest
from perturbations.modality import MODALITIES
from scenarios._bound import Bound, Mismatch, Target, mismatch
from scenarios._grid import check_steps
from scenarios._spec import ALL, EVERYTHING, MACHINE, Scenario, Step

__all__ = ["Absent", "bind", "bind_all", "candidates", "imagine", "labelled"]


class Absent(Exception):  # noqa: N818 - it never leaves the package
    """The data set lacks what a step is about: left out of a built-in suite, an error in a user's own."""

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(reason)
        self.where = step.where


def candidates(step: Step, who: str = "suite") -> tuple[Perturbation, ...]:
    """Return the perturbations that a step's name may mean: one, or one for each modality where that is not known."""
    if "." in step.name or ":" in step.name:
        try:
            return (get(step.name),)
        except InputError as error:
            raise mismatch(step.where, who, str(error)) from None
    families = (step.key, "stream") if step.key in MODALITIES else (*MODALITIES, "stream")
    if step.key == MACHINE and (own := f"{MACHINE}.{step.name}") in names(MACHINE):
        return (get(own),)
    found = tuple(name for family in families if (name := f"{family}.{step.name}") in names(family))
    if not found:
        elsewhere = [name for name in names() if name.partition(".")[2] == step.name]
        more = ("attack", MACHINE) if step.key == MACHINE else ("attack",)
        known = [name for family in (*families, *more) for name in names(family)]
        hint = _meant(step, elsewhere) or nearest(step.name, known)
        raise mismatch(step.where, who, f"name must be a perturbation's, got {step.name!r}. {hint}")
    return tuple(get(name) for name in found)


def _meant(step: Step, elsewhere: Sequence[str]) -> str:
    """Return what a name means that is right, but not here: an attack, or a perturbation of another modality."""
    for name in elsewhere:
        if get(name).kind == MACHINE:
            return f"{name} befalls no stream: it stands under {MACHINE}:."
        if step.key in get(name).modalities or step.key not in MODALITIES:
            return f"Did you mean {name}?"
    return " ".join(f"{name} is for {' and '.join(get(name).modalities)}." for name in elsewhere)


def imagine(scenario: Scenario, step: Step) -> Bound:
    """Return the step on streams that it could be about, so that it can be checked before there is a data set.

    A stream's name tells no modality: of the perturbations that have the name (``image.rain``, ``audio.rain``) the
    first is taken that the step fits.
    """
    options = candidates(step, scenario.name)
    kinds = tuple(dict.fromkeys(of for option in options for of in option.modalities))
    if options[0].kind == MACHINE:
        return bind(scenario, step, {}, EVERYTHING)
    if step.key in MODALITIES or step.key == ALL:
        known = kinds if step.key == ALL else (step.key,)
        return bind(scenario, step, {of: of for of in known}, EVERYTHING)
    graded = replace(scenario, severities=None, inherited=scenario.severities or scenario.inherited)
    found: list[Bound] = []
    problems: list[Mismatch] = []
    for of in kinds:
        try:
            found.append(bind(scenario, step, {step.key: of}, EVERYTHING))
            check_steps(graded, found[-1:])
            return found[-1]
        except Mismatch as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return found[0]


def bind_all(
    scenario: Scenario, streams: Mapping[str, str], has: Collection[str], spared: list[str] | None
) -> list[Bound]:
    """Return every step on its streams, each with a label of its own: ``image.rain``, ``image.rain#2``.

    Of a list of choices those that the data cannot give are noted in ``spared``; where that is ``None`` they are an
    error, like everything else that does not fit.
    """
    if scenario.timeline and (lacking := scenario.timeline.lacks(has)):
        raise Absent(scenario.steps[0], f"its timeline needs samples with {lacking}")
    return labelled([bind(scenario, step, streams, has, spared) for step in scenario.steps])


def labelled(bounds: Sequence[Bound]) -> list[Bound]:
    """Return the bound steps with labels that differ."""
    found: list[Bound] = []
    for bound in bounds:
        again = sum(other.label.partition("#")[0] == bound.label for other in found)
        found.append(replace(bound, label=f"{bound.label}#{again + 1}") if again else bound)
    return found


def bind(
    scenario: Scenario, step: Step, streams: Mapping[str, str], has: Collection[str], spared: list[str] | None = None
) -> Bound:
    """Return the step on its streams. Raises Absent where the data lacks something, Mismatch for a wrong step."""
    options = candidates(step, scenario.name)
    if options[0].kind == MACHINE:
        return _bind_machine(scenario, step, options[0])
    targets = []
    for stream in _streams(step, streams):
        perturbation = _fitting(scenario, step, options, stream, streams[stream])
        step = replace(step, lists=_possible(step, perturbation, has, spared))
        if wrong := _lacking(perturbation, {**step.given, **step.lists}, has):
            raise Absent(step, wrong)
        targets.append(_target(scenario, step, perturbation, stream, streams[stream]))
    _check_budgets(scenario, step, targets)
    return Bound(step, tuple(targets), f"{step.key}.{step.name.replace(':', '.').rpartition('.')[2]}")


def _bind_machine(scenario: Scenario, step: Step, perturbation: Perturbation) -> Bound:
    """Return a step on no stream. Raises Mismatch where it stands on one, or would have to change with time."""
    who = perturbation.name
    if step.key != MACHINE:
        raise mismatch(step.where, scenario.name, f"{who}: must stand under {MACHINE}:, got {step.key}.")
    if step.shared is not None:
        raise mismatch(step.where, scenario.name, f"{who}: key must not be given: no stream shares it.")
    bound = Bound(step, (_target(scenario, step, perturbation, "", MACHINE),), f"{MACHINE}.{who.partition('.')[2]}")
    if scenario.timeline and bound.driven:
        text = f"{who}: a timeline moves streams: give it a severity of its own, or its parameters."
        raise mismatch(step.where, scenario.name, text)
    return bound


def _lacking(perturbation: Perturbation, given: Mapping[str, Any], has: Collection[str]) -> str | None:
    """Return what the data would have to have for these choices, or nothing."""
    if lacking := sorted(need for need in perturbation.needed(given) if need not in has):
        return f"{perturbation.name} needs samples with {' and '.join(lacking)}"
    language = given.get(perturbation.category or "")
    known = languages(has)
    if "alternates" not in perturbation.needs or not isinstance(language, str) or not known or language in known:
        return None
    return f"{perturbation.name} needs alternates in {language!r}; there are {', '.join(known)}"


def languages(has: Collection[str]) -> list[str]:
    """Return the languages that samples have alternates in, where that is declared: ``alternates:de``."""
    return sorted(name.partition(":")[2] for name in has if name.startswith("alternates:"))


def _possible(
    step: Step, perturbation: Perturbation, has: Collection[str], spared: list[str] | None
) -> dict[str, tuple[str, ...]]:
    """Return the lists of choices as far as the data can give them; ``*`` in a list of languages stands for any."""
    result = {}
    for name, values in step.lists.items():
        if "alternates" in perturbation.needs and name == perturbation.category:
            known = languages(has)
            spread = (tuple(fnmatch.filter(known, value)) if "*" in value and known else (value,) for value in values)
            values = tuple(dict.fromkeys(each for found in spread for each in found))
        reasons = {value: _lacking(perturbation, {**step.given, name: value}, has) for value in values}
        result[name] = tuple(value for value, reason in reasons.items() if reason is None)
        if any(reasons.values()) and (spared is None or not result[name]):
            raise Absent(step, next(reason for reason in reasons.values() if reason))
        if spared is not None:
            spared += [f"{name} {value}: {reason}" for value, reason in reasons.items() if reason]
    return result


def _streams(step: Step, streams: Mapping[str, str]) -> tuple[str, ...]:
    if step.key == ALL:
        return tuple(streams)
    if step.key in MODALITIES:
        found = tuple(name for name, of in streams.items() if of == step.key)
        if not found:
            raise Absent(step, f"the data has no {step.key} stream (it has {', '.join(streams)})")
        return found
    if step.key not in streams:
        hint = nearest(step.key, {*streams, *MODALITIES})
        raise Absent(step, f"a stream must be one of {', '.join(streams)}, or a modality, got {step.key!r}. {hint}")
    return (step.key,)


def _fitting(scenario: Scenario, step: Step, options: tuple[Perturbation, ...], stream: str, of: str) -> Perturbation:
    fitting = [option for option in options if of in option.modalities]
    if not fitting:
        kinds = " or ".join(dict.fromkeys(kind for option in options for kind in option.modalities))
        hint = nearest(step.name.rpartition(".")[2], names(of))
        text = f"{options[0].name}: stream must be {kinds}, got {stream}, which is {of}. {hint}"
        raise mismatch(step.where, scenario.name, text)
    return fitting[0]  # the modality's own comes before the fault of that name


def _check_budgets(scenario: Scenario, step: Step, targets: Sequence[Target]) -> None:
    """Raise where an attack is given a budget that bounds none of its streams, or levels without that of one."""
    for target in targets:
        budgets = target.perturbation.budgets
        used = {budgets.get(other.of) for other in targets}
        named = {*step.given, *step.lists, *(step.levels or {})} & set(budgets.values())
        own = budgets.get(target.of)
        right = f"{target.perturbation.name}: {own} must be what bounds {target.stream} ({target.of})"
        if idle := sorted(named - used):
            raise mismatch(step.where, scenario.name, f"{right}, got {', '.join(idle)}.")
        if step.levels is not None and budgets and budgets[target.of] not in step.levels:
            raise mismatch(step.where, scenario.name, f"{right}, got levels of {', '.join(step.levels)} alone.")


def _target(scenario: Scenario, step: Step, perturbation: Perturbation, stream: str, of: str) -> Target:
    try:
        if step.levels is not None:
            perturbation = perturbation.with_levels(step.levels)
            return Target(stream, perturbation, perturbation.profile(), of)
        if step.profile is not None:
            return Target(stream, perturbation, perturbation.profile(step.profile), of)
        return Target(stream, perturbation, perturbation.profile(scenario.profile, strict=False), of)
    except (InputError, SpecError) as error:
        raise mismatch(step.where, scenario.name, str(error)) from None
