"""Covering arrays that are built, not searched for: over finite fields, of two values, and of three factors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import comb

__all__ = ["built"]

Row = tuple[int, ...]
_POWERS = {4: (2, (1, 1, 1)), 8: (2, (1, 1, 0, 1)), 9: (3, (1, 0, 1)), 16: (2, (1, 1, 0, 0, 1)), 25: (5, (2, 0, 1))}
"""Orders that are powers of a prime: the prime, and an irreducible polynomial over it, lowest degree first."""


def built(sizes: Sequence[int]) -> Iterator[list[Row]]:
    """Yield the arrays that are known for these numbers of values, largest first; each covers every pair."""
    count, most = len(sizes), sizes[0]
    if count == 3:
        yield _three(sizes)
    if most == 2:
        yield _binary(count)
    order = next((q for q in itertools.count(most) if _is_prime(q) or q in _POWERS), most)
    if count <= order + 1:
        yield _within(_bush(order, count), sizes)
    elif count <= order * order + order + 1:
        yield _within(_twice(order, count), sizes)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def _within(rows: Sequence[Row], sizes: Sequence[int]) -> list[Row]:
    """Return rows with values that a factor does not have spread over those it has."""
    kept = dict.fromkeys(tuple(v if v < n else at % n for v, n in zip(row, sizes)) for at, row in enumerate(rows))
    return list(kept)


def _three(sizes: Sequence[int]) -> list[Row]:
    """Return the optimum for three factors: every pair of the two larger ones, and a Latin rectangle."""
    return [(i, j, (i + j) % sizes[2]) for i in range(sizes[0]) for j in range(sizes[1])]


def _binary(count: int) -> list[Row]:
    """Return the optimum for factors of two values (Kleitman & Spencer 1973; Katona 1973).

    A factor's column is 0 in the first row and holds half as many ones as there are other rows, rounded up: of two
    different columns each has a one where the other has none, and both have one somewhere.
    """
    rows = next(n for n in itertools.count(4) if comb(n - 1, -(-n // 2)) >= count)
    columns = itertools.islice(itertools.combinations(range(1, rows), -(-rows // 2)), count)
    ones = [set(column) for column in columns]
    return [tuple(int(row in column) for column in ones) for row in range(rows)]


def _field(order: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tables of addition and multiplication of the field with so many elements."""
    if order not in _POWERS:
        return (
            [[(a + b) % order for b in range(order)] for a in range(order)],
            [[a * b % order for b in range(order)] for a in range(order)],
        )
    prime, polynomial = _POWERS[order]
    degree = len(polynomial) - 1

    def digits(number: int) -> list[int]:
        return [number // prime**i % prime for i in range(degree)]

    def number(found: Sequence[int]) -> int:
        return sum(digit % prime * prime**i for i, digit in enumerate(found))

    def times(a: int, b: int) -> int:
        found = [0] * (2 * degree - 1)
        for (i, x), (j, y) in itertools.product(enumerate(digits(a)), enumerate(digits(b))):
            found[i + j] += x * y
        for high in range(2 * degree - 2, degree - 1, -1):  # the polynomial is 0, and its highest coefficient 1
            for i in range(degree):
                found[high - degree + i] -= found[high] * polynomial[i]
        return number(found[:degree])

    every = range(order)
    plus = [[number([x + y for x, y in zip(digits(a), digits(b))]) for b in every] for a in every]
    return plus, [[times(a, b) for b in every] for a in every]


def _bush(order: int, count: int) -> list[Row]:
    """Return the rows (b, a, a+b, a+cb, …) of a field: any two columns hold every pair exactly once (Bush 1952)."""
    plus, times = _field(order)
    return [
        (b, *(plus[a][times[c][b]] for c in range(order)))[:count] for b, a in itertools.product(range(order), repeat=2)
    ]


def _twice(order: int, count: int) -> list[Row]:
    """Return 2q² − q rows for up to q² + q + 1 factors of q values (Stevens & Mendelsohn 1999).

    Bush's array is laid side by side q times, for factors that differ in their place in it; then its rows that are not
    constant hold each factor's part, for those at the same place. One more factor is 0 first, then tells the parts.
    """
    whole = _bush(order, order + 1)
    first = [(0, *(row * order)) for row in whole]
    rest = [(row[0], *itertools.chain.from_iterable([value] * (order + 1) for value in row[1:])) for row in whole]
    return [row[:count] for row in first] + [row[:count] for row in rest if row[0]]
