"""What each player adds to a game of sets: the weights of Shapley values and of interaction indices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

__all__ = ["Subset", "interaction_weights", "shapley_weights"]

Subset = frozenset[str]
"""Names of some of the players."""


def shapley_weights(streams: Sequence[str], stream: str) -> dict[Subset, float]:
    """Return the weight of each set of *present* streams in a stream's Shapley value (Shapley 1953)."""
    m, weights = len(streams), {}
    others = [name for name in streams if name != stream]
    for size in range(m):
        for some in itertools.combinations(others, size):
            weight = math.factorial(size) * math.factorial(m - size - 1) / math.factorial(m)
            weights[frozenset((*some, stream))] = weight
            weights[frozenset(some)] = -weight
    return weights


def interaction_weights(streams: Sequence[str], one: str, other: str) -> dict[Subset, float]:
    """Return the weight of each set of present streams in a pair's interaction index (Grabisch & Roubens 1999)."""
    m, weights = len(streams), {}
    rest = [name for name in streams if name not in (one, other)]
    for size in range(m - 1):
        weight = math.factorial(size) * math.factorial(m - size - 2) / math.factorial(m - 1)
        for some in itertools.combinations(rest, size):
            weights[frozenset((*some, one, other))] = weights[frozenset(some)] = weight
            weights[frozenset((*some, one))] = weights[frozenset((*some, other))] = -weight
    return weights
