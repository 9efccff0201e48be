"""In which order samples are visited: whole shards, each a fair picture of the data set.

A sample's place depends on the seed and on ids, never on where it stands in the data: data in another order are visited
alike, and a smaller run is the beginning of a larger one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stress.data import Samples

__all__ = ["even_shards", "first_of", "fitted_on", "shards", "visiting_order"]

_FITTED = 64
"""Samples that a universal perturbation is fitted on."""
Ints = NDArray[np.int64]
T = TypeVar("T")


def visiting_order(data: Samples, seed: int, count: int | None = None) -> list[Ints]:
    """Return (the first so many) blocks of positions in the order of visit: seeded, stratified, sequences whole.

    Without sequences a block is one sample, and every beginning of the order holds each class, and in it each
    combination of streams that are there, in nearly their shares of the whole. With sequences a block is one sequence,
    in time; sequences come in random order.
    """
    positions = range(len(data))
    if _any_sequence(data, positions):
        return _by_sequence(data, seed, positions)[:count]
    return list(_stratified(data, seed, positions)[:count, None])


def fitted_on(data: Samples, seed: int, halves: Mapping[str, int], half: int) -> list[int]:
    """Return which samples something is fitted on that is used on a half of the data: the first of the other half."""
    ids = data.ids
    visited = (int(i) for block in visiting_order(data, seed) for i in block)
    return list(islice((i for i in visited if halves[ids[i]] != half), _FITTED))


def _of(values: Iterable[T], positions: range) -> Iterator[T]:
    return islice(values, positions.start, positions.stop)


def _any_sequence(data: Samples, positions: range) -> bool:
    def work() -> bool:
        return not set(map(type, _of(data.sequences, positions))) <= {type(None)}

    found: bool = data.remember(("any sequence", positions.start, positions.stop), work)
    return found


def _draws(seed: int, names: Iterable[str]) -> NDArray[np.float64]:
    """Return a number from 0 to 1 for each name, which belongs to it."""
    begun = blake2b(f"{seed}\x1f".encode(), digest_size=8, person=b"stress.order").copy
    digests, names = [], list(names)
    for text in map(str.encode, names) if all(map(str.isascii, names)) else map(_encoded, names):
        digest = begun()
        digest.update(text)
        digests.append(digest.digest())
    return np.frombuffer(b"".join(digests), ">u8").astype(np.float64) / 2**64


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _groups(labels: Iterable[str], positions: Sequence[int]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for position, label in zip(positions, labels):
        groups.setdefault(label, []).append(position)
    return groups


def _by_sequence(data: Samples, seed: int, positions: Sequence[int]) -> list[Ints]:
    return _together(data, seed, positions, data.sequences, "sequence")


def _together(
    data: Samples, seed: int, positions: Sequence[int], values: Sequence[str | None], kind: str
) -> list[Ints]:
    """Return the samples of each value, in time, in an order of the values that is left to chance."""
    names = (f"id\x1f{data.ids[i]}" if values[i] is None else f"{kind}\x1f{values[i]}" for i in positions)
    members = _groups(names, positions)
    order = [name for _, name in sorted(zip(_draws(seed, members).tolist(), members))]
    return [np.array(sorted(members[n], key=lambda p: (data.times[p] or 0.0, data.ids[p]))) for n in order]


def _stratified(data: Samples, seed: int, positions: range) -> Ints:
    def work() -> Ints:
        ids = list(_of(data.ids, positions))
        draws, places = _draws(seed, ids), np.empty(len(ids))
        strata = _strata(data, positions)
        for members, first in zip(strata.values(), _draws(seed, [f"stratum\x1f{name}" for name in strata])):
            members = members[_sorted([draws[members]], ids, members)]
            places[members] = (np.arange(len(members)) + first) / len(members)
        return np.asarray(positions, np.int64)[_sorted([places, draws], ids, np.arange(len(ids)))]

    order: Ints = data.remember(("order", seed, positions.start, positions.stop), work)
    return order


def _strata(data: Samples, positions: range) -> dict[str, Ints]:
    """Return the rows of each class and, in it, of each combination of streams that are there."""
    texts: Iterable[str] = map(str, _of(data.targets, positions))
    if data.known:
        texts = map("{}\x1f{}".format, texts, _of(data.known.present, positions))
    numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
    of = np.fromiter(map(numbers.__getitem__, texts), np.int64, len(positions))
    ends = np.cumsum(np.bincount(of))
    found = np.split(np.argsort(of, kind="stable"), ends[:-1])
    return {name if data.known else f"{name}\x1f": rows for name, rows in zip(numbers, found)}


def _sorted(keys: Sequence[NDArray[np.float64]], ids: Sequence[str], rows: Ints) -> Ints:
    """Return the order of some rows by their keys, the first of which counts most; rows equal in all go by their id."""
    order = np.argsort(keys[0])
    first = keys[0][order]
    if (first[1:] > first[:-1]).all():  # the others are not asked
        return order
    order = np.lexsort(keys[::-1])
    level = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    if not level.any():
        return order
    listed = list(zip(*(key.tolist() for key in keys), (ids[row] for row in rows)))
    return np.array(sorted(range(len(rows)), key=listed.__getitem__), np.int64)


def shards(data: Samples, seed: int, size: int, limit: int | None = None, extents: Sequence[int] = ()) -> list[Ints]:
    """Return the samples as shards of about ``size`` positions; ``limit`` keeps the first so many.

    Shards do not depend on the limit, but for the one it cuts. ``extents`` are the numbers of samples that the data had
    each time they were extended: what was added since is visited after all that was there.
    """
    found: list[Ints] = []
    ends = [*(extents or ()), len(data)]
    for start, end in zip([0, *ends], ends):
        if end > start:
            found += _cut_into(data, seed, size, range(start, end))
    return found if limit is None else first_of(found, limit)


def even_shards(
    data: Samples, seed: int, size: int, limit: int | None = None, cluster: str | None = None, apart: bool = False
) -> list[Ints]:
    """Return the samples as shards of about ``size`` positions in an order that is left to chance alone.

    A run that stops by what it saw rests on it: any beginning is a random sample of the data, of which each cluster
    (and sequence) is whole, unless samples are taken ``apart``: cells that are asked about some of a cluster each know
    more than cells that are asked about all of a few. It is not stratified, as what comes later would then depend on
    what came before.
    """
    positions = range(len(data))
    if cluster not in (None, "sequence") and not apart:
        found = _filled(_together(data, seed, positions, data.index.groups[str(cluster)], "cluster"), size)
    elif _any_sequence(data, positions) and not apart:
        found = _filled(_by_sequence(data, seed, positions), size)
    else:
        order = _sorted([_draws(seed, data.ids)], data.ids, np.arange(len(data)))
        found = [order[start : start + size] for start in positions[::size]]
    return found if limit is None else first_of(found, limit)


def _cut_into(data: Samples, seed: int, size: int, positions: range) -> list[Ints]:
    if not _any_sequence(data, positions):
        order = _stratified(data, seed, positions)
        return [order[start : start + size] for start in range(0, len(order), size)]
    return _filled(_by_sequence(data, seed, positions), size)


def _filled(blocks: Iterable[Ints], size: int) -> list[Ints]:
    """Return whole blocks together as shards of at least ``size`` positions, but for the last."""
    found: list[Ints] = []
    current: list[Ints] = []
    count = 0
    for block in blocks:
        current.append(block)
        count += len(block)
        if count >= size:
            found.append(np.concatenate(current))
            current, count = [], 0
    if current:
        found.append(np.concatenate(current))
    return found


def first_of(found: Sequence[Ints], limit: int) -> list[Ints]:
    """Return shards with the first so many positions alone."""
    kept = []
    for shard in found:
        if limit <= 0:
            break
        kept.append(shard[:limit])
        limit -= len(shard)
    return kept
