"""Equal scores are no success: who comes first among them is drawn, by sample, and alike in every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from perturbations import Key

__all__ = ["TieBreak", "ranked"]

_STEP, _ONE, _TWO = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@lru_cache(maxsize=16)
def _named(names: tuple[str, ...]) -> NDArray[np.uint64]:
    digests = (blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


@dataclass(frozen=True)
class TieBreak:
    """The draw that orders equal scores. It depends on the seed, the sample and the names of the classes alone – not on
    the cell, so that a tie moves no curve, and not on the order of the classes.
    """

    seed: int
    samples: Sequence[str]

    @classmethod
    def of_rows(cls, count: int) -> TieBreak:
        """Return the draw of answers whose samples have no names."""
        return cls(0, [str(row) for row in range(count)])

    def order(self, rows: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.uint64]:
        """Return ``(rows, names)`` numbers; the larger comes first. Mixed as splitmix64 (Steele et al. 2014) mixes."""
        keys = b"".join(Key(self.seed, "stress.ties", sample=self.samples[int(i)]).digest()[:8] for i in rows)
        mixed = (np.frombuffer(keys, "<u8").astype(np.uint64)[:, None] ^ _named(names)) + _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _ONE
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _TWO
        return mixed ^ (mixed >> np.uint64(31))


def ranked(
    scores: NDArray[np.float64], right: NDArray[np.int64], names: tuple[str, ...], ties: TieBreak | None
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the first column of each row and the rank (from 1) of the right one; ties are drawn."""
    rows, best = np.arange(len(right)), scores.argmax(axis=1)
    mine = scores[rows, right][:, None]
    rank = 1 + (scores > mine).sum(axis=1)
    top, level = scores == scores[rows, best][:, None], scores == mine
    if np.count_nonzero(top) == np.count_nonzero(level) == len(right):  # each row has at least one of both
        return best, rank.astype(np.int32)
    tied = np.flatnonzero((top.sum(axis=1) > 1) | (level.sum(axis=1) > 1))
    if len(tied):
        order = (ties or TieBreak.of_rows(len(right))).order(tied, names)
        best[tied] = np.where(top[tied], order, 0).argmax(axis=1)
        own = order[np.arange(len(tied)), right[tied]]
        rank[tied] += (level[tied] & (order > own[:, None])).sum(axis=1)
    return best, rank.astype(np.int32)
