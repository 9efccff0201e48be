"""The smallest change that is enough: how near to each sample another answer lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perturbations._params import Param
from perturbations.attack._attempt import Attempt, Points, Rows
from perturbations.attack._budget import Ball, Flat
from perturbations.attack._declare import STEPS, attack
from perturbations.attack._oracle import Floats, difference, margin

__all__ = ["fab"]

_OVER = 1.05
"""How far beyond the plane each step goes, of the way to it (the paper's eta)."""
_HOME = 0.1
"""The most that a step is drawn towards the plane's point that is nearest to the clean value (alpha max)."""
_BACK = 0.9
"""How much of a change that was enough is kept before the search goes on (beta)."""
_HALVINGS = 8
"""How often a change that was enough is cut down at the end."""
_TURNS = 24
"""Most rounds of Newton's method until a plane is met; each clips some more numbers, and few are needed."""


@attack(
    {"image": "epsilon", "audio": "snr_db"},
    cite="croce2020fab",
    gradients=True,
    steps=STEPS,
    targets=Param("most likely wrong classes that are tried", "classes", 1, 1000, scale="integer", default=3),
)
def fab(attempt: Attempt, *, steps: int, targets: int) -> None:
    """The smallest part of the budget that is enough to turn the answer (fast adaptive boundary attack, targeted).

    Towards each likely wrong class the border is taken for a plane, and the nearest point of it within the budget is
    stepped to, from here and a little from the clean value; what is answered wrongly is drawn back, and the search goes
    on. What was found is cut down at last as far as it stays enough. What the whole budget does not break has no
    minimum here. The parts are in the budget's own measure: the largest change of a channel, or the root of the
    change's energy.
    """
    attempt.least[attempt.wrong_before] = 0.0
    found = _Nearest(attempt)
    aims = np.argsort(-_others(attempt), axis=1, kind="stable")
    for number in range(min(targets, attempt.oracle.classes - 1)):
        _walk(attempt, found, aims[:, number], steps)
    found.cut_down()
    found.settle()


def _others(attempt: Attempt) -> Floats:
    scores = attempt.clean_scores.copy()
    scores[np.arange(len(scores)), attempt.labels] = -np.inf
    return scores


class _Nearest:
    """The nearest values so far that are answered wrongly: how many budgets away, and where."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt, self.rows = attempt, attempt.open
        self.parts = np.full(len(attempt.labels), np.inf)
        self.margins = np.full(len(attempt.labels), np.inf)
        self.points = {name: ball.clean.copy() for name, ball in attempt.balls.items()}

    def going(self) -> Rows:
        """Return the samples that can still be asked about."""
        return np.array([row for row in self.rows.tolist() if row not in self.attempt.errors], np.int64)

    def ask(self, rows: Rows, points: Points) -> NDArray[np.bool_]:
        """Return which samples are answered wrongly at projected points; the nearest of each is kept."""
        wrong = np.zeros(len(self.parts), bool)
        if not len(rows):
            return wrong
        left = margin(self.attempt.ask_at(rows, points), self.attempt.labels[rows])
        wrong[rows] = left < 0
        whole = {name: ball.rounded(points[name]) for name, ball in self.attempt.balls.items()}
        parts = _parts(self.attempt.balls, whole)
        nearer = wrong & (parts < self.parts)
        self.parts[nearer] = parts[nearer]
        self.margins[rows] = np.where(nearer[rows], left, self.margins[rows])
        for name, ball in self.attempt.balls.items():
            where = np.repeat(nearer, ball.layout.lengths)
            self.points[name] = np.where(where, whole[name], self.points[name])
        return wrong

    def cut_down(self) -> None:
        """Halve between no change and the nearest, along the way that the budget itself cuts a change down."""
        low = np.zeros(len(self.parts))
        for _ in range(_HALVINGS):
            rows = np.flatnonzero(np.isfinite(self.parts))
            rows = rows[np.isin(rows, self.going())]
            high = np.where(np.isfinite(self.parts), self.parts, 0.0)
            middle = (low + high) / 2
            smaller = {name: ball.part(middle).project(self.points[name]) for name, ball in self.attempt.balls.items()}
            held = self.ask(rows, smaller)
            low[rows[~held[rows]]] = middle[rows[~held[rows]]]

    def settle(self) -> None:
        """Take the nearest values as the attack's result."""
        rows = np.flatnonzero(np.isfinite(self.parts))
        self.attempt.least[rows] = self.parts[rows]
        self.attempt.margins[rows] = self.margins[rows]
        for name, ball in self.attempt.balls.items():
            for row, value in zip(rows.tolist(), ball.values(self.points[name], rows)):
                self.attempt.values[name][row] = value


def _walk(attempt: Attempt, found: _Nearest, aim: NDArray[np.int64], steps: int) -> None:
    """Look for the border with one class for each sample, from the clean value."""
    points, clean = attempt.clean_points(), attempt.clean_points()
    scale: Mapping[str, Floats] | None = None
    for _ in range(steps):
        if not len(rows := found.going()):
            return
        gap, slopes = attempt.differentiate(rows, points, lambda rows: difference(attempt.labels[rows], aim[rows]))
        gap = np.where(np.isfinite(gap), gap, 0.0)
        if scale is None:
            scale = _scales(attempt, found, rows, points, slopes, gap, aim)
        slopes = {name: slopes[name] * ball.layout.spread(scale[name]) for name, ball in attempt.balls.items()}
        plane = _Plane(attempt.balls, points, slopes, gap)
        here, home = plane.nearest(points), plane.nearest(clean)
        far, near = _parts(attempt.balls, here, points), _parts(attempt.balls, home)
        with np.errstate(invalid="ignore"):
            lean = np.nan_to_num(np.minimum(far / (far + near), _HOME))
        following = {}
        for name, ball in attempt.balls.items():
            pull = ball.layout.spread(lean)
            one = points[name] + np.float32(_OVER) * (here[name] - points[name])
            other = clean[name] + np.float32(_OVER) * (home[name] - clean[name])
            following[name] = ball.project((1 - pull) * one + pull * other)
        wrong = found.ask(rows, following)
        for name, ball in attempt.balls.items():
            back = ball.layout.spread(np.where(wrong, _BACK, 1.0))
            following[name] = clean[name] + back * (following[name] - clean[name])
        points = following


def _scales(
    attempt: Attempt,
    found: _Nearest,
    rows: Rows,
    points: Points,
    slopes: Points,
    gap: Floats,
    aim: NDArray[np.int64],
) -> dict[str, Floats]:
    """Return by what each sample's slopes are to be multiplied, by stream: models give them in units of their own.

    A step of the format along the slope is taken (of a recording, a hundredth of its budget), and what it changes is
    set beside what the slope says; where that tells nothing, slopes are believed.
    """
    scales = {}
    for name, ball in attempt.balls.items():
        size = np.maximum(ball.radius * 0.01, 1.0)
        step = ball.layout.spread(np.minimum(size, ball.radius)) * ball.direction(slopes[name])
        there = ball.rounded(ball.project(points[name] + step))
        said = ball.layout.total(slopes[name] * (there - points[name]))
        scores = attempt.ask_at(rows, {**points, name: there})
        met = np.zeros(len(gap))
        met[rows] = difference(attempt.labels[rows], aim[rows])(scores)[0] - gap[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = met / said
        scales[name] = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
    return scales


@dataclass(frozen=True)
class _Plane:
    """The border of each sample as a plane: where the gap, known here with its slopes, would be nothing."""

    balls: Mapping[str, Ball]
    here: Points
    slopes: Points
    gap: Floats

    def nearest(self, start: Points) -> dict[str, Flat]:
        """Return the plane's points nearest to where each sample starts, or the nearest to it that is allowed.

        From the start every number moves along the steepest direction until it meets its wall; how far is found by
        Newton's method, whose steps never go too far, as what remains free only grows less.
        """
        ways = {name: ball.direction(self.slopes[name]) for name, ball in self.balls.items()}
        side = np.where(self._rest(start) >= 0, 1.0, -1.0)
        far = np.zeros(len(side))
        point = dict(start)
        for _ in range(_TURNS):
            rest = side * self._rest(point)
            slope = np.zeros(len(side))
            for name, ball in self.balls.items():
                free = ball.free_along(point[name], ways[name] * ball.layout.spread(side))
                slope += ball.radius * ball.layout.total(np.where(free, self.slopes[name] * ways[name], 0))
            with np.errstate(divide="ignore", invalid="ignore"):
                more = np.where((slope > 0) & (rest > 1e-6 * np.abs(self.gap)), rest / slope, 0.0)
            if not more.any():
                break
            far += np.minimum(more, 4.0)
            for name, ball in self.balls.items():
                point[name] = ball.between(start[name] + ball.layout.spread(side * far * ball.radius) * ways[name])
        return {name: ball.project(point[name]) for name, ball in self.balls.items()}

    def _rest(self, point: Points) -> Floats:
        """Return how much of the gap is still to be closed at some points."""
        closed = self.gap.copy()
        for name, ball in self.balls.items():
            closed += ball.layout.total(self.slopes[name] * (point[name] - self.here[name]))
        return -closed


def _parts(balls: Mapping[str, Ball], points: Points, start: Points | None = None) -> Floats:
    """Return how many budgets lie between points and their start (the clean values): of several streams the most."""
    each = [ball.parts(points[name] - (ball.clean if start is None else start[name])) for name, ball in balls.items()]
    return np.max(each, axis=0)
