"""A cell applied to a sample: each stream goes through its conditions, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Captured, Dataset, Key, Sample, Stream, Value, call_keyed, run_step
from perturbations.errors import named_keywords
from scenarios._cells import Cell, Condition
from scenarios._timeline import places

__all__ = ["captured", "course_of", "perturb", "perturb_stream"]


@named_keywords
def perturb_stream(
    sample: Sample, stream: str, conditions: Sequence[Condition], data: Dataset | None, seed: int, draw: int = 0
) -> Value:
    """Return one stream's value after its conditions.

    A fault that looks at the other streams sees them clean; the value therefore depends on this stream's conditions
    alone, and cells that agree on a stream can share it.
    """
    last = len(conditions) - 1
    for number, condition in enumerate(conditions):
        settings = _settings(condition, sample, data, seed, draw)
        if settings is None:
            continue
        value = run_step(
            condition.declaration, Stream(sample, stream, data), settings, _key(condition, stream, sample, seed, draw)
        )
        if number == last:
            return value
        sample = sample.with_streams({stream: value})
    return sample.streams[stream]


def _settings(
    condition: Condition, sample: Sample, data: Dataset | None, seed: int, draw: int
) -> Mapping[str, Any] | None:
    """Return the parameters that a sample meets; None where a timeline leaves it alone."""
    if condition.course is None:
        return condition.settings
    severity = condition.course.severity(sample, data, seed, draw)
    if severity == 0:
        return None
    return condition.course.settings(condition.perturbation, condition.profile, severity)


def _key(condition: Condition, stream: str, sample: Sample, seed: int, draw: int) -> Key:
    known = condition.declaration
    where = stream if condition.shared is None else f"event:{condition.shared}"
    return Key(seed, known.name, known.version, condition.profile, where, condition.step, sample.id, draw)


@named_keywords
def captured(
    sample: Sample, stream: str, conditions: Sequence[Condition], data: Dataset, seed: int, draw: int = 0
) -> Captured | None:
    """Return when the value was captured that ``perturb_stream`` delivers; None of one that was made up."""
    found: Captured | None = Captured()
    for condition in conditions:
        known = condition.declaration
        if known.captured is None or (settings := _settings(condition, sample, data, seed, draw)) is None:
            continue
        subject = Stream(sample, stream, data)
        if known.random:
            moved = call_keyed(_key(condition, stream, sample, seed, draw), known.captured, subject, settings)
        else:
            moved = known.captured(subject, **settings)
        if moved is not None and moved.position is None:
            moved = None if found is None else Captured(found.position, found.behind_s + moved.behind_s)
        found = moved
    return found


@named_keywords
def perturb(cell: Cell, sample: Sample, data: Dataset | None, seed: int, draw: int = 0) -> Sample:
    """Return the sample as the model sees it in a cell; streams that no condition touches are passed on as they are."""
    if cell.fallback == "drop":
        return sample.with_streams(dict.fromkeys(cell.streams))
    changed = {stream: perturb_stream(sample, stream, cell.on(stream), data, seed, draw) for stream in cell.streams}
    return sample.with_streams(changed)


@named_keywords
def course_of(
    cell: Cell, data: Dataset, seed: int, draw: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return each sample's place in time and the severity it meets, in a cell along a timeline; nothing elsewhere.

    Where conditions read their tables differently (whole levels only, say), the severity is the highest.
    """
    courses = [condition.course for condition in cell.conditions if condition.course is not None]
    if not courses:
        return None
    where = places(data, courses[0].timeline.over)
    found = [[course.at(place, seed, draw) for place in where] for course in courses]
    return where, np.max(np.array(found, np.float64), axis=0)
