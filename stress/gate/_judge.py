"""Pass, fail, or not enough evidence: rules held against a run.

A check **passes** when the interval clears the bar, **fails** when the value is surely beyond it after correction for
the number of checks in the file, and is **undecided** between. A release passes when *all* checks pass, which needs no
correction (an intersection–union test); it fails when *any* does, which does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from perturbations import SpecError
from perturbations.errors import gather
from scenarios.reading import Problems
from stress.gate._numbers import Numbers
from stress.gate._rules import Check, Gates, Outcome, Report, Rule, Verdict
from stress.measure import match
from stress.records.pairing import paired
from stress.records.source import Source
from stress.statistics.corrections import adjusted, below, further
from stress.statistics.intervals import z_quantile
from stress.tasks import range_of

__all__ = ["judge", "p_value", "suite_of"]


def judge(
    run: Source, gates: Gates, baseline: Source | None = None, *, undecided: str | None = None, common: bool = False
) -> Report:
    """Hold a run against gates. Raises SpecError where a rule cannot be about this run, RunError for an unfit baseline.

    ``undecided`` is what undecided rules count as: ``pass``, ``fail`` or (``None``) neither. ``common`` compares what
    the two runs share instead of refusing runs that differ.
    """
    problems = Problems([], Path.cwd())
    for rule in gates.rules:
        rule.on.check(run, problems)
        if rule.against and baseline is None:
            problems.say(rule.where, "gates", "a rule against baseline needs a run to compare with (--against RUN).")
    gather(problems.sorted(), SpecError)
    matched = None
    if baseline is not None and any(rule.against for rule in gates.rules):
        matched = match(paired(baseline, run, common, gates.cluster), cluster=gates.cluster)
    numbers = Numbers(run, matched, gates.cluster)
    measured = [(rule, check) for rule in gates.rules for check in numbers.checks(rule)]
    checks = _outcomes([rule for rule, _ in measured], [check for _, check in measured], gates.correction)
    verdicts = []
    for rule in gates.rules:
        mine = [check for (owner, _), check in zip(measured, checks) if owner is rule]
        verdicts.append(Verdict(rule, tuple(mine)))
    return Report(
        gates,
        tuple(verdicts),
        str(run.path),
        suite_of(run),
        str(run.info.get("identity", {}).get("model", {}).get("name", "")),
        None if baseline is None else str(baseline.path),
        () if matched is None else matched.pair.dropped,
        undecided,
        not run.info.get("finished", True),
        matched,
    )


def suite_of(run: Source) -> str:
    """Return the name and version of a run's suite."""
    suite = run.info.get("identity", {}).get("suite", {})
    return f"{suite['name']}@{suite['version']}" if suite else str(run.info.get("suite", ""))


def _outcomes(rules: Sequence[Rule], checks: Sequence[Check], correction: str) -> list[Check]:
    """Return the checks with p values, corrected over all of them, and what comes of each."""
    p = np.array([p_value(rule, check) for rule, check in zip(rules, checks)], np.float64)
    sure = adjusted(p, correction)
    return [_judged(rule, check, one, all_) for rule, check, one, all_ in zip(rules, checks, p.tolist(), sure.tolist())]


def _ends(rule: Rule, check: Check) -> tuple[float, float, float, float] | None:
    """Return value, low, high and bar, turned so that more is better; an end that cannot be known is infinite."""
    if check.value is None or (check.low is None and check.high is None and not _counted(rule)):
        return None
    low = -np.inf if check.low is None else check.low
    high = np.inf if check.high is None else check.high
    if rule.kind == "min":
        return check.value, low, high, rule.bar
    return -check.value, -high, -low, -rule.bar


def _counted(rule: Rule) -> bool:
    """Whether the bar is the end of the metric's range: it can be broken, or kept so far, but never be cleared."""
    low, high = range_of(rule.metric)
    return (rule.kind, rule.bar) in (("max", low), ("min", high))


def p_value(rule: Rule, check: Check) -> float:
    """Return the p value of "the rule is kept", of one check alone; NaN where there is nothing to judge."""
    ends = _ends(rule, check)
    if ends is None:
        return float("nan")
    if _counted(rule):
        return 0.0 if ends[0] < ends[3] else 1.0
    trials = float("nan") if check.trials is None else float(check.trials)
    shift = 1.0 if rule.kind != "min" and np.isfinite(trials) else 0.0  # a rate that should be low: count the others
    value, low, high, bar = (end + shift for end in ends)
    freedom = max(check.clusters - 1, 1) if check.few else None
    return float(below(value, low, high, bar, rule.confidence, freedom, trials))


def _judged(rule: Rule, check: Check, p: float, p_adjusted: float) -> Check:
    ends = _ends(rule, check)
    if ends is None:
        return replace(
            check, outcome="unjudged", note=check.note or "it has no interval, so nothing can be said surely"
        )
    value, low, high, bar = ends
    level = (1 - rule.confidence) / 2 * (1 + 1e-9)
    outcome: Outcome = "undecided"
    if _counted(rule):
        outcome = "pass" if value >= bar else "fail"
    elif p_adjusted <= level:
        outcome = "fail"
    elif low >= bar:
        outcome = "pass"
    found = replace(check, outcome=outcome, p=p, p_adjusted=p_adjusted)
    if outcome != "undecided":
        return found
    times = 1.0
    if value < bar and p > 0:  # a failure must outlast the correction too
        times = z_quantile(1 - (1 - rule.confidence) * min(p / p_adjusted, 1.0)) / z_quantile(rule.confidence)
    return replace(found, further=float(further(value, low, high, bar, check.clusters, times)))
