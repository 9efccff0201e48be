"""Attacks that see nothing but the answered label: neither scores nor gradients, only the side of the border."""

from __future__ import annotations

from collections.abc import Generator as Search
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Value
from perturbations.attack._attempt import Attempt
from perturbations.attack._budget import Ball, Flat, MaxBall
from perturbations.attack._declare import CALLS, attack
from perturbations.attack._oracle import margin

__all__ = ["hop_skip_jump"]

_STARTS = 16
"""Random values among which one that is answered wrongly is looked for, to begin with."""
_PROBES = 20
"""Looks around a point of the border in the first round; their number grows with the root of the round's."""
_PRECISION = 0.02
"""How close to the border, of the distance from the clean value, a search along a line ends."""
_HALVINGS = 6
Jump: TypeAlias = Search[tuple[bool, list["Flat"]], NDArray[np.bool_], "Flat"]
Trials: TypeAlias = Search[tuple[bool, list[Flat]], NDArray[np.bool_], None]
"""A search around one sample: whether what it tries is within the budget, and the changes to try, in budgets; it is
given which of them are answered wrongly."""


@attack({"image": "epsilon", "audio": "snr_db"}, cite="chen2020", calls=CALLS)
def hop_skip_jump(attempt: Attempt, *, calls: int) -> None:
    """Walk along the border between two answers towards the clean value, by labels alone (HopSkipJump).

    From a random value that is answered wrongly the border is met on the way to the clean value; there the sides of
    random steps tell where the border runs, and a jump leads to a nearer point of it. On its way the search asks about
    values beyond the budget, which are never kept: what it finds is within it.
    """
    attempt.limit = calls
    spaces = {int(row): _Space.around(attempt, int(row)) for row in attempt.open}
    searches = {row: _hop(space, attempt.rngs[space.first][row]) for row, space in spaces.items()}
    waiting = {row: next(search) for row, search in searches.items()}
    while waiting:
        going = set(attempt.open.tolist())
        asked = {row: trial for row, trial in waiting.items() if row in going}
        waiting = {}
        for within in (True, False):
            some = {row: trials[: attempt.left(row)] for row, (inside, trials) in asked.items() if inside == within}
            wrong = _wrong(attempt, spaces, some, within)
            for row in some:
                with suppress(StopIteration):
                    waiting[row] = searches[row].send(wrong[row])


def _wrong(
    attempt: Attempt, spaces: dict[int, _Space], trials: dict[int, list[Flat]], within: bool
) -> dict[int, NDArray[np.bool_]]:
    """Return which changes are answered wrongly; those within the budget are kept where they are."""
    rows = np.repeat(np.array(list(trials), np.int64), [len(each) for each in trials.values()])
    made = [spaces[row].values(change, within) for row, each in trials.items() for change in each]
    changed = {name: [values[name] for values in made] for name in attempt.balls}
    scores = (attempt.ask if within else attempt.peek)(rows, changed)
    wrong = margin(scores, attempt.labels[rows]) < 0
    ends = np.cumsum([len(each) for each in trials.values()]).tolist()
    return {row: wrong[end - len(each) : end] for (row, each), end in zip(trials.items(), ends)}


@dataclass(frozen=True)
class _Space:
    """The changes of one sample, all its streams in one vector, each in units of its budget."""

    balls: dict[str, Ball]
    row: int
    parts: dict[str, slice]

    @staticmethod
    def around(attempt: Attempt, row: int) -> _Space:
        balls = {name: ball for name, ball in attempt.balls.items() if ball.free[row]}
        ends = np.cumsum([int(ball.layout.lengths[row]) for ball in balls.values()]).tolist()
        parts = {name: slice(start, end) for name, start, end in zip(balls, [0, *ends], ends)}
        return _Space({**attempt.balls}, row, parts)

    @property
    def first(self) -> str:
        return next(iter(self.parts))

    @property
    def size(self) -> int:
        return max(part.stop for part in self.parts.values())

    def norm(self, change: Flat) -> float:
        """Return how many budgets a change takes."""
        return max(self._norm(name, change[part]) for name, part in self.parts.items())

    def _norm(self, name: str, part: Flat) -> float:
        if isinstance(self.balls[name], MaxBall):
            return float(np.abs(part).max())
        return float(np.sqrt(np.square(part, dtype=np.float64).sum()))

    def shrunk(self, change: Flat, most: float) -> Flat:
        """Return the change brought down to so many budgets."""
        found = change.copy()
        for name, part in self.parts.items():
            if isinstance(self.balls[name], MaxBall):
                found[part] = np.clip(change[part], -most, most)
            elif (norm := self._norm(name, change[part])) > most:
                found[part] *= np.float32(most / norm)
        return found

    def uphill(self, slope: Flat) -> Flat:
        """Return the steepest direction, one budget long."""
        found = np.zeros_like(slope)
        for name, part in self.parts.items():
            norm = self._norm(name, slope[part])
            if isinstance(self.balls[name], MaxBall):
                found[part] = np.sign(slope[part])
            elif norm:
                found[part] = slope[part] / np.float32(norm)
        return found

    def anywhere(self, rng: Generator) -> Flat:
        """Return the change to a random value of the format."""
        found = np.zeros(self.size, np.float32)
        for name, part in self.parts.items():
            ball = self.balls[name]
            clean = ball.clean[ball.layout.part(self.row)]
            value = ball.lowest + (ball.highest - ball.lowest) * rng.random(len(clean), dtype=np.float32)
            found[part] = (value - clean) / ball.radius[self.row]
        return found

    def step(self) -> Flat:
        """Return the length of a step of the format, in budgets."""
        found = np.zeros(self.size, np.float32)
        for name, part in self.parts.items():
            found[part] = 1 / self.balls[name].radius[self.row]
        return found

    def values(self, change: Flat, within: bool) -> dict[str, Value]:
        """Return the changed values in their real format, within the budget or wherever they are."""
        found: dict[str, Value] = {}
        for name, ball in self.balls.items():
            if name not in self.parts:
                found[name] = ball.originals[self.row]
            else:
                point = ball.clean[ball.layout.part(self.row)] + change[self.parts[name]] * ball.radius[self.row]
                found[name] = ball.one(point, self.row) if within else ball.beyond(point, self.row)
        return found


def _hop(space: _Space, rng: Generator) -> Trials:
    """Search one sample: a start, and rounds of looking around, jumping, and going back to the border."""
    starts = [space.anywhere(rng) for _ in range(_STARTS)]
    wrong = yield False, starts
    if not wrong.any():
        return
    change = starts[int(np.argmax(wrong))]
    number = 0
    while True:
        edge = yield True, [space.shrunk(change, 1.0)]
        if edge.any():
            return
        low, high = 1.0, space.norm(change)
        while high - low > max(_PRECISION * high, 1e-3):
            middle = (low + high) / 2
            nearer = space.shrunk(change, middle)
            wrong = yield False, [nearer]
            low, high, change = (low, middle, nearer) if wrong.all() else (middle, high, change)
        number += 1
        change = yield from _jump(space, rng, change, number)


def _jump(
    space: _Space, rng: Generator, change: Flat, number: int
) -> Search[tuple[bool, list[Flat]], NDArray[np.bool_], Flat]:
    """Return a point beyond the border, uphill from a point of it."""
    looks = int(_PROBES * number**0.5)
    sides = np.where(rng.random((looks, space.size), dtype=np.float32) < 0.5, np.float32(-1), np.float32(1))
    far = np.maximum(space.step(), np.float32(0.05) * np.abs(change).mean())
    wrong = yield False, [change + far * side for side in sides]
    weight = np.where(wrong, 1.0, -1.0)
    spread = weight - weight.mean() if len(set(wrong.tolist())) > 1 else weight
    way = space.uphill((spread.astype(np.float32)[:, None] * sides[: len(wrong)]).mean(axis=0))
    length = space.norm(change) / number**0.5
    for _ in range(_HALVINGS):
        jumped = change + np.float32(length) * way
        wrong = yield False, [jumped]
        if wrong.all():
            return jumped
        length /= 2
    return change
