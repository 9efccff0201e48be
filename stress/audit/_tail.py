"""How alike two values must be before they are called one: as alike as only one pair in a million is by chance.

Digits of one hand are more alike than photographs of two streets, so the bar is read from the data: from how alike its
own pairs are. Pairs that stand out from all around them – much more alike than either is to anything else – may be true
duplicates, and are kept out of that reading.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairs", "bar", "none", "standing_out"]

CHANCE = 1e-6
"""Pairs of all pairs that may pass the bar by chance."""
_OUT, _TWINS = 0.5, 20
"""Twins stand out where their distance is at most this part of the next one's; so many may one value have."""
_DECADE = 10.0
"""How far the tail is drawn on beyond the rarest pair that was seen."""


@dataclass(frozen=True)
class Pairs:
    """The most alike pairs of ``n`` values: as alike as ``floor`` at least, and all there are from ``sure`` on."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    alike: NDArray[np.float64]
    n: int
    floor: float
    sure: float = 0.0

    def where(self, which: NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs."""
        return replace(self, one=self.one[which], other=self.other[which], alike=self.alike[which])


def none(n: int) -> Pairs:
    """Return no pairs."""
    nobody = np.zeros(0, np.int64)
    return Pairs(nobody, nobody, np.zeros(0), n, 1.0)


def standing_out(pairs: Pairs) -> NDArray[np.bool_]:
    """Return which pairs are far more alike than either side is to all but a few: to its twins, not to the rest.

    Seen from each value, others come in the order of how alike they are; after the last of the first twenty whose
    distance is at most half of the next one's, those before it stand out.
    """
    ends, likes = np.concatenate([pairs.one, pairs.other]), np.concatenate([pairs.alike] * 2)
    order = np.lexsort((-likes, ends))
    mine, near = ends[order], likes[order]
    last = np.append(mine[1:] != mine[:-1], True) if len(mine) else np.zeros(0, bool)
    following = np.where(last, pairs.floor, np.append(near[1:], pairs.floor)[: len(near)])
    rank = np.arange(len(mine)) - np.searchsorted(mine, mine)
    gap = (1 - near <= _OUT * (1 - following)) & (rank < _TWINS)
    until = np.full(pairs.n, -1)
    np.maximum.at(until, mine[gap], rank[gap])
    out = np.zeros(len(ends), bool)
    out[order] = rank <= until[mine]
    return out[: len(pairs.one)] & out[len(pairs.one) :]


def bar(pairs: Pairs, chance: float = CHANCE) -> float:
    """Return how alike a pair must be, so that about one pair in ``1 / chance`` of different values is.

    Where there are fewer pairs than that, the tail is drawn on by as much as it fell over its last decade, once: of a
    small data set the bar is the pair that would be the next one. Without pairs that are alike by chance it is the
    middle between the floor and 1.
    """
    total = pairs.n * (pairs.n - 1) / 2
    likes = np.sort(pairs.alike[~standing_out(pairs)])[::-1]
    if not len(likes):
        return (1 + pairs.floor) / 2
    allowed = int(chance * total)
    if allowed < len(likes) and allowed > 0:
        return float(np.nextafter(likes[allowed], 2))
    far = likes[min(len(likes) - 1, int(_DECADE) - 1)]
    shrink = (1 - likes[0]) / max(1 - far, 1e-12)
    missing = min(1.0, np.log10(1 / max(chance * total, 1e-12)))
    return float(min(1 - (1 - likes[0]) * max(shrink, 0.5) ** max(missing, 0.0), 1 - 1e-9))
