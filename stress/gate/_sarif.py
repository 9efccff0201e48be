"""Verdicts where a code review shows them: SARIF 2.1.0 and GitHub's workflow commands, at the line of the rule."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from perturbations.errors import named_keywords
from stress.gate._rules import Report, Verdict

__all__ = ["commands", "place", "sarif"]

_LEVELS = {"fail": "error", "unjudged": "error", "undecided": "warning"}
_PLACE = re.compile(r"(.*?):(\d+):(\d+)")


def place(verdict: Verdict) -> tuple[str, int, int]:
    """Return file, line and column of a verdict's rule."""
    found = _PLACE.match(verdict.rule.where)
    return (found[1], int(found[2]), int(found[3])) if found else (verdict.rule.where, 1, 1)


@named_keywords
def sarif(report: Report) -> dict[str, Any]:
    """Return the rules that did not pass as SARIF 2.1.0."""
    ids = {verdict.rule.metric: f"gate/{verdict.rule.metric}" for verdict in report.verdicts}
    rules = [{"id": name, "shortDescription": {"text": f"a bar for {metric}"}} for metric, name in ids.items()]
    results = [_result(report, verdict) for verdict in report.verdicts if report.judged(verdict) != "pass"]
    driver = {"name": "multimodal-stress", "rules": rules}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(report: Report, verdict: Verdict) -> dict[str, Any]:
    file, line, column = place(verdict)
    region = {"startLine": line, "startColumn": column}
    location = {"physicalLocation": {"artifactLocation": {"uri": quote(file)}, "region": region}}
    level = _LEVELS[report.judged(verdict)]
    return {
        "ruleId": f"gate/{verdict.rule.metric}",
        "level": level,
        "message": {"text": verdict.message},
        "locations": [location],
    }


@named_keywords
def commands(report: Report) -> list[str]:
    """Return the rules that did not pass as workflow commands (``::error file=…``) for a job's log."""
    found = []
    for verdict in report.verdicts:
        counted = report.judged(verdict)
        if counted != "pass":
            file, line, column = place(verdict)
            where = f"file={_escaped(file, True)},line={line},col={column},title={_escaped('release gate', True)}"
            found.append(f"::{_LEVELS[counted]} {where}::{_escaped(f'{verdict.outcome}: {verdict.message}')}")
    return found


def _escaped(text: str, field: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if field else text
