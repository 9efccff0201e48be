"""What may be spent: so many calls, so much money; and what a call costs by the user's own prices."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest, short

__all__ = ["PRICES", "Budget", "cost_of", "prices"]

PRICES = ("input", "output", "call")
"""What can have a price: a million tokens of the question, a million of the answer, a call."""


@dataclass
class Budget:
    """Counts what is sent and paid, and says when no more may be. ``calls`` counts tries, too: each may be billed.

    ``cost`` is known once an answer is there: those under way when the limit is reached come on top.
    """

    max_calls: int | None = None
    max_cost: float | None = None
    calls: int = 0
    cost: float = 0.0
    spent: str | None = None
    seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> str | None:
        """Count one more call; or return which limit forbids it."""
        with self._lock:
            if self.max_calls is not None and self.calls >= self.max_calls:
                self.spent = f"max_calls {self.max_calls:,}"
            elif self.max_cost is not None and self.cost >= self.max_cost:
                self.spent = f"max_cost {self.max_cost:g}"
            else:
                self.calls += 1
                return None
            return f"{self.spent} is spent"

    def pay(self, key: str, cost: float, before: bool = False) -> None:
        """Count what an answer cost, once; one that was paid ``before`` is a call of the run, too."""
        with self._lock:
            if before and key in self.seen:
                return
            self.seen.add(key)
            self.calls += before
            self.cost += 0.0 if math.isnan(cost) else cost


def prices(given: Any, who: str) -> dict[str, float]:
    """Return a price table. Raises InputError where it has other names or no prices."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{who}: price must be a mapping of {', '.join(PRICES)} to numbers, got {short(given)}.")
    for name, value in given.items():
        if name not in PRICES:
            raise InputError(
                f"{who}: price names {', '.join(PRICES)} (input and output: a million tokens), got {short(name)}. "
                f"{nearest(str(name), PRICES)}"
            )
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise InputError(f"{who}: price: {name} must be a number of at least 0, got {short(value)}.")
    return {str(name): float(value) for name, value in given.items()}


def cost_of(price: Mapping[str, float], took: Mapping[str, Any]) -> float:
    """Return what an answer cost; NaN where the price of tokens is known, and their number is not."""
    found = price.get("call", 0.0)
    for name, count in (("input", "tokens_in"), ("output", "tokens_out")):
        if price.get(name):
            found += price[name] * float(took.get(count, math.nan)) / 1e6
    return found
