"""What to do when a stream degrades: fallback policies, fitted to a run and judged where they were not fitted.

>>> from stress.policy import fit, save
>>> found = fit(stress.open("runs/release"))  # doctest: +SKIP
>>> found.worth_it, found.reason  # doctest: +SKIP
>>> save(found.policy, "policy.json")  # doctest: +SKIP
"""

from stress.policy._actions import ABSTAIN, KEEP
from stress.policy._arriving import Arrivals
from stress.policy._costs import Costs, load_costs
from stress.policy._fit import Fitted, fit
from stress.policy._guarantee import Guarantee
from stress.policy._guard import guard, signals_of
from stress.policy._judge import Worth
from stress.policy._policy import Policy, load, save
from stress.policy._relative import anchored
from stress.policy._replay import Over, Replayed, over_time, replayed
from stress.policy._steady import Steady
from stress.policy._system import system
from stress.policy._windowed import Windowed, commonest
from stress.policy._words import markdown, python, sentences

__all__ = [
    "ABSTAIN",
    "KEEP",
    "Arrivals",
    "Costs",
    "Fitted",
    "Guarantee",
    "Over",
    "Policy",
    "Replayed",
    "Steady",
    "Windowed",
    "Worth",
    "anchored",
    "commonest",
    "fit",
    "guard",
    "load",
    "load_costs",
    "markdown",
    "over_time",
    "python",
    "replayed",
    "save",
    "sentences",
    "signals_of",
    "system",
]
