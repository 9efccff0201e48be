"""The evidence as pages that open anywhere: no script, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from perturbations.errors import printable

__all__ = ["PAGES", "pages"]

_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
_DASH = "–"


@dataclass(frozen=True)
class Section:
    """A heading, what to know, and a table."""

    title: str
    text: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


PAGES = {
    "index": "Declared levels",
    "tested": "What was tested",
    "results": "Results",
    "not-tested": "What was not tested",
    "frameworks": "Laws and standards",
    "provenance": "Versions and digests",
}
"""File names (without .html) and titles; the first page is the one that says whether levels are met."""


def pages(data: Mapping[str, Any]) -> dict[str, str]:
    """Return each page as HTML, by file name."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style = resources.files("stress.report").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = _shown
    template = environment.from_string(
        resources.files("stress.evidence").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    made = {"index": _first, "tested": _tested, "results": _results, "not-tested": _not_tested,
            "frameworks": _frameworks, "provenance": _provenance}  # fmt: skip
    common = {"policy": _POLICY.format(digest), "style": Markup(style), "notice": data["notice"], "pages": PAGES}  # noqa: S704
    name = data["declaration"]["name"]
    return {
        f"{key}.html": template.render(
            **common,
            here=key,
            title=title,
            name=name,
            verdict=_verdict(data),
            bad=data["outcome"] == "fail",
            digest=data["digest"],
            sections=made[key](data),
        )
        for key, title in PAGES.items()
    }


def _shown(value: Any) -> str:
    """Return a value as a reader sees it; every number keeps its digits."""
    if value is None or value == "":
        return _DASH
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or _DASH
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items()) or _DASH
    return printable(value)


def _verdict(data: Mapping[str, Any]) -> str:
    levels = data["levels"]
    count = {
        word: sum(level["outcome"] == word for level in levels) for word in ("pass", "fail", "undecided", "unjudged")
    }
    whole = f"of {len(levels)} declared levels"
    if count["fail"]:
        return f"{count['fail']} {whole} not met"
    if count["undecided"] or count["unjudged"]:
        return f"{count['pass']} {whole} met; {count['undecided'] + count['unjudged']} could not be decided or judged"
    return f"All {len(levels)} declared levels met" + (
        ", in runs that are unfinished or mixed" if data["obstacles"] else ""
    )


def _ends(row: Mapping[str, Any]) -> str:
    if row["low"] is None or row["high"] is None:
        return _DASH
    return f"{_shown(row['low'])} to {_shown(row['high'])}"


def _first(data: Mapping[str, Any]) -> list[Section]:
    said, signed = data["declaration"], data["signed_by"]
    who = ", ".join(signed.values()) if signed else "Nobody: the declaration names no one."
    use = [f"Intended use: {said['intended_use']}"]
    use += [f"Not intended: {each}" for each in said["not_intended"]]
    use += [f"{key.capitalize()}: {said[key]}" for key in ("system", "provider", "fallback") if said[key]]
    rows = [
        [level["outcome"], level["title"], one["run"], check["subject"], check["value"], _ends(check), check["n"],
         check["outcome"], check["note"]]
        for level in data["levels"]
        for one in level["runs"] or [{"run": None, "checks": [_nothing()]}]
        for check in one["checks"]
    ]  # fmt: skip
    head = ("level", "declared", "run", "on", "value", "interval", "n", "outcome", "note")
    return [
        Section("Declared levels", [*data["obstacles"]], head, rows),
        Section("Declaration", use),
        Section("Conditions of use that were foreseen", (), ("condition", "scenarios", "outcome"),
                [[each["name"], each["scenarios"], each["outcome"]] for each in data["conditions"]]),
        Section("Signed by", [who]),
    ]  # fmt: skip


def _nothing() -> dict[str, Any]:
    return {"subject": None, "value": None, "low": None, "high": None, "n": None, "outcome": "unjudged",
            "note": "no run has cells for it"}  # fmt: skip


def _tested(data: Mapping[str, Any]) -> list[Section]:
    head = ("scenario", "kinds", "streams", "perturbations", "severities", "cells", "without effect")
    return [
        Section(
            run["run"],
            [f"{run['records']} records of {run['samples']} samples; task {run['task']}, headline {run['headline']}."],
            head,
            [
                [each["scenario"], each["kinds"], each["streams"], each["perturbations"], each["severities"],
                 len(each["cells"]), each["no_effect"]]
                for each in run["tested"]
            ],
        )
        for run in data["runs"]
    ]  # fmt: skip


def _results(data: Mapping[str, Any]) -> list[Section]:
    found = []
    for run in data["runs"]:
        rows = [[r["cell"], r["metric"], r["value"], _ends(r), r["n"], r["failed"], r["note"]] for r in run["results"]]
        head = ("cell", "metric", "value", "interval", "n", "failed", "note")
        found.append(Section(f"{run['run']}: every cell", run["cautions"], head, rows))
        rows = [[r["cell"], r["by"], r["best"], r["worst"], r["value"], _ends(r), r["n"]] for r in run["groups"]]
        head = ("cell", "group", "best", "worst", "gap", "interval", "n")
        found.append(Section(f"{run['run']}: between groups", () if rows else ["No groups to compare."], head, rows))
        rows = [
            [r["attack"], r["stream"], r["budget"], r["metric"], r["value"], _ends(r), r["n"]] for r in run["attacks"]
        ]
        head = ("attack", "stream", "budget", "metric", "value", "interval", "n")
        found.append(Section(f"{run['run']}: attacks", () if rows else ["No input was attacked."], head, rows))
        head = tuple(run["failures"][0]) if run["failures"] else ()
        rows = [list(row.values()) for row in run["failures"]]
        found.append(Section(f"{run['run']}: failures", () if rows else ["No record is a failure."], head, rows))
    return found


def _not_tested(data: Mapping[str, Any]) -> list[Section]:
    found = [
        Section(
            "Conditions that were foreseen",
            [] if data["conditions"] else ["The declaration names none."],
            ("condition", "scenarios that no run has", "outcome"),
            [
                [each["name"], each["not_tested"], each["outcome"]]
                for each in data["conditions"]
                if each["outcome"] != "tested"
            ],
        )
    ]
    titles = {
        "cells_without_records": "cells without records", "cells_without_effect": "cells in which nothing changed",
        "streams": "streams that no scenario touches", "kinds": "kinds of stress that were not tried",
        "perturbations": "known perturbations that were not tried",
    }  # fmt: skip
    for run in data["runs"]:
        rows: list[Sequence[Any]] = [[title, run["not_tested"][key]] for key, title in titles.items()]
        rows += [[f"left out: {each['scenario']}", each["reason"]] for each in run["not_tested"]["scenarios_left_out"]]
        found.append(Section(run["run"], (), ("what", "which"), rows))
    return found


def _frameworks(data: Mapping[str, Any]) -> list[Section]:
    found = []
    for framework in data["frameworks"]:
        rows = [
            [clause["clause"], clause["asks"], clause["state"],
             [kind.replace("_", " ") for kind, there in clause["evidence"].items() if there], clause["says"]]
            for clause in framework["clauses"]
        ]  # fmt: skip
        text = [f"Source: {framework['source']}. Paraphrased; the source is what holds."]
        head = ("clause", "asks for", "here", "kinds of evidence", "what it says")
        found.append(Section(framework["name"], text, head, rows))
    return found


def _provenance(data: Mapping[str, Any]) -> list[Section]:
    found = [Section("Digest of all of it", [data["digest"], "Of the files of every run and of the declaration."])]
    names = ("model", "data", "suite", "seed", "cluster", "perturbations", "packages", "host", "finished")
    for run in data["runs"]:
        rows: list[Sequence[Any]] = [[name, run[name]] for name in names]
        rows += [[f"preflight: {each['name']}", f"{each['outcome']} – {each['says']}"] for each in run["preflight"]]
        found.append(Section(run["run"], [f"SHA-256 of its files: {run['digest']}"], ("what", "which"), rows))
        files = [[each["file"], each["bytes"], each["sha256"]] for each in run["files"]]
        found.append(Section(f"{run['run']}: files", (), ("file", "bytes", "SHA-256"), files))
    return found
