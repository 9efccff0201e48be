"""In which order samples are visited: whole shards, each a fair picture of the data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations import Key, generator
from stress.data import Samples

__all__ = ["shards", "visiting_order"]


def visiting_order(data: Samples, seed: int) -> list[NDArray[np.int64]]:
    """Return blocks of positions in the order in which they are visited: seeded, stratified, sequences whole.

    Without sequences a block is one sample, and every beginning of the order holds the classes in nearly their
    shares of the whole. With sequences a block is one sequence, in time; sequences come in random order.
    """
    rng = generator(Key(seed, "stress.order"))
    sequenced = any(sequence is not None for sequence in data.sequences)
    labels = data.sequences if sequenced else data.targets
    groups: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        groups.setdefault(f"{position}\x1f" if sequenced and label is None else str(label), []).append(position)
    if sequenced:
        members = list(groups.values())
        return [
            np.array(sorted(members[i], key=lambda p: (data.times[p] or 0.0, p))) for i in rng.permutation(len(members))
        ]
    place = np.empty(len(data))
    for positions in groups.values():
        shuffled = rng.permutation(len(positions))
        place[np.array(positions)[shuffled]] = (np.arange(len(positions)) + rng.random()) / len(positions)
    return [np.array([position]) for position in np.argsort(place, kind="stable")]


def shards(data: Samples, seed: int, size: int, limit: int | None = None) -> list[NDArray[np.int64]]:
    """Return the samples as shards of about ``size`` positions; ``limit`` keeps the first so many.

    Shards do not depend on the limit, but for the one it cuts.
    """
    found: list[NDArray[np.int64]] = []
    current: list[NDArray[np.int64]] = []
    count = 0
    for block in visiting_order(data, seed):
        current.append(block)
        count += len(block)
        if count >= size:
            found.append(np.concatenate(current))
            current, count = [], 0
    if current:
        found.append(np.concatenate(current))
    return found if limit is None else _cut(found, limit)


def _cut(found: list[NDArray[np.int64]], limit: int) -> list[NDArray[np.int64]]:
    kept = []
    for shard in found:
        if limit <= 0:
            break
        kept.append(shard[:limit])
        limit -= len(shard)
    return kept
