"""Conformal e-detectors: alarms on streams that may be looked at after every value, with few false ones for ever.

The reference is estimated, so nothing may rest on its true distribution. n reference values cut the line into n + 1
gaps. As long as new values are drawn like them, whatever that distribution is, the gaps they fall into are a Pólya urn:
a gap that was met c times is next with probability (c + 1) / (n + 1 + t). Any prediction q that was made before the
value was seen then has a likelihood ratio q / p of mean 1: an e-value, exact for every n (Vovk, Gammerman and Shafer
2005, conformal test martingales, without their randomisation). Shiryaev–Roberts sums of products of them are
e-detectors (Shin, Ramdas and Rinaldo 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats, Ints

__all__ = ["Cells", "Detector", "Look", "cells_of", "least_looks", "least_reference"]

_POWERS = (0.1, 0.3, 0.6)
"""Of the betting functions κ pᵏ⁻¹ on upper, lower and two-sided ranks (Vovk et al. 2005): large to small changes."""
_MEMORIES = (0.98, 0.998)
"""What a look keeps of the last ones, for predictions from what was met of late."""
_LONGEST = 512
"""Looks after which what is left of old ones is worked out anew."""
_FADED, _RAISED = (np.array([[m ** (sign * i) for i in range(_LONGEST + 1)] for m in _MEMORIES]) for sign in (1, -1))
_AT_ONCE = 64
"""Looks that are worked out together: few enough to stay in the processor's cache."""
_FAITH = 20.0
"""Looks that the reference counts for in such a prediction."""
_BODY = 16
"""Cells that the middle of a reference is cut into."""


@dataclass(frozen=True)
class Cells:
    """Reference values of several signals, cut into cells: all that a detector needs of them.

    ``edges`` (signals × cells − 1) are reference values with ``ties``, drawn numbers in [0, 1) that order equal values;
    ``weight`` (cells) is how many gaps a cell holds, fine at both ends, where alarms are won. ``count`` is n.
    """

    edges: Floats
    ties: Floats
    weight: Floats
    count: int

    def place(self, values: Floats, tie: float | Floats) -> Ints:
        """Return the cell of each value (… × signals); one that is not defined (NaN) is below all numbers."""
        x = np.where(np.isnan(values), -np.inf, values)[..., np.newaxis]
        u = np.broadcast_to(np.asarray(tie, np.float64), values.shape)[..., np.newaxis]
        return np.asarray(np.count_nonzero((self.edges < x) | ((self.edges == x) & (self.ties < u)), axis=-1))


def _weights(count: int) -> Ints:
    """Return how many of n + 1 gaps each cell holds: 1, 1, 2, 4 … from both ends, even in the middle."""
    left, tail = count + 1, []
    size = 1
    while left - 2 * size > 0 and size <= max(1, (count + 1) // (2 * _BODY)):
        tail.append(size)
        left -= 2 * size
        size = size * 2 if len(tail) > 1 else 1
    parts = max(1, min(_BODY, left))
    body = np.diff(np.linspace(0, left, parts + 1).round().astype(np.int64))
    return np.concatenate([np.array(tail, np.int64), body[body > 0], np.array(tail[::-1], np.int64)])


def cells_of(values: Floats, ties: Floats) -> Cells:
    """Return the cells of reference values (n × signals); ``ties`` (n) are uniform numbers, one a reference."""
    count, signals = values.shape
    weight = _weights(count)
    at = np.cumsum(weight)[:-1] - 1  # the reference value that ends a cell
    edges, broken = np.empty((signals, len(at))), np.empty((signals, len(at)))
    known = np.where(np.isnan(values), -np.inf, values)
    for i in range(signals):
        order = np.lexsort((ties, known[:, i]))[at]
        edges[i], broken[i] = known[order, i], ties[order]
    return Cells(edges, broken, weight.astype(np.float64), count)


def _bets(weight: Floats) -> Floats:
    """Return (bets × cells) what is predicted where values rise, fall, or spread."""
    upto = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    upto[-1] = 1.0
    rows = []
    for power in _POWERS:
        low = upto**power
        high = 1 - (1 - upto) ** power
        both = np.where(upto <= 0.5, 0.5 * (2 * upto) ** power, 1 - 0.5 * (2 * (1 - upto)) ** power)
        rows += [np.diff(low), np.diff(high), np.diff(both)]
    return np.array(rows)


@dataclass(frozen=True)
class Look:
    """What one look found: ``alarms`` are signals whose detector passed its bar, ``since`` the look of the change."""

    alarms: Ints
    since: Ints
    evidence: Floats


class Detector:
    """An e-detector a signal, and the bar that keeps all of them together to ``alpha`` false alarms a look.

    The expected number of false alarms in any T looks is at most ``alpha`` T, for every size of the reference and
    however signals depend on each other. Within a signal detectors of several bets are averaged. Signals have a share
    of ``alpha`` each instead: an average over signals would be stopped by what all of them showed, and what a detector
    promises it promises to those who saw its own signal alone (Choe and Ramdas 2024). As the average is
    at least the share of its largest part, such an alarm is also one of the average.
    """

    def __init__(self, cells: Cells, alpha: float, signals: int | None = None) -> None:
        count = len(cells.edges)
        self.cells, self.alpha = cells, alpha
        self.bar = (signals or count) / alpha
        self._bets = _bets(cells.weight)
        self.looks = 0
        self._met = np.zeros((count, len(cells.weight), 1 + len(_MEMORIES)))
        """How often each cell was met: ever, and of late, without the factor by which that has faded since ``_age``."""
        self._age = 0
        self.sums = np.zeros((len(self._bets) + len(_MEMORIES), count))
        self._best = np.ones_like(self.sums)
        self._start = np.zeros(self.sums.shape, np.int64)

    @cached_property
    def _prior(self) -> Floats:
        return self.cells.weight / self.cells.weight.sum()

    @property
    def evidence(self) -> Floats:
        """How near each signal is to its bar: 1 is an alarm."""
        return np.asarray(self.sums.mean(axis=0) / self.bar)

    def look(self, values: Floats, tie: float | Floats) -> Look:
        """Look at one value of each signal (NaN: undefined); ``tie`` is a number in [0, 1) drawn for it."""
        return self.look_at(self.cells.place(values, tie)[np.newaxis])[0]

    def look_at(self, at: Ints) -> list[Look]:
        """Look, one after the other, at values (looks × signals) of which the cells (``Cells.place``) are known.

        Many at once are many times as fast, and the same to the last bit.
        """
        found: list[Look] = []
        while len(at):
            room = min(_LONGEST - self._age, _AT_ONCE)
            found += self._summed(self._ratios(at[:room]))
            at = at[room:]
        return found

    def _ratios(self, at: Ints) -> Floats:
        """Meet the values, and return (looks × bets × signals) how much likelier each bet had called them."""
        looks = np.arange(len(at))[:, np.newaxis]
        before = self._meet(at)
        expected = (before[..., 0] + self.cells.weight[at]) / (self.cells.count + 1 + self.looks + looks)
        ratio = np.empty((len(at), len(self.sums), at.shape[1]))
        ratio[:, : len(self._bets)] = np.moveaxis(self._bets[:, at], 0, 1)
        ages, faith = self._age + looks, _FAITH * self._prior[at]
        for i, memory in enumerate(_MEMORIES):
            kept = [_FAITH + (1 - memory**look) / (1 - memory) for look in range(self.looks, self.looks + len(at))]
            lately = faith + _FADED[i][ages] * before[..., 1 + i]
            ratio[:, len(self._bets) + i] = lately / np.array(kept)[:, np.newaxis]
        ratio /= expected[:, np.newaxis]
        self._age += len(at)
        if self._age >= _LONGEST:  # before numbers grow too large
            self._met[..., 1:], self._age = np.moveaxis(self.recent, 0, -1), 0
        return ratio

    def _meet(self, at: Ints) -> Floats:
        """Return (looks × signals × 3) how often the cell of each value was met before it, and count it."""
        met = self._met.reshape(-1, self._met.shape[-1])
        place = at + np.arange(at.shape[1]) * len(self.cells.weight)
        more = np.ones((len(at), met.shape[1]))
        more[:, 1:] = _RAISED[:, self._age + 1 : self._age + 1 + len(at)].T
        before = np.empty((*at.shape, met.shape[1]))
        for cells, one, each in zip(place, more, before):
            met.take(cells, axis=0, out=each, mode="clip")
            met[cells] = each + one
        return before

    def _summed(self, ratio: Floats) -> list[Look]:
        """Return what the looks with these likelihood ratios find."""
        sums, best, total = np.empty_like(ratio), np.empty_like(ratio), np.empty((len(ratio), ratio.shape[2]))
        last, likeliest, nothing = self.sums, self._best, np.zeros(0, np.int64)
        found = []
        for i, (r, s, b, t) in enumerate(zip(ratio, sums, best, total)):
            np.add(last, 1, out=s)
            s *= r
            np.maximum(likeliest, 1, out=b)
            b *= r
            np.add.reduce(s, axis=0, out=t)
            t /= len(s) * self.bar
            last, likeliest = s, b
            if t.max() < 1:
                found.append(Look(nothing, nothing, t))
                continue
            alarms = np.flatnonzero(t >= 1)
            since = self._begun(best[: i + 1])[b[:, alarms].argmax(axis=0), alarms]
            found.append(Look(alarms, since, t))
            s[:, alarms], b[:, alarms] = 0, 1  # begin anew; what was met stays in the urn: the next ones are promised
        self._start = self._begun(best)
        self.sums, self._best = last.copy(), likeliest.copy()
        self.looks += len(ratio)
        return found

    def _begun(self, best: Floats) -> Ints:
        """Return the look at which the likeliest change began, a bet and a signal, after the looks of ``best``."""
        fresh = np.concatenate([self._best[np.newaxis], best[:-1]]) <= 1
        ago = fresh[::-1].argmax(axis=0)
        return np.where(fresh.any(axis=0), self.looks + len(best) - 1 - ago, self._start)

    @property
    def counts(self) -> Floats:
        """(signals × cells) how often each cell was met."""
        return self._met[..., 0]

    @property
    def recent(self) -> Floats:
        """(memories × signals × cells) how often each cell was met of late, old looks counting less."""
        return np.moveaxis(self._met[..., 1:] * _FADED[:, self._age], -1, 0)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return all that the next look depends on, as arrays."""
        return {
            "met": self._met, "age": np.array(self._age), "sums": self.sums, "best": self._best, "start": self._start,
            "looks": np.array(self.looks),
        }  # fmt: skip

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on where ``state`` was taken."""
        self._met, self.sums, self._best = (np.array(state[n], np.float64) for n in ("met", "sums", "best"))
        self._start, self._age = np.array(state["start"], np.int64), int(state["age"])
        self.looks = int(state["looks"])


def least_looks(count: int, signals: int, alpha: float) -> int | None:
    """Return the fewest looks after which an alarm is possible, all values above all n references; None: never.

    The urn learns: what is met often is soon expected, so that a small reference can never be left clearly enough.
    """
    if count < 1:
        return None
    cells = cells_of(np.arange(count, dtype=np.float64)[:, np.newaxis], np.zeros(count))
    detector = Detector(cells, alpha, signals)
    for look in range(1, 4 * count + 200):
        if len(detector.look(np.array([np.inf]), 0.5).alarms):
            return look
    return None


def least_reference(signals: int, alpha: float) -> int:
    """Return the fewest references with which an alarm is possible at all."""
    low, high = 1, 2
    while least_looks(high, signals, alpha) is None:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if least_looks(middle, signals, alpha) is not None else (middle, high)
    return high
