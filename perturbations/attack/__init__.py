"""What somebody could do to an input on purpose, with or without the model's gradients.

>>> from perturbations import attack
>>> attack.run("attack.apgd", {"image": images}, labels, oracle, severity=3)  # doctest: +SKIP
"""

from perturbations.attack import decision, ensemble, gradient, minimal, score, universal, wording
from perturbations.attack._attempt import Attempt, Fitted, HeldOut
from perturbations.attack._declare import BALLS, NO_CHANGE
from perturbations.attack._oracle import Floats, Loss, Oracle, Streams, log_odds, margin, softmax
from perturbations.attack._run import Attacked, Part, fitted_by, halves_of, launch, prepared, refuse_without_gradients
from perturbations.attack._run import attack_streams as run

__all__ = [
    "BALLS",
    "NO_CHANGE",
    "Attacked",
    "Attempt",
    "Fitted",
    "Floats",
    "HeldOut",
    "Loss",
    "Oracle",
    "Part",
    "Streams",
    "decision",
    "ensemble",
    "fitted_by",
    "gradient",
    "halves_of",
    "launch",
    "log_odds",
    "margin",
    "minimal",
    "prepared",
    "refuse_without_gradients",
    "run",
    "score",
    "softmax",
    "universal",
    "wording",
]
