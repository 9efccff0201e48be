"""Which perturbation a step means on which stream."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from perturbations import InputError, Perturbation, SpecError, get, names
from perturbations._errors import nearest
from perturbations.modality import MODALITIES
from scenarios._bound import Bound, Target, misfit
from scenarios._spec import ALL, Scenario, Step

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
            raise misfit(step.where, who, str(error)) from None
    families = (step.key, "stream") if step.key in MODALITIES else (*MODALITIES, "stream")
    found = tuple(name for family in families if (name := f"{family}.{step.name}") in names(family))
    if not found:
        known = [name for family in families for name in names(family)]
        hint = nearest(step.name, known)
        raise misfit(step.where, who, f"name must be a perturbation's, got {step.name!r}. {hint}")
    return tuple(get(name) for name in found)


def imagine(step: Step, who: str) -> Mapping[str, str]:
    """Return streams that the step could be about, so that it can be checked before there is a data set."""
    if step.key in MODALITIES:
        return {step.key: step.key}
    kinds = tuple(dict.fromkeys(of for perturbation in candidates(step, who) for of in perturbation.modalities))
    return {of: of for of in kinds} if step.key == ALL else {step.key: kinds[0]}


def bind_all(scenario: Scenario, streams: Mapping[str, str], has: Container[str]) -> list[Bound]:
    """Return every step on its streams, each with a label of its own: ``image.rain``, ``image.rain#2``."""
    if scenario.timeline and (lacking := scenario.timeline.lacks(has)):
        raise Absent(scenario.steps[0], f"its timeline needs samples with {lacking}")
    return labelled([bind(scenario, step, streams, has) for step in scenario.steps])


def labelled(bounds: Sequence[Bound]) -> list[Bound]:
    """Return the bound steps with labels that differ."""
    found: list[Bound] = []
    for bound in bounds:
        again = sum(other.label.partition("#")[0] == bound.label for other in found)
        found.append(replace(bound, label=f"{bound.label}#{again + 1}") if again else bound)
    return found


def bind(scenario: Scenario, step: Step, streams: Mapping[str, str], has: Container[str]) -> Bound:
    """Return the step on its streams. Raises Absent where the data lacks something, Misfit where the step is wrong."""
    options = candidates(step, scenario.name)
    targets = []
    for stream in _streams(step, streams):
        perturbation = _fitting(scenario, step, options, stream, streams[stream])
        if lacking := sorted(need for need in perturbation.needed({**step.given, **step.lists}) if need not in has):
            raise Absent(step, f"{perturbation.name} needs samples with {' and '.join(lacking)}")
        targets.append(_target(scenario, step, perturbation, stream))
    return Bound(step, tuple(targets), f"{step.key}.{step.name.replace(':', '.').rpartition('.')[2]}")


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
        raise misfit(step.where, scenario.name, text)
    return fitting[0]  # the modality's own comes before the fault of that name


def _target(scenario: Scenario, step: Step, perturbation: Perturbation, stream: str) -> Target:
    try:
        if step.levels is not None:
            perturbation = perturbation.with_levels(step.levels)
            return Target(stream, perturbation, perturbation.profile())
        if step.profile is not None:
            return Target(stream, perturbation, perturbation.profile(step.profile))
        return Target(stream, perturbation, perturbation.profile(scenario.profile, strict=False))
    except (InputError, SpecError) as error:
        raise misfit(step.where, scenario.name, str(error)) from None
