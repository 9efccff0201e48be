"""Verdicts as JUnit XML: a test per rule, read by every pipeline."""

from __future__ import annotations

from xml.etree import ElementTree

from perturbations.errors import named_keywords
from stress.gate._rules import MIXED, UNFINISHED, Report, Verdict, reason
from stress.gate._sarif import place

__all__ = ["junit"]

_SUITE = "stress gate"
_WHOLE = {UNFINISHED: "the run is finished", MIXED: "the run is of one model"}
"""What is tested of the run as a whole, by what is wrong with it."""


def _legal(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )


@named_keywords
def junit(report: Report) -> str:
    """Return the report as JUnit XML: what could not be judged is an error, and so is what is undecided.

    Undecided rules that count as failed are failures, those that count as passed are skipped.
    """
    cases = [_case(report, verdict) for verdict in report.verdicts]
    cases += [_obstacle(report, text) for text in report.obstacles]
    _apart(cases)
    counts = {kind: sum(case.find(tag) is not None for case in cases) for kind, tag in _KINDS.items()}
    numbers = {name: str(count) for name, count in counts.items()}
    total = {"tests": str(len(cases)), "failures": numbers["failures"], "errors": numbers["errors"], "time": "0"}
    root = ElementTree.Element("testsuites", {"name": _SUITE, **total})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _legal(report.gates.name), **total, **numbers})
    properties = ElementTree.SubElement(suite, "properties")
    about = {"run": report.run, "suite": report.suite, "model": report.model, "baseline": report.baseline or ""}
    about |= {"correction": report.gates.correction, "checks": str(report.checks), "outcome": report.outcome}
    for name, value in about.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _legal(value)})
    suite.extend(cases)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _obstacle(report: Report, text: str) -> ElementTree.Element:
    names = {"classname": _legal(report.gates.name), "name": _WHOLE.get(text, text), "time": "0"}
    case = ElementTree.Element("testcase", names)
    ElementTree.SubElement(case, "error", {"message": text, "type": "unjudged"})
    return case


def _apart(cases: list[ElementTree.Element]) -> None:
    """Number tests of one name: a pipeline would take them for one test."""
    seen: dict[str, int] = {}
    for case in cases:
        name = case.attrib["name"]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            case.set("name", f"{name} #{seen[name]}")


_KINDS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _case(report: Report, verdict: Verdict) -> ElementTree.Element:
    rule = verdict.rule
    names = {"classname": _legal(place(verdict)[0]), "name": _legal(rule.title), "time": "0"}
    case = ElementTree.Element("testcase", names)
    detail = "\n".join(f"{check.outcome}: {check.subject}: {reason(rule, check)}" for check in verdict.checks)
    about = {"message": _legal(verdict.message), "type": verdict.outcome}
    counted = report.judged(verdict)
    if counted == "fail":
        ElementTree.SubElement(case, "failure", about).text = _legal(f"{rule.where}\n{detail}")
    elif verdict.outcome == "undecided" and counted == "pass":
        ElementTree.SubElement(case, "skipped", {"message": about["message"]})
    elif counted != "pass":
        ElementTree.SubElement(case, "error", about).text = _legal(f"{rule.where}\n{detail}")
    ElementTree.SubElement(case, "system-out").text = _legal(detail)
    return case
