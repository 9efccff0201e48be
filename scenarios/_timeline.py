"""Severity as a function of time: fog that rolls in, a sensor that fails in bursts, a recovery."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Dataset, InputError, Key, Perturbation, Sample, generator, get

__all__ = ["OVER", "Course", "Over", "Timeline", "course_for", "places"]

_TINY = 1e-9
Over = Literal["order", "time", "sequence"]
OVER: tuple[Over, ...] = ("order", "time", "sequence")
"""What time is: the data set's own order, its clock, or the clock of each sequence."""


@dataclass(frozen=True)
class Timeline:
    """Severity over the span of a data set, from place 0 to place 1.

    ``points`` are (place, severity), joined by straight lines, constant before the first and after the last; two at one
    place make a jump. Instead, ``bursts`` of severity ``top`` and of this ``length`` (a share of the span) fall on
    places that are drawn by the run's seed, without overlap, the same for every stream. ``name`` names that draw.
    """

    name: str
    points: tuple[tuple[float, float], ...] = ()
    bursts: int = 0
    length: float = 0.0
    top: float = 5.0
    over: Over = "order"

    @property
    def peak(self) -> float:
        """The highest severity that is reached."""
        return self.top if self.bursts else max(severity for _, severity in self.points)

    def severity(self, place: float, seed: int = 0, draw: int = 0) -> float:
        """Return the severity at a place in [0, 1]."""
        if self.bursts:
            starts = _starts(self, seed, draw)
            before = bisect_right(starts, place)
            end = starts[before - 1] + self.length if before else 0.0
            last = place == 1 and end >= 1 - _TINY  # a burst that lasts to the end has the last sample in it
            return self.top if before and (place < end or last) else 0.0
        if place < self.points[0][0]:
            return self.points[0][1]
        for (start, low), (end, high) in itertools.pairwise(self.points):
            if place < end:
                return low + (high - low) * (place - start) / (end - start)
        return self.points[-1][1]

    def lacks(self, has: Container[str]) -> str | None:
        """Return what a data set lacks that the timeline needs, or nothing."""
        if "data" not in has:
            return "data"
        if self.over == "sequence" and "sequence" not in has:
            return "a sequence"
        if self.over == "time" and "time" not in has and "sequence" not in has:
            return "a time"
        return None

    def describe(self) -> dict[str, Any]:
        """Return the timeline as plain data."""
        seeded = {"bursts": self.bursts, "length": self.length, "top": self.top}
        return {"over": self.over, **(seeded if self.bursts else {"points": [list(point) for point in self.points]})}


@lru_cache(maxsize=256)
def _starts(timeline: Timeline, seed: int, draw: int) -> tuple[float, ...]:
    rng = generator(Key(seed, "scenarios.timeline", stream=timeline.name, draw=draw))
    free = 1 - timeline.bursts * timeline.length
    return tuple(float(u) * free + i * timeline.length for i, u in enumerate(np.sort(rng.random(timeline.bursts))))


@dataclass(frozen=True)
class Course:
    """How one condition follows a timeline: what its parameters are at whatever severity the time brings.

    Where its tables cannot be read between the levels (``real`` false) or before the first (``below`` false), the
    nearest level is taken.
    """

    timeline: Timeline
    real: bool
    below: bool
    given: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, tuple[Any, ...]] | None = None
    of: str = ""
    """Modality of the stream."""

    def describe(self) -> dict[str, Any]:
        """Return the course as plain data."""
        own = {} if self.levels is None else {"levels": {name: list(table) for name, table in self.levels.items()}}
        return {**self.timeline.describe(), **own}

    def severity(self, sample: Sample, data: Dataset | None, seed: int, draw: int) -> float:
        """Return the severity that a sample meets. Raises InputError without the data set that gives it its place."""
        if data is None:
            raise InputError(f"{self.timeline.name}: data must be given: a timeline runs over the whole data set.")
        return self.at(float(places(data, self.timeline.over)[data.position(sample.id)]), seed, draw)

    def at(self, place: float, seed: int, draw: int) -> float:
        """Return the severity at a place, as far as the tables can be read there."""
        severity = self.timeline.severity(place, seed, draw)
        readable = self.real if severity > 1 else self.below
        return severity if readable else float(np.floor(severity + 0.5))

    def settings(self, name: str, profile: str, severity: float) -> dict[str, Any]:
        """Return the parameters at a severity above 0."""
        perturbation = get(name) if self.levels is None else _own(name, tuple(self.levels.items()))
        return perturbation.settings(severity, profile or None, self.given, self.of)


@lru_cache(maxsize=64)
def _own(name: str, levels: tuple[tuple[str, tuple[Any, ...]], ...]) -> Perturbation:
    return get(name).with_levels(dict(levels))


def course_for(
    timeline: Timeline,
    perturbation: Perturbation,
    profile: str,
    given: Mapping[str, Any],
    levels: Mapping[str, tuple[Any, ...]] | None,
    of: str,
) -> Course:
    """Return the course of a perturbation along a timeline."""

    def readable(severity: float) -> bool:
        try:
            perturbation.settings(severity, profile or None, given, of)
        except InputError:
            return False
        return True

    top = perturbation.top(profile)
    return Course(timeline, top > 1 and readable(1.5), readable(0.5), dict(given), levels, of)


def places(data: Dataset, over: Over) -> NDArray[np.float64]:
    """Return each sample's place in [0, 1]: in the data set's order, on its clock, or on that of its sequence."""
    result: NDArray[np.float64] = data.remember(("place", over), lambda: _places(data, over))
    return result


def _places(data: Dataset, over: Over) -> NDArray[np.float64]:
    count = len(data)
    if over == "order":
        return np.arange(count) / max(count - 1, 1)
    if any(time is None for time in data.times):
        first = next(i for i, time in enumerate(data.times) if time is None)
        raise InputError(f"timeline: every sample must have a time, got none for {data.ids[first]!r}. Use over: order.")
    times = np.array(data.times, dtype=np.float64)
    if not np.isfinite(times).all():
        first = int(np.flatnonzero(~np.isfinite(times))[0])
        raise InputError(f"timeline: times must be finite, got {times[first]} for {data.ids[first]!r}.")
    if over == "time":
        return _within(times)
    result = np.empty(count)
    groups: dict[str | None, list[int]] = {}
    for index, sequence in enumerate(data.sequences):
        groups.setdefault(sequence, []).append(index)
    for members in groups.values():
        result[members] = _within(times[members])
    return result


def _within(times: NDArray[np.float64]) -> NDArray[np.float64]:
    span = float(np.ptp(times)) if times.size else 0.0
    return (times - times.min()) / span if span else np.zeros_like(times)
