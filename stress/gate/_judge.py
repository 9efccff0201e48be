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
from stress.gate._exact import counted, exactly, p_value, turned
from stress.gate._labels import with_labels
from stress.gate._numbers import Numbers
from stress.gate._rules import WORST, Check, Gates, Outcome, Report, Rule, Verdict
from stress.gate._sequential import Resting, proven, resting, surely
from stress.gate._stopped import Stopped, cluster_of
from stress.measure import match
from stress.measure import measured as measured_of
from stress.records.pairing import paired
from stress.records.source import Source
from stress.records.stopping import is_stopped, refuse_stopped
from stress.statistics.corrections import adjusted, needed
from stress.statistics.intervals import z_quantile
from stress.statistics.rates import power_needed, tail_level

__all__ = ["judge", "suite_of"]


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
    numbers = Numbers(run, None, gates.cluster)
    _fitting(run, gates, baseline, numbers)
    matched = None
    if baseline is not None:
        refuse_stopped(baseline, "gate: --against")
        matched = match(paired(baseline, run, common, gates.cluster), cluster=gates.cluster)
        numbers = replace(numbers, matched=matched)
    measured = _measured(numbers, gates.rules, baseline)
    checks = _outcomes(measured, gates.correction, is_stopped(run))
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


def _measured(numbers: Numbers, rules: Sequence[Rule], baseline: Source | None) -> list[tuple[Rule, Resting]]:
    """Return every rule's numbers. Raises one error with all that cannot be measured of this run."""
    found: list[tuple[Rule, Resting]] = []
    problems: list[str] = []
    run, session = numbers.run, measured_of(numbers.run)
    stopped = Stopped(run, baseline, cluster_of(run, numbers.cluster)) if is_stopped(run) else None
    numbers.expect(rules)
    for rule in rules:
        try:
            for check in numbers.of(rule).checks(rule):
                exact = exactly(rule, check)
                found.append((rule, resting(rule, exact, stopped, session) if stopped else Resting(exact)))
        except SpecError as error:
            problems.append(str(error))
    gather(list(dict.fromkeys(problems)), SpecError)
    return found


def suite_of(run: Source) -> str:
    """Return the name and version of a run's suite."""
    suite = run.info.get("identity", {}).get("suite", {})
    return f"{suite['name']}@{suite['version']}" if suite else str(run.info.get("suite", ""))


def _outcomes(measured: Sequence[tuple[Rule, Resting]], correction: str, stopped: bool) -> list[Check]:
    """Return the checks with p values, corrected over all of them, and what comes of each.

    What must lie between two numbers is two questions, which both count in the correction. Of a run that may have
    ``stopped`` anywhere the p values are inverses of e-values.
    """
    sides = [_sides(rule, rest.check) for rule, rest in measured]
    asked = [(side, rest) for mine, (_, rest) in zip(sides, measured) for side in mine]
    p = [p_value(side, rest.check) for side, rest in asked]
    sure = adjusted(np.array(p, np.float64), correction).tolist()
    if stopped:
        p, sure = surely(asked, p, correction)
    judged = iter([_judged(side, proven(side, rest), one, all_) for (side, rest), one, all_ in zip(asked, p, sure)])
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


def _judged(rule: Rule, check: Check, p: float, p_adjusted: float) -> Check:
    ends = turned(rule, check)
    if ends is None:
        return replace(
            check, outcome="unjudged", note=check.note or "it has no interval, so nothing can be said surely"
        )
    value, low, _, bar = ends
    low = low if check.clear is None else (check.clear if rule.kind == "min" else -check.clear)
    level = (1 - rule.confidence) / 2 * (1 + 1e-9)
    outcome: Outcome = "undecided"
    if counted(rule):
        outcome = "pass" if value >= bar else "fail"
    elif p_adjusted <= level:
        outcome = "fail"
    elif low >= bar:
        outcome = "pass"
    found = replace(check, outcome=outcome, p=p, p_adjusted=p_adjusted)
    return replace(found, needed=_needed(rule, found, ends)) if outcome == "undecided" and not check.asked else found


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
