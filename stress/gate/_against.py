"""A rule against the last release: how much worse a number became, on the records that both runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stress.gate._rules import Check, Rule
from stress.measure import Difference, Matched, change, comparable, gap_change

__all__ = ["compared"]


def compared(
    rule: Rule, matched: Matched, parts: Mapping[str, Sequence[str]], among: Sequence[str] = ()
) -> list[Check]:
    """Return one check, not yet judged, for each part, or for each class or group in ``among``."""
    found = []
    for name, cells in parts.items():
        for subject, d in _differences(rule, matched, name, cells, among):
            rest = {key: getattr(d, key) for key in ("samples", "clusters", "p", "before", "after", "lost", "gained")}
            found.append(Check.of(subject, d.number, cells, **rest))
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
        groups = {g: matched.members(str(rule.by), g) for g in among}
        return [
            (g, change(matched, rule.metric, cells, of=of, samples=mask, confidence=sure)) for g, mask in groups.items()
        ]
    return [(part, change(matched, rule.metric, cells, of=of, confidence=sure))]
