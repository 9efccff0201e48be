"""A rule about the data: how many samples of the run stand in what the model was trained on, by an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perturbations import InputError
from scenarios.reading import Node, Problems
from stress.gate._rules import Check, Rule
from stress.records.source import Source

__all__ = ["LEAKAGE", "leaked", "read_audit"]

LEAKAGE = "leakage"
"""The metric: a number of samples."""
_BESIDE = ("metric", "max", "audit", "name")


def read_audit(node: Node, metric: str | None, name: str | None, problems: Problems) -> str | None:
    """Return the path of a rule's audit, from the folder of the gate file; what does not go together is noted."""
    if (name is None) != (metric != LEAKAGE) or (metric == LEAKAGE and "max" not in node.value):
        says = "leakage, max and audit (what `stress audit --out FILE` wrote) go together"
        problems.say(node.where, "gates", f"{says}, got {', '.join(node.value)}.")
        return None
    if name is None:
        return None
    if other := [key for key in node.value if key not in _BESIDE]:
        problems.say(node.keys[other[0]], "gates", f"leakage is of the data: it takes no {other[0]}.")
    path = (problems.folder or Path()) / name
    try:
        _loaded(path)
    except InputError as error:
        problems.say(node.value["audit"].where, "gates", str(error))
    return str(path)


def _loaded(path: Path) -> Any:
    from stress.audit import load_audit

    return load_audit(path)


def leaked(rule: Rule, run: Source) -> Check:
    """Return how many samples of a run leak; unjudged where the audit did not look at all of them."""
    found = _loaded(Path(str(rule.audit)))
    ids = run.samples["id"].to_pylist()
    if unseen := [name for name in ids if name not in found.samples]:
        note = f"the audit did not look at {len(unseen)} of {len(ids)} samples of the run ({unseen[0]})"
        return Check("data", note=note)
    count = float(len(found.leaking.intersection(ids)))
    return Check("data", value=count, low=count, high=count, n=len(ids), samples=len(ids), clusters=len(ids),
                 method="counted")  # fmt: skip
