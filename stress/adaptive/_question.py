"""One number that a rule asks for, as it is answered: bets for and against its bar, and whether it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from perturbations.errors import named_keywords
from stress.gate import Form, Observed, Rule
from stress.statistics.arrays import Floats
from stress.statistics.betting import STAKES, log_wealth, stakes
from stress.statistics.intervals import z_quantile

__all__ = ["HALF", "HOPELESS", "Outcome", "Question", "Side", "sides_of"]

Outcome = Literal["", "pass", "fail", "hopeless", "precise"]
HOPELESS = 0.1
"""Chance to be decided by all samples below which nothing more is asked for its sake. No error rate depends on it."""
HALF = 0.5
"""Share of the error that bets have; the rest is for one ordinary look at all samples."""


@dataclass
class Side:
    """A bar, and the log wealth of each stake on either side of it; sums of how far observations are above it."""

    rule: Rule
    above: Floats = field(default_factory=lambda: np.zeros(len(STAKES)))
    below: Floats = field(default_factory=lambda: np.zeros(len(STAKES)))
    total: float = 0.0
    squares: float = 0.0
    passed: bool = False
    """Whether the bar was surely kept at some moment: that stays proven."""

    def add(self, seen: Observed) -> None:
        """Take more observations."""
        bar = self.rule.bar
        up = seen.gains(bar, True)
        self.above += stakes(up, seen.counts)
        self.below += stakes(seen.gains(bar, False), seen.counts)
        far = up * seen.unit(bar)
        self.total += float(far @ seen.counts)
        self.squares += float(far**2 @ seen.counts)

    @property
    def kept(self) -> float:
        """Log of the evidence that the bar is kept, at the half of the error that bets have."""
        return float(log_wealth(self.above if self.rule.kind == "min" else self.below)) + float(np.log(HALF))

    @property
    def broken(self) -> float:
        """Log of the evidence that it is broken."""
        return float(log_wealth(self.below if self.rule.kind == "min" else self.above)) + float(np.log(HALF))

    @property
    def speed(self) -> float:
        """By how much the better of the two bets has grown."""
        return float(max(self.above.max(), self.below.max()))

    def chances(self, count: int, of: int, level: float, broken: float) -> tuple[float, float]:
        """Return the chances that the ordinary look at all samples finds the bar kept, and broken.

        If the rest is as what was seen, by a normal approximation: of ``of`` observations ``count`` are known.
        """
        from scipy.special import ndtr

        sign = 1.0 if self.rule.kind == "min" else -1.0
        mean = sign * self.total / count
        deviation = np.sqrt(max(self.squares / count - mean**2, 0.0) + 0.25 / (count + 1))
        left = deviation * np.sqrt(max(1 / count - 1 / of, 1e-12))
        ends = [z_quantile(1 - 2 * each * HALF) * deviation / np.sqrt(of) for each in (level, broken)]
        return float(ndtr((mean - ends[0]) / left)), float(ndtr((-mean - ends[1]) / left))


@dataclass
class Question:
    """A number of some cells that a rule holds against its bars; ``cells`` and ``beside`` are positions in the plan."""

    rule: Rule
    subject: str
    names: tuple[str, ...]
    cells: tuple[int, ...]
    beside: tuple[int, ...]
    form: Form
    most: float
    of: int
    """Number of observations that there are in all."""
    sides: Sequence[Side]
    precision: float | None = None
    calls: int = 1
    """Questions to the model that a sample takes."""
    done: int = 0
    """Shards that were taken."""
    count: int = 0
    outcome: Outcome = ""
    rows: list[Floats] = field(default_factory=list)
    earlier: tuple[Floats, Floats] | None = None
    """What an earlier run adds above and below the line, by row of the samples."""

    @property
    def speed(self) -> float:
        """Growth of the log wealth with a call."""
        return max(side.speed for side in self.sides) / max(self.count * self.calls, 1)

    def add(self, rows: Floats) -> None:
        """Take the observations of one more shard."""
        self.done += 1
        seen = Observed.of(self.form, rows, self.most)
        if not seen.count:
            return
        self.count += seen.count
        if self.precision is not None:
            self.rows.append(rows)
        for side in self.sides:
            side.add(seen)

    def judge(self, checks: int, correction: str) -> None:
        """Say what is decided, in a file of so many checks."""
        if not self.count:
            return
        if self.precision is not None:
            self._measure()
            return
        level = (1 - self.rule.confidence) / 2
        broken = level / (1 if correction == "none" else checks)
        for side in self.sides:
            side.passed |= side.kept >= -np.log(level)
        if any(side.broken >= -np.log(broken) for side in self.sides):
            self.outcome = "fail"
        elif all(side.passed for side in self.sides):
            self.outcome = "pass"
        elif self.count < self.of:
            chances = [side.chances(self.count, self.of, level, broken) for side in self.sides]
            kept = min(1.0 if side.passed else chance for side, (chance, _) in zip(self.sides, chances))
            if kept + max(lost for _, lost in chances) < HOPELESS:
                self.outcome = "hopeless"

    def _measure(self) -> None:
        side = self.sides[0]
        deviation = np.sqrt(max(side.squares / self.count - (side.total / self.count) ** 2, 0.0))
        if self.precision is None or deviation / np.sqrt(self.count) > self.precision / 2:
            return  # not even an ordinary interval is that narrow
        self.rows = [np.concatenate(self.rows)]
        low, high = Observed.of(self.form, self.rows[0], self.most).sequence((1 - self.rule.confidence) / 2)
        if high - low <= 2 * self.precision:
            self.outcome = "precise"


@named_keywords
def sides_of(rule: Rule) -> list[Side]:
    """Return the bars of a rule: one, or a lower and an upper one."""
    from dataclasses import replace

    if rule.ends is None:
        return [Side(rule)]
    low, high = rule.ends
    return [Side(replace(rule, kind="min", bar=low)), Side(replace(rule, kind="max", bar=high))]
