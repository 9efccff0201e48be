"""From a finding to a guard: the worst failures as a small suite that a later model is run on in seconds."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.gate._json import save
from stress.measure import Example, worst_failures
from stress.records.source import Source

__all__ = ["export_regression"]


@named_keywords
def export_regression(run: Source, folder: Path, cells: Sequence[str] | None = None, most: int = 50) -> Path:
    """Write ``suite.yaml``, ``samples.txt``, ``failures.json`` and ``gates.yaml`` of a run's worst failures.

    The worst are the samples that the model answers rightly when clean and, of all mistakes in ``cells`` (or anywhere),
    most surely wrongly. Draws depend on the seed and the sample alone, so the guard sees the very same inputs.
    """
    rows = [row for row in run.cells.to_pylist() if row["cell"] != "clean" and not row["fallback"]]
    chosen = [row["cell"] for row in rows if cells is None or row["cell"] in cells]
    found = worst_failures(run, chosen, most)
    if not found:
        raise InputError(f"regression: {run.path}: must have answers that a perturbation turned wrong, got none.")
    scenarios = {row["cell"]: (row["scenario"], row["severity"]) for row in rows}
    guarded = [scenarios[example.cell] for example in found]
    save(folder / "suite.yaml", _suite(run, guarded, folder))
    save(folder / "samples.txt", "".join(f"{name}\n" for name in dict.fromkeys(_line(e.sample) for e in found)))
    save(folder / "failures.json", {"format": 1, "run": str(run.path), "failures": [vars(e) for e in found]})
    save(folder / "gates.yaml", _gates(run, found))
    return folder


def _line(sample: str) -> str:
    if sample != sample.strip() or "\n" in sample or "\r" in sample or not sample:
        raise InputError(f"regression: sample ids must fit on a line of a text file, got {sample!r}.")
    return sample


def _suite(run: Source, guarded: Sequence[tuple[str, float | None]], folder: Path) -> str:
    """Return the run's suite with the guarded scenarios alone, at the guarded severities where they are graded so."""
    source: Mapping[str, Any] = run.info.get("suite", {})
    if not isinstance(source, dict) or "scenarios" not in source:
        raise InputError(f"regression: {run.path}/run.json: must hold the suite that was run, got none.")
    suite = copy.deepcopy(dict(source))
    name = str(suite.get("suite", "suite")).partition("@")[0]
    suite["suite"] = f"{name[:60]}-regression@1"
    if plugins := run.info.get("plugins"):  # as the guard's folder sees them: the suite's own may be another one
        suite["plugins"] = [os.path.relpath(plugin, folder.resolve()) for plugin in plugins]
    kept = {scenario for scenario, _ in guarded}
    suite["scenarios"] = {key: value for key, value in suite["scenarios"].items() if key in kept}
    about = "# The worst failures of a run, to be run again on later models:\n"
    return about + json.dumps(suite, indent=2, ensure_ascii=False) + "\n"


def _gates(run: Source, found: Sequence[Example]) -> str:
    per = sorted({example.cell for example in found})
    headline = run.info["headline"]
    right = any(row["name"] == "accuracy" for row in run.info["metrics"])
    lines = [
        "# Each of these samples was answered rightly when clean, and wrongly in one of the cells.",
        f"# Found in: {json.dumps(per[:5])}{' …' if len(per) > 5 else ''}",
        "gates:",
        "  - {metric: crash_rate, max: 0}",
        *(["  - {metric: accuracy, on: clean, min: 1}"] if right else []),
        "  # with --against RUN, an earlier model's run of this same suite on these same samples:",
        f"  # - {{metric: {headline}, against: baseline, max_drop: 0.05}}",
    ]
    return "\n".join(lines) + "\n"
