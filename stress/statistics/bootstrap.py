"""Which samples might not have been drawn: keyed Poisson bootstrap weights, shared by every cell, slice and run.

A sample's (or cluster's) weights depend on its id and the seed alone. Cells, slices and runs that hold the same samples
are therefore resampled together, so differences are paired by construction, and weights need not be kept: they
stream. One matrix product gives all weighted sums at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Key, raw_words
from perturbations.errors import short
from stress._processors import processors

__all__ = ["FEW", "Clusters", "Draw", "clusters", "poisson_weights"]

FEW = 20
"""Under this many clusters a percentile interval is too short: a t-based one is given and marked."""

_BLOCK = 4096
"""Clusters whose weighted sums are added up before they join those of all."""
_TOGETHER = 512
"""Clusters whose weights are drawn and used at once: few enough to stay in a processor's cache."""
_DRAWERS = 4
"""Threads that draw weights at most."""
_KEPT = 64_000_000
"""Weights are kept for the next table up to this many bytes; beyond it they are made again, block by block."""
_DRAWING = Lock()
"""Held while numbers are drawn, which is a short call for each cluster: two threads that do so at once mostly wait for
the interpreter. One that draws and one that looks up and sums up keep two processors busy."""


@lru_cache(maxsize=2)
def _inverse(dtype: type[np.generic]) -> NDArray[Any]:
    """Poisson(1) for each of 65,536 equally likely numbers (Hanley & MacGibbon 2006): mean and variance 1 to 1e-4."""
    probability, cumulated, edges = np.exp(-1.0), 0.0, []
    for count in range(12):
        cumulated += probability
        edges.append(cumulated)
        probability /= count + 1
    return np.searchsorted(np.array(edges), (np.arange(65536) + 0.5) / 65536, side="right").astype(dtype)


class _Drawing:
    """Room for the numbers that the weights of some clusters are made of, used again for the next clusters."""

    def __init__(self, rows: int, seed: int) -> None:
        self._key, self._rows = Key(seed, "bootstrap"), rows
        self._words = np.empty((_TOGETHER, -(-rows // 4)), np.uint64)

    def into(self, out: NDArray[Any], ids: Sequence[str]) -> NDArray[Any]:
        """Return (ids × rows) weights of no more than ``_TOGETHER`` ids, written into the first rows of ``out``."""
        words, found, inverse = self._words[: len(ids)], out[: len(ids)], _inverse(out.dtype.type)  # type: ignore[arg-type]
        with _DRAWING:
            raw_words(self._key, ids, words.shape[1], words)
        numbers = words.view(np.uint16)[:, : self._rows]
        inverse.take(numbers, out=found, mode="wrap")  # all fit; "raise" would copy
        return found


def poisson_weights(ids: Sequence[str], rows: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return ``uint8 (ids, rows)``: how often each id is drawn in each resample. One id's row never changes."""
    found, drawing = np.empty((len(ids), rows), np.uint8), _Drawing(rows, seed)
    for start in range(0, len(ids), _TOGETHER):
        drawing.into(found[start:], ids[start : start + _TOGETHER])
    return found


@lru_cache(maxsize=2)
def _kept(ids: tuple[str, ...], rows: int, seed: int) -> NDArray[np.uint8]:
    return poisson_weights(ids, rows, seed)


@dataclass(frozen=True)
class Clusters:
    """Which samples are resampled together. ``member`` is the position of each sample's cluster in ``ids``."""

    ids: tuple[str, ...]
    member: NDArray[np.int64]
    alone: bool
    rows: int = 2000
    seed: int = 0
    by: str = "sample"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def few(self) -> bool:
        """Whether there are too few clusters for a percentile interval."""
        return len(self.ids) < FEW

    def gather(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (clusters × …) sums of (samples × …) sums."""
        if self.alone:
            return sums
        order = np.argsort(self.member, kind="stable")
        starts = np.searchsorted(self.member[order], np.arange(len(self.ids)))
        return np.add.reduceat(sums[order], starts, axis=0)

    def resample(self, sums: NDArray[Any]) -> NDArray[np.float32]:
        """Return (rows × columns) weighted sums of (clusters × columns) sums."""
        return self.weighted(np.arange(len(self.ids)), sums)

    @property
    def streamed(self) -> bool:
        """Whether the weights are too many to be kept, so that they are drawn anew for all that is resampled."""
        return not self.few and len(self.ids) * self.rows > _KEPT

    def weighted(self, some: NDArray[np.int64], sums: NDArray[Any]) -> NDArray[np.float32]:
        """Return (rows × columns) weighted sums of (clusters × columns) sums of the clusters at these positions."""
        narrow = np.ascontiguousarray(sums, np.float32)
        return self.summed(some, narrow.shape[1], lambda block: narrow[block])

    def summed(
        self, some: NDArray[np.int64], width: int, sums: Callable[[slice], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return ``weighted`` sums of columns that ``sums`` gives for each block of the clusters at these positions."""
        blocks = [slice(k, min(k + _BLOCK, len(some))) for k in range(0, len(some), _BLOCK)]
        total = np.zeros((self.rows, width), np.float32)
        for part in self._each([some[block] for block in blocks], lambda k: sums(blocks[k])):
            np.add(total, part, out=total)
        return total

    def _each(
        self, blocks: Sequence[NDArray[np.int64]], sums: Callable[[int], NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the weighted sums of blocks of clusters, in order; several threads draw, where weights are drawn."""
        if not self.streamed:
            kept = _kept(self.ids, self.rows, self.seed)
            yield from (kept[block].astype(np.float32).T @ sums(k) for k, block in enumerate(blocks))
            return

        def drawn(k: int) -> NDArray[np.float32]:
            return self._drawn([self.ids[i] for i in blocks[k]], sums(k))

        if (threads := min(processors(), _DRAWERS, len(blocks))) < 2:
            yield from map(drawn, range(len(blocks)))
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(drawn, range(len(blocks)))

    def _drawn(self, ids: Sequence[str], sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weighted sums of a block of clusters, whose weights are drawn for it."""
        drawing, room = _Drawing(self.rows, self.seed), np.empty((_TOGETHER, self.rows), np.float32)
        columns = np.ascontiguousarray(sums.T)
        total = np.zeros((len(columns), self.rows), np.float32)
        for start in range(0, len(ids), _TOGETHER):
            weights = drawing.into(room, ids[start : start + _TOGETHER])
            total += columns[:, start : start + _TOGETHER] @ weights
        return total.T

    def leave_out(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Return (clusters × columns) sums without each cluster in turn."""
        return sums.sum(axis=0) - sums


class Draw:
    """Sums that are to be resampled, of which all that wait are resampled in one draw of the weights of their clusters.

    Where weights are drawn anew for each use, drawing them costs more than using them. Sums of other clusters, those of
    a group say, may wait beside: a cluster has the same weights in all of them.
    """

    def __init__(self) -> None:
        self._sums: dict[int, tuple[Clusters, NDArray[np.float32]]] = {}
        self._rows: dict[int, NDArray[np.float32]] = {}
        self._count = 0

    def later(self, who: Clusters, sums: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Return what gives the resampled (clusters × columns) sums; see ``Clusters.resample``."""
        narrow = np.ascontiguousarray(sums, np.float32)
        if not who.streamed:
            return lambda: who.resample(narrow)
        self._count += 1
        mine = self._count
        self._sums[mine] = who, narrow
        return lambda: self._resampled(mine)

    def _resampled(self, mine: int) -> NDArray[np.float32]:
        if mine in self._sums:
            who = self._sums[mine][0]
            alike = [k for k, (other, _) in self._sums.items() if (other.rows, other.seed) == (who.rows, who.seed)]
            self._rows |= zip(alike, _in_one_draw([self._sums.pop(k) for k in alike]))
        return self._rows[mine]


def _in_one_draw(each: Sequence[tuple[Clusters, NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """Return the resampled sums of several, from one draw of the weights of all clusters that any of them has."""
    kinds = dict.fromkeys(who.ids for who, _ in each)
    if len(kinds) == 1:  # as of most questions: all samples of a run
        widths = [sums.shape[1] for _, sums in each]
        total = each[0][0].summed(
            np.arange(len(each[0][0])),
            sum(widths),
            lambda some: np.concatenate([sums[some] for _, sums in each], axis=1),
        )
        return np.split(total, np.cumsum(widths[:-1]), axis=1)
    everyone = replace(each[0][0], ids=tuple(dict.fromkeys(chain.from_iterable(kinds))))
    order = np.arange(len(everyone))
    place = {name: k for k, name in enumerate(everyone.ids)}
    row = {ids: np.full(len(everyone), -1) for ids in kinds}  # of each cluster's sums; −1: it has none here
    for ids, rows in row.items():
        rows[np.fromiter(map(place.__getitem__, ids), np.int64)] = np.arange(len(ids))
    ends = np.cumsum([0, *(sums.shape[1] for _, sums in each)])
    parts = [(row[who.ids], sums) for who, sums in each]  # looked up once: the hash of a million names takes its time

    def block(some: slice) -> NDArray[np.float32]:
        found = np.zeros((some.stop - some.start, ends[-1]), np.float32)
        for k, (place_of, sums) in enumerate(parts):
            rows = place_of[some]
            there = rows >= 0
            found[there, ends[k] : ends[k + 1]] = sums[rows[there]]
        return found

    return np.split(everyone.summed(order, int(ends[-1]), block), ends[1:-1], axis=1)


def clusters(
    samples: Sequence[str], groups: Sequence[str | None] | None, by: str = "sample", rows: int = 2000, seed: int = 0
) -> Clusters:
    """Return the clusters of samples: each its own, or by a group's value. Samples without a value stand alone."""
    if rows < 100:
        raise InputError(f"measure: resamples must be at least 100, got {short(rows)}.")
    if groups is None:
        return Clusters(tuple(samples), np.arange(len(samples)), True, rows, seed, by)
    names = [f"{by}={g}" if g is not None else f"sample={s}" for g, s in zip(groups, samples)]
    ids = tuple(dict.fromkeys(names))
    position = {name: i for i, name in enumerate(ids)}
    return Clusters(ids, np.array([position[n] for n in names], np.int64), False, rows, seed, by)
