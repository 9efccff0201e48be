"""A policy that does not flicker: it switches where a signal is clearly past a threshold, and for long enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress.policy._policy import Policy

__all__ = ["Steady"]


class Steady:
    """Decides input after input of one sequence, with hysteresis and a dwell time.

    ``after`` is how many inputs in a row must ask for another action before it is taken; ``dwell`` how many inputs an
    action is kept for at least; ``band`` how far a signal must be past a threshold to leave an action, in units of the
    spread of that signal on clean input (its inter-quartile range, of which the policy knows). At 1, 1 and 0 it decides
    as the policy does. ``restart`` begins another sequence. Not for several threads at once.
    """

    def __init__(self, policy: Policy, *, after: int = 1, dwell: int = 1, band: float = 0.0) -> None:
        for name, value in (("after", after), ("dwell", dwell)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"policy: {name} must be a number of inputs from 1 up, got {short(value)}.")
        if isinstance(band, bool) or not isinstance(band, int | float) or not 0 <= band < float("inf"):
            raise InputError(f"policy: band must be 0 or more spreads of clean input, got {short(band)}.")
        if band and (unknown := [name for name in policy.asked if name not in policy.spread]):
            raise InputError(
                f"policy: band needs the spread of {unknown[0]} on clean input, which it lacks. Fit it again."
            )
        self.policy, self.after, self.dwell, self.band = policy, after, dwell, band
        self.restart()

    def restart(self) -> None:
        """Begin another sequence: the first input decides at once."""
        self._action: str | None = None
        self._kept, self._wanted, self._times = 0, "", 0

    def decide(self, signals: Mapping[str, float]) -> str:
        """Return the action for the next input of the sequence."""
        wanted = self.policy.decide(signals)
        if self._action is None:
            self._action, self._kept = wanted, 0
        elif self.band and wanted != self._action and self._action in self._near(signals, self.policy.rule):
            wanted = self._action
        self._times = self._times + 1 if wanted == self._wanted else 1
        self._wanted = wanted
        if wanted != self._action and self._times >= self.after and self._kept >= self.dwell:
            self._action, self._kept = wanted, 0
        self._kept += 1
        return self._action

    def _near(self, signals: Mapping[str, float], rule: Mapping[str, Any] | str) -> Iterator[str]:
        """Yield the actions that the rule would take if its signals were up to a band higher or lower."""
        if isinstance(rule, str):
            yield rule
            return
        value = signals.get(rule["signal"])
        if value is None or value != value:
            yield self.policy.safe
            return
        reach = self.band * self.policy.spread[rule["signal"]]
        if value - reach < rule["below"]:
            yield from self._near(signals, rule["then"])
        if value + reach >= rule["below"]:
            yield from self._near(signals, rule["else"])
