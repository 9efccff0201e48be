"""Rules about streams: what each is worth to the model, and whom the model follows where they contradict."""

from __future__ import annotations

from collections.abc import Collection

from stress.gate._rules import Check, Rule
from stress.measure import Measured, Number

__all__ = ["STREAM_METRICS", "stream_checks"]

STREAM_METRICS = {
    **dict.fromkeys(("necessity", "sufficiency", "shapley", "shapley_share", "dominance"), "contributions"),
    **dict.fromkeys(("interaction", "net_synergy", "net_redundancy"), "contributions"),
    **dict.fromkeys(("pair_agreement", "conflict_rate", "agreement", "follows", "follows_neither"), "consistency"),
}
"""The metrics of streams, and the table that each stands in."""
_PAIRS = {"contributions": ("stream", "other"), "consistency": ("one", "other")}


def stream_checks(rule: Rule, session: Measured, cells: Collection[str]) -> list[Check]:
    """Return one check for each stream, pair, fill rule and (of what is given by cell) cell that a rule is about."""
    found, table = [], STREAM_METRICS[rule.metric]
    for row in session.rows(table):
        cell = row.get("cell")
        if row.get("measure", row["metric"]) != rule.metric or (cell is not None and cell not in cells):
            continue
        one, other = (row[key] for key in _PAIRS[table])
        if rule.streams and one not in rule.streams and other not in rule.streams:
            continue
        pair = f"{one} {'over' if rule.metric == 'follows' else 'and'} {other}" if other else one
        subject = ", ".join(filter(None, [cell, pair, f"fill {row['fill']}" if row.get("fill") else None]))
        number = Number.of(row)
        found.append(Check.of(subject, number, [cell] if cell else [], samples=number.n or 0, clusters=number.n or 0))
    note = f"the run has no {rule.metric} of these streams: it needs cells with streams lost, of input that is clean"
    return found or [Check(str(rule.on), note=note)]
