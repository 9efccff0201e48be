"""A finished run, told to a tracker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from perturbations import InputError, RunError, StressError
from perturbations.errors import named_keywords, printable, short
from stress.measure import Measurable
from stress.trackers._names import tracker_of
from stress.trackers._points import points_of
from stress.trackers._tracker import Tracker

__all__ = ["track"]


@named_keywords
def track(run: Measurable, to: Tracker | str) -> str:
    """Put the numbers of a run beside those of training, and return where they lie.

    ``to`` is ``mlflow:URI``, ``wandb:PROJECT``, ``tensorboard:FOLDER``, the name of an installed tracker, or an object
    with the calls of ``Tracker``. It gets the curves with the severity as the step, what was run on what, the report
    (which is written where there is none yet), ``gate.json`` where the run was judged, and ``run.json``. Each call
    makes an entry of its own. Raises RunError for a run without records, and InputError, in one line, where the
    tracker is not known or does not take the run: its records stay as they are.
    """
    tracker = tracker_of(to)
    if not run.count:
        raise RunError(f"track: {run.path} must have records, got none. The same command of the run continues it.")
    points, files = points_of(run), _files(run)
    suite = str((run.info.get("identity", {}).get("suite") or {}).get("name") or "stress")
    try:
        tracker.begin(suite, run.path.resolve().name, _facts(run))
        tracker.points(points)
        tracker.files(files)
        return str(tracker.end(whole=True))
    except Exception as error:
        with suppress(Exception):
            tracker.end(whole=False)
        who = to if isinstance(to, str) else type(to).__name__
        said = error if isinstance(error, StressError) else f"{type(error).__name__}: {short(_line(error), 300)}"
        raise InputError(f"track: {_hidden(who)} did not take the run: {_hidden(str(said))}.") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _hidden(text: str) -> str:
    """Return text without what stands between ``//`` and ``@`` of an address: it may be a key."""
    return printable(re.sub(r"//[^/@\s]*@", "//…@", text))


def _facts(run: Measurable) -> dict[str, str]:
    """Return who was run on what, as text."""
    info, about = run.info, run.info.get("identity", {})
    facts: dict[str, Any] = {
        **{key: (about.get(key) or {}).get("name") for key in ("suite", "model", "data")},
        "suite_version": (about.get("suite") or {}).get("version"),
        "weights": (about.get("model") or {}).get("weights"),
        "seed": about.get("seed"),
        "headline": info.get("headline"),
        "samples": len(run.samples),
        "cells": len(run.cells),
        "records": run.count,
        "finished": bool(info.get("finished", True)),
        "folder": str(run.path.resolve()),
    }
    return {key: str(value)[:500] for key, value in facts.items() if value is not None}


def _files(run: Measurable) -> Mapping[str, Path]:
    from stress.report import write_report

    page = run.path / "report" / "index.html"
    if not page.is_file():
        write_report(run)
    found = {f"report/{page.name}": page}
    beside = {name: run.path / name for name in ("gate.json", "run.json")}
    return found | {name: path for name, path in beside.items() if path.is_file()}
