"""One row per parameter: meaning, unit, range, scale, clean value and the level tables of its profiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from perturbations.errors import InputError, SpecError, nearest, short

__all__ = ["Choice", "Param", "Scale"]

Scale = Literal["linear", "log", "reciprocal", "integer", "step"]
Levels = Mapping[str, Sequence[Any]] | Sequence[Any]
Tables = Mapping[str, tuple[Any, ...]]


def _tables(levels: Levels) -> Tables:
    if isinstance(levels, Mapping):
        return {name: tuple(values) for name, values in levels.items()}
    return {"default": tuple(levels)} if levels else {}


@dataclass(frozen=True)
class Param:
    """A number with a physical meaning.

    ``levels`` holds one value per severity, for each profile (a bare tuple is the profile ``default``; the first
    profile is the one used when none is named); ``tables`` is the same by profile. ``scale`` says how a severity
    between two levels is read: along a straight line, its logarithm or its reciprocal, rounded to a whole number, or
    not at all (``step``). ``clean`` is the value that changes nothing, where there is one; severities below 1 need
    it. A parameter without levels has a ``default`` and is not graded.
    """

    meaning: str
    unit: str
    low: float
    high: float
    scale: Scale = "linear"
    clean: float | None = None
    levels: Levels = ()
    default: float | None = None
    tables: Tables = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", _tables(self.levels))

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value, or nothing."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a numpy scalar
                return self.problem(value.item())
            return f"({self.meaning}) must be a finite number, got {short(value)}."
        if not self.low <= value <= self.high:
            return f"({self.meaning}) must be in [{self.low:g}, {self.high:g}] {self.unit}, got {value}."
        if self.scale == "integer" and value != int(value):
            return f"({self.meaning}) must be a whole number of {self.unit}, got {value}."
        return None

    def convert(self, value: Any) -> float | int:
        """Return the value as the function wants it: a Python int for the scale ``integer``, a float otherwise."""
        return int(value) if self.scale == "integer" else float(value)

    def at(self, severity: float, profile: str) -> float | int:
        """Return the value at a severity in (0, number of levels]."""
        table = self.tables[profile]
        upper = math.ceil(severity)
        if severity == upper:
            return self.convert(table[upper - 1])
        if self.scale == "step":
            raise InputError(f"severity must be a whole number: {self.meaning} is tabulated only, got {severity:g}.")
        start = table[upper - 2] if upper > 1 else self.clean
        if start is None:
            raise InputError(f"severity must be 0 or at least 1: {self.meaning} has no clean value, got {severity:g}.")
        return self._between(float(start), float(table[upper - 1]), severity - (upper - 1))

    def _between(self, start: float, end: float, share: float) -> float | int:
        if self.scale == "log" and start > 0 and end > 0:
            return math.exp(math.log(start) + share * (math.log(end) - math.log(start)))
        if self.scale == "reciprocal" and start > 0 and end > 0:
            return 1 / (1 / start + share * (1 / end - 1 / start))
        value = start + share * (end - start)
        return math.floor(value + 0.5) if self.scale == "integer" else value  # halves go up, as timelines take levels


@dataclass(frozen=True)
class Choice:
    """One of several named ways; a list of them in a suite makes a cell each.

    ``options`` are the names that are allowed; where the set is open (languages, files), ``options`` is empty and
    ``test`` returns what is wrong with a value, or nothing. ``axis`` marks the choice that grades a perturbation
    without severities (the language of a language shift). ``path`` marks a file or folder: its content belongs to a
    run's identity. A choice without a default must be given; ``example`` makes a value that the laws and the gallery
    can use in its place. ``levels`` lets the choice move with severity (a codec). ``by_profile`` names the profiles
    whose source has another default. ``needs`` tells what some of the options must be given besides the value:
    ``{"previous": ("sequence",)}``. ``still`` names the options with which nothing is left to chance.
    """

    meaning: str
    options: tuple[str, ...] = ()
    default: str | None = None
    axis: bool = False
    path: bool = False
    test: Callable[[str], str | None] | None = None
    example: Callable[[], str] | None = None
    levels: Levels = ()
    by_profile: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    still: tuple[str, ...] = ()
    tables: Tables = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", _tables(self.levels))

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value, or nothing."""
        if not isinstance(value, str):
            return f"({self.meaning}) must be a name, got {short(value)}."
        if self.options and value not in self.options:
            known = ", ".join(self.options)
            return f"({self.meaning}) must be one of {known}, got {value!r}. {nearest(value, self.options)}"
        return self.test(value) if self.test else None

    def convert(self, value: Any) -> str:
        """Return the value as the function wants it."""
        return str(value)

    def at(self, severity: float, profile: str) -> str:
        """Return the value at a severity: that of the level at or below it."""
        if severity < 1:
            raise InputError(f"severity must be 0 or at least 1: {self.meaning} has no clean value, got {severity:g}.")
        return str(self.tables[profile][math.floor(severity) - 1])


def check_tables(who: str, params: Mapping[str, Param | Choice]) -> None:
    """Raise where the rows of a declaration do not fit each other, or themselves."""
    graded = {name: row for name, row in params.items() if row.tables}
    shapes = {name: {profile: len(table) for profile, table in row.tables.items()} for name, row in graded.items()}
    if len({tuple(shape.items()) for shape in shapes.values()}) > 1:
        raise SpecError(f"{who}: graded parameters must have the same profiles and numbers of levels, got {shapes}.")
    for name, row in params.items():
        for profile, table in row.tables.items():
            for value in table:
                if wrong := row.problem(value):
                    raise SpecError(f"{who}: level of profile {profile}: {name} {wrong}")
        if isinstance(row, Param):
            _check_number(f"{who}: {name}", row)
        else:
            _check_choice(f"{who}: default", name, row, next(iter(shapes.values()), {}))


def _check_choice(who: str, name: str, row: Choice, profiles: Mapping[str, int]) -> None:
    for profile, value in (("", row.default), *row.by_profile.items()):
        if profile and profile not in profiles:
            raise SpecError(f"{who}: {name} must name profiles ({', '.join(profiles)}), got {profile}.")
        if value not in (None, "") and (wrong := row.problem(value)):
            raise SpecError(f"{who}: {name} {wrong}")


def _check_number(who: str, row: Param) -> None:
    if not row.meaning or not row.unit:
        raise SpecError(f"{who}: must have a meaning and a unit.")
    if row.low > row.high:
        raise SpecError(f"{who}: the range must be in order, got [{row.low:g}, {row.high:g}].")
    if not row.tables and row.default is None:
        raise SpecError(f"{who}: must have levels or a default.")
    for label, value in (("default", row.default), ("clean", row.clean)):
        if value is not None and math.isfinite(value) and (wrong := row.problem(value)):
            raise SpecError(f"{who}: {label} {wrong}")
