"""A policy as a monitor follows it: what it says of most inputs of a window is done with all of the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from perturbations import InputError
from perturbations.errors import named_keywords, short
from stress.policy._policy import Policy

__all__ = ["Windowed", "commonest"]


@named_keywords
def commonest(actions: Counter[str]) -> tuple[str, float]:
    """Return the action that is taken most often (of equals the one that was first), and how often, 0 to 1."""
    action, times = actions.most_common(1)[0]
    return action, times / actions.total()


class Windowed:
    """Decides for whole windows of ``window`` inputs of one sequence, by what the rule says of the window before.

    Until a first window has ended the safe action is taken. This is the action that a monitor with such a window says
    (``stress.monitor.Monitor.action``): one camera in fog does not switch it, and it comes a window late. ``restart``
    begins another sequence. Not for several threads at once.
    """

    def __init__(self, policy: Policy, window: int) -> None:
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise InputError(f"policy: window must be a number of inputs from 1 up, got {short(window)}.")
        self.policy, self.window = policy, window
        self.restart()

    def restart(self) -> None:
        """Begin another sequence, with the safe action."""
        self.action, self._said = self.policy.safe, Counter[str]()

    def decide(self, signals: Mapping[str, float]) -> str:
        """Return the action for the next input of the sequence."""
        now = self.action
        self._said[self.policy.decide(signals)] += 1
        if self._said.total() == self.window:
            self.action, self._said = commonest(self._said)[0], Counter[str]()
        return now
