"""Which samples might not have been drawn: keyed Poisson bootstrap weights, shared by every cell, slice and run.

A sample's (or cluster's) weights depend on its id and the seed alone. Cells, slices and runs that hold the same samples
are therefore resampled together, so differences are paired by construction, and weights need not be kept: they
stream. One matrix product gives all weighted sums at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Key, call_keyed
from perturbations.errors import short

__all__ = ["FEW", "Clusters", "clusters", "poisson_weights"]

FEW = 20
"""Under this many clusters a percentile interval is too short: a t-based one is given and marked."""

_BLOCK = 4096
_TOGETHER = 256
"""Ids whose numbers are looked up at once."""
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
    table, words = _inverse(), -(-rows // 4)
    found = np.empty((len(ids), rows), np.uint8)
    bits = np.empty((min(len(ids), _TOGETHER), words), np.uint64)
    for start in range(0, len(ids), _TOGETHER):
        some = ids[start : start + _TOGETHER]
        for i, name in enumerate(some):
            bits[i] = call_keyed(Key(seed, "bootstrap", sample=name), _raw, words, {})
        drawn = bits[: len(some)].view(np.uint16)[:, :rows]
        np.take(table, drawn, out=found[start : start + len(some)], mode="wrap")  # all fit; "raise" would copy
    return found


def _raw(words: int, rng: np.random.Generator) -> Any:
    return rng.bit_generator.random_raw(words)


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

    def weighted(self, some: NDArray[np.int64], sums: NDArray[Any]) -> NDArray[np.float32]:
        """Return (rows × columns) weighted sums of (clusters × columns) sums of the clusters at these positions."""
        narrow = np.ascontiguousarray(sums, np.float32)
        total = np.zeros((self.rows, narrow.shape[1]), np.float32)
        keep = len(self.ids) * self.rows <= _KEPT
        for start in range(0, len(some), _BLOCK):
            part = some[start : start + _BLOCK]
            if keep:
                weights = _kept(self.ids, self.rows, self.seed)[part]
            else:
                weights = poisson_weights([self.ids[i] for i in part], self.rows, self.seed)
            total += weights.astype(np.float32).T @ narrow[start : start + _BLOCK]
        return total

    def leave_out(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Return (clusters × columns) sums without each cluster in turn."""
        return sums.sum(axis=0) - sums


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
