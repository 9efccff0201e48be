"""Attacks that see nothing but the model's scores, and the plain chance that every attack is measured against."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._values import Audio, Value
from perturbations.attack._attempt import Attempt, Rows
from perturbations.attack._budget import Ball, Flat, MaxBall
from perturbations.attack._declare import CALLS, attack
from perturbations.attack._oracle import Floats, margin
from perturbations.attack._words import random_edits, random_words

__all__ = ["drawn", "random", "random_points", "random_search", "search_squares", "square"]

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""At which of 10,000 queries the square attack halves the share of the picture that it repaints."""
_FIRST_SHARE = 0.8
_EVEN = 0.5
_DRAWN = 32
"""Squares of a picture that are drawn at once."""
_LOWEST_TONE, _HIGHEST_TONE = 0.005, 0.4
"""Pitches of the bursts, in cycles a frame: 40 to 3,200 Hz at 8 kHz."""


@attack({"image": "epsilon", "audio": "snr_db", "text": "edits"}, cite="croce2020", version=2)
def random(attempt: Attempt) -> None:
    """Plain chance with an attack's budget: one random draw, kept whether it does harm or not."""
    rows = attempt.open
    changed = drawn(attempt, rows)
    attempt.keep(rows, changed, attempt.ask(rows, changed))


@attack({"image": "epsilon", "audio": "snr_db"}, cite="andriushchenko2020", calls=CALLS)
def random_search(attempt: Attempt, *, calls: int) -> None:
    """Chance with patience: fresh random draws at the edge of the budget until one is answered wrongly."""
    attempt.limit = calls
    while len(rows := attempt.open):
        attempt.ask_at(rows, random_points(attempt))


@attack({"image": "epsilon", "audio": "snr_db"}, cite="andriushchenko2020", version=2, calls=CALLS)
def square(attempt: Attempt, *, calls: int) -> None:
    """Repaint random squares of a picture, or replace random bursts of a recording, and keep what hurts.

    Pictures follow Andriushchenko et al. (2020): stripes first, then squares of ±epsilon that shrink with time. For
    recordings the same search runs over bursts of tones, rescaled to the allowed signal-to-noise ratio.
    """
    search_squares(attempt, calls)


def drawn(attempt: Attempt, rows: Rows) -> dict[str, list[Value]]:
    """Return values drawn by chance at the edge of each budget, for some samples."""
    changed = {name: ball.values(point, rows) for name, point, ball in _drawn(attempt)}
    for stream, most in attempt.edits.items():
        texts = [str(attempt.base[stream][i] or "") for i in rows]
        rngs = [attempt.rngs[stream][i] for i in rows]
        if stream in attempt.lexicons:
            found = random_words(texts, rngs, most[rows].tolist(), attempt.lexicons[stream])
        else:
            found = random_edits(texts, rngs, most[rows].tolist())
        changed[stream] = [None if attempt.base[stream][i] is None else text for i, text in zip(rows, found)]
    return changed


def random_points(attempt: Attempt) -> dict[str, Flat]:
    """Return a random point at the edge of each budget."""
    return {name: point for name, point, _ in _drawn(attempt)}


def _drawn(attempt: Attempt) -> list[tuple[str, Flat, Ball]]:
    found = []
    for name, ball in attempt.balls.items():
        away = ball.direction(ball.draw(attempt.rngs[name]))
        found.append((name, ball.project(ball.clean + ball.layout.spread(ball.radius) * away), ball))
    return found


def search_squares(attempt: Attempt, calls: int) -> None:
    """Run the square attack on the open samples, each until it is broken or was asked about ``calls`` times."""
    attempt.limit = calls
    rngs = attempt.rngs
    brushes = {
        int(row): {name: _brush(ball.only(int(row)), rngs[name][row]) for name, ball in attempt.balls.items()}
        for row in attempt.open
    }
    found = np.full(len(attempt.labels), np.inf)
    asked = 0
    while len(rows := attempt.open):
        share = _FIRST_SHARE / 2 ** sum(asked / calls * 10_000 > at for at in _HALVINGS)
        trial = {name: [brushes[row][name].paint(share) for row in rows.tolist()] for name in attempt.balls}
        after = margin(attempt.ask(rows, trial), attempt.labels[rows])
        better = rows[after < found[rows]]
        found[rows] = np.minimum(after, found[rows])
        for row in better.tolist():
            for brush in brushes[row].values():
                brush.keep()
        asked += 1


class _Brush:
    """What the square attack does to one stream of one sample; where nothing may change, nothing."""

    def __init__(self, ball: Ball, rng: Generator) -> None:
        self.ball, self.rng, self.value = ball, rng, ball.originals[0]

    def paint(self, share: float) -> Value:
        """Return the value with stripes at first, then the best one with a share of it painted over."""
        return self.value

    def keep(self) -> None:
        """Go on from what was painted last."""


class _Squares(_Brush):
    """Squares of ±epsilon on a picture."""

    def __init__(self, ball: MaxBall, rng: Generator) -> None:
        super().__init__(ball, rng)
        self.shape = self.value.shape  # type: ignore[union-attr]
        self.low, self.high = (wall.astype(np.uint8).reshape(self.shape) for wall in ball.walls)
        self.best = self.last = np.asarray(self.value)
        self.draws: list[list[float]] = []
        self.begun = False

    def paint(self, share: float) -> Value:
        height, width, channels = self.shape
        if not self.begun:
            self.begun = True
            self.last = np.where(self.rng.random((1, width, channels)) < _EVEN, self.low, self.high)
            return self.last
        if not self.draws:  # many at once: to ask for a number costs more than to draw it
            self.draws = self.rng.random((_DRAWN, 2 + channels)).tolist()
        down, right, *signs = self.draws.pop()
        side = max(1, min(round((share * height * width) ** 0.5), height, width))
        top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
        here = (slice(top, top + side), slice(left, left + side))
        self.last = self.best.copy()
        for channel, sign in enumerate(signs):
            wall = self.low if sign < _EVEN else self.high
            self.last[(*here, channel)] = wall[(*here, channel)]
        return self.last

    def keep(self) -> None:
        self.best = self.last


class _Bursts(_Brush):
    """Bursts of tones in a recording, rescaled to the allowed energy."""

    def __init__(self, ball: Ball, rng: Generator) -> None:
        super().__init__(ball, rng)
        self.best = self.last = ball.clean
        self.begun = False

    def paint(self, share: float) -> Value:
        value, radius = self.value, float(self.ball.radius[0])
        if not isinstance(value, Audio):
            return value
        if self.begun:
            draws = self.rng.random(2)
            point = _with_burst(value, self.ball.clean, self.best, share, draws, self.rng, radius)
        else:
            point = self.ball.clean + _burst(self.rng, value.frames, value.channels, radius)
        self.begun = True
        self.last = self.ball.project(point)
        return self.ball.values(self.last, [0])[0]

    def keep(self) -> None:
        self.best = self.last


def _brush(ball: Ball, rng: Generator) -> _Brush:
    if not ball.free[0]:
        return _Brush(ball, rng)
    return _Squares(ball, rng) if isinstance(ball, MaxBall) else _Bursts(ball, rng)


def _burst(rng: Generator, frames: int, channels: int, energy_root: float) -> Flat:
    """Return a tone of random pitch and phase with a given root of its energy, the same in all channels."""
    cycles = _LOWEST_TONE * (_HIGHEST_TONE / _LOWEST_TONE) ** rng.random()
    wave = np.sin(2 * np.pi * (cycles * np.arange(frames) + rng.random())).astype(np.float32)
    length = float(np.sqrt(np.square(wave, dtype=np.float64).sum() * channels))
    return np.tile(wave * np.float32(energy_root / length if length else 0), channels)


def _with_burst(
    value: Audio, clean: Flat, point: Flat, share: float, draws: Floats, rng: Generator, radius: float
) -> Flat:
    """Return a change with a stretch of it replaced by a tone that has the stretch's share of the energy."""
    length = max(1, min(round(share * value.frames), value.frames))
    start = int(draws[0] * (value.frames - length + 1))
    change = (point - clean).reshape(value.samples.shape).copy()
    tone = _burst(rng, length, value.channels, radius * (length / value.frames) ** 0.5)
    change[:, start : start + length] = tone.reshape(value.channels, length)
    flat = change.reshape(-1)
    total = float(np.sqrt(np.square(flat, dtype=np.float64).sum()))
    return clean + flat * np.float32(radius / total if total else 0)
