"""Covering arrays: few rows in which every pair of values of every two factors occurs.

Most failures that need a combination need one of two factors (Kuhn, Wallace & Gallo 2004), so a covering array finds
nearly what the full product finds, at a cost that grows with the logarithm of the number of factors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from numpy.random import Generator

from perturbations import Key, generator
from scenarios._fields import built

__all__ = ["Pair", "Row", "covering_array", "pairs_of", "pruned"]

Row = tuple[int, ...]
R = TypeVar("R", bound=Sequence[int | None])
Pair = tuple[int, int, int, int]
"""Factor, its value, a later factor, its value."""
_TRIES = 6
"""Greedy arrays of which the smallest is taken."""
_WORK = 1_500_000
"""Looks at a pair that are spent on making an array smaller: about a second."""


def covering_array(sizes: Sequence[int]) -> list[Row]:
    """Return rows of value indices that cover every pair, sorted; ``sizes`` counts each factor's values.

    The smallest of what can be built over finite fields and of greedy arrays is taken, and made smaller by a search
    that leaves out a row and repairs the rest. Its randomness is seeded by nothing: the same sizes give the same rows.
    """
    return list(_array(tuple(sizes)))


@lru_cache(maxsize=256)
def _array(sizes: tuple[int, ...]) -> tuple[Row, ...]:
    if len(sizes) < 2:
        return tuple((value,) for value in range(sizes[0])) if sizes else ()
    order = sorted(range(len(sizes)), key=lambda factor: -sizes[factor])
    ranked = [sizes[factor] for factor in order]
    least = ranked[0] * ranked[1]
    rng = generator(Key(0, "scenarios.covering"))
    options = [pruned(rows) for rows in built(ranked)]
    if not options or min(map(len, options)) > least:
        cost = sum(ranked) ** 2 * len(ranked)
        tries = max(1, min(_TRIES, _WORK // max(cost, 1)))
        options += [pruned(_greedy(ranked, rng)) for _ in range(tries)]
    best = min(options, key=len)
    if len(best) > least and not (ranked[0] == 2 and len(best) == len(options[0])):
        best = _shrunk(best, ranked, rng)
    back = sorted(range(len(sizes)), key=lambda place: order[place])
    return tuple(sorted(tuple(row[place] for place in back) for row in best))


def pairs_of(row: Sequence[int | None]) -> Iterator[Pair]:
    """Yield the pairs of values that a row holds; a factor without a value has no part in any."""
    there = [(factor, value) for factor, value in enumerate(row) if value is not None]
    for (i, a), (j, b) in itertools.combinations(there, 2):
        yield i, a, j, b


def pruned(rows: Sequence[R]) -> list[R]:
    """Return the rows without those whose pairs all occur elsewhere."""
    count: dict[Pair, int] = {}
    for row in rows:
        for pair in pairs_of(row):
            count[pair] = count.get(pair, 0) + 1
    kept = []
    for row in rows:
        held = [count[pair] for pair in pairs_of(row)]
        if held and min(held) > 1:
            for pair in pairs_of(row):
                count[pair] -= 1
        else:
            kept.append(row)
    return kept


def _greedy(sizes: Sequence[int], rng: Generator) -> list[Row]:
    """Return rows that each start from a pair still missing and take the values that cover most others (Cohen 1997)."""
    factors = range(len(sizes))
    everyone = itertools.combinations(factors, 2)
    missing = {(i, a, j, b): None for i, j in everyone for a in range(sizes[i]) for b in range(sizes[j])}
    rows = []
    while missing:
        i, a, j, b = next(iter(missing))
        chosen = {i: a, j: b}
        rest = [factor for factor in factors if factor not in chosen]
        for factor in rng.permutation(rest).tolist():
            gains = [_gain(factor, value, chosen, missing) for value in range(sizes[factor])]
            most = max(gains)
            best = [value for value, gain in enumerate(gains) if gain == most]
            chosen[factor] = best[int(rng.integers(len(best)))]
        row = tuple(chosen[factor] for factor in factors)
        for pair in pairs_of(row):
            missing.pop(pair, None)
        rows.append(row)
    return rows


def _gain(factor: int, value: int, chosen: dict[int, int], missing: dict[Pair, None]) -> int:
    return sum(
        ((factor, value, other, at) if factor < other else (other, at, factor, value)) in missing
        for other, at in chosen.items()
    )


class _Repair:
    """Rows in which some pairs are missing, and how often each occurs."""

    def __init__(self, rows: Sequence[Row], sizes: Sequence[int]) -> None:
        self.sizes, self.rows = sizes, [list(row) for row in rows]
        starts = [0, *itertools.accumulate(sizes)]
        self.start, self.width = starts[:-1], starts[-1]
        self.count = [0] * (self.width * self.width)
        for row in self.rows:
            for i, j in itertools.permutations(range(len(sizes)), 2):
                self.count[self._at(i, row[i], j, row[j])] += 1
        everyone = itertools.combinations(range(len(sizes)), 2)
        self.missing = [
            (i, a, j, b)
            for i, j in everyone
            for a in range(sizes[i])
            for b in range(sizes[j])
            if not self.count[self._at(i, a, j, b)]
        ]
        self.place = {pair: at for at, pair in enumerate(self.missing)}
        self.work = 0

    def _at(self, i: int, a: int, j: int, b: int) -> int:
        return (self.start[i] + a) * self.width + self.start[j] + b

    def change(self, row: list[int], factor: int, value: int) -> int:
        """Return by how many more pairs would be missing with another value in a row."""
        count, start = self.count, self.start
        old, new = (start[factor] + row[factor]) * self.width, (start[factor] + value) * self.width
        found = 0
        for other, at in enumerate(row):
            if other != factor:
                place = start[other] + at
                found += (count[old + place] == 1) - (count[new + place] == 0)
        self.work += len(row)
        return found

    def write(self, row: list[int], factor: int, value: int) -> None:
        """Write another value into a row."""
        for other, at in enumerate(row):
            if other != factor:
                self._add(factor, row[factor], other, at, -1)
                self._add(factor, value, other, at, 1)
        row[factor] = value

    def _add(self, i: int, a: int, j: int, b: int, by: int) -> None:
        here, there = self._at(i, a, j, b), self._at(j, b, i, a)
        self.count[here] += by
        self.count[there] += by
        pair = (i, a, j, b) if i < j else (j, b, i, a)
        if self.count[here] == 0:
            self.place[pair] = len(self.missing)
            self.missing.append(pair)
        elif by > 0 and self.count[here] == 1:
            at, last = self.place.pop(pair), self.missing.pop()
            if last != pair:
                self.missing[at] = last
                self.place[last] = at


def _shrunk(rows: list[Row], sizes: Sequence[int], rng: Generator) -> list[Row]:
    """Return fewer rows, as long as the work lasts: one is left out, and what it alone held is put elsewhere.

    Tabu search (Nurmela 2004): a missing pair is drawn, and written into the row where that costs least, of those in
    which one value is to be changed; a value that was written lately is not changed back.
    """
    work = 0
    least = sizes[0] * sizes[1]
    while work < _WORK and len(rows) > least:
        repair = _Repair(rows[:-1] if work == 0 else _without_idlest(rows, sizes), sizes)
        lately: dict[tuple[int, int], int] = {}
        for step in itertools.count():
            if not repair.missing:
                rows = [tuple(row) for row in repair.rows]
                break
            if work + repair.work >= _WORK:
                return rows
            _step(repair, lately, step, rng)
        work += repair.work
    return rows


def _without_idlest(rows: list[Row], sizes: Sequence[int]) -> list[Row]:
    """Return the rows without the one that holds the fewest pairs alone."""
    count: dict[Pair, int] = {}
    for row in rows:
        for pair in pairs_of(row):
            count[pair] = count.get(pair, 0) + 1
    idlest = min(range(len(rows)), key=lambda at: sum(count[pair] == 1 for pair in pairs_of(rows[at])))
    return rows[:idlest] + rows[idlest + 1 :]


def _step(repair: _Repair, lately: dict[tuple[int, int], int], step: int, rng: Generator) -> None:
    i, a, j, b = repair.missing[int(rng.integers(len(repair.missing)))]
    best: list[tuple[int, int, int]] = []
    least = 10**9
    for at, row in enumerate(repair.rows):
        if (row[i] == a) == (row[j] == b):
            continue
        factor, value = (j, b) if row[i] == a else (i, a)
        if lately.get((at, factor), -100) > step - 4:
            continue
        cost = repair.change(row, factor, value)
        if cost < least:
            best, least = [], cost
        if cost == least:
            best.append((at, factor, value))
    if not best:
        at = int(rng.integers(len(repair.rows)))
        repair.write(repair.rows[at], i, a)
        repair.write(repair.rows[at], j, b)
        return
    at, factor, value = best[int(rng.integers(len(best)))]
    repair.write(repair.rows[at], factor, value)
    lately[at, factor] = step
