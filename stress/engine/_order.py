"""In which order samples are visited: whole shards, each a fair picture of the data set."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from perturbations import Key, generator
from stress.data import Samples

__all__ = ["shards", "visiting_order"]


def visiting_order(data: Samples, seed: int, count: int | None = None) -> list[NDArray[np.int64]]:
    """Return (the first so many) blocks of positions in the order of visit: seeded, stratified, sequences whole.

    Without sequences a block is one sample, and every beginning of the order holds the classes in nearly their
    shares of the whole. With sequences a block is one sequence, in time; sequences come in random order.
    """
    if any(sequence is not None for sequence in data.sequences):
        return _by_sequence(data, seed)[:count]
    return list(_stratified(data, seed)[:count, None])


def _groups(labels: Iterable[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        groups.setdefault(label, []).append(position)
    return list(groups.values())


def _by_sequence(data: Samples, seed: int) -> list[NDArray[np.int64]]:
    rng = generator(Key(seed, "stress.order"))
    names = (f"{i}\x1f" if sequence is None else str(sequence) for i, sequence in enumerate(data.sequences))
    members = _groups(names)
    return [
        np.array(sorted(members[i], key=lambda p: (data.times[p] or 0.0, p))) for i in rng.permutation(len(members))
    ]


def _stratified(data: Samples, seed: int) -> NDArray[np.int64]:
    def work() -> NDArray[np.int64]:
        rng = generator(Key(seed, "stress.order"))
        place = np.empty(len(data))
        for positions in _groups(str(target) for target in data.targets):
            shuffled = rng.permutation(len(positions))
            place[np.array(positions)[shuffled]] = (np.arange(len(positions)) + rng.random()) / len(positions)
        return np.argsort(place, kind="stable")

    order: NDArray[np.int64] = data.remember(("order", seed), work)
    return order


def shards(data: Samples, seed: int, size: int, limit: int | None = None) -> list[NDArray[np.int64]]:
    """Return the samples as shards of about ``size`` positions; ``limit`` keeps the first so many.

    Shards do not depend on the limit, but for the one it cuts.
    """
    if not any(sequence is not None for sequence in data.sequences):
        order = _stratified(data, seed)[:limit]
        return [order[start : start + size] for start in range(0, len(order), size)]
    found: list[NDArray[np.int64]] = []
    current: list[NDArray[np.int64]] = []
    count = 0
    for block in _by_sequence(data, seed):
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
