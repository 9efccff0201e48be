"""Integrated gradients: what each number of an input adds to the answer, on the straight way from nothing to it.

Sundararajan, Taly & Yan 2017. What is added up must be what the answer moves by (completeness). That is known of every
stretch of the way, so a stretch is halved until it holds there: kinks and steep places get many points, the rest few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from perturbations.modality import modality_of
from stress.attribute._asking import Asker, Row
from stress.statistics.arrays import Floats, Ints

__all__ = ["COMPLETE", "Integrated", "integrated"]

COMPLETE = 1e-3
"""How far the attributions of a sample may be from what the answer moves by, in probability."""
_FIRST = 4
"""Stretches that the way begins with."""
_DEEPEST = 20
"""How often a stretch is halved at most."""
_MOST = 1000
"""Stretches of one sample, after which its gradients are taken for those of something else than the answer."""
_SHORT = (1 / 2, 1 / 16, 1 / 128)
"""Stretches shorter than this share of the way need not be more exact than one of this length; errors mostly cancel.
Samples of which the whole is not complete then are done again with the next one."""
_TOGETHER = 64
"""Stretches asked about at once."""
_PLACES = np.array([-np.sqrt(0.6), 0.0, np.sqrt(0.6)])
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18
"""Gauss and Legendre's three points in a stretch, and their weights."""


@dataclass(frozen=True)
class Integrated:
    """Attributions by stream, one array a sample in the shape of its value (None: the stream is lost).

    ``start`` and ``end`` are the probability at both ends of the way, ``gap`` how far the sum is from their difference.
    """

    parts: Mapping[str, list[Any]]
    start: Floats
    end: Floats
    gap: Floats

    def total(self, stream: str) -> Floats:
        """Return what a stream adds to each sample's answer."""
        return _sums(self.parts[stream])


class _Ways:
    """The straight ways of some samples: where each begins, and how far it goes, by stream."""

    def __init__(self, rows: Sequence[Row], starts: Sequence[Row], moving: Sequence[str]) -> None:
        self._rows, self.moving = rows, moving
        self._ends: list[dict[str, tuple[Any, Any, Any]]] = []
        for row, start in zip(rows, starts):
            ends = {}
            for name in moving:
                if row[name] is not None:
                    kind = modality_of(row[name])
                    array: Any = kind.array
                    base = np.asarray(array(start[name]), np.float32)
                    ends[name] = (kind.with_array, base, np.asarray(array(row[name]), np.float32) - base)
            self._ends.append(ends)

    def at(self, sample: int, place: float) -> Row:
        """Return a sample's values at a place of the way, from 0 to 1."""
        row, moved = self._rows[sample], self._ends[sample]
        there = {
            name: build(row[name], base + np.float32(place) * way) if place != 1.0 else row[name]
            for name, (build, base, way) in moved.items()
        }
        return {**row, **there}

    def along(self, sample: int, stream: str) -> Any:
        """Return how far a stream goes; None where it is lost."""
        found = self._ends[sample].get(stream)
        return None if found is None else found[2]

    def nothing(self, sample: int, stream: str) -> Any:
        """Return an attribution of zeros; None where the stream is lost."""
        way = self.along(sample, stream)
        return None if way is None else np.zeros(way.shape)


def integrated(
    asker: Asker,
    rows: Sequence[Row],
    starts: Sequence[Row],
    moving: Sequence[str],
    labels: Ints,
    within: float = COMPLETE,
) -> Integrated:
    """Return the integrated gradients of some streams, the others as they are, on the way from ``starts`` to ``rows``.

    A stream that is lost in a row does not move. The sum is right ``within`` so much, in probability; where the
    gradients are not those of the answer – it jumps, or does not come from them – ``gap`` says by how much it fails.
    """
    ways = _Ways(rows, starts, moving)
    marks = np.linspace(0, 1, _FIRST + 1)
    asked = [(sample, float(mark)) for sample in range(len(rows)) for mark in marks]
    known = _worths(asker, ways, asked, labels).reshape(len(rows), -1)
    parts: dict[str, list[Any]] = {name: [None] * len(rows) for name in moving}
    gap, again = np.full(len(rows), np.inf), list(range(len(rows)))
    for short in _SHORT:
        for sample in again:
            for name in moving:
                parts[name][sample] = ways.nothing(sample, name)
        left = [_Stretch(s, *marks[k : k + 2], *known[s, k : k + 2]) for s in again for k in range(_FIRST)]
        hopeless = _add(asker, ways, left, labels, parts, short, within)
        moved = sum((_sums(parts[name]) for name in moving), np.zeros(len(rows)))
        gap = np.abs(moved - (known[:, -1] - known[:, 0]))
        again = [int(sample) for sample in np.flatnonzero(~(gap <= within)) if sample not in hopeless]
    return Integrated(parts, known[:, 0], known[:, -1], gap)


class _Stretch(NamedTuple):
    """A part of a sample's way, and the probability at both ends."""

    sample: int
    begin: float
    end: float
    before: float
    after: float


def _add(
    asker: Asker,
    ways: _Ways,
    left: list[_Stretch],
    labels: Ints,
    parts: Mapping[str, list[Any]],
    short: float,
    within: float,
) -> set[int]:
    """Add what stretches contribute, halved as often as they must be; return the samples for which that never ends."""
    spent, hopeless = Counter[int](), set[int]()
    for depth in range(_DEEPEST + 1):
        spent.update(stretch.sample for stretch in left)
        hopeless = {sample for sample, count in spent.items() if count > _MOST}
        last = set(spent) if depth == _DEEPEST else hopeless
        halved: list[_Stretch] = []
        for start in range(0, len(left), _TOGETHER):
            some = left[start : start + _TOGETHER]
            enough = [np.inf if s.sample in last else within / 2 * max(s.end - s.begin, short) for s in some]
            halved += _stretches(asker, ways, some, labels, parts, enough)
        left = halved
    return hopeless


def _sums(parts: Sequence[Any]) -> Floats:
    return np.array([0.0 if part is None else float(part.sum()) for part in parts])


def _worths(asker: Asker, ways: _Ways, asked: Sequence[tuple[int, float]], labels: Ints) -> Floats:
    """Return the probabilities at some places, by the same road as the gradients."""
    found = []
    for start in range(0, len(asked), _TOGETHER):
        part = asked[start : start + _TOGETHER]
        rows = [ways.at(sample, place) for sample, place in part]
        found.append(asker.slopes(rows, labels[[sample for sample, _ in part]], ways.moving)[0])
    return np.concatenate(found)


def _stretches(
    asker: Asker,
    ways: _Ways,
    some: Sequence[_Stretch],
    labels: Ints,
    parts: Mapping[str, list[Any]],
    enough: Sequence[float],
) -> list[_Stretch]:
    """Add what some stretches contribute where they add up well enough; return the halves of the others."""
    ends = np.array([(s.begin, s.end) for s in some])
    middle, half = ends.mean(axis=1), np.diff(ends, axis=1)[:, 0] / 2
    places = middle[:, None] + half[:, None] * _PLACES
    rows = [ways.at(s.sample, float(place)) for s, three in zip(some, places) for place in three]
    worth, slopes = asker.slopes(rows, np.repeat(labels[[s.sample for s in some]], 3), ways.moving)
    halved = []
    for k, s in enumerate(some):
        own, total = {}, 0.0
        for name in ways.moving:
            if (way := ways.along(s.sample, name)) is not None:
                three = slopes[name][3 * k : 3 * k + 3]
                own[name] = 2 * half[k] * sum(w * g for w, g in zip(_WEIGHTS, three)) * way
                total += float(own[name].sum())
        if enough[k] == np.inf or abs(total - (s.after - s.before)) <= enough[k]:
            for name, part in own.items():
                parts[name][s.sample] += part
        else:
            mid, between = float(middle[k]), float(worth[3 * k + 1])
            halved += [s._replace(end=mid, after=between), s._replace(begin=mid, before=between)]
    return halved
