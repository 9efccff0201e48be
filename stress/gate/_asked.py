"""What a rule asks as the mean of bounded observations, one for each cluster of samples, and what it cannot ask so.

Such a mean can be judged while a run goes on. An observation is (a, b, c, d): what the records of a cluster add above
and below the metric's line in the rule's cells, and in what these are compared with: clean, or an earlier run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations.errors import named_keywords
from stress.gate._rules import Rule
from stress.gate._streams import STREAM_METRICS
from stress.records.frame import DERIVED
from stress.records.metric import Metric
from stress.statistics.arrays import Floats, Ints
from stress.statistics.betting import STAKES, betting_sequence, between, gains, log_wealth, stakes

__all__ = ["Form", "Observed", "form_of", "rests_on"]

Kind = Literal["rate", "drop", "retention", "lost"]
_MOST_KEPT = 10.0
"""Retention above which nobody asks."""


@dataclass(frozen=True)
class Form:
    """How observations answer a rule: the mean of ``metric``, its drop, what is kept of it, or was lost since a run."""

    kind: Kind
    metric: Metric

    @property
    def pairs(self) -> bool:
        """Whether an observation is a pair: with the clean cell, or with an earlier run."""
        return self.kind != "rate"

    @property
    def sign(self) -> float:
        """Which way a difference is a loss."""
        return 1.0 if self.metric.better == "higher" else -1.0

    @property
    def ends(self) -> tuple[float, float]:
        """Between which numbers its bars lie."""
        return {"rate": (0.0, 1.0), "retention": (0.0, _MOST_KEPT)}.get(self.kind, (-1.0, 1.0))


@named_keywords
def form_of(rule: Rule, metrics: Mapping[str, Metric], headline: Metric) -> Form | str:
    """Return how observations answer a rule; or why they do not, so that its cells are run whole."""
    if rule.policy is not None:
        return "a policy is judged on all of its answers"
    if rule.metric in STREAM_METRICS or rule.metric in ("gap", "widening"):
        return f"{rule.metric} compares several numbers"
    if rule.per in ("class", "group") or rule.by or rule.classes:
        return f"{rule.metric} per {rule.per or 'group'} is of parts of the samples"
    kind: Kind = "lost" if rule.against else "rate"
    if rule.metric in ("drop", "retention"):
        if rule.against:
            return f"{rule.metric} against a baseline is a difference of differences"
        kind = "drop" if rule.metric == "drop" else "retention"
    name = rule.metric if kind in ("rate", "lost") else rule.of or headline.name
    metric = metrics.get(name)
    if metric is None or metric.kind != "mean" or metric.bottom is not None or not metric.share or metric.root:
        return f"{name} is no mean of scores in [0, 1]"
    if DERIVED.get(str(metric.top)) == "prediction":
        return f"{name} is no mean of scores of single records"
    if kind == "retention" and (metric.better == "lower" or min(bars_of(rule)) <= 0):
        return "retention is judged so where more is better, and its bar is above 0"
    if kind == "rate" and any(bar in (0.0, 1.0) for bar in bars_of(rule)):
        return f"a bar at the end of what {name} can be is cleared by no number of answers"
    return Form(kind, metric)


@named_keywords
def rests_on(rule: Rule, cells: Sequence[str], every: Sequence[str]) -> list[str]:
    """Return the cells that a number of some cells is made of: clean too, or all of them (``every``)."""
    if rule.policy is not None or rule.metric in STREAM_METRICS:
        return list(every)
    beside = [name for name in ("clean",) if rule.metric in ("drop", "retention", "widening") and name in every]
    return list(dict.fromkeys([*cells, *beside]))


def bars_of(rule: Rule) -> Sequence[float]:
    return rule.ends if rule.ends is not None else (rule.bar,)


@dataclass(frozen=True)
class Observed:
    """Observations (rows × 4: a, b, c, d), each so often as ``counts`` says; no observation's b is above ``most``.

    ``steps`` says, where it is known, which row and which shard each observation was of, in the order of the run.
    """

    form: Form
    rows: Floats
    counts: Floats
    most: float
    steps: tuple[Ints, Ints] | None = None

    @classmethod
    def of(cls, form: Form, rows: Floats, most: float, shards: Ints | None = None) -> Observed:
        """Return observations with equal ones put together; those that say nothing are left out.

        ``shards`` are those in which they were made: whoever looks, looks after a whole one.
        """
        said = rows[:, 1] > 0
        if form.pairs:
            said &= rows[:, 3] > 0
        kept, row, counts = np.unique(rows[said], axis=0, return_inverse=True, return_counts=True)
        steps = None
        if shards is not None:
            order = np.argsort(shards[said], kind="stable")
            steps = row.reshape(-1)[order], shards[said][order]
        return cls(form, kept, counts.astype(np.float64), most, steps)

    @property
    def count(self) -> int:
        """How many observations there are."""
        return int(self.counts.sum())

    def _share(self, bar: float) -> tuple[Floats, float]:
        """Return the observations as numbers in [0, 1], and the number there that is the bar."""
        a, b, c, d = self.rows.T
        now = a / b
        if self.form.kind == "rate":
            return now, bar
        before = c / d
        if self.form.kind == "retention":
            return (now + bar * (1 - before)) / (1 + bar), bar / (1 + bar)
        return (self.form.sign * (before - now) + 1) / 2, (bar + 1) / 2

    def gains(self, bar: float, above: bool) -> Floats:
        """Return what each row wins for a whole stake on "the number is above the bar", or below it."""
        y, m = self._share(bar)
        weights = self.rows[:, 1] / self.most
        return gains(y, m, weights) if above else gains(1 - y, 1 - m, weights)

    def evidence(self, bar: float, above: bool) -> float:
        """Return the log of the e-value for "the number is above the bar", or below it."""
        return float(log_wealth(stakes(self.gains(bar, above), self.counts))) if len(self.counts) else 0.0

    def path(self, bar: float, above: bool) -> Floats:
        """Return the log of the e-value for "the number is above the bar", or below it, after each shard in turn."""
        if self.steps is None or not len(self.counts):
            return np.array([self.evidence(bar, above)])
        row, shard = self.steps
        ends = np.flatnonzero(np.append(shard[1:] != shard[:-1], True))
        each = np.log1p(np.outer(STAKES, self.gains(bar, above)))[:, row]
        return log_wealth(np.cumsum(each, axis=1)[:, ends])

    @property
    def value(self) -> float | None:
        """The number itself, of what was observed; None where there is nothing."""
        if not len(self.counts):
            return None
        now = (self.rows[:, 0] @ self.counts) / (self.rows[:, 1] @ self.counts)
        if self.form.kind == "rate":
            return float(now)
        weights = self.counts * self.rows[:, 1]
        before = float((weights * self.rows[:, 2] / self.rows[:, 3]).sum() / weights.sum())
        if self.form.kind == "retention":
            return None if before == 0 else float(now / before)
        return float(self.form.sign * (before - now))

    @property
    def sides(self) -> tuple[float | None, float | None]:
        """The mean in what is compared with, and in the rule's cells."""
        if not len(self.counts) or not self.form.pairs:
            return None, None
        weights = self.counts * self.rows[:, 1]
        before, now = (float((weights * self.rows[:, i] / self.rows[:, i + 1]).sum() / weights.sum()) for i in (2, 0))
        return before, now

    def sequence(self, level: float) -> tuple[float, float]:
        """Return the ends of the confidence sequence: either is beyond the truth, ever, with this probability."""
        low, high = self.form.ends
        if not len(self.counts) or self.value is None:
            return low, high
        if self.form.kind == "rate":
            columns = self._share(0.5)[0][:, None], (self.rows[:, 1] / self.most)[:, None]
            found = betting_sequence(*columns, 1 - 2 * level, self.counts[:, None])
        else:
            middle = np.clip([self.value], low, high)

            def gained(bars: NDArray[Any], above: bool) -> Floats:
                return self.gains(float(bars[0]), above)[:, None]

            found = between(gained, self.counts[:, None], middle, (low, high), level)
        return float(found[0][0]), float(found[1][0])

    def unit(self, bar: float) -> float:
        """Return by what a gain on "above the bar" is multiplied to be how far the (weighted) observation is above."""
        return self._share(bar)[1]
