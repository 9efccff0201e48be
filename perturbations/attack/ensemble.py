"""Several attacks in a row, each on what the one before left standing: the strongest claim that one cell can make."""

from __future__ import annotations

from perturbations._params import Param
from perturbations.attack._attempt import Attempt
from perturbations.attack._declare import CALLS, STEPS, attack
from perturbations.attack.gradient import against, climb, climb_targets, random_start
from perturbations.attack.score import search_squares
from perturbations.attack.wording import edit_characters

__all__ = ["auto"]


@attack(
    {"image": "epsilon", "audio": "snr_db", "text": "edits"},
    cite="croce2020",
    version=3,
    steps=STEPS,
    targets=Param("most likely wrong classes that are tried", "classes", 1, 1000, scale="integer", default=9),
    calls=CALLS,
)
def auto(attempt: Attempt, *, steps: int, targets: int, calls: int) -> None:
    """Everything in turn: misspellings, APGD on the cross-entropy, targeted APGD, and the square attack.

    Each goes on with the samples that are still answered rightly. Texts are misspelt first, and the others attack
    beside the misspelt text. Without gradients the two in the middle are left out. A sample is given up once the model
    was called ``calls`` times for it.
    """
    attempt.limit = calls
    if attempt.edits:
        edit_characters(attempt, calls)
        for stream in attempt.edits:
            attempt.settle(stream)
    if not attempt.balls:
        return
    if attempt.oracle.differentiable:
        climb(attempt, random_start(attempt), steps, against(attempt))
        climb_targets(attempt, steps, targets)
    search_squares(attempt, calls)
