"""The comparison of two releases: cell by cell and slice by slice, on the records that both runs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from perturbations.errors import named_keywords
from stress.gate._judge import suite_of
from stress.gate._markdown import quoted, table
from stress.gate._numbers import Numbers
from stress.gate._rules import Check, Rule, interval, number
from stress.gate._select import Selection
from stress.measure import Example, comparable, flips, match
from stress.records.pairing import Pair, paired
from stress.records.source import Source
from stress.records.stopping import refuse_stopped
from stress.statistics.corrections import adjusted

__all__ = ["Change", "Comparison", "compare"]

_SLICES = ("modality", "stream", "scenario", "severity", "class")


@dataclass(frozen=True)
class Change:
    """By how much a metric became worse in a cell or slice. ``verdict``: better, worse or unknown, after correction."""

    slice: str
    check: Check
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Two runs compared. ``cells`` and ``slices`` are two families, each corrected for its number of differences."""

    pair: Pair
    metric: str
    confidence: float
    correction: str
    overall: tuple[Change, ...]
    cells: tuple[Change, ...]
    slices: tuple[Change, ...]
    lost: tuple[Example, ...]
    gained: tuple[Example, ...]

    def count(self, verdict: str) -> int:
        """Return in how many cells the later run is ``better``, ``worse`` or ``unknown``."""
        return sum(change.verdict == verdict for change in self.cells)


@named_keywords
def compare(
    before: Source,
    after: Source,
    *,
    metric: str | None = None,
    by: Sequence[str] = (),
    common: bool = False,
    cluster: str | None = None,
    confidence: float = 0.95,
    correction: str = "holm",
) -> Comparison:
    """Return what became better, became worse or remains unknown from one run to another, paired by sample.

    Sliced by modality, stream, scenario, severity and class, and ``by`` groups. Raises RunError where the runs' suites,
    data or perturbation versions differ; with ``common`` only what they share is compared, and the rest is listed.
    """
    for run in (before, after):
        refuse_stopped(run, "compare")
    pair = paired(before, after, common, cluster)
    matched = match(pair, cluster=cluster, confidence=confidence)
    metric = comparable(matched, metric or matched.headline)
    numbers = Numbers(after, matched, cluster)

    def measured(per: str | None, on: Selection | None = None, group: str | None = None) -> list[tuple[str, Check]]:
        name = "recall" if per == "class" else metric
        rule = Rule(name, "max_drop", 0.0, "compare", on or Selection(), per, group, confidence=confidence)
        return [(group or per or "", check) for check in numbers.checks(rule)]

    right = matched.after.right
    classes = right is not None and metric == right.name
    ways = [way for way in _SLICES if way != "class" or classes]
    sliced = [row for way in ways for row in measured(way) if row[1].value is not None]
    sliced += [row for name in by for row in measured("group", group=name)]
    overall = [*measured(None, Selection("clean")), *measured(None)]
    level = 1 - confidence
    whole, cells, slices = (_verdicts(rows, correction, level) for rows in (overall, measured("cell"), sliced))
    lost, gained = (tuple(flips(matched, pair.cells, worse)) for worse in (True, False))
    return Comparison(pair, metric, confidence, correction, whole, cells, slices, lost, gained)


def _verdicts(rows: Sequence[tuple[str, Check]], correction: str, level: float) -> tuple[Change, ...]:
    p = np.array([np.nan if check.p is None else check.p for _, check in rows], np.float64)
    found = []
    for (name, check), sure in zip(rows, adjusted(p, correction).tolist()):
        verdict = "unknown"
        if sure <= level and check.value is not None:
            verdict = "worse" if check.value > 0 else "better"
        found.append(Change(name, replace(check, p_adjusted=None if np.isnan(sure) else sure), verdict))
    return tuple(found)


@named_keywords
def comparison_data(found: Comparison, most: int = 200) -> dict[str, Any]:
    """Return a comparison as data that JSON can hold."""
    return {
        "format": 1,
        "before": str(found.pair.before.path),
        "after": str(found.pair.after.path),
        "suite": suite_of(found.pair.after),
        "metric": found.metric,
        "confidence": found.confidence,
        "correction": found.correction,
        "left_out": list(found.pair.dropped),
        "cells": {verdict: found.count(verdict) for verdict in ("worse", "better", "unknown")},
        "changes": [
            {"family": family, "slice": change.slice, "verdict": change.verdict, **asdict(change.check)}
            for family in ("overall", "cells", "slices")
            for change in getattr(found, family)
        ],
        "flipped": {
            "lost": len(found.lost),
            "gained": len(found.gained),
            "samples_lost": [asdict(example) for example in found.lost[:most]],
            "samples_gained": [asdict(example) for example in found.gained[:most]],
        },
    }


@named_keywords
def comparison_markdown(found: Comparison, most: int = 15) -> str:
    """Return a comparison as a comment for a pull request."""
    lines = [f"## {quoted(found.metric)}: {headline(found)}", ""]
    lines.append(
        f"{quoted(found.pair.before.path)} → {quoted(found.pair.after.path)}, {quoted(suite_of(found.pair.after))}"
    )
    heads = ["", "part", "before", "after", "drop", "lost / gained", "p (corrected)"]
    for title, changes in (("Overall", found.overall), ("Slices", found.slices), ("Cells", found.cells)):
        shown = notable(changes, most)
        if shown:
            lines += ["", f"### {title}", "", *table(heads, [_row(change) for change in shown])]
            if len(changes) > len(shown):
                lines += ["", f"{len(changes) - len(shown)} more, with smaller changes."]
    if found.pair.dropped:
        lines += ["", "Left out of the comparison:", *(f"- {quoted(line)}" for line in found.pair.dropped)]
    if found.lost:
        rows = [[quoted(x) for x in (e.sample, e.cell, e.target, e.before, e.after)] for e in found.lost[:3]]
        lines += ["", "### Worst examples", "", *table(["sample", "cell", "truth", "before", "after"], rows)]
    return "\n".join(lines) + "\n"


@named_keywords
def headline(found: Comparison) -> str:
    """Return the outcome in a line: how many cells became worse, better, or neither with certainty."""
    if not found.lost and not found.gained and not found.count("worse") and not found.count("better"):
        return f"no difference found in {len(found.cells)} cells; no answer lost or gained"
    words = f"{found.count('worse')} cells worse, {found.count('better')} better, {found.count('unknown')} unknown"
    return f"{words}; {len(found.lost)} answers lost, {len(found.gained)} gained"


@named_keywords
def notable(changes: Sequence[Change], most: int) -> list[Change]:
    """Return at most ``most`` changes: worse, then better, then unknown ones, the greatest of each first."""
    order = {"worse": 0, "better": 1, "unknown": 2}
    return sorted(changes, key=lambda c: (order[c.verdict], -abs(c.check.value or 0.0)))[:most]


def _row(change: Change) -> list[str]:
    check = change.check
    flipped = "" if check.lost is None else f"{check.lost} / {check.gained}"
    name = f"{change.slice} {check.subject}" if change.slice not in ("", "cell") else check.subject
    numbers = [number(check.before), number(check.after), interval(check), flipped, number(check.p_adjusted)]
    return [change.verdict, quoted(name), *numbers]
