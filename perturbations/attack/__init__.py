"""What somebody could do to an input on purpose, with or without the model's gradients.

>>> from perturbations import attack
>>> attack.run("attack.apgd", {"image": images}, labels, oracle, severity=3)  # doctest: +SKIP
"""

from perturbations.attack import ensemble, gradient, score, universal, wording
from perturbations.attack._oracle import Oracle
from perturbations.attack._run import Attacked, Part, launch
from perturbations.attack._run import attack_streams as run

__all__ = [
    "Attacked",
    "Oracle",
    "Part",
    "ensemble",
    "gradient",
    "launch",
    "run",
    "score",
    "universal",
    "wording",
]
