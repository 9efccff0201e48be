"""Whether production is worse than the run promised, once labels come: a test for harmful shifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.statistics.sequences import confidence_sequence

__all__ = ["Harm"]


@dataclass
class Harm:
    """Losses (1 − score, in [0, 1]) of labelled inputs, against those of clean input (Podkopaev and Ramdas 2021).

    Harmful is a risk that is surely more than ``tolerance`` above that of the run: the lower end of a confidence
    sequence, which may be read after every label, beyond the upper end of the run's. Both hold together with
    probability 1 − ``delta``, where labels of independent inputs come as they would by chance.
    """

    clean_loss: float
    clean_count: int
    tolerance: float = 0.05
    delta: float = 0.05
    total: float = 0.0
    count: int = 0

    @property
    def bar(self) -> float:
        """The risk that harm begins at."""
        lost, count = np.array([self.clean_loss * self.clean_count]), np.array([float(self.clean_count)])
        return float(confidence_sequence(lost, count, 1 - self.delta / 2)[1][0]) + self.tolerance

    def take(self, score: float) -> None:
        """Take the score of one labelled input."""
        self.total += 1 - score
        self.count += 1

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
        return self.count > 0 and self.total / self.count > self.bar and self.low > self.bar
