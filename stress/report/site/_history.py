"""The releases of a site: their books, the trend of each scenario on what all share, and where it changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stress.measure import Measurable, Trend, trend
from stress.report._book import Book
from stress.report._numbers import visible
from stress.statistics.arrays import Floats
from stress.statistics.changepoints import LEVEL, Changed, changes, contrast
from stress.statistics.corrections import adjusted
from stress.statistics.intervals import t_quantile

__all__ = ["CONFIDENCE", "History", "Versus"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Versus:
    """How much better a part is in one release than in another, its interval, and whether that is sure."""

    part: str
    before: float
    after: float
    row: Mapping[str, float | None]
    sure: bool


@dataclass(frozen=True)
class History:
    """Releases, the oldest first."""

    runs: tuple[Measurable, ...]

    @cached_property
    def books(self) -> Sequence[Book]:
        """What is shown of each release."""
        return [Book(run) for run in self.runs]

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of the releases: of their folders, numbered where two are called alike."""
        names = [run.path.name for run in self.runs]
        return [
            f"{name} ({names[:i].count(name) + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)
        ]

    @cached_property
    def files(self) -> Sequence[str]:
        """A file name for each release's page, of letters, digits and dashes alone."""
        slugs = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] for name in self.names]
        return [f"{i:03d}{f'-{slug}' if slug else ''}.html" for i, slug in enumerate(slugs, 1)]

    @cached_property
    def trend(self) -> Trend:
        """The headline of clean input and of each scenario on the samples and cells that all releases share."""
        return trend(self.runs)

    @cached_property
    def changes(self) -> Sequence[Changed]:
        """Where a scenario changed, over all scenarios at once."""
        return changes(self.trend.series, LEVEL)

    @property
    def sign(self) -> float:
        """1 where more is better, −1 where less is."""
        return 1.0 if self.trend.better == "higher" else -1.0

    @cached_property
    def intervals(self) -> Mapping[str, tuple[Floats, Floats]]:
        """Lower and upper ends of each part's value in each release."""
        found = {}
        form = self.books[-1].form
        for part, (values, influences) in self.trend.series.items():
            _, error = contrast(values, influences, np.eye(len(values)))
            reach = t_quantile(CONFIDENCE, max(influences.shape[1] - 1, 1)) * error
            low, high = values - reach, values + reach
            found[part] = (np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)) if form.share else (low, high)
        return found

    def versus(self, one: int, other: int) -> list[Versus]:
        """Return by how much one release is better than another in each part, corrected over the parts (Holm)."""
        rows, p = [], []
        for part, (values, influences) in self.trend.series.items():
            pair = np.array([other, one])
            risen, error = contrast(values[pair], influences[pair], np.array([[-self.sign, self.sign]]))
            count = influences.shape[1]
            reach = t_quantile(CONFIDENCE, max(count - 1, 1)) * error[0]
            ends = {"value": risen[0] + 0.0, "low": risen[0] - reach, "high": risen[0] + reach}
            known = {key: float(v) if np.isfinite(v) else None for key, v in ends.items()}
            rows.append((visible(part), float(values[other]), float(values[one]), known))
            p.append(_p(float(risen[0]), float(error[0]), count))
        sure = adjusted(np.array(p)) <= 1 - CONFIDENCE
        return [Versus(*row, sure=bool(each)) for row, each in zip(rows, sure)]


def _p(value: float, error: float, clusters: int) -> float:
    from scipy.special import stdtr

    if not error > 0:
        return float("nan")
    return float(2 * stdtr(clusters - 1, -abs(value) / error))
