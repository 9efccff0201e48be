"""What a perturbation is, what its parameters are at a severity, and the one place where its function is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from perturbations._keys import Key, call_keyed
from perturbations._params import Choice, Param, check_tables
from perturbations._values import Dataset, Sample, Value
from perturbations.errors import InputError, SpecError, nearest, short
from perturbations.modality import Modality, modality, modality_of

__all__ = ["Captured", "Kind", "Need", "Perturbation", "Stream", "run_step"]

Kind = Literal["corruption", "fault", "attack", "machine"]
Axis = Literal["ordinal", "categorical", "binary"]
Need = Literal["data", "sequence", "alternates", "target"]
OWN = "own"
"""Profile of a level table that a suite brings itself."""


@dataclass(frozen=True)
class Stream:
    """One stream of a sample as a fault sees it, with the data set where one was given."""

    sample: Sample
    name: str
    data: Dataset | None = None

    @property
    def value(self) -> Value:
        """The stream's value; ``None`` where it is lost."""
        return self.sample.streams[self.name]

    @property
    def modality(self) -> Modality:
        """The stream's modality: by its value or, where that is lost, by the data set's word."""
        if self.value is None and self.data is not None:
            return modality(self.data.streams[self.name])
        return modality_of(self.value, self.name)


@dataclass(frozen=True)
class Captured:
    """When the value was captured that arrives: at the time of the sample at ``position`` of the data set (None: its
    own), and ``behind_s`` seconds before that.
    """

    position: int | None = None
    behind_s: float = 0.0


@dataclass(frozen=True)
class Perturbation:
    """A named, sourced, versioned change with physical parameters.

    ``keeps_shape`` is false where the length or size may change; ``not_monotone`` gives the reason where distortion may
    fall as severity rises, one for all profiles or one each; ``changes_meaning`` marks changes after which the right
    answer may be another one; ``needs`` lists what a fault must be given besides the value; ``open`` marks an adapter's
    perturbation, whose parameters are its package's own; ``known`` are their names, where the package tells. Of an
    attack, ``budgets`` name the parameter that bounds a stream of each modality; ``gradients`` says that it needs a
    model that can be differentiated, ``held_out`` that it is fitted on other samples first. ``captured`` is called as
    ``function`` is, by the same draw, and says when the value was captured that a fault delivers, of one that delivers
    another moment's (None: at no time; it was made up).
    """

    name: str
    kind: Kind
    modalities: tuple[str, ...]
    function: Callable[..., Any]
    params: Mapping[str, Param | Choice]
    cite: tuple[str, ...]
    version: int = 1
    random: bool = True
    check: Callable[[Mapping[str, Any]], None] | None = None
    """What a wrapped package has to say about a full set of parameters, before any work; raises InputError."""
    needs: frozenset[Need] = frozenset()
    keeps_shape: bool = True
    not_monotone: str | Mapping[str, str] | None = None
    changes_meaning: bool = False
    witness: Callable[[], Any] | None = None
    cost: str | None = None
    """How long it takes, where that is felt beside a model."""
    open: bool = False
    known: frozenset[str] | None = None
    own_levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    budgets: Mapping[str, str] = field(default_factory=dict)
    gradients: bool = False
    held_out: bool = False
    captured: Callable[..., Captured | None] | None = None

    @property
    def summary(self) -> str:
        """The first line of the docstring: the real-world cause and effect."""
        return (inspect.getdoc(self.function) or "").partition("\n\n")[0].replace("\n", " ")

    @cached_property
    def graded(self) -> tuple[str, ...]:
        """Names of the parameters that move with severity."""
        return tuple(name for name, row in self.params.items() if row.tables)

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of the level tables, the default one first; empty where nothing is graded."""
        return tuple(self.params[self.graded[0]].tables) if self.graded else ()

    @property
    def axis(self) -> Axis:
        """How the perturbation is graded."""
        if self.graded:
            return "ordinal"
        return "categorical" if self.category else "binary"

    @property
    def category(self) -> str | None:
        """Name of the choice that grades a perturbation without severities."""
        return next((n for n, row in self.params.items() if isinstance(row, Choice) and row.axis), None)

    @property
    def examples(self) -> dict[str, str]:
        """Values for the choices that must be given (files, folders), to try the perturbation without any."""
        rows = {name: row for name, row in self.params.items() if isinstance(row, Choice) and row.example}
        return {name: row.example() for name, row in rows.items() if row.example and row.default is None}

    def needed(self, given: Mapping[str, Any]) -> frozenset[str]:
        """Return what must be there besides the value for these choices: one value each, or several that are tried."""
        found: set[str] = set(self.needs)
        for name, row in self.params.items():
            if isinstance(row, Choice) and row.needs:
                value = given.get(name, row.default)
                for each in value if isinstance(value, tuple) else (value,):
                    found.update(row.needs.get(each, ()))
        return frozenset(found)

    def draws(self, settings: Mapping[str, Any]) -> bool:
        """Return whether anything is left to chance with these parameters: whether two draws may differ."""
        rows = {name: row.still for name, row in self.params.items() if isinstance(row, Choice)}
        return self.random and not any(settings.get(name) in still for name, still in rows.items())

    def profile(self, wanted: str | None = None, strict: bool = True) -> str:
        """Return the profile to use: the wanted one, or the default where none is wanted (or, if lax, known)."""
        if not self.profiles:
            return ""
        if wanted is None or (wanted not in self.profiles and not strict):
            return self.profiles[0]
        if wanted not in self.profiles:
            known = ", ".join(self.profiles)
            raise InputError(f"{self.name}: profile must be one of {known}, got {wanted!r}.")
        return wanted

    def may_fall(self, profile: str | None = None) -> str | None:
        """Return why distortion may fall as severity rises in a profile; ``None`` where it does not."""
        if isinstance(self.not_monotone, Mapping):
            return self.not_monotone.get(self.profile(profile))
        return self.not_monotone

    def top(self, profile: str | None = None) -> int:
        """Return the highest severity of a profile; 1 where nothing is graded."""
        return len(self.params[self.graded[0]].tables[self.profile(profile)]) if self.graded else 1

    def foreign(self, of: str | None) -> frozenset[str]:
        """Return the budgets of an attack that bound streams of other modalities than this one."""
        own = self.budgets.get(of or "")
        return frozenset(self.budgets.values()) - {own} if own else frozenset()

    def settings(
        self,
        severity: float | None = None,
        profile: str | None = None,
        given: Mapping[str, Any] | None = None,
        of: str | None = None,
    ) -> dict[str, Any]:
        """Return the physical parameters for a severity above 0, or for what was given by name. Raises InputError.

        ``of`` is the modality of the stream: what bounds an attack on others is left out, and cannot be in the way.
        """
        given = dict(given or {})
        self._check_given(given)
        if severity is not None and self.graded:
            self._check_severity(severity, profile)
            if clash := [name for name in self.graded if name in given]:
                raise InputError(f"{self.name}: {', '.join(clash)} must not be given beside a severity, which sets it.")
        result: dict[str, Any] = {}
        foreign = self.foreign(of)
        given = {name: value for name, value in given.items() if name not in foreign}
        for name, row in self.params.items():
            if name in foreign:
                continue
            if name in given:
                result[name] = row.convert(given.pop(name))
            elif row.tables and severity is not None:
                result[name] = self._at(row, severity, profile)
            elif row.default is not None:
                result[name] = row.convert(self._default(row, profile))
            else:
                either = "severity or " if row.tables else ""
                raise InputError(f"{self.name}: {either}{name} must be given ({row.meaning}).")
        result.update(given)
        if self.check is not None:
            self.check(result)
        return result

    def _default(self, row: Param | Choice, profile: str | None) -> Any:
        if isinstance(row, Choice) and row.by_profile:
            return row.by_profile.get(self.profile(profile), row.default)
        return row.default

    def _at(self, row: Param | Choice, severity: float, profile: str | None) -> Any:
        try:
            return row.at(severity, self.profile(profile))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def _check_given(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if name not in self.params:
                if self._takes(name):
                    continue
                raise InputError(f"{self.name}: unknown parameter {name!r}. {nearest(name, self.known or self.params)}")
            if wrong := self.params[name].problem(value):
                raise InputError(f"{self.name}: {name} {wrong}")

    def _takes(self, name: str) -> bool:
        """Tell whether a parameter without a row belongs to the wrapped transform."""
        return self.open and (self.known is None or name in self.known)

    def _check_severity(self, severity: object, profile: str | None) -> None:
        top = self.top(profile)
        number = isinstance(severity, int | float) and not isinstance(severity, bool)
        if not number or not 0 <= severity <= top:  # type: ignore[operator]
            raise InputError(
                f"{self.name}: severity must be in [0, {top}] (profile {self.profile(profile)}), got {short(severity)}."
            )

    def with_levels(self, levels: Mapping[str, Any]) -> Perturbation:
        """Return a copy graded by one's own tables: a list of values for each graded parameter."""
        tables = {name: tuple(values) for name, values in levels.items()}
        params: dict[str, Param | Choice] = dict(self.params)
        for name in tables.keys() - self.params.keys():
            if not self._takes(name):
                hint = nearest(name, self.known or self.params)
                raise SpecError(f"{self.name}: levels: unknown parameter {name!r}. {hint}")
        for name, row in self.params.items():
            if row.tables and name not in tables and not (isinstance(row, Param) and row.default is not None):
                raise SpecError(f"{self.name}: levels must name every graded parameter, got no {name} ({row.meaning}).")
            own: Any = {OWN: tables[name]} if name in tables else ()
            params[name] = (
                replace(row, levels=own) if isinstance(row, Param) else replace(row, levels=own, by_profile={})
            )
        for name in tables.keys() - self.params.keys():
            params[name] = _open_row(name, tables[name])
        check_tables(self.name, params)
        return replace(self, params=params, own_levels=tables)


def _open_row(name: str, table: tuple[Any, ...]) -> Param | Choice:
    """Return the row of a foreign parameter, of which nothing is known but its values."""
    if table and all(isinstance(value, str) for value in table):
        return Choice(f"{name} of the wrapped transform", levels=table)
    if table and all(isinstance(value, int) and not isinstance(value, bool) for value in table):
        return Param(f"{name} of the wrapped transform", "as there", -1e12, 1e12, scale="integer", levels=table)
    return Param(f"{name} of the wrapped transform", "as there", -1e12, 1e12, scale="step", levels=table)


def run_step(perturbation: Perturbation, stream: Stream, settings: Mapping[str, Any], key: Key) -> Value:
    """Return the stream's new value; settings are checked already, and severity is above 0.

    A lost stream stays lost under a corruption. The result never shares memory with the input.
    """
    value = stream.value
    if value is None and perturbation.kind != "fault":
        return None
    subject = stream if perturbation.kind == "fault" else value
    if perturbation.random:
        result = call_keyed(key, perturbation.function, subject, settings)
    else:
        result = perturbation.function(subject, **settings)
    if result is None:
        return None
    if result is value:
        return stream.modality.copy(value)
    if not perturbation.function.__module__.startswith("perturbations."):
        stream.modality.check(result, f"{perturbation.name}: result")
    return result
