"""A cell applied to a sample: each stream goes through its conditions, in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perturbations import Dataset, Key, Sample, Stream, Value, run_step
from perturbations.errors import named_keywords
from scenarios._cells import Cell, Condition
from scenarios._timeline import places

__all__ = ["course_of", "perturb", "perturb_stream"]


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
        perturbation, settings = condition.declaration, condition.settings
        if condition.course is not None:
            severity = condition.course.severity(sample, data, seed, draw)
            if severity == 0:
                continue
            settings = condition.course.settings(perturbation.name, condition.profile, severity)
        where = stream if condition.shared is None else f"event:{condition.shared}"
        key = Key(
            seed, perturbation.name, perturbation.version, condition.profile, where, condition.step, sample.id, draw
        )
        value = run_step(perturbation, Stream(sample, stream, data), settings, key)
        if number == last:
            return value
        sample = sample.with_streams({stream: value})
    return sample.streams[stream]


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
