"""Attacks that see nothing but the model's scores, and the plain chance that every attack is measured against."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._values import Audio, Value
from perturbations.attack._attempt import Attempt, Rows
from perturbations.attack._budget import Ball, EnergyBall, Flat
from perturbations.attack._declare import CALLS, attack
from perturbations.attack._oracle import Floats, margin
from perturbations.attack._words import random_edits, random_words

__all__ = ["drawn", "random", "random_points", "random_search", "search_squares", "square"]

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""At which of 10,000 queries the square attack halves the share of the picture that it repaints."""
_FIRST_SHARE = 0.8
_LOWEST_TONE, _HIGHEST_TONE = 0.005, 0.4
"""Pitches of the bursts, in cycles a frame: 40 to 3,200 Hz at 8 kHz."""


@attack({"image": "epsilon", "audio": "snr_db", "text": "edits"}, cite="croce2020")
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


@attack({"image": "epsilon", "audio": "snr_db"}, cite="andriushchenko2020", calls=CALLS)
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
            found = random_words(texts, rngs, most[rows], attempt.lexicons[stream])
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
    rows = attempt.open
    best = _stripes(attempt)
    found = np.full(len(attempt.labels), np.inf)
    scores = attempt.ask_at(rows, best)
    found[rows] = margin(scores, attempt.labels[rows])
    asked = 0
    while len(rows := attempt.open):
        asked += 1
        share = _FIRST_SHARE / 2 ** sum(asked / calls * 10_000 > at for at in _HALVINGS)
        trial = {name: point.copy() for name, point in best.items()}
        for name, ball in attempt.balls.items():
            for row in rows:
                part = ball.layout.part(int(row))
                trial[name][part] = _repainted(ball, int(row), best[name][part], share, attempt.rngs[name][row])
            trial[name] = ball.project(trial[name])
        after = margin(attempt.ask_at(rows, trial), attempt.labels[rows])
        better = np.zeros(len(attempt.labels), bool)
        better[rows] = after < found[rows]
        found[rows] = np.minimum(found[rows], after)
        for name, ball in attempt.balls.items():
            best[name] = np.where(np.repeat(better, ball.layout.lengths), trial[name], best[name])


def _stripes(attempt: Attempt) -> dict[str, Flat]:
    """Return the start: vertical stripes of ±epsilon in each channel of a picture, one tone in a recording."""
    found: dict[str, Flat] = {}
    for name, ball in attempt.balls.items():
        point = ball.clean.copy()
        for row in np.flatnonzero(ball.free).tolist():
            rng, value, part = attempt.rngs[name][row], ball.originals[row], ball.layout.part(int(row))
            if isinstance(value, np.ndarray):
                signs = _signs(rng, (1, *value.shape[1:]))
                point[part] += np.broadcast_to(signs * ball.radius[row], value.shape).reshape(-1)
            elif isinstance(value, Audio):
                point[part] += _burst(rng, value.frames, value.channels, float(ball.radius[row]))
        found[name] = ball.project(point)
    return found


def _signs(rng: Generator, shape: tuple[int, ...]) -> Flat:
    return np.where(rng.random(shape, dtype=np.float32) < 0.5, np.float32(-1), np.float32(1))


def _burst(rng: Generator, frames: int, channels: int, energy_root: float) -> Flat:
    """Return a tone of random pitch and phase with a given root of its energy, the same in all channels."""
    cycles = _LOWEST_TONE * (_HIGHEST_TONE / _LOWEST_TONE) ** rng.random()
    wave = np.sin(2 * np.pi * (cycles * np.arange(frames) + rng.random())).astype(np.float32)
    length = float(np.sqrt(np.square(wave, dtype=np.float64).sum() * channels))
    return np.tile(wave * np.float32(energy_root / length if length else 0), channels)


def _repainted(ball: Ball, row: int, point: Flat, share: float, rng: Generator) -> Flat:
    """Return a sample's best point with one square, or one burst, replaced."""
    value = ball.originals[row]
    draws = rng.random(2)
    clean = ball.clean[ball.layout.part(row)]
    if isinstance(ball, EnergyBall):
        return _with_burst(value, clean, point, share, draws, rng, float(ball.radius[row]))
    if not isinstance(value, np.ndarray):
        return point
    height, width, channels = value.shape
    side = max(1, min(round((share * height * width) ** 0.5), height, width))
    top, left = int(draws[0] * (height - side + 1)), int(draws[1] * (width - side + 1))
    picture = point.reshape(value.shape).copy()
    here = (slice(top, top + side), slice(left, left + side))
    picture[here] = clean.reshape(value.shape)[here] + _signs(rng, (1, 1, channels)) * ball.radius[row]
    return picture.reshape(-1)


def _with_burst(
    value: object, clean: Flat, point: Flat, share: float, draws: Floats, rng: Generator, radius: float
) -> Flat:
    """Return a change with a stretch of it replaced by a tone that has the stretch's share of the energy."""
    if not isinstance(value, Audio):
        return point
    length = max(1, min(round(share * value.frames), value.frames))
    start = int(draws[0] * (value.frames - length + 1))
    change = (point - clean).reshape(value.samples.shape).copy()
    tone = _burst(rng, length, value.channels, radius * (length / value.frames) ** 0.5)
    change[:, start : start + length] = tone.reshape(value.channels, length)
    flat = change.reshape(-1)
    total = float(np.sqrt(np.square(flat, dtype=np.float64).sum()))
    return clean + flat * np.float32(radius / total if total else 0)
