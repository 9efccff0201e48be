"""Signals: what a value shows of its quality without a model and without the clean value beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from perturbations.modality._lexicon import Lexicon

__all__ = ["Signal", "Signals", "signal"]

Which = Literal["cheap", "all"]


@dataclass(frozen=True)
class Signal:
    """One signal: a number that a degraded stream moves, and that production can measure beside every answer.

    ``unit`` is what it is counted in, ``low`` and ``high`` the range that it cannot leave. ``measure`` takes what the
    modality's signals share of a value and returns the number; NaN where it is undefined, as loudness is of silence.
    ``cheap`` signals are recorded without being asked for. ``source`` is the definition that is followed; signals
    without one are plain counts. ``version`` rises when the same value gives another number.
    """

    name: str
    measure: Callable[[Any], float]
    unit: str
    low: float = -inf
    high: float = inf
    cheap: bool = False
    source: str = ""
    version: int = 1

    @property
    def meaning(self) -> str:
        """What it tells, in words."""
        return inspect.cleandoc(self.measure.__doc__ or "")


def signal(
    unit: str, low: float = -inf, high: float = inf, cheap: bool = False, source: str = ""
) -> Callable[[Callable[[Any], float]], Signal]:
    """Declare a signal: the function's name is the signal's, its docstring the meaning."""

    def declare(measure: Callable[[Any], float]) -> Signal:
        return Signal(measure.__name__, measure, unit, low, high, cheap, source)

    return declare


class Signals:
    """The signals of a modality; ``shared`` makes of a value what several of them need, computed once each.

    ``by_lexicon`` makes the one that there is only with a lexicon.
    """

    def __init__(
        self, shared: Callable[[Any], Any], *signals: Signal, by_lexicon: Callable[[Lexicon], Signal] | None = None
    ) -> None:
        self._shared, self._by_lexicon = shared, by_lexicon
        self.all: Mapping[str, Signal] = {each.name: each for each in signals}
        self._cheap = tuple(each for each in signals if each.cheap)

    def chosen(self, which: Which, lexicon: Lexicon | None = None) -> tuple[Signal, ...]:
        """Return the signals that are recorded always, or all, and the one of a lexicon, if that is given."""
        found = self._cheap if which == "cheap" else tuple(self.all.values())
        more = () if lexicon is None or self._by_lexicon is None else (self._by_lexicon(lexicon),)
        return (*found, *more)

    def __call__(self, value: Any, which: Which = "all", lexicon: Lexicon | None = None) -> dict[str, float]:
        """Return the signals of a value by name; NaN where one is undefined."""
        shared = self._shared(value)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {each.name: float(each.measure(shared)) for each in self.chosen(which, lexicon)}
