"""Covering arrays: few rows in which every pair of values of every two factors occurs.

Most failures that need a combination need one of two factors (Kuhn, Wallace & Gallo 2004), so a covering array finds
nearly what the full product finds, at a cost that grows with the logarithm of the number of factors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

__all__ = ["covering_array"]

Row = tuple[int, ...]
Pair = tuple[int, int, int, int]
"""Factor, its value, a later factor, its value."""


def covering_array(sizes: Sequence[int]) -> list[Row]:
    """Return rows of value indices that cover every pair, sorted; ``sizes`` counts each factor's values.

    Two constructions are tried and the smaller result is kept: a greedy one, and Bush's orthogonal array over a prime
    field, which is the optimum for equal prime sizes. No randomness: the same sizes give the same rows.
    """
    if len(sizes) < 2:
        return [(value,) for value in range(sizes[0])] if sizes else []
    options: list[list[Row]] = [_greedy(sizes)]
    prime = next(n for n in itertools.count(max(2, *sizes)) if all(n % d for d in range(2, int(n**0.5) + 1)))
    if len(sizes) <= prime + 1:
        options.append(_prune(_bush(prime, sizes), sizes))
    fewest = min(map(len, options))
    return sorted(next(rows for rows in options if len(rows) == fewest))


def _bush(prime: int, sizes: Sequence[int]) -> list[Row]:
    """Return the rows (a, b, a+b, a+2b, …) of a prime field: any two columns hold every pair exactly once.

    Values that a factor does not have are free: they are spread over those it has.
    """
    rows = []
    for a, b in itertools.product(range(prime), repeat=2):
        full = [a, b, *((a + factor * b) % prime for factor in range(1, prime))]
        rows.append(tuple(value % size for value, size in zip(full, sizes)))
    return list(dict.fromkeys(rows))


def _pairs(row: Row) -> Iterator[Pair]:
    for i, j in itertools.combinations(range(len(row)), 2):
        yield i, row[i], j, row[j]


def _prune(rows: list[Row], sizes: Sequence[int]) -> list[Row]:
    """Return the rows without those whose pairs all occur elsewhere."""
    count: dict[Pair, int] = {}
    for row in rows:
        for pair in _pairs(row):
            count[pair] = count.get(pair, 0) + 1
    kept = []
    for row in rows:
        if all(count[pair] > 1 for pair in _pairs(row)):
            for pair in _pairs(row):
                count[pair] -= 1
        else:
            kept.append(row)
    return kept


def _greedy(sizes: Sequence[int]) -> list[Row]:
    """Return rows, each of which starts from a pair still missing and takes the values that cover most others."""
    order = sorted(range(len(sizes)), key=lambda factor: -sizes[factor])
    missing: dict[Pair, None] = {
        (i, a, j, b) if i < j else (j, b, i, a): None
        for i, j in itertools.combinations(order, 2)
        for a in range(sizes[i])
        for b in range(sizes[j])
    }
    used = [[0] * size for size in sizes]
    rows = []
    while missing:
        i, a, j, b = next(iter(missing))
        row = _grow({i: a, j: b}, order, sizes, missing, used)
        for pair in _pairs(row):
            missing.pop(pair, None)
        for factor, value in enumerate(row):
            used[factor][value] += 1
        rows.append(row)
    return rows


def _grow(
    chosen: dict[int, int],
    order: Sequence[int],
    sizes: Sequence[int],
    missing: dict[Pair, None],
    used: Sequence[Sequence[int]],
) -> Row:
    for factor in order:
        if factor in chosen:
            continue

        def gain(value: int, factor: int = factor) -> tuple[int, int, int]:
            new = sum(
                ((factor, value, other, at) if factor < other else (other, at, factor, value)) in missing
                for other, at in chosen.items()
            )
            return new, -used[factor][value], -value

        chosen[factor] = max(range(sizes[factor]), key=gain)
    return tuple(chosen[factor] for factor in range(len(sizes)))
