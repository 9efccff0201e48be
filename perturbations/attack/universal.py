"""One perturbation for every input: what can be printed on a sticker or played from a loudspeaker."""

from __future__ import annotations

import numpy as np

from perturbations.attack._attempt import Attempt, Rows
from perturbations.attack._budget import Ball, EnergyBall, Flat, MaxBall
from perturbations.attack._declare import STEPS, attack
from perturbations.attack._oracle import log_odds, margin

__all__ = ["universal"]


@attack({"image": "epsilon", "audio": "snr_db"}, cite="moosavidezfooli2017", held_out=True, version=2, steps=STEPS)
def universal(attempt: Attempt, *, steps: int) -> None:
    """One pattern that is added to every input, fitted beforehand on other samples than it is used on.

    With gradients the pattern climbs the mean cross-entropy of the held-out samples, one step for all at a time;
    without them, stretches of it are turned over and the change is kept where it hurts. Inputs of another size than
    the fitted ones are given the pattern repeated or cut.
    """
    if attempt.held_out is None or not attempt.movable.any():
        return
    halves = attempt.halves
    points = attempt.clean_points()
    for half in sorted(set(halves.tolist())):
        attempt.fits[half] = attempt.held_out(half, lambda other: _fit(other, steps))
        patterns = attempt.fits[half].result
        for name, ball in attempt.balls.items():
            moved = _applied(ball, patterns[name])
            points[name] = np.where(np.repeat(halves == half, ball.layout.lengths), moved, points[name])
    rows = attempt.open
    found = {name: ball.values(points[name], rows) for name, ball in attempt.balls.items()}
    attempt.keep(rows, found, attempt.ask(rows, found))


def _fit(attempt: Attempt, steps: int) -> dict[str, Flat]:
    """Return a pattern for each stream, fitted on the attempt's samples."""
    patterns = {}
    for name, ball in attempt.balls.items():
        first = int(np.argmax(ball.free))
        whole = ball.direction(ball.draw(attempt.rngs[name]))
        patterns[name] = whole[ball.layout.part(first)].copy()
    rows = np.flatnonzero(attempt.movable)
    if not len(rows):
        return patterns
    if attempt.oracle.differentiable:
        return _climb(attempt, patterns, rows, steps)
    return _turn_over(attempt, patterns, rows, steps)


def _climb(attempt: Attempt, patterns: dict[str, Flat], rows: Rows, steps: int) -> dict[str, Flat]:
    for number in range(steps):
        points = {name: _applied(ball, patterns[name]) for name, ball in attempt.balls.items()}
        _, slopes = attempt.differentiate(rows, points, lambda some: log_odds(attempt.labels[some]))
        for name, ball in attempt.balls.items():
            size = np.float32(1 - number / steps)
            patterns[name] = _unit(ball, patterns[name], _folded(ball, slopes[name], len(patterns[name])), size)
    return patterns


def _unit(ball: Ball, pattern: Flat, slope: Flat, size: np.float32) -> Flat:
    """Return the pattern after a step uphill, back at the edge of the budget."""
    if isinstance(ball, MaxBall):
        return np.clip(pattern + size * np.sign(slope), np.float32(-1), np.float32(1))
    length = np.sqrt(np.square(slope, dtype=np.float64).sum())
    moved = pattern + size * slope / np.float32(length if length else 1)
    total = float(np.sqrt(np.square(moved, dtype=np.float64).sum()))
    return moved * np.float32(1 / total if total else 0)


def _turn_over(attempt: Attempt, patterns: dict[str, Flat], rows: Rows, steps: int) -> dict[str, Flat]:
    """Fit by scores alone: turn over a random stretch of a pattern, ten tries for each step asked for."""
    best = np.inf
    for number in range(10 * steps):
        trial = {}
        for name, pattern in patterns.items():
            start, length = attempt.rngs[name][0].random(2)
            size = max(1, int(len(pattern) * 0.5 * (1 - number / (10 * steps)) * length))
            where = slice(int(start * (len(pattern) - size + 1)), None)
            trial[name] = pattern.copy()
            trial[name][where][:size] *= -1 if number else 1
        points = {name: _applied(ball, trial[name]) for name, ball in attempt.balls.items()}
        left = margin(attempt.ask_at(rows, points), attempt.labels[rows])
        mean = float(np.mean(np.clip(left, -10, 10)))
        if mean < best:
            best, patterns = mean, trial
    return patterns


def _applied(ball: Ball, pattern: Flat) -> Flat:
    """Return every sample with the pattern added at the edge of its budget."""
    lengths = ball.layout.lengths
    away = np.concatenate([np.resize(pattern, int(n)) for n in lengths])
    if isinstance(ball, EnergyBall):
        away = ball.direction(away)
    return ball.project(ball.clean + ball.layout.spread(ball.radius) * away)


def _folded(ball: Ball, slope: Flat, length: int) -> Flat:
    """Return the sum of all samples' slopes, each of the same weight, over the pattern's places."""
    total = np.zeros(length, np.float64)
    for row in np.flatnonzero(ball.free):
        own = slope[ball.layout.part(int(row))].astype(np.float64)
        size = np.abs(own).sum()
        if size > 0:
            own = np.pad(own / size, (0, -len(own) % length))
            total += own.reshape(-1, length).sum(axis=0)
    return total.astype(np.float32)
