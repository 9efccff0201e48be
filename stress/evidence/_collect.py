"""What one run shows: who was run on what, what was tested, the numbers, and what they say of declared levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from perturbations import get, names
from perturbations.errors import InputError
from stress.evidence._declaration import Declaration
from stress.measure import Measurable
from stress.records.cells import CellRow, cell_rows

__all__ = ["collect", "files_of", "kinds_of"]

_NUMBER = ("metric", "value", "low", "high", "n", "failed", "unchanged", "method", "note")
_GAP = ("cell", "by", "best", "worst", *_NUMBER)


def files_of(run: Measurable) -> list[dict[str, Any]]:
    """Return each file that the numbers come from with its size and SHA-256."""
    names_ = ["run.json", "samples.parquet", "cells.parquet"]
    names_ += sorted(f"records/{path.name}" for path in (run.path / "records").glob("part-*.parquet"))
    found = []
    for name in names_:
        content = (run.path / name).read_bytes()
        found.append({"file": name, "bytes": len(content), "sha256": sha256(content).hexdigest()})
    return found


def digest_of(files: Sequence[Mapping[str, Any]]) -> str:
    """Return one digest of several files: of the lines that ``sha256sum`` prints of them."""
    lines = "".join(f"{each['sha256']}  {each['file']}\n" for each in files)
    return sha256(lines.encode()).hexdigest()


def collect(run: Measurable, declaration: Declaration) -> dict[str, Any]:
    """Return all that one run has to say, as plain data: every number is one of its tables, unchanged."""
    session = run.measured(**({"cluster": _cluster(declaration)} if "cluster" in declaration.settings else {}))
    rows = cell_rows(run.cells)
    files = files_of(run)
    begun = session.begun()
    table = session.rows("cells")
    return {
        "run": run.path.name,
        "digest": digest_of(files),
        "files": files,
        **_about(run),
        "task": session.task,
        "headline": session.headline.name,
        "better": session.headline.better,
        "tested": _tested(rows, begun, session.untested()),
        "results": [
            _row(row, ("scenario", "severity", "category", "lost", "fallback", "cell", *_NUMBER))
            for row in table
            if row["metric"] in (session.headline.name, "drop") or row["cell"] == "clean"
        ],
        "groups": [
            _row(row, _GAP) for row in session.rows("gaps") if row["metric"] == "gap" and row["value"] is not None
        ],
        "attacks": [_plain(row) for row in session.rows("attacks")],
        "failures": [_plain(row) for row in session.rows("failures")],
        "cautions": [caution.text for caution in session.cautions],
        "not_tested": _not_tested(run, rows, begun, session.untested()),
    }


def _cluster(declaration: Declaration) -> Any:
    return declaration.settings["cluster"].plain()


def _suite(run: Measurable) -> Mapping[str, Any]:
    found = (run.info.get("identity") or {}).get("suite")
    if isinstance(found, Mapping):
        return found
    name, _, version = str(run.info.get("suite", "")).partition("@")
    return {"name": name, "version": int(version) if version.isdigit() else None}


def _about(run: Measurable) -> dict[str, Any]:
    """Return who was run on what, with which versions."""
    info, identity = run.info, run.info.get("identity") or {}
    model, data, suite = identity.get("model") or {}, identity.get("data") or {}, _suite(run)
    return {
        "model": {key: model.get(key) for key in ("name", "weights", "code")},
        "data": {key: data.get(key) for key in ("name", "content", "samples", "streams")},
        "suite": {"name": suite.get("name"), "version": suite.get("version")},
        "seed": identity.get("seed", info.get("seed")),
        "cluster": info.get("cluster"),
        "perturbations": identity.get("perturbations") or {},
        "packages": info.get("packages") or {},
        "host": info.get("host") or {},
        "started": info.get("started"),
        "finished": bool(info.get("finished", True)),
        "mixed": info.get("mixed"),
        "preflight": info.get("preflight") or [],
        "samples": run.samples.num_rows,
        "records": run.count,
    }


def kinds_of(row: CellRow) -> set[str]:
    """Return what kinds of stress a cell is: clean, corruptions, faults, attacks, machine, lost, fallback."""
    if row.clean:
        return {"clean"}
    if row.fallback:
        return {"fallback"}
    found = set()
    for condition in row.conditions:
        try:
            kind = get(condition["perturbation"]).kind
        except InputError:  # a plug-in's, which is not imported here
            kind = "corruption"
        found.add({"corruption": "corruptions", "fault": "faults", "attack": "attacks"}.get(kind, kind))
    if row.lost:
        found |= {"lost"}
    return found or {"corruptions"}


def _tested(rows: Sequence[CellRow], begun: set[str], untested: set[str]) -> list[dict[str, Any]]:
    """Return each scenario with what it does, at which severities and parameters, and which cells have records."""
    found = []
    for name in dict.fromkeys(row.scenario for row in rows):
        mine = [row for row in rows if row.scenario == name]
        there = [row.cell for row in mine if row.cell in begun]
        if there:
            found.append(
                {
                    "scenario": name,
                    "kinds": sorted(set().union(*map(kinds_of, mine))),
                    "streams": sorted({stream for row in mine for stream in (*row.streams, *row.lost)}),
                    "perturbations": sorted({c["perturbation"] for row in mine for c in row.conditions}),
                    "severities": sorted({row.severity for row in mine if row.severity is not None}),
                    "cells": [
                        {"cell": row.cell, "conditions": [_condition(c) for c in row.conditions]}
                        for row in mine
                        if row.cell in begun
                    ],
                    "no_effect": [cell for cell in there if cell in untested],
                }
            )
    return found


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: condition.get(key) for key in ("stream", "perturbation", "version", "severity", "category", "settings")
    }


def _not_tested(run: Measurable, rows: Sequence[CellRow], begun: set[str], untested: set[str]) -> dict[str, Any]:
    """Return what of this run says nothing: cells without records or effect, scenarios left out, kinds never tried."""
    there = [row for row in rows if row.cell in begun and row.cell not in untested]
    used = {c["perturbation"] for row in there for c in row.conditions}
    kinds: Mapping[str, str] = run.info.get("streams") or {}
    touched = {stream for row in there for stream in (*row.streams, *row.lost)}
    return {
        "cells_without_records": [row.cell for row in rows if row.cell not in begun],
        "cells_without_effect": sorted(untested),
        "scenarios_left_out": [{"scenario": name, "reason": reason} for name, reason in run.info.get("left_out") or []],
        "streams": [stream for stream in kinds if stream not in touched],
        "kinds": [
            kind
            for kind in ("corruptions", "faults", "lost", "attacks", "machine")
            if not any(kind in kinds_of(r) for r in there)
        ],
        "perturbations": [
            name
            for family in (*dict.fromkeys(kinds.values()), "stream", "attack", "machine")
            for name in names(family)
            if name not in used
        ],
    }


def _row(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {name: _value(row[name]) for name in columns}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    """Return a value that JSON can hold."""
    return None if isinstance(value, float) and value != value else value
