"""Which samples might not have been drawn: keyed Poisson bootstrap weights, shared by every cell, slice and run.

A sample's (or cluster's) weights depend on its id and the seed alone. Cells, slices and runs that hold the same samples
are therefore resampled together, so differences are paired by construction, and weights need not be kept: they
stream. One matrix product gives all weighted sums at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Key, raw_words
from perturbations.errors import short
from stress._processors import processors

__all__ = ["FEW", "Clusters", "Waiting", "clusters", "poisson_weights"]

FEW = 20
"""Under this many clusters a percentile interval is too short: a t-based one is given and marked."""

_BLOCK = 4096
_TOGETHER = 256
"""Ids whose numbers are looked up at once."""
_DRAWERS = 4
"""Threads that draw weights at most, and blocks of them (32 MB each) that wait to be used."""
_KEPT = 64_000_000
"""Weights are kept for the next table up to this many bytes; beyond it they are made again, block by block."""


@lru_cache(maxsize=1)
def _inverse() -> NDArray[np.uint8]:
    """Poisson(1) for each of 65,536 equally likely numbers (Hanley & MacGibbon 2006): mean and variance 1 to 1e-4."""
    probability, cumulated, edges = np.exp(-1.0), 0.0, []
    for count in range(12):
        cumulated += probability
        edges.append(cumulated)
        probability /= count + 1
    return np.searchsorted(np.array(edges), (np.arange(65536) + 0.5) / 65536, side="right").astype(np.uint8)


def poisson_weights(ids: Sequence[str], rows: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return ``uint8 (ids, rows)``: how often each id is drawn in each resample. One id's row never changes."""
    return _drawn(ids, rows, seed, _inverse())


def _drawn(ids: Sequence[str], rows: int, seed: int, table: NDArray[Any]) -> NDArray[Any]:
    """Return (ids × rows) weights of the type of ``table``, which has one for each 16-bit number."""
    found, key = np.empty((len(ids), rows), table.dtype), Key(seed, "bootstrap")
    for start in range(0, len(ids), _TOGETHER):
        some = ids[start : start + _TOGETHER]
        drawn = raw_words(key, some, -(-rows // 4)).view(np.uint16)[:, :rows]
        np.take(table, drawn, out=found[start : start + len(some)], mode="wrap")  # all fit; "raise" would copy
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
        total: NDArray[np.float32] | None = None
        blocks = [some[start : start + _BLOCK] for start in range(0, len(some), _BLOCK)]
        for k, weights in enumerate(self._weights(blocks)):
            sums = weights.T @ narrow[k * _BLOCK : (k + 1) * _BLOCK]
            total = sums if total is None else np.add(total, sums, out=total)
        return np.zeros((self.rows, narrow.shape[1]), np.float32) if total is None else total

    def _weights(self, blocks: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.float32]]:
        """Yield the weights of blocks of clusters, in order; many are drawn while the ones before are used."""
        if not self.streamed:
            yield from (_kept(self.ids, self.rows, self.seed)[part].astype(np.float32) for part in blocks)
            return
        table, cores = _inverse().astype(np.float32), processors()

        def drawn(part: NDArray[np.int64]) -> NDArray[np.float32]:
            return _drawn([self.ids[i] for i in part], self.rows, self.seed, table)

        if cores < 2 or len(blocks) < 2:
            yield from map(drawn, blocks)
            return
        ahead: deque[Future[NDArray[np.float32]]] = deque()
        with ThreadPoolExecutor(min(cores, _DRAWERS)) as pool:
            for part in blocks:
                ahead.append(pool.submit(drawn, part))
                if len(ahead) > _DRAWERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def leave_out(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Return (clusters × columns) sums without each cluster in turn."""
        return sums.sum(axis=0) - sums


class Waiting:
    """Sums that are to be resampled, each when its resamples are first asked for.

    Where weights are drawn anew for each use, drawing them costs more than using them: all that waits is resampled
    together then, in one pass over the clusters.
    """

    def __init__(self, who: Clusters) -> None:
        self.who = who
        self._sums: dict[int, NDArray[np.float32]] = {}
        self._rows: dict[int, NDArray[np.float32]] = {}
        self._count = 0

    def later(self, sums: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Return what gives the resampled (clusters × columns) sums; see ``Clusters.resample``."""
        self._count += 1
        mine = self._count
        self._sums[mine] = np.ascontiguousarray(sums, np.float32)
        return lambda: self._resampled(mine)

    def _resampled(self, mine: int) -> NDArray[np.float32]:
        if not self.who.streamed:
            return self.who.resample(self._sums[mine])
        if mine in self._sums:
            each = list(self._sums)
            ends = np.cumsum([self._sums[k].shape[1] for k in each])
            rows = self.who.resample(np.concatenate([self._sums.pop(k) for k in each], axis=1))
            self._rows |= dict(zip(each, np.split(rows, ends[:-1], axis=1)))
        return self._rows[mine]


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
