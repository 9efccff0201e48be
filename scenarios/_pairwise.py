"""Every pair of values in few cells, where some pairs cannot meet or mean nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scenarios._covering import Pair, covering_array, pairs_of, pruned

__all__ = ["Factors", "Partial", "pairwise"]

Partial = tuple[int | None, ...]
"""A value's index for each factor; None where the factor has no effect."""


@dataclass(frozen=True)
class Factors:
    """Axes to be paired: how many values each has, and which of them do nothing.

    ``zero`` is the index of the value of a factor at which its step does not act (severity 0); ``under`` names, for a
    choice of such a step, the factor of its severity: the choice means nothing while that is 0. ``acts`` says that some
    step acts whatever the values are.
    """

    sizes: Sequence[int]
    zero: Mapping[int, int] = field(default_factory=dict)
    under: Mapping[int, int] = field(default_factory=dict)
    acts: bool = False

    def effective(self, row: Sequence[int]) -> Partial | None:
        """Return a row without the choices that mean nothing, or nothing where no step acts."""
        off = {factor for factor, at in self.zero.items() if row[factor] == at}
        severities = [factor for factor in range(len(row)) if factor not in self.under]
        if not self.acts and all(factor in off for factor in severities):
            return None
        return tuple(None if self.under.get(factor) in off else value for factor, value in enumerate(row))

    def pairs(self) -> Iterator[Pair]:
        """Yield every pair of values that some cell can hold."""
        for i, j in itertools.combinations(range(len(self.sizes)), 2):
            for a, b in itertools.product(range(self.sizes[i]), range(self.sizes[j])):
                if self.settled({i: a, j: b}) is not None:
                    yield i, a, j, b

    def settled(self, chosen: Mapping[int, int]) -> dict[int, list[int]] | None:
        """Return what each other factor may be, so that the chosen values have an effect; nothing if they cannot."""
        free = {f: list(range(n)) for f, n in enumerate(self.sizes) if f not in chosen}
        for factor in chosen:
            above = self.under.get(factor)
            if above is None or above not in self.zero:
                continue
            if chosen.get(above) == self.zero[above]:
                return None
            if above in free:
                free[above] = [value for value in free[above] if value != self.zero[above]]
        return free if self._some(chosen, free) else None

    def _some(self, chosen: Mapping[int, int], free: dict[int, list[int]]) -> bool:
        """Return whether a step can act; where only one severity is left to see to that, it is held above 0."""
        severities = [factor for factor in range(len(self.sizes)) if factor not in self.under]
        if self.acts or any(f not in self.zero or chosen.get(f, self.zero[f]) != self.zero[f] for f in severities):
            return True
        for factor in (f for f in severities if f in free):
            above = [value for value in free[factor] if value != self.zero[factor]]
            if above:
                free[factor] = above
                return True
        return False

    def count(self) -> int:
        """Return how many different cells the full product has."""
        total = 1
        for factor in (f for f in range(len(self.sizes)) if f not in self.under):
            inner = 1
            for choice in (f for f, above in self.under.items() if above == factor):
                inner *= self.sizes[choice]
            off = int(factor in self.zero)
            total *= off + (self.sizes[factor] - off) * inner
        severities = [factor for factor in range(len(self.sizes)) if factor not in self.under]
        return total - int(not self.acts and all(factor in self.zero for factor in severities))


def pairwise(factors: Factors) -> list[Partial]:
    """Return rows that hold every pair of values that can meet with an effect, sorted, each of them once."""
    plain = covering_array(factors.sizes)
    if not factors.zero:
        return [tuple(row) for row in plain]
    found = dict.fromkeys(row for each in plain if (row := factors.effective(each)) is not None)
    missing = dict.fromkeys(factors.pairs())
    for row in found:
        for pair in pairs_of(row):
            missing.pop(pair, None)
    while missing:
        i, a, j, b = next(iter(missing))
        row = factors.effective(_grown(factors, {i: a, j: b}, missing))
        assert row is not None  # noqa: S101 - settled() saw to that
        for pair in pairs_of(row):
            missing.pop(pair, None)
        found[row] = None
    return sorted(pruned(list(found)), key=lambda row: [-1 if value is None else value for value in row])


def _grown(factors: Factors, chosen: dict[int, int], missing: Mapping[Pair, None]) -> list[int]:
    """Return a row with the chosen values, the others so that they hold many of the pairs that are missing."""
    free = factors.settled(chosen) or {}
    for factor, values in sorted(free.items(), key=lambda item: item[0] in factors.under):  # severities first

        def gain(value: int, factor: int = factor) -> int:
            at = chosen.items()
            return sum(((factor, value, f, v) if factor < f else (f, v, factor, value)) in missing for f, v in at)

        chosen[factor] = max(values, key=gain)
    return [chosen[factor] for factor in range(len(factors.sizes))]
