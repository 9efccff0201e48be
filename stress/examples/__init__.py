"""Samples to look at and listen to: what a perturbation made of them, and what the model answered before and after.

``keep`` chooses some when a run is finished – sure mistakes, typical ones, what survived – makes them again by the keys
of their draws, and stores what is needed to see them in ``RUN/examples``. ``stored`` reads them. They are no part of
the run's identity: records and tables are the same without them.
"""

from stress.examples._again import cells_again, position_again
from stress.examples._choose import Answer, Choice, choose, is_private
from stress.examples._make import made_again
from stress.examples._store import MOST, Example, Shown, check_count, example_of, forget, keep, stored

__all__ = [
    "MOST",
    "Answer",
    "Choice",
    "Example",
    "Shown",
    "cells_again",
    "check_count",
    "choose",
    "example_of",
    "forget",
    "is_private",
    "keep",
    "made_again",
    "position_again",
    "stored",
]
