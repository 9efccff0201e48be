"""A verdict in one line, for people: what, how much, against which bar, how sure."""

from __future__ import annotations

import math

from stress.gate._rules import Check, Rule, Verdict

__all__ = ["MARKS", "UNFINISHED", "interval", "number", "reason", "sentence"]

MARKS = {"pass": "✓", "fail": "✗", "undecided": "?", "unjudged": "–"}
UNFINISHED = "The run is unfinished, so it cannot pass: the same command that began it continues it"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as it is shown: three decimals, or three digits where it is large."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}"
    return text.replace("-", "−")


def interval(check: Check) -> str:
    """Return ``0.120 [0.061, 0.221]``."""
    if check.low is None and check.high is None:
        return number(check.value)
    return f"{number(check.value)} [{number(check.low)}, {number(check.high)}]"


def reason(rule: Rule, check: Check) -> str:
    """Return why a check ended as it did, with the numbers."""
    if check.outcome == "unjudged":
        return f"could not be judged: {check.note}"
    sign = {"min": "≥", "max": "≤", "max_drop": "a drop ≤"}[rule.kind]
    shown = f"{interval(check)}, must be {sign} {rule.bar:g}"
    if rule.against:
        shown += f" ({number(check.before)} → {number(check.after)})"
    shown += f", n={check.n:,}"
    if check.note:
        shown += f" ({check.note})"
    if check.outcome == "undecided":
        if check.p is not None and check.p <= (1 - rule.confidence) / 2:
            shown += "; alone it would fail, but it is one of many checks"
        shown += f"; {_more(check)} would decide"
    return shown


def _more(check: Check) -> str:
    if check.further is None or check.further > 1e6:
        return "no reasonable number of samples"
    word = "samples" if check.clusters == check.samples else "clusters"
    return f"about {check.further:,.0f} more {word}"


def sentence(verdict: Verdict) -> str:
    """Return one line: outcome, what, numbers, and where the rule stands."""
    rule, check = verdict.rule, verdict.worst
    what = rule.name or " ".join(filter(None, [rule.metric, f"of {rule.of}" if rule.of else ""]))
    subject = check.subject if rule.per is None or rule.per == "cell" else f"{rule.per} {check.subject}"
    place = str(rule.on) if rule.per not in (None, "cell") else ""
    about = f"{what} on {subject}" if rule.per in (None, "cell") else f"{what} of {subject} on {place}"
    alike = [other for other in verdict.checks if other.outcome == verdict.outcome]
    rest = f" and {len(alike) - 1} more" if len(alike) > 1 and verdict.outcome != "pass" else ""
    every = f" (worst of {len(verdict.checks)})" if len(verdict.checks) > 1 and verdict.outcome == "pass" else ""
    line = f"{about}{rest}{every}: {reason(rule, check)}"
    return " ".join(line.split())
