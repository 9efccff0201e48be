"""Verdicts for a pull request: GitHub-flavoured Markdown in which no name can do harm.

Class names, sample ids and file names come from data. They are shown in ``<code>`` with every character that Markdown,
HTML or GitHub (links, @mentions, #references, emoji) could act on written as a number.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from perturbations.errors import named_keywords
from stress.gate._rules import MARKS, Report, Verdict, interval, number, reason
from stress.measure import Example

__all__ = ["markdown", "quoted", "table"]

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,+-=%/≥≤→−–…")
_MOST = 200
_ROWS = 20


def quoted(text: object) -> str:
    """Return a name from data, harmless in any place of a Markdown text, a table's cell included."""
    plain = " ".join(str(text).split())
    cut = plain if len(plain) <= _MOST else f"{plain[: _MOST - 1]}…"
    return f"<code>{''.join(map(_character, cut))}</code>" if cut else ""


def _character(c: str) -> str:
    if c in _PLAIN:
        return c
    if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):  # controls, right-to-left overrides
        return "\ufffd"
    return f"&#{ord(c)};" if ord(c) < 128 else c


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells must be harmless already."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


@named_keywords
def markdown(report: Report, examples: Sequence[Example] = ()) -> str:
    """Return the report as a comment for a pull request, with the worst three examples."""
    counts = ", ".join(f"{report.count(o)} {o}" for o in ("fail", "unjudged", "undecided", "pass") if report.count(o))
    lines = [
        f"## Release gate: {report.outcome}",
        "",
        f"{quoted(report.suite)} on {quoted(report.model or 'the model')}",
    ]
    if report.baseline:
        lines[-1] += f", against {quoted(report.baseline)}"
    size = f"{len(report.verdicts)} rules, {report.checks} checks (corrected: {report.gates.correction})"
    lines += ["", f"{size}: {counts}.", ""]
    lines += [line for text in report.obstacles for line in (f"{text}.", "")]
    order = sorted(report.verdicts, key=lambda v: ("fail", "unjudged", "undecided", "pass").index(v.outcome))
    lines += table(["", "rule", "worst", "value", "n"], [_row(verdict) for verdict in order])
    lines += _details(order)
    if report.dropped:
        lines += ["", "Left out of the comparison:", *(f"- {quoted(line)}" for line in report.dropped)]
    if examples:
        lines += ["", "### Worst examples", ""]
        rows = [[quoted(x) for x in (e.sample, e.cell, e.target, e.before, e.after)] for e in examples[:3]]
        lines += table(["sample", "cell", "truth", "before", "after"], rows)
    return "\n".join(lines) + "\n"


def _row(verdict: Verdict) -> list[str]:
    check = verdict.worst
    mark = f"{MARKS[verdict.outcome]} {verdict.outcome}"
    value = interval(check) if check.value is not None else quoted(check.note or "")
    if verdict.rule.against and check.value is not None:
        value += f" ({number(check.before)} → {number(check.after)})"
    return [mark, quoted(verdict.rule.title), quoted(check.subject), value, f"{check.n:,}"]


def _details(verdicts: Sequence[Verdict]) -> list[str]:
    bad = [(v.rule, check) for v in verdicts for check in v.checks if check.outcome != "pass"]
    if not bad:
        return []
    lines = ["", "<details><summary>Every check that did not pass</summary>", ""]
    lines += [
        f"- {check.outcome}: {quoted(check.subject)}: {quoted(reason(rule, check))}" for rule, check in bad[:_ROWS]
    ]
    if len(bad) > _ROWS:
        lines.append(f"- … and {len(bad) - _ROWS} more, in gate.json")
    return [*lines, "", "</details>"]
