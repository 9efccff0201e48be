"""Whether production is worse than the run promised, once labels come: a test for harmful shifts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stress.statistics.sequences import confidence_sequence

__all__ = ["Harm"]

_BETS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
"""Shares of what a detector has that it bets on a loss, each time: small ones win where the risk is little above."""


@dataclass
class Harm:
    """Losses (1 − score, in [0, 1]) of labelled inputs, against those of clean input (Podkopaev and Ramdas 2021).

    Harmful is a risk that is surely more than ``tolerance`` above that of the run: the lower end of a confidence
    sequence, which may be read after every label, beyond the upper end of the run's. Both hold together with
    probability 1 − ``delta``, where labels of independent inputs come as they would by chance.

    That is the risk of all labels together, in which harm that begins late drowns for long. So there is an e-detector
    beside it (Shiryaev–Roberts sums of bets on more loss than the bar; Shin, Ramdas and Rinaldo 2022): at most
    ``alpha`` false alarms a label while the risk of each is below the bar. ``sums`` are its state.
    """

    clean_loss: float
    clean_count: int
    tolerance: float = 0.05
    delta: float = 0.05
    alpha: float = 1e-6
    total: float = 0.0
    count: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * len(_BETS))

    @cached_property
    def bar(self) -> float:
        """The risk that harm begins at."""
        lost, count = np.array([self.clean_loss * self.clean_count]), np.array([float(self.clean_count)])
        return float(confidence_sequence(lost, count, 1 - self.delta / 2)[1][0]) + self.tolerance

    def take(self, score: float) -> None:
        """Take the score of one labelled input."""
        loss = 1 - score
        self.total += loss
        self.count += 1
        won = (1 + bet * (loss - self.bar) / self.bar for bet in _BETS)
        self.sums = [(before + 1) * each for before, each in zip(self.sums, won)]

    @property
    def late(self) -> bool:
        """Whether labels of late surely have a risk above the bar."""
        return sum(self.sums) / len(self.sums) >= 1 / self.alpha

    @property
    def low(self) -> float:
        """The risk that production surely has."""
        if not self.count:
            return 0.0
        found = confidence_sequence(np.array([self.total]), np.array([float(self.count)]), 1 - self.delta / 2)
        return float(found[0][0])

    @property
    def harmful(self) -> bool:
        """Whether the risk is surely above the bar."""
        return self.late or (self.count > 0 and self.total / self.count > self.bar and self.low > self.bar)

    @property
    def says(self) -> str:
        """What the labels show, in words."""
        if self.low > self.bar:
            return f"{self.count} labels show a loss of at least {self.low:.3f}, above {self.bar:.3f}"
        return f"labels of late show a loss above {self.bar:.3f}, more than the run's clean one with --tolerance"
