"""The laws that every perturbation keeps, as one public check for built-ins and for your own.

>>> from stress.testing import check_perturbation
>>> check_perturbation("image.gaussian_noise")
"""

from __future__ import annotations

import itertools
import math
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import Perturbation, Sample, Value, apply, get
from perturbations.errors import named_keywords
from perturbations.modality import Modality, modality, modality_of

__all__ = ["check_perturbation", "laws", "witness_sample"]

SLACK = 0.05
"""How much distortion may fall from one severity to the next, relative to its range, before it counts as falling."""

ALTERNATES = ("de", "en", "es", "fr")
"""Languages in which the samples of the laws have alternates."""


@dataclass(frozen=True)
class _Tiny:
    """A data set of one sequence, for the faults that look around."""

    samples: tuple[Sample, ...]
    streams: dict[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_memory", {})

    ids = property(lambda self: [s.id for s in self.samples])
    targets = property(lambda self: [s.target for s in self.samples])
    sequences = property(lambda self: [s.sequence for s in self.samples])
    times = property(lambda self: [s.time for s in self.samples])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def position(self, sample: str) -> int:
        return list(self.ids).index(sample)

    def remember(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        memory = self.__dict__["_memory"]
        if key not in memory:
            memory[key] = compute()
        return memory[key]


@named_keywords
def witness_sample(of: str, value: Value = None, position: int = 5) -> tuple[Sample, _Tiny]:
    """Return a sample with one stream ``x`` of a modality, and the small ordered data set it is part of."""
    base, vary = modality(of).witness() if value is None else value, modality(of).vary
    samples = tuple(
        Sample(
            str(i),
            {"x": vary(base, i - position)},
            target=str(i % 3),
            sequence="s",
            time=float(i),
            alternates={"x": {code: vary(base, 50 + n) for n, code in enumerate(ALTERNATES)}},
        )
        for i in range(12)
    )
    return samples[position], _Tiny(samples, {"x": of})


@named_keywords
def check_perturbation(name: str | Perturbation, value: Value = None) -> None:
    """Raise AssertionError where a perturbation breaks a law, on its witness or on a value of your own."""
    for law in laws():
        law(name if isinstance(name, Perturbation) else get(name), value)


@named_keywords
def laws() -> tuple[Callable[[Perturbation, Value], None], ...]:
    """Return the laws, each a function of a perturbation and a value (``None``: its witness)."""
    return (
        keeps_the_value_valid,
        leaves_the_input_alone,
        is_reproducible,
        severity_zero_is_identity,
        leaves_global_generators_alone,
        acts_on_its_witness,
        distortion_does_not_fall,
        survives_pickling,
        is_described,
    )


def _cases(p: Perturbation, value: Value) -> Iterator[tuple[Modality, Sample, _Tiny]]:
    for of in p.modalities:
        given = value if value is not None and modality_of(value).name == of else None
        if value is not None and given is None:
            continue
        if given is None and p.witness is not None:
            given = p.witness()
            if modality_of(given).name != of:
                given = None
        sample, data = witness_sample(of, given)
        yield modality(of), sample, data


def _severities(p: Perturbation) -> list[tuple[str | None, float | None, dict[str, Any]]]:
    """Return (profile, severity, parameters) for every level of every profile, or for every category.

    There is none where the category is a file of the user's own: such a perturbation is tested by itself.
    """
    if p.axis == "ordinal":
        return [(profile, level, {}) for profile in p.profiles for level in range(1, p.top(profile) + 1)]
    return [(None, None, chosen) for chosen in _categories(p)]


def _categories(p: Perturbation) -> list[dict[str, Any]]:
    row = p.params.get(p.category or "")
    options = getattr(row, "options", ()) or (getattr(row, "default", None),)
    if "alternates" in p.needs:
        options = ALTERNATES
    return [{p.category: option} for option in options if option] if p.category else [{}]


def _do(p: Perturbation, sample: Sample, data: _Tiny, severity: float | None, **keywords: Any) -> Any:
    keywords = {**p.examples, **keywords}
    return apply(p, sample, severity, stream="x", data=data, **keywords).streams["x"]


def keeps_the_value_valid(p: Perturbation, value: Value = None) -> None:
    """The result is a valid value of the modality, of the same shape where that is declared."""
    for kind, sample, data in _cases(p, value):
        before: Any = sample.streams["x"]
        for profile, severity, params in _severities(p):
            after = _do(p, sample, data, severity, profile=profile, **params)
            if after is None:
                assert p.kind == "fault", f"{p.name}: only a fault may lose a stream"
                continue
            kind.check(after, f"{p.name} at {severity} {params}")
            if p.keeps_shape:
                one, other = kind.shape(before), kind.shape(after)
                assert one == other, f"{p.name}: shape {one} became {other}"


def leaves_the_input_alone(p: Perturbation, value: Value = None) -> None:
    """The input keeps its bytes, may be read-only, and shares no memory with the result."""
    for kind, sample, data in _cases(p, value):
        (frozen,) = kind.freeze([sample.streams["x"]])
        digest = kind.digest(frozen)
        for profile, severity, params in [*_severities(p)[:1], *_severities(p)[-1:]]:
            after = _do(p, sample.with_streams({"x": frozen}), data, severity, profile=profile, **params)
            assert kind.digest(frozen) == digest, f"{p.name}: the input was written to"
            if kind.array is not None and after is not None:
                one, other = kind.array(frozen), kind.array(after)
                assert not np.shares_memory(one, other), f"{p.name}: the result shares the input's memory"
                assert other.flags.writeable, f"{p.name}: the result is read-only"


def is_reproducible(p: Perturbation, value: Value = None) -> None:
    """Equal keys give equal bytes, whatever was drawn in between."""
    for kind, sample, data in _cases(p, value):
        for profile, severity, params in [*_severities(p)[:1], *_severities(p)[-1:]]:
            one = _do(p, sample, data, severity, profile=profile, seed=7, **params)
            _do(p, sample, data, severity, profile=profile, seed=8, **params)
            other = _do(p, sample, data, severity, profile=profile, seed=7, **params)
            same = one is other if one is None or other is None else kind.same(one, other)
            assert same, f"{p.name}: two calls with one key differ"


def severity_zero_is_identity(p: Perturbation, value: Value = None) -> None:
    """Severity 0 is the clean value, as a copy."""
    for kind, sample, data in _cases(p, value):
        after = _do(p, sample, data, 0)
        assert kind.same(after, sample.streams["x"]), f"{p.name}: severity 0 changed the value"


def leaves_global_generators_alone(p: Perturbation, value: Value = None) -> None:
    """The process's global generators are where they were."""
    for _, sample, data in _cases(p, value):
        before = (random.getstate(), np.random.get_state()[1].tobytes())  # type: ignore[index] # noqa: NPY002
        for profile, severity, params in _severities(p)[-1:]:
            _do(p, sample, data, severity, profile=profile, **params)
        after = (random.getstate(), np.random.get_state()[1].tobytes())  # type: ignore[index] # noqa: NPY002
        assert before == after, f"{p.name}: drew from a global generator"


def acts_on_its_witness(p: Perturbation, value: Value = None) -> None:
    """On its witness it does something at the first level of every profile.

    A fault may spare a sample: it must act on one of its sequence, with one of a few seeds.
    """
    if value is not None:
        return
    for kind, sample, data in _cases(p, None):
        for profile, severity, params in _severities(p):
            if severity not in (None, 1):
                continue
            tried = [(sample, 0)] if p.kind != "fault" else [(each, seed) for each in data for seed in range(3)]
            results = (
                (each, _do(p, each, data, severity, profile=profile, seed=seed, **params)) for each, seed in tried
            )
            acted = any(after is None or not kind.same(after, each.streams["x"]) for each, after in results)
            assert acted, f"{p.name}: changed nothing on its witness ({profile} {severity} {params})"


def distortion_does_not_fall(p: Perturbation, value: Value = None) -> None:
    """Distortion does not fall as severity rises, beyond a twentieth of its range, unless the declaration says why."""
    if p.axis != "ordinal" or not p.keeps_shape or value is not None:
        return
    for kind, sample, data in _cases(p, None):
        for profile in (name for name in p.profiles if not p.may_fall(name)):
            results = [_do(p, sample, data, s, profile=profile) for s in range(1, p.top(profile) + 1)]
            if any(result is None for result in results):
                continue
            scores = [next(iter(kind.distortion(sample.streams["x"], result).values())) for result in results]
            harm = [-score if kind.falls else score for score in scores]
            finite = [score for score in harm if math.isfinite(score)]
            reach = max(finite) - min(finite) if finite else 0.0
            falls = [a - b for a, b in itertools.pairwise(harm) if a - b > SLACK * reach]
            assert not falls, f"{p.name}: distortion falls with severity in profile {profile}: {scores}"


def survives_pickling(p: Perturbation, value: Value = None) -> None:
    """It pickles by name, so that workers find it."""
    del value
    again = pickle.loads(pickle.dumps(p))  # noqa: S301 - pickled in this line
    assert again.name == p.name, f"{p.name}: pickling gives {again.name}"
    assert dict(again.params) == dict(p.params), f"{p.name}: pickling changes the parameters"


def is_described(p: Perturbation, value: Value = None) -> None:
    """It has a first line that reads as one sentence, and a meaning and a unit for every number."""
    del value
    assert p.summary.endswith("."), f"{p.name}: the docstring's first paragraph must be a sentence"
    assert p.cite, f"{p.name}: names no source"
