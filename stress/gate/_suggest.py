"""A gate file from a run: every bar lies a little beyond the end of the interval measured, so that this run passes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from glob import escape

from perturbations.errors import named_keywords
from stress.gate._exact import exactly
from stress.gate._judge import suite_of
from stress.gate._numbers import Numbers
from stress.gate._rules import Rule
from stress.gate._select import Selection
from stress.measure import match, measured
from stress.records.pairing import paired
from stress.records.source import Source
from stress.records.stopping import refuse_stopped

__all__ = ["suggest"]

MARGIN = 0.01
"""How far under the lower bound (above the upper one) a bar is set, before it is rounded away from it."""


@named_keywords
def suggest(run: Source, baseline: Source | None = None) -> str:
    """Return a commented gate file that this run passes, and that a clearly worse one does not.

    With a ``baseline`` it also has a rule against that run for each scenario.
    """
    lines = [
        f"# Suggested from a run of {json.dumps(suite_of(run))}: each bar lies just beyond the interval measured.",
        "# Raise what matters to you, delete what does not, and keep the file beside the model.",
        "gates:",
    ]
    for each in (run, baseline):
        if each is not None:
            refuse_stopped(each, "gate: --suggest")
    numbers = Numbers(run)
    for rule, comment in _candidates(run):
        if line := _line(rule, numbers):
            lines.append(f"  - {line}{f'  # {comment}' if comment else ''}")
    headline = measured(run).headline.name
    if baseline is None:
        lines.append("  # with --against RUN of the last release:")
        lines.append(f"  # - {{metric: {headline}, against: baseline, max_drop: 0.02, per: scenario}}")
    else:
        lines += [f"  - {line}" for line in _against(run, baseline, headline)]
    return "\n".join(lines) + "\n"


def _against(run: Source, baseline: Source, metric: str) -> Iterator[str]:
    """Yield a rule against the last release for clean input and each scenario: no bar is set by another's noise."""
    matched = match(paired(baseline, run))
    numbers = Numbers(run, matched)
    for on in (Selection("clean"), *(_scenario(name) for name in _scenarios(run))):
        (check,) = numbers.checks(Rule(metric, "max_drop", 0.0, "suggest", on))
        if check.high is not None:
            bar = math.ceil(100 * (max(check.high, 0.0) + MARGIN)) / 100
            yield f"{{metric: {metric}, on: {_on(on)}, against: baseline, max_drop: {bar:g}}}"


def _scenarios(run: Source) -> list[str]:
    """Return the names of a run's scenarios."""
    return list(dict.fromkeys(r["scenario"] for r in run.cells.to_pylist() if r["cell"] != "clean" and r["scenario"]))


def _scenario(name: str) -> Selection:
    return Selection("terms", {"scenario": (escape(name),)})


def _candidates(run: Source) -> Iterator[tuple[Rule, str]]:
    session = measured(run)
    rows = run.cells.to_pylist()
    metric = session.headline.name
    clean = Selection("clean")
    way = "max" if session.better(metric) == "lower" else "min"
    if any(row["cell"] == "clean" for row in rows):
        yield _rule(metric, way, clean), ""
        if session.single:
            yield _rule("recall", "min", clean, "class"), "every class, not only the frequent ones"
        if session.declares("ece"):
            yield _rule("ece", "max", clean), ""
    for name in _scenarios(run):  # one bar for all would be set by the worst, and toothless for the others
        yield _rule(metric, way, _scenario(name)), ""
    graded = dict.fromkeys(row["modality"] for row in rows if row["modality"] and not row["lost"])
    for name in graded if way == "min" else ():
        yield _rule("retention", "min", Selection("terms", {"modality": (name,), "lost": ("none",)})), ""
    lost = dict.fromkeys("+".join(row["lost"]) for row in rows if row["lost"] and not row["fallback"])
    for name in lost:
        yield _rule(metric, way, Selection("terms", {"lost": (name,)})), ""
    yield _rule("crash_rate", "max", Selection()), ""
    yield _rule("latency_p95_ms", "max", Selection()), "on the machine that this was measured on"


def _rule(metric: str, kind: str, on: Selection, per: str | None = None) -> Rule:
    return Rule(metric, "max" if kind == "max" else "min", 0.0, "suggest", on, per)


def _line(rule: Rule, numbers: Numbers) -> str | None:
    checks = [exactly(rule, check) for check in numbers.checks(rule)]
    if not checks or any(check.value is None for check in checks):
        return None
    bar = _bar(rule, [(check.value or 0.0, check.low, check.high) for check in checks])
    if bar is None:
        return None
    on = "" if rule.on.kind == "every" else f", on: {_on(rule.on)}"
    per = f", per: {rule.per}" if rule.per else ""
    return f"{{metric: {rule.metric}{on}{per}, {rule.kind}: {bar:g}}}"


def _bar(rule: Rule, found: list[tuple[float, float | None, float | None]]) -> float | None:
    if rule.metric == "crash_rate" and all(value == 0 for value, _, _ in found):
        return 0.0
    ends = [low if rule.kind == "min" else high for _, low, high in found]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return None
    if rule.metric.startswith("latency"):
        return float(math.ceil(1.25 * max(known)))  # another day, a busier machine
    if rule.kind == "max":
        return math.ceil(100 * (max(known) + MARGIN)) / 100
    bar = math.floor(100 * (min(known) - MARGIN)) / 100
    return bar if bar > 0 else None


def _on(on: Selection) -> str:
    if on.kind == "clean":
        return "clean"
    terms = ", ".join(f"{key}: {json.dumps(values[0], ensure_ascii=False)}" for key, values in on.terms.items())
    return f"{{{terms}}}"
