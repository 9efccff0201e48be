"""Are samples as many as they seem? What the first clean answers say of how alike those of one group are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Key, call_keyed
from stress.engine._check import Check
from stress.engine._plan import Planned
from stress.statistics.arrays import Floats
from stress.statistics.clustered import intraclass, kish

__all__ = ["independence"]

_NAME = "samples are independent"
_GROUPS, _LEAST, _CHANCE = 5.0, 1.3, 0.01
"""Groups of one size from which on they may be clusters, not domains; the design effect that matters; and how likely
one may be by chance, over all groups, to be warned of."""


@dataclass(frozen=True)
class _Effect:
    name: str
    value: float
    chance: float


def independence(planned: Planned, positions: Sequence[int], scores: Floats) -> list[Check]:
    """Return a line that estimates the design effect of each group, a warning where one of them surely matters.

    The design effect is 1 + (size − 1) × the intraclass correlation (Kish 1965): the correlation of the ``scores`` of
    the clean answers at these positions, the size that of the groups among all samples of the run. Nothing where no
    group has several samples, or where all scores are the same.
    """
    found = [each for name in _groups(planned) if (each := _effect(planned, name, positions, scores)) is not None]
    if not found:
        return []
    found.sort(key=lambda each: -each.value)
    listed = ", ".join(f"{each.name} {each.value:.1f}" for each in found[:5]) + (" …" if len(found) > 5 else "")
    by = f"design effects by {int(np.isfinite(scores).sum())} clean answers: {listed}"
    cluster = planned.settings.cluster or planned.data.cluster
    if cluster is not None:
        return [Check(_NAME, "ok", f"intervals draw each {cluster} as a whole; {by}")]
    sure = [each for each in found if each.chance <= _CHANCE / len(found) and each.value >= _LEAST]
    if not sure:
        return [Check(_NAME, "ok", f"no group's are surely alike; {by}")]
    name, short = sure[0].name, f"intervals by sample are about {sure[0].value ** 0.5:.1f} times too short"
    return [Check(_NAME, "warning", f"samples of one {name} are alike, {short}: give --cluster {name}; {by}")]


def _groups(planned: Planned) -> Iterator[str]:
    yield from planned.data.index.groups
    if any(sequence is not None for sequence in planned.data.sequences):
        yield "sequence"


def _effect(planned: Planned, name: str, positions: Sequence[int], scores: Floats) -> _Effect | None:
    """Return a group's design effect; None where it is no cluster, or where these answers do not tell."""
    values: Sequence[Any] = planned.data.sequences if name == "sequence" else planned.data.index.groups[name]
    every = [values[i] for i in np.concatenate(planned.shards) if values[i] is not None]
    sizes = np.unique(every, return_counts=True)[1].astype(np.float64)
    here = [(values[i], score) for i, score in zip(positions, scores) if values[i] is not None and np.isfinite(score)]
    count = float(kish(sizes[:, None])[0]) if len(sizes) else 0.0
    if count < _GROUPS or count > 0.9 * len(every) or len(here) < 2:
        return None
    member = np.unique([value for value, _ in here], return_inverse=True)[1]
    told = np.array([score for _, score in here], np.float64)
    alike, chance = call_keyed(Key(planned.settings.seed, "independence"), _alike, told, {"member": member})
    if not np.isfinite(alike):
        return None
    return _Effect(name, 1 + (len(every) / count - 1) * float(np.clip(alike, 0.0, 1.0)), chance)


def _alike(values: Floats, rng: np.random.Generator, member: NDArray[np.int64]) -> Any:
    return intraclass(values, member, rng)
