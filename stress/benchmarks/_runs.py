"""The runs that benchmarks rest on: a suite over clean inputs, or the clean cell over inputs that are perturbed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import scenarios
from perturbations import InputError
from perturbations.errors import short
from perturbations.files import path_shown
from stress._face import Run
from stress._face import run as run_suite
from stress.benchmarks._result import ON_THE_FLY, PUBLISHED, Result
from stress.benchmarks._sums import Condition, Sums, sums_by_cell, sums_by_group
from stress.measure import measured

__all__ = ["allowed", "folder_of", "made_on_the_fly", "of_cells", "published"]

Functions = Callable[[Sequence[Condition]], Mapping[str, Any]]


def folder_of(folder: Any, who: str) -> Path:
    """Return a folder. Raises InputError where it is none."""
    if not isinstance(folder, str | Path) or "\0" in str(folder):
        raise InputError(f"{who}: folder must be the path of a folder, got {short(folder)}.")
    if not Path(folder).is_dir():
        raise InputError(f"{who}: folder must be a folder, got {path_shown(Path(folder))}, which is none.")
    return Path(folder)


def published(benchmark: str, out: str | Path | None, given: Mapping[str, Any], numbers: Functions) -> Result:
    """Run a model on published files and return the numbers: the groups of a sample say its condition."""
    source = {"suite": f"{benchmark}-published@1", "scenarios": {}}
    about = "Published files of a benchmark: their groups say what was done to them."
    suite = scenarios.Suite(f"{benchmark}-published", 1, (), about=about, source=source)
    run = run_suite(**{"suite": suite, "out": out or Path("runs") / suite.name, **allowed(given)})
    sums = sums_by_group(run, measured(run).headline, ("corruption", "severity"), "picture")
    return _result(benchmark, PUBLISHED, run, sums, numbers, "")


def made_on_the_fly(
    benchmark: str,
    out: str | Path | None,
    given: Mapping[str, Any],
    numbers: Functions,
    *,
    caution: str,
    only: Sequence[str] = (),
) -> Result:
    """Run the suite of a benchmark and return the numbers."""
    wanted = {"suite": benchmark, "out": out or Path("runs") / benchmark, "only": list(only), **allowed(given)}
    run = run_suite(**wanted)
    return _result(benchmark, ON_THE_FLY, run, of_cells(run), numbers, caution)


def of_cells(run: Run) -> Sums:
    """Return the sums of the graded cells of a run, by scenario and severity."""
    conditions: dict[str, Condition] = {"clean": ("clean", 0)}
    for cell in run.cells.to_pylist():
        if cell["severity"] is not None and float(cell["severity"]).is_integer() and not cell["fallback"]:
            conditions[cell["cell"]] = (str(cell["scenario"]).replace("-", "_"), int(cell["severity"]))
    return sums_by_cell(run, measured(run).headline, conditions, run.info.get("cluster"))


def allowed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is given. Raises InputError for what the benchmark itself decides."""
    for name in ("suite", "only", "skip", "until", "cluster", "samples"):
        if name in given:
            raise InputError(f"benchmarks: {name} must be left to the benchmark, got {short(given[name])}.")
    return dict(given)


def _result(benchmark: str, source: Any, run: Run, sums: Sums, numbers: Functions, caution: str) -> Result:
    found = {name: sums.number(function) for name, function in numbers(sums.conditions).items()}
    return Result(benchmark, source, sums.metric.name, found, sums.each(), len(sums.who), caution, run)
