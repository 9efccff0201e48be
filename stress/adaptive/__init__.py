"""Runs that stop where they know enough: every rule decided, or not to be decided, or numbers as narrow as wanted.

>>> from stress.adaptive import chooser_of
>>> chooser = chooser_of("gates.yaml")  # doctest: +SKIP
"""

from stress.adaptive._ask import Asked, asked_of
from stress.adaptive._chooser import Until, chooser_of
from stress.adaptive._means import Means
from stress.adaptive._power import Foreseen, expected_calls, foresee
from stress.adaptive._question import Question, sides_of
from stress.adaptive._told import stopped_lines

__all__ = [
    "Asked",
    "Foreseen",
    "Means",
    "Question",
    "Until",
    "asked_of",
    "chooser_of",
    "expected_calls",
    "foresee",
    "sides_of",
    "stopped_lines",
]
