"""Numbers that are no means of scores – F1, AUROC, calibration errors, WER – judged while a run goes on.

They are looked at after 500 observations, and again after every eighth more; the ordinary interval of a look is
stretched so far that it holds at all looks at once, in the limit of many observations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perturbations.errors import named_keywords
from stress.gate._asked import bars_of
from stress.gate._exact import exactly
from stress.gate._rules import Check, Rule
from stress.gate._streams import STREAM_METRICS
from stress.measure import measured
from stress.records.frame import LIMIT
from stress.records.metric import FROM_CLEAN, Kind, Metric
from stress.records.source import Source
from stress.statistics.arrays import Floats, Ints
from stress.statistics.intervals import z_quantile
from stress.statistics.sequences import ASYMPTOTIC_FROM, asymptotic_evidence, asymptotic_reach

__all__ = ["Looks", "by_looks", "look_of", "looks_of"]

_DEEPER = 8
_KINDS: tuple[Kind, ...] = ("mean", "ratio", "counts", "confidence", "rank")


@named_keywords
def by_looks(rule: Rule, metrics: Mapping[str, Metric]) -> bool:
    """Whether a rule is about a number whose error is, in the limit, that of a mean over its observations."""
    if rule.policy is not None or rule.against or rule.by or rule.classes or rule.per in ("class", "group"):
        return False
    if rule.metric in FROM_CLEAN or rule.metric in STREAM_METRICS:
        return False
    metric = metrics.get(rule.metric) or next((m for m in metrics.values() if m.shown == rule.metric), None)
    if metric is None or metric.kind not in _KINDS or not metric.interval:
        return False
    return not any(bar in (metric.low, metric.high) for bar in bars_of(rule))


@named_keywords
def looks_of(members: Ints, shard: Ints) -> list[int]:
    """Return after how many shards one looks, by the cluster and the shard of each sample; none of less than all."""
    _, first = np.unique(members, return_index=True)
    counts = np.cumsum(np.bincount(shard[first], minlength=int(shard.max(initial=-1)) + 1))
    found, wanted = [], float(ASYMPTOTIC_FROM)
    for number, count in enumerate(counts[:-1].tolist()):
        if count >= wanted:
            found.append(number + 1)
            wanted = count * (1 + 1 / _DEEPER)
    return found


@named_keywords
def look_of(rule: Rule, cells: Sequence[str], run: Source, cluster: str | None) -> Check:
    """Return the number of some cells of a part of a run, with its ordinary interval."""
    chosen: dict[str, Any] = {} if cluster is None else {"cluster": cluster}
    whole = measured(run, limit=LIMIT, **chosen)
    session = whole.selection({"look": list(cells)}, None, confidence=rule.confidence)
    samples, clusters = session.support("look")
    return exactly(
        rule, Check.of("look", session.metric(rule.metric)["look"], cells, samples=samples, clusters=clusters)
    )


@dataclass
class Looks:
    """What was found at each look in turn."""

    confidence: float
    taken: list[Check] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The number itself, as of the last look."""
        return self.taken[-1].value

    def far(self, check: Check, bar: float, above: bool) -> float:
        """Return by how many standard errors the number of a look is above a bar, or below it; 0 where none is known.

        The standard error is that of the side that faces the bar: intervals of areas and shares are no symmetric ones.
        """
        value, low, high = check.value, check.low, check.high
        if value is None or low is None or high is None:
            return 0.0
        facing = value - low if value > bar else high - value
        return (value - bar) * (1 if above else -1) * z_quantile(self.confidence) / facing if facing > 0 else 0.0

    def path(self, bar: float, above: bool) -> Floats:
        """Return the log of the evidence for "the number is above the bar", or below it, at each look."""
        z = np.array([self.far(check, bar, above) for check in self.taken])
        return asymptotic_evidence(z, np.array([check.clusters for check in self.taken], np.float64))

    def sequence(self, level: float) -> tuple[float, float]:
        """Return the ends of the confidence sequence at the last look: either is beyond the truth with this chance."""
        check = self.taken[-1]
        if check.value is None or check.low is None or check.high is None:
            return -np.inf, np.inf
        longer = asymptotic_reach(check.clusters, level) / z_quantile(self.confidence)
        return check.value - longer * (check.value - check.low), check.value + longer * (check.high - check.value)
