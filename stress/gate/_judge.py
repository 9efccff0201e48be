"""Pass, fail, or not enough evidence: rules held against a run.

A check **passes** when the interval clears the bar, **fails** when the value is surely beyond it after correction for
the number of checks in the file, and is **undecided** between. A release passes when *all* checks pass, which needs no
correction (an intersection–union test); it fails when *any* does, which does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from perturbations import SpecError
from perturbations.errors import gather, named_keywords
from scenarios.reading import Problems
from stress.gate._bars import outside
from stress.gate._labels import with_labels
from stress.gate._numbers import Numbers
from stress.gate._rules import WORST, Check, Gates, Outcome, Report, Rule, Verdict
from stress.measure import match
from stress.measure import measured as measured_of
from stress.records.pairing import paired
from stress.records.source import Source
from stress.statistics.corrections import adjusted, below, needed
from stress.statistics.intervals import of_few, z_quantile
from stress.statistics.rates import at_least, at_most, clopper_pearson, power_needed, student_tail, tail_level
from stress.tasks import range_of

__all__ = ["exactly", "judge", "p_value", "suite_of"]


@named_keywords
def judge(
    run: Source,
    gates: Gates,
    baseline: Source | None = None,
    *,
    undecided: str | None = None,
    common: bool = False,
    allow_mixed: bool = False,
    labels_disputed: Collection[str] = (),
) -> Report:
    """Hold a run against gates. Raises SpecError where a rule cannot be about this run, RunError for an unfit baseline.

    ``undecided`` is what undecided rules count as: ``pass``, ``fail`` or (``None``) neither. ``common`` compares what
    the two runs share instead of refusing runs that differ. ``allow_mixed`` judges a run, or holds one against a
    baseline, in which a changed model was accepted; without it the outcome is that nothing could be judged.
    ``labels_disputed`` are ids of samples whose labels may be wrong: what would turn with them is undecided.
    """
    _fitting(run, gates, baseline, Numbers(run, None, gates.cluster))
    matched = None
    if baseline is not None:
        matched = match(paired(baseline, run, common, gates.cluster), cluster=gates.cluster)
    numbers = Numbers(run, matched, gates.cluster)
    measured = _measured(numbers, gates.rules)
    checks = _outcomes([rule for rule, _ in measured], [check for _, check in measured], gates.correction)
    headline = measured_of(run).headline
    checks = [with_labels(rule, each, headline, labels_disputed) for (rule, _), each in zip(measured, checks)]
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
        mixed=not allow_mixed and any(each.info.get("mixed") for each in (run, baseline) if each is not None),
        records=run.count,
    )


def _fitting(run: Source, gates: Gates, baseline: Source | None, numbers: Numbers) -> None:
    """Raise one error with everything in the gates that cannot be about this run, or this baseline."""
    problems = Problems([], Path.cwd())
    headline = measured_of(run).headline
    for rule in gates.rules:
        rule.on.check(run, problems)
        outside(rule, headline, problems)
        if rule.against and baseline is None:
            problems.say(rule.where, "gates", "a rule against baseline needs a run to compare with (--against RUN).")
        try:
            numbers.of(rule).named(rule)
        except SpecError as error:
            problems.found.append(str(error))
    gather(problems.sorted(), SpecError)
    if baseline is not None and not any(rule.against for rule in gates.rules):
        example = f"{{metric: {headline.name}, per: scenario, against: baseline, max_drop: 0.02}}"
        raise SpecError(
            f"{gates.name}: gates: a baseline must be compared with by at least one rule against: baseline, got none: "
            f"the run would pass however much worse it is. Hint: add - {example} (--suggest --against writes some)."
        )


def _measured(numbers: Numbers, rules: Sequence[Rule]) -> list[tuple[Rule, Check]]:
    """Return every rule's numbers. Raises one error with all that cannot be measured of this run."""
    found: list[tuple[Rule, Check]] = []
    problems: list[str] = []
    for rule in rules:
        try:
            found += [(rule, exactly(rule, check)) for check in numbers.of(rule).checks(rule)]
        except SpecError as error:
            problems.append(str(error))
    gather(list(dict.fromkeys(problems)), SpecError)
    return found


def suite_of(run: Source) -> str:
    """Return the name and version of a run's suite."""
    suite = run.info.get("identity", {}).get("suite", {})
    return f"{suite['name']}@{suite['version']}" if suite else str(run.info.get("suite", ""))


def _outcomes(rules: Sequence[Rule], checks: Sequence[Check], correction: str) -> list[Check]:
    """Return the checks with p values, corrected over all of them, and what comes of each.

    What must lie between two numbers is two questions, which both count in the correction.
    """
    sides = [_sides(rule, check) for rule, check in zip(rules, checks)]
    asked = [(side, check) for mine, check in zip(sides, checks) for side in mine]
    p = np.array([p_value(side, check) for side, check in asked], np.float64)
    sure = adjusted(p, correction)
    judged = iter([_judged(*each, one, all_) for each, one, all_ in zip(asked, p.tolist(), sure.tolist())])
    return [_together([next(judged) for _ in mine]) for mine in sides]


def _sides(rule: Rule, check: Check) -> list[Rule]:
    """Return a rule as the bars that it sets for a check: one, or a lower and an upper one."""
    if rule.kind != "within":
        return [rule]
    low, high = check.ends or rule.ends or (-np.inf, np.inf)
    return [replace(rule, kind="min", bar=low), replace(rule, kind="max", bar=high)]


def _together(judged: Sequence[Check]) -> Check:
    """Return a check as the worse of its two sides ended."""
    worst = min(judged, key=lambda check: (WORST.index(check.outcome), check.p_adjusted or 0.0))
    left = [check.needed for check in judged if check.needed is not None]
    return replace(worst, needed=max(left, default=None) if worst.outcome == "undecided" else worst.needed)


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


def _judged(rule: Rule, check: Check, p: float, p_adjusted: float) -> Check:
    ends = _ends(rule, check)
    if ends is None:
        return replace(
            check, outcome="unjudged", note=check.note or "it has no interval, so nothing can be said surely"
        )
    value, low, _, bar = ends
    low = low if check.clear is None else (check.clear if rule.kind == "min" else -check.clear)
    level = (1 - rule.confidence) / 2 * (1 + 1e-9)
    outcome: Outcome = "undecided"
    if _counted(rule):
        outcome = "pass" if value >= bar else "fail"
    elif p_adjusted <= level:
        outcome = "fail"
    elif low >= bar:
        outcome = "pass"
    found = replace(check, outcome=outcome, p=p, p_adjusted=p_adjusted)
    return replace(found, needed=_needed(rule, found, ends)) if outcome == "undecided" else found


def _needed(rule: Rule, check: Check, ends: tuple[float, float, float, float]) -> float:
    """Return how many samples (clusters) of a new run would decide in four cases of five, if it is as measured."""
    value, low, high, bar = ends
    share = 1.0
    if value < bar and check.p and check.p_adjusted:  # a failure must outlast the correction too
        share = min(check.p / check.p_adjusted, 1.0)
    level = (1 - rule.confidence) / 2 * share
    if check.trials is not None and check.value is not None:
        answers = power_needed(check.value, rule.bar, float(tail_level(level, check.freedom)))
        return float(np.ceil(answers * check.clusters / check.trials))
    times = z_quantile(1 - 2 * level) / z_quantile(rule.confidence)
    return needed(value, low, high, bar, check.clusters, times, confidence=rule.confidence)
