"""The smallest change that is enough: how near to each sample another answer lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations._params import Param
from perturbations.attack._attempt import Attempt
from perturbations.attack._declare import STEPS, attack
from perturbations.attack.gradient import against, climb, random_start

__all__ = ["minimal"]


@attack(
    {"image": "epsilon", "audio": "snr_db"},
    cite="croce2020",
    gradients=True,
    steps=STEPS,
    halvings=Param("times that the budget is narrowed down", "halvings", 1, 30, scale="integer", default=6),
)
def minimal(attempt: Attempt, *, steps: int, halvings: int) -> None:
    """The smallest part of the budget with which APGD still breaks a sample, found by halving it again and again.

    The whole budget is tried first; what it cannot break has no minimum here. The parts are in the budget's own
    measure: the largest change of a channel, or the root of the change's energy.
    """
    climb(attempt, random_start(attempt), steps, against(attempt))
    low = np.zeros(len(attempt.labels))
    attempt.least[attempt.wrong_before] = 0.0
    narrowed = attempt.broken & ~attempt.wrong_before
    attempt.least[narrowed] = 1.0
    for _ in range(halvings):
        middle = np.where(narrowed, (low + attempt.least) / 2, 0.0)
        held = _within(attempt, middle, steps) & narrowed
        attempt.least[held] = middle[held]
        low[narrowed & ~held] = middle[narrowed & ~held]


def _within(attempt: Attempt, parts: NDArray[np.float64], steps: int) -> NDArray[np.bool_]:
    """Return which samples a part of the budget breaks, and take over how."""
    balls = {name: ball.part(parts) for name, ball in attempt.balls.items()}
    part = Attempt(attempt.oracle, attempt.base, attempt.labels, balls, {}, attempt.rngs)
    climb(part, random_start(part), steps, against(part))
    attempt.calls += part.calls
    attempt.passes_back += part.passes_back
    attempt.errors |= part.errors
    for row in np.flatnonzero(part.broken).tolist():
        for name in balls:
            attempt.values[name][row] = part.values[name][row]
        attempt.margins[row] = part.margins[row]
    return part.broken
