"""Verdicts as plain data, for other programs and for the record of a release."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perturbations.errors import named_keywords
from stress.gate._rules import Check, Report, Rule
from stress.measure import Example
from stress.records.writing import write_json

__all__ = ["FORMAT", "report_data", "save"]

FORMAT = 1
"""Version of gate.json."""


@named_keywords
def report_data(report: Report, examples: Sequence[Example] = ()) -> dict[str, Any]:
    """Return a report as data that JSON can hold: no NaN, no infinity."""
    return {
        "format": FORMAT,
        "outcome": report.outcome,
        "exit_status": report.status,
        "run": report.run,
        "suite": report.suite,
        "model": report.model,
        "baseline": report.baseline,
        "run_finished": not report.unfinished,
        "run_mixed": report.mixed,
        "records": report.records,
        "left_out": list(report.dropped),
        "gates": report.gates.name,
        "correction": report.gates.correction,
        "cluster": report.gates.cluster,
        "undecided_counts_as": report.undecided,
        "rules": len(report.verdicts),
        "checks": report.checks,
        "counts": {o: report.count(o) for o in ("pass", "fail", "undecided", "unjudged")},
        "verdicts": [
            {
                "rule": verdict.rule.title,
                "where": verdict.rule.where,
                "metric": verdict.rule.metric,
                "bar": _bar(verdict.rule),
                "confidence": verdict.rule.confidence,
                "outcome": verdict.outcome,
                "message": verdict.message,
                "checks": [_check(check) for check in verdict.checks],
            }
            for verdict in report.verdicts
        ],
        "examples": [asdict(example) for example in examples],
    }


def _check(check: Check) -> dict[str, Any]:
    found = asdict(check)
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in found.items()}


@named_keywords
def save(path: Path, text: str | dict[str, Any]) -> None:
    """Write a text or data whole or not at all. Raises RunError where it cannot be written."""
    from perturbations import InputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            path.write_text(text, encoding="utf-8")
            return
        json.dumps(text, allow_nan=False)
        write_json(path, text)
    except OSError as error:
        raise InputError(f"gate: {path}: cannot be written: {error.strerror}.") from None


def _bar(rule: Rule) -> dict[str, Any]:
    """Return what a rule asks for, by the word it is written with."""
    if rule.goals is not None:
        return {"goals": dict(rule.goals.shares) or rule.goals.kind, "tolerance": rule.goals.tolerance}
    return {rule.kind: rule.bar if rule.ends is None else list(rule.ends)}
