"""One body of evidence from several runs of one model: declared levels, conditions, frameworks, digests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.evidence._collect import collect
from stress.evidence._declaration import Condition, Declaration
from stress.gate import Verdict, judge
from stress.measure import Measurable

__all__ = ["FORMAT", "NOTICE", "assemble"]

FORMAT = 1
NOTICE = (
    "This is evidence from measurements, not a statement of conformity with any law or standard. "
    "It is to be checked by whoever signs."
)
_WORST = ("fail", "unjudged", "undecided", "pass")


@named_keywords
def assemble(runs: Sequence[Measurable], declaration: Declaration) -> dict[str, Any]:
    """Return the evidence as plain data. Raises InputError where the runs are not of one model, or one is given twice.

    A declared level fails where it fails in any run that it is about, and passes where it passes in each that has cells
    for it; where none has, it is unjudged, and so is the whole.
    """
    _check(runs)
    found = [collect(run, declaration) for run in runs]
    levels = _levels(runs, declaration)
    outcomes = {level["outcome"] for level in levels}
    held_up = [each["run"] for each in found if not each["finished"] or each["mixed"]]
    outcome = next(word for word in _WORST if word in outcomes)
    if outcome == "pass" and held_up:
        outcome = "undecided"
    conditions = [_condition(each, found) for each in declaration.conditions]
    signed = dict(declaration.signed_by) or None
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "outcome": outcome,
        "obstacles": [f"{name}: the run is unfinished, or its model changed in it" for name in held_up],
        "declaration": {
            "name": declaration.name,
            **{key: declaration.texts.get(key) for key in ("system", "provider", "intended_use", "fallback")},
            "not_intended": list(declaration.not_intended),
            "as_written": dict(declaration.source),
        },
        "levels": levels,
        "conditions": conditions,
        "runs": found,
        "frameworks": _frameworks(found, levels, signed is not None),
        "signed_by": signed,
        "digest": _digest(found, declaration),
    }


def _check(runs: Sequence[Measurable]) -> None:
    """Raise where the runs cannot stand in one body of evidence."""
    if not runs:
        raise InputError("evidence: must have a run at least, got none.")
    first = _model(runs[0])
    for run in runs:
        if not any((run.path / "records").glob("part-*.parquet")):
            raise InputError(f"evidence: {run.path} must have records, got none yet.")
        if _model(run) != first:
            raise InputError(
                f"evidence: runs must be of one model, got {_model(run)[0]!r} in {run.path} and {first[0]!r} in "
                f"{runs[0].path} (or other weights). Make a folder for each model."
            )
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise InputError("evidence: each run must be given once, got one twice.")


def _model(run: Measurable) -> tuple[Any, ...]:
    said = (run.info.get("identity") or {}).get("model") or {}
    return said.get("name"), said.get("weights"), json.dumps(said.get("code"), sort_keys=True)


def _levels(runs: Sequence[Measurable], declaration: Declaration) -> list[dict[str, Any]]:
    """Return each declared level with what came of it in each run."""
    found: list[dict[str, Any]] = [
        {"level": level.node.plain(), "suite": level.suite, "outcome": "unjudged", "runs": []}
        for level in declaration.levels
    ]
    for run in runs:
        suite = ((run.info.get("identity") or {}).get("suite") or {}).get("name") or str(run.info.get("suite", ""))
        gates = declaration.gates(suite)
        if gates is None:
            continue
        mine = [each for each, level in zip(found, declaration.levels) if level.suite in (None, suite)]
        for each, verdict in zip(mine, judge(run, gates).verdicts):
            each["title"] = verdict.rule.title
            if verdict.rule.on.cells(run):
                each["runs"].append(_came_of(run, verdict))
    for each in found:
        outcomes = {one["outcome"] for one in each["runs"]}
        each["outcome"] = next((word for word in _WORST if word in outcomes), "unjudged")
        each.setdefault("title", f"{each['level'].get('metric')} (suite {each['suite']}, of which no run is here)")
    return found


def _came_of(run: Measurable, verdict: Verdict) -> dict[str, Any]:
    names = ("subject", "outcome", "value", "low", "high", "n", "note", "cells")
    checks = [{name: getattr(check, name) for name in names} for check in verdict.checks]
    return {
        "run": run.path.name,
        "outcome": verdict.outcome,
        "message": verdict.message,
        "confidence": verdict.rule.confidence,
        "checks": [{**check, "cells": list(check["cells"])} for check in checks],
    }


def _condition(condition: Condition, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tested = {each["scenario"] for run in runs for each in run["tested"]}
    there = [name for name in condition.scenarios if name in tested]
    missing = [name for name in condition.scenarios if name not in tested]
    return {
        "name": condition.name,
        "scenarios": list(condition.scenarios),
        "tested": there,
        "not_tested": missing,
        "outcome": "not tested" if not there else "tested in part" if missing else "tested",
    }


def _frameworks(
    runs: Sequence[Mapping[str, Any]], levels: Sequence[Mapping[str, Any]], signed: bool
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the clauses of each framework with the kinds of evidence that are here for it."""
    kinds = {kind for run in runs for each in run["tested"] for kind in each["kinds"]}
    here = {
        **{
            kind: kind in kinds for kind in ("clean", "corruptions", "faults", "lost", "fallback", "attacks", "machine")
        },
        "levels": any(level["outcome"] != "unjudged" for level in levels),
        "groups": any(run["groups"] for run in runs),
        "signed": signed,
        **dict.fromkeys(("declaration", "versions", "failures", "not_tested"), True),
    }
    text = resources.files("stress.evidence").joinpath("frameworks.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []
    for framework in json.loads(text)["frameworks"]:
        clauses = []
        for clause in framework["clauses"]:
            each = {kind: here[kind] for kind in clause["evidence"]}
            state = "evidence" if all(each.values()) else "evidence in part" if any(each.values()) else "nothing tested"
            clauses.append({**clause, "evidence": each, "state": state if each else "not offered"})
        found.append({**framework, "clauses": clauses})
    return found


def _digest(runs: Sequence[Mapping[str, Any]], declaration: Declaration) -> str:
    """Return a digest of the files of all runs and of the declaration: any record that changes, changes it."""
    said = json.dumps(declaration.source, sort_keys=True, ensure_ascii=False)
    text = "\n".join([*(run["digest"] for run in runs), said])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
