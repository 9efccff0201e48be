"""A rule against the last release: how much worse a number became, on what both runs have answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from stress.gate._rules import Check, Rule
from stress.measure.between.changes import change, comparable, gap_change
from stress.measure.between.difference import Difference
from stress.measure.between.matching import Matched

__all__ = ["compared"]

_COMMON = tuple(f.name for f in fields(Difference) if f.name in {g.name for g in fields(Check)})


def compared(
    rule: Rule, matched: Matched, parts: Mapping[str, Sequence[str]], among: Sequence[str] = ()
) -> list[Check]:
    """Return one check, not yet judged, for each part, or for each class or group in ``among``."""
    found = []
    for name, cells in parts.items():
        for subject, difference in _differences(rule, matched, name, cells, among):
            numbers = {key: getattr(difference, key) for key in _COMMON}
            found.append(Check(subject, value=difference.drop, cells=tuple(cells), **numbers))
    return found


def _differences(
    rule: Rule, matched: Matched, part: str, cells: Sequence[str], among: Sequence[str]
) -> list[tuple[str, Difference]]:
    sure, of = rule.confidence, rule.of
    if (of or rule.metric) not in ("drop", "retention", "gap") and rule.per != "class":
        comparable(matched, of or rule.metric)
    if rule.metric == "gap":
        pair, found = gap_change(matched, str(rule.by), cells, of, sure)
        return [(f"{part}: {pair}" if pair else part, found)]
    if rule.per == "class":
        return [(label, change(matched, rule.metric, cells, label=label, confidence=sure)) for label in among]
    if rule.per == "group":
        values = np.array([str(value) for value in matched.after.frame.group(str(rule.by))])
        return [(g, change(matched, rule.metric, cells, of=of, samples=values == g, confidence=sure)) for g in among]
    return [(part, change(matched, rule.metric, cells, of=of, confidence=sure))]
