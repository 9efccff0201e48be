"""Runs of a suite on a schedule: their curves in one history, and when they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import RunError
from perturbations.errors import named_keywords
from stress.measure import table
from stress.monitor._history import History
from stress.records.source import Source
from stress.statistics.corrections import adjusted

__all__ = ["Change", "add_run", "changes"]

_LEAST = 3
"""Runs of a series from which a change can be seen at all: one on a side, and a second on one."""


@dataclass(frozen=True)
class Change:
    """A point where a series of runs changed: the first run after it, the means before and after, a corrected p value.

    ``series`` are suite, data, cell and metric.
    """

    series: tuple[str, str, str, str]
    run: str
    started: str
    before: float
    after: float
    p: float


@named_keywords
def add_run(history: History, run: Source) -> int:
    """Write a finished run's curves into a history and return how many points; the same run again replaces itself.

    Raises RunError where the run is not finished.
    """
    if not run.info.get("finished"):
        raise RunError(f"history: {run.path} must be a finished run. The same command continues it.")
    about = run.info.get("identity", {})
    model, data = (str((about.get(key) or {}).get("name", "")) for key in ("model", "data"))
    suite = str((about.get("suite") or {}).get("name", ""))
    fixed = {"run": f"{run.path.resolve()} {run.info.get('started', '')}", "started": str(run.info.get("started", "")),
             "suite": suite, "model": model, "data": data}  # fmt: skip
    rows = table(run, "cells").to_pylist()
    kept = [row for row in rows if row["value"] is not None and not row["fallback"]]
    with history.write():
        for row in kept:
            names = ("scenario", "cell", "stream", "severity", "metric", "value", "low", "high", "n")
            history.insert("evaluations", {**fixed, **{name: row[name] for name in names}})
    return len(kept)


@named_keywords
def changes(history: History, level: float = 0.05) -> list[Change]:
    """Return where series of evaluations changed, surely after correction for all places of all series (Holm).

    Of each series the split of its runs in two whose means, weighted by the runs' intervals, differ most for their
    standard errors. Runs on the same samples are alike, so that a change is surer than its p value says.
    """
    series: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    for row in history.rows("SELECT * FROM evaluations ORDER BY started, run"):
        series.setdefault((row["suite"], row["data"], row["cell"], row["metric"]), []).append(row)
    found = [best for key, rows in series.items() if (best := _split(key, rows)) is not None]
    sure = adjusted(np.array([each.p for each in found])) if found else np.zeros(0)
    kept = [(p, each) for p, each in zip(sure.tolist(), found) if p <= level]
    return [Change(each.series, each.run, each.started, each.before, each.after, p) for p, each in sorted(
        kept, key=lambda pair: pair[0])]  # fmt: skip


def _split(key: tuple[str, str, str, str], rows: Sequence[Mapping[str, Any]]) -> Change | None:
    """Return the likeliest change of a series, its p value corrected for the places where it could have been."""
    from scipy.special import ndtr

    known = [row for row in rows if None not in (row["value"], row["low"], row["high"])]
    if len(known) < _LEAST:
        return None
    value = np.array([row["value"] for row in known])
    error = np.array([max(row["high"] - row["low"], 1e-9) for row in known]) / (2 * 1.959964)
    weight = 1 / error**2
    best = None
    for place in range(1, len(known)):
        parts = (slice(None, place), slice(place, None))
        means = [float(np.average(value[part], weights=weight[part])) for part in parts]
        spread = np.sqrt(sum(1 / weight[part].sum() for part in parts))
        p = float(2 * ndtr(-abs(means[1] - means[0]) / spread)) * (len(known) - 1)
        if best is None or p < best.p:
            row = known[place]
            best = Change(key, row["run"], row["started"], means[0], means[1], min(1.0, p))
    return best
