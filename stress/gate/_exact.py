"""One check of a rule on all of its records: its p value, and exact ends where it is a rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stress.gate._rules import Check, Rule
from stress.statistics.corrections import below
from stress.statistics.intervals import of_few
from stress.statistics.rates import at_least, at_most, clopper_pearson, student_tail
from stress.tasks import range_of

__all__ = ["counted", "exactly", "p_value", "turned"]


def turned(rule: Rule, check: Check) -> tuple[float, float, float, float] | None:
    """Return value, low, high and bar, turned so that more is better; an end that cannot be known is infinite."""
    if check.value is None or (check.low is None and check.high is None and not counted(rule)):
        return None
    low = -np.inf if check.low is None else check.low
    high = np.inf if check.high is None else check.high
    if rule.kind == "min":
        return check.value, low, high, rule.bar
    return -check.value, -high, -low, -rule.bar


def counted(rule: Rule) -> bool:
    """Whether the bar is the end of the metric's range: it can be broken, or kept so far, but never be cleared."""
    low, high = range_of(rule.metric)
    return (rule.kind, rule.bar) in (("max", low), ("min", high))


def p_value(rule: Rule, check: Check) -> float:
    """Return the p value of "the rule is kept", of one check alone; NaN where there is nothing to judge."""
    ends = turned(rule, check)
    if ends is None:
        return float("nan")
    if counted(rule):
        return 0.0 if ends[0] < ends[3] else 1.0
    if check.trials is not None and check.value is not None:
        beyond = at_most if rule.kind == "min" else at_least
        return float(student_tail(beyond(_successes(check), check.trials, rule.bar), check.freedom))
    freedom = max(check.clusters - 1, 1) if check.few else None
    return float(below(*ends, rule.confidence, freedom))


def _successes(check: Check) -> float:
    """Return how many yes-or-no answers are yes: a whole number where they are independent."""
    found = float(check.value or 0.0) * float(check.trials or 0.0)
    return found if check.freedom is not None else round(found)


def exactly(rule: Rule, check: Check) -> Check:
    """Return a check of a rate with exact ends (Clopper & Pearson 1934) instead of those that tables show.

    Those of tables (mid-P) hold on average; a release is failed or passed wrongly at one rate, and exact ones miss in
    at most half of 1 − confidence on either side at any rate, however far out the correction takes them.
    """
    if check.trials is None or check.value is None or rule.against:
        return check
    low, high = clopper_pearson(_successes(check), check.trials, rule.confidence, check.freedom)
    method = "clopper-pearson" if check.freedom is None else "clopper-pearson, effective n"
    return replace(check, low=float(low), high=float(high), method=of_few(method) if check.few else method)
