"""Rules about streams: what each is worth to the model, and whom the model follows where they contradict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from stress.gate._rules import Check, Rule
from stress.measure import Measured, Number

__all__ = ["STREAM_METRICS", "stream_checks"]

STREAM_METRICS = {
    **dict.fromkeys(("necessity", "perceptual_score", "sufficiency", "shapley", "dominance"), "contributions"),
    "shapley_share": "balance",
    **dict.fromkeys(("interaction", "net_synergy", "net_redundancy"), "contributions"),
    **dict.fromkeys(("pair_agreement", "conflict_rate", "agreement", "follows", "follows_neither"), "consistency"),
}
"""The metrics of streams, and the table that each stands in."""
_SWAPPED = "perceptual_score"
_PAIRS = {"contributions": ("stream", "other"), "balance": ("stream", "other"), "consistency": ("one", "other")}


def stream_checks(rule: Rule, session: Measured, cells: Collection[str]) -> list[Check]:
    """Return one check for each stream, pair, fill rule and (of what is given by cell) cell that a rule is about."""
    found, table = [], STREAM_METRICS[rule.metric]
    for row in session.rows(table):
        cell = row.get("cell")
        if row.get("measure", row["metric"]) != rule.metric or (cell is not None and cell not in cells):
            continue
        if rule.metric == _SWAPPED and row.get("kind") == "relative":
            continue  # the same in other terms: one question, one check
        one, other = (row.get(key) for key in _PAIRS[table])
        if rule.streams and one not in rule.streams and other not in rule.streams:
            continue
        pair = f"{one} {'over' if rule.metric == 'follows' else 'and'} {other}" if other else one
        place = cell
        if table == "balance":
            apart = " (share − goal)" if rule.goals is not None and rule.goals.kind == "adaptive" else ""
            place, pair = None, f"{one}{'' if cell == 'clean' else f' in {cell}'}{apart}"
        instead = f"{'partner' if rule.metric == _SWAPPED else 'fill'} {row['fill']}" if row.get("fill") else None
        subject = ", ".join(filter(None, [place, pair, instead]))
        if rule.goals is not None and row["value"] is not None and row["goal"] is None and row["verdict"] is None:
            continue  # the goals leave the stream out
        number, ends = _against_goal(rule, row)
        size = number.n or 0
        check = Check.of(subject, number, [cell] if cell else [], samples=size, clusters=size)
        found.append(replace(check, ends=ends))
    needed = "streams of other samples (wrong_pairing)" if rule.metric == _SWAPPED else "streams lost"
    note = f"the run has no {rule.metric} of these streams: it needs cells with {needed}, of input that is clean"
    return found or [Check(str(rule.on), note=note)]


def _against_goal(rule: Rule, row: Mapping[str, Any]) -> tuple[Number, tuple[float, float] | None]:
    """Return the number that is judged, and between what: the share or, of a goal that moves with it, share − goal."""
    number, goals = Number.of(row), rule.goals
    if goals is None or row["goal"] is None:
        return (number, rule.ends) if goals is None else (replace(number, value=None, note=number.note), None)
    if goals.kind == "adaptive":
        apart = replace(number, value=row["off"], low=row["off_low"], high=row["off_high"])
        return apart, (-goals.tolerance, goals.tolerance)
    return number, (row["goal"] - goals.tolerance, row["goal"] + goals.tolerance)
