"""Attacks that follow the model's own gradient: what a determined person with the weights could do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations._params import Param
from perturbations.attack._attempt import Attempt, Points, Rows
from perturbations.attack._budget import Flat
from perturbations.attack._declare import RESTARTS, STEPS, attack
from perturbations.attack._oracle import Loss, log_odds, targeted_ratio

__all__ = ["apgd", "apgd_dlr", "apgd_l2", "checkpoints", "climb", "climb_targets", "fgsm", "patch", "pgd", "pgd_l2"]

SOUND = {"image": "epsilon", "audio": "snr_db"}
SQUARES = {"image": "rms", "audio": "snr_db"}
LossOf: TypeAlias = Callable[[Rows], Loss]


@attack(SOUND, cite="goodfellow2015", gradients=True)
def fgsm(attempt: Attempt) -> None:
    """One step along the gradient, as far as the budget goes: the cheapest adversarial example.

    Images move by ±epsilon a channel, recordings along the gradient to the allowed signal-to-noise ratio.
    """
    points = attempt.clean_points()
    if len(rows := attempt.open):
        _, slopes = attempt.differentiate(rows, points, against(attempt))
        attempt.ask_at(rows, _stepped(attempt, points, slopes, np.ones(len(attempt.labels))))


@attack(SOUND, cite="madry2018", gradients=True, steps=STEPS, restarts=RESTARTS)
def pgd(attempt: Attempt, *, steps: int, restarts: int) -> None:
    """Many small steps along the gradient from a random start, each brought back into the budget."""
    _pgd(attempt, steps, restarts)


@attack(SQUARES, cite="madry2018", gradients=True, steps=STEPS, restarts=RESTARTS)
def pgd_l2(attempt: Attempt, *, steps: int, restarts: int) -> None:
    """Many small steps along the gradient, where the energy of the change is bounded instead of its peak."""
    _pgd(attempt, steps, restarts)


@attack(SOUND, cite="croce2020", gradients=True, steps=STEPS, restarts=RESTARTS)
def apgd(attempt: Attempt, *, steps: int, restarts: int) -> None:
    """Steps along the gradient of the cross-entropy that shorten themselves where the loss stops rising (APGD-CE)."""
    for _ in range(restarts):
        climb(attempt, random_start(attempt), steps, against(attempt))


@attack(SQUARES, cite="croce2020", gradients=True, steps=STEPS, restarts=RESTARTS)
def apgd_l2(attempt: Attempt, *, steps: int, restarts: int) -> None:
    """Self-shortening steps along the gradient, where the energy of the change is bounded instead of its peak."""
    for _ in range(restarts):
        climb(attempt, random_start(attempt), steps, against(attempt))


@attack(
    SOUND,
    cite="croce2020",
    gradients=True,
    steps=STEPS,
    targets=Param("most likely wrong classes that are tried", "classes", 1, 1000, scale="integer", default=9),
)
def apgd_dlr(attempt: Attempt, *, steps: int, targets: int) -> None:
    """Self-shortening steps towards each likely wrong class, by a loss that no scaling of the logits can hide."""
    climb_targets(attempt, steps, targets)


@attack({"image": "share"}, cite="brown2017", gradients=True, steps=STEPS, restarts=RESTARTS)
def patch(attempt: Attempt, *, steps: int, restarts: int) -> None:
    """A sticker in the corner of the picture, printed for this very picture: anything inside, nothing outside.

    Steps as those of APGD, from random pixels; each picture has a patch of its own, the strongest that there is.
    """
    for _ in range(restarts):
        climb(attempt, random_start(attempt), steps, against(attempt))


def climb_targets(attempt: Attempt, steps: int, targets: int) -> None:
    """Run targeted APGD with the difference-of-logits ratio towards each of the likeliest wrong classes."""
    labels = attempt.labels
    likely = attempt.clean_scores.copy()
    likely[np.arange(len(labels)), labels] = -np.inf
    order = np.argsort(-likely, axis=1, kind="stable")
    for number in range(min(targets, attempt.oracle.classes - 1)):
        aim = order[:, number]
        climb(attempt, random_start(attempt), steps, lambda rows, aim=aim: targeted_ratio(labels[rows], aim[rows]))  # type: ignore[misc]


def checkpoints(steps: int) -> list[int]:
    """Return after which steps APGD looks back: at 22 % of them, then in periods that shrink by 3 % to 6 % at least."""
    found = [0.0, 0.22]
    while found[-1] < 1:
        found.append(found[-1] + max(found[-1] - found[-2] - 0.03, 0.06))
    return sorted({int(np.ceil(share * steps)) for share in found[1:] if share < 1})


class _Climb:
    """What APGD remembers of each sample: the last two points, the best one, and how its steps fare."""

    def __init__(self, attempt: Attempt, start: Points, loss: LossOf) -> None:
        self.attempt, self.loss = attempt, loss
        self.now, self.before = dict(start), dict(start)
        self.value, self.slopes = attempt.differentiate(attempt.open, self.now, loss)
        self.best, self.best_slopes = dict(start), dict(self.slopes)
        self.best_value = self.value.copy()
        count = len(attempt.labels)
        self.size = np.full(count, 2.0)
        self.rises = np.zeros(count, np.int64)
        self.mark_value, self.mark_moved = self.best_value.copy(), np.zeros(count, bool)

    def step(self, momentum: float) -> None:
        """Move to the next point: a projected gradient step, mixed with the last movement."""
        following = {}
        for name, ball in self.attempt.balls.items():
            now = self.now[name]
            ahead = ball.layout.spread(self.size * ball.radius) * ball.direction(self.slopes[name])
            ahead = ball.project(ahead + now)
            if momentum:
                keep = np.float32(momentum)
                ahead = ball.project(now + (1 - keep) * (ahead - now) + keep * (now - self.before[name]))
            following[name] = ahead
        self.before, self.now = self.now, following

    def look(self, rows: Rows) -> None:
        """Ask for the loss and the slopes here."""
        last = self.value
        self.value, self.slopes = self.attempt.differentiate(rows, self.now, self.loss)
        self.rises += self.value > last
        self._replace(self.value > self.best_value, back=False)
        self.best_value = np.maximum(self.best_value, self.value)

    def look_back(self, period: int) -> None:
        """Halve the steps of samples whose loss rose too seldom, or not at all, and send them back to their best."""
        idle = ~self.mark_moved & (self.best_value <= self.mark_value)
        stuck = (self.rises < 0.75 * period) | idle
        self.size[stuck] /= 2
        self._replace(stuck, back=True)
        self.mark_value, self.mark_moved = self.best_value.copy(), stuck
        self.rises[:] = 0

    def _replace(self, which: NDArray[np.bool_], back: bool) -> None:
        """Keep the present as the best of some samples, or go back to their best."""
        if not which.any():
            return
        for name, ball in self.attempt.balls.items():
            where = np.repeat(which, ball.layout.lengths)
            if back:
                self.now[name] = np.where(where, self.best[name], self.now[name])
                self.slopes[name] = np.where(where, self.best_slopes[name], self.slopes[name])
            else:
                self.best[name] = np.where(where, self.now[name], self.best[name])
                self.best_slopes[name] = np.where(where, self.slopes[name], self.best_slopes[name])


def climb(attempt: Attempt, start: Points, steps: int, loss: LossOf) -> None:
    """Run APGD (Croce & Hein 2020) on the open samples: ``steps`` steps from a start, ``steps`` gradients."""
    if not len(attempt.open):
        return
    state = _Climb(attempt, start, loss)
    looks, last = checkpoints(steps), 0
    for number in range(1, steps + 1):
        state.step(0.0 if number == 1 else 0.25)
        rows = attempt.open
        if number == steps or not len(rows):
            attempt.ask_at(rows, state.now)
            return
        state.look(rows)
        if number in looks:
            state.look_back(number - last)
            last = number


def _pgd(attempt: Attempt, steps: int, restarts: int) -> None:
    """Run PGD from each start; a step is 2.5 budgets over the number of steps (Madry et al. 2018)."""
    size = np.full(len(attempt.labels), 2.5 / steps if steps > 2 else 1.0)
    for _ in range(restarts):
        points = random_start(attempt)
        for _ in range(steps):
            if not len(rows := attempt.open):
                return
            _, slopes = attempt.differentiate(rows, points, against(attempt))
            points = _stepped(attempt, points, slopes, size)
        attempt.ask_at(attempt.open, points)


def _stepped(attempt: Attempt, points: Points, slopes: Points, sizes: NDArray[np.float64]) -> dict[str, Flat]:
    """Return the points after a step whose size is given in budgets."""
    return {
        name: ball.project(points[name] + ball.layout.spread(sizes * ball.radius) * ball.direction(slopes[name]))
        for name, ball in attempt.balls.items()
    }


def random_start(attempt: Attempt) -> dict[str, Flat]:
    return {
        name: ball.project(ball.clean + ball.layout.spread(ball.radius) * ball.draw(attempt.rngs[name]))
        for name, ball in attempt.balls.items()
    }


def against(attempt: Attempt) -> LossOf:
    labels: NDArray[np.int64] = attempt.labels
    return lambda rows: log_odds(labels[rows])
