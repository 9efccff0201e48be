"""One number that is no mean of scores, as it is answered: looked at now and then, and whether it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stress.adaptive._question import HALF, HOPELESS, Outcome, Side
from stress.adaptive._tally import Tally
from stress.gate import Looks, Rule, look_of
from stress.statistics.intervals import z_quantile

__all__ = ["Looked"]


@dataclass
class Looked:
    """A number of some cells that a rule holds against its bars, at fixed counts of shards, ``ends``.

    ``cells`` are positions in the plan, ``names`` what those are called whose records these are.
    """

    rule: Rule
    subject: str
    names: tuple[str, ...]
    cells: tuple[int, ...]
    of: int
    """Number of observations that there are in all."""
    ends: Sequence[int]
    sides: Sequence[Side]
    cluster: str | None
    calls: int = 1
    """Questions to the model that a sample takes."""
    done: int = 0
    """Shards that were taken."""
    outcome: Outcome = ""
    beside: tuple[int, ...] = ()
    looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        self.looks = Looks(self.rule.confidence)

    @property
    def speed(self) -> float:
        """Growth of the log evidence with a call; nothing is known of it before the first look."""
        if not self.looks.taken:
            return 0.0
        last = max(float(self.looks.path(side.rule.bar, up)[-1]) for side in self.sides for up in (True, False))
        return last / max(self.looks.taken[-1].clusters * self.calls, 1)

    def feed(self, tally: Tally, checks: int, correction: str) -> None:
        """Take what is there, look where it is time, and say what is decided in a file of so many checks."""
        there = min(tally.done.get(cell, 0) for cell in self.cells)
        for end in [end for end in self.ends if self.done < end <= there]:
            self.done = end
            self.looks.taken.append(look_of(self.rule, self.names, tally.part(end), self.cluster))
            self._judge(checks, correction)
            if self.outcome:
                return
        self.done = there

    def _judge(self, checks: int, correction: str) -> None:
        level = (1 - self.rule.confidence) / 2
        broken = level / (1 if correction == "none" else checks)
        worse = []
        for side in self.sides:
            up = side.rule.kind == "min"
            side.passed |= float(self.looks.path(side.rule.bar, up)[-1]) >= -np.log(level * HALF)
            worse.append(float(self.looks.path(side.rule.bar, not up)[-1]))
        if max(worse) >= -np.log(broken * HALF):
            self.outcome = "fail"
        elif all(side.passed for side in self.sides):
            self.outcome = "pass"
        elif self._chance(level, broken) < HOPELESS:
            self.outcome = "hopeless"

    def _chance(self, level: float, broken: float) -> float:
        """Return the chance that the ordinary look at all samples decides, if the rest is as what was seen."""
        from scipy.special import ndtr

        last = self.looks.taken[-1]
        if last.value is None or last.clusters >= self.of:
            return 1.0
        more = self.of / last.clusters
        kept, lost = [], []
        for side in self.sides:
            z = self.looks.far(last, side.rule.bar, side.rule.kind == "min") * np.sqrt(more)
            ends = [z_quantile(1 - 2 * each * HALF) for each in (level, broken)]
            left = np.sqrt(more - 1)
            kept.append(1.0 if side.passed else float(ndtr((z - ends[0]) / left)))
            lost.append(float(ndtr((-z - ends[1]) / left)))
        return min(kept) + max(lost)
