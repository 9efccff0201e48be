"""Bars that no value could reach, or none could miss: 85 where 0.85 is meant."""

from __future__ import annotations

import math

from scenarios.reading import Problems
from stress.gate._leakage import LEAKAGE
from stress.gate._rules import Rule
from stress.gate._streams import STREAM_METRICS
from stress.records.metric import Metric
from stress.tasks import range_of

__all__ = ["bar_range", "outside"]

_DERIVED = ("drop", "retention", "gap", "widening")
_SHARES = ("shapley_share", "dominance")
_INDICES = ("interaction", "net_synergy", "net_redundancy")


def bar_range(rule: Rule, headline: Metric | None = None) -> tuple[float, float]:
    """Return between which numbers a rule's bar can lie; infinite ends where the metric has none.

    A drop, a gap and how much it widens are differences of a metric, ``headline`` if the rule does not say which: they
    are no greater than its range is wide, and so is what a stream is worth; an interaction of two is a difference of
    two of these. What is retained may be more than all, and a stream's share negative, but a bar of more than twice, or
    of less than nothing by as much as all, is not meant.
    """
    if STREAM_METRICS.get(rule.metric) == "consistency":
        return 0.0, 1.0
    if rule.metric == LEAKAGE:
        return 0.0, math.inf
    if rule.metric in _SHARES:
        return -1.0, 2.0
    changes = rule.metric in _DERIVED or rule.metric in STREAM_METRICS
    name = rule.of or (headline.name if headline is not None else "") if changes else rule.metric
    low, high = range_of(name) if name else (-math.inf, math.inf)
    width = high - low
    if rule.metric in STREAM_METRICS:
        return (-2 * width, 2 * width) if rule.metric in _INDICES else (-width, width)
    if rule.metric == "retention":
        return (-width, width) if rule.against else (0.0, 2.0)
    if rule.against or rule.metric in ("drop", "widening"):
        return -width, width
    return (0.0, width) if rule.metric == "gap" else (low, high)


def outside(rule: Rule, headline: Metric | None, problems: Problems) -> None:
    """Note a bar that lies outside of what the metric can be."""
    low, high = bar_range(rule, headline)
    for bar in (rule.bar,) if rule.ends is None else rule.ends:
        if rule.goals is None and not low <= bar <= high:
            _outside(rule, bar, low, high, problems)


def _outside(rule: Rule, bar: float, low: float, high: float, problems: Problems) -> None:
    ends = f"in [{low:g}, {high:g}]" if math.isfinite(high) else f"at least {low:g}"
    meant = f" Did you mean {bar / 100:g}?" if low <= bar / 100 <= high and bar > 1 else ""
    problems.say(rule.where, "gates", f"{rule.kind} of {rule.metric} must be {ends}, got {bar:g}.{meant}")
