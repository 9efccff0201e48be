"""Windows: inputs that came after each other, and what is said of them together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stress.monitor._describe import Usual, distances, named_changes
from stress.monitor._item import Item
from stress.monitor._reference import Reference
from stress.monitor._severity import Severities
from stress.policy import commonest
from stress.statistics.arrays import Floats

__all__ = ["LEAST", "Closed", "Window", "closed_window"]

LEAST = 10
"""Inputs of a window from which a severity and a score to expect are said."""
_COLLECT = 5
"""Inputs that are named for labels, of each reason."""


@dataclass
class Window:
    """Inputs of a window that is open: at most as many as a window may have."""

    values: list[Floats] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    lost: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    scores: list[float] = field(default_factory=list)
    begin: float | None = None
    end: float | None = None

    def add(self, item: Item, name: str, action: str | None) -> None:
        """Add an input."""
        assert item.signals is not None  # noqa: S101 - a label alone is no input
        self.values.append(item.signals)
        self.names.append(name)
        self.sure.append(np.nan if item.confidence is None else item.confidence)
        self.members.add(name if item.block is None else f"\0{item.block}")
        self.lost.update(item.lost)
        if action is not None:
            self.actions[action] += 1
        if item.time is not None:
            self.begin = item.time if self.begin is None else self.begin
            self.end = item.time if self.end is None else max(self.end, item.time)

    def out_of_order(self, at: float | None, every: float | None) -> str:
        """Return how a time does not follow those before: ``late``, or so early that the clock must have been set."""
        if at is None or self.begin is None or self.end is None or at >= self.end:
            return ""
        if every is not None and at < self.begin - every:
            return "clock went back"
        return "late" if at < self.begin or every is None else ""

    def over(self, at: float | None, every: float | None) -> bool:
        """Whether an input of that time belongs to the next window: its time is up, or the clock was set back."""
        if at is None or every is None or self.begin is None:
            return False
        return at >= self.begin + every or at < self.begin - every

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data; the values stand apart."""
        plain = {name: getattr(self, name) for name in ("names", "scores", "begin", "end")}
        sure = [None if s != s else s for s in self.sure]
        counts = {"lost": dict(self.lost), "actions": dict(self.actions)}
        return {**plain, **counts, "sure": sure, "members": sorted(self.members)}

    @classmethod
    def of(cls, state: Mapping[str, Any], values: Floats) -> Window:
        """Return the window that ``state`` was taken of."""
        plain: dict[str, Any] = {name: state[name] for name in ("names", "scores", "begin", "end")}
        plain |= {name: Counter(state[name]) for name in ("lost", "actions")}
        sure = [np.nan if s is None else s for s in state["sure"]]
        return cls(values=list(values), sure=sure, members=set(state["members"]), **plain)


@dataclass(frozen=True)
class Closed:
    """A window that ended: its row, a row a signal, changes with a name, and what to collect labels for."""

    row: Mapping[str, Any]
    signals: list[dict[str, Any]]
    named: list[dict[str, Any]]
    collect: list[dict[str, Any]]


def closed_window(
    number: int,
    window: Window,
    reference: Reference,
    severities: Severities,
    usually: Sequence[Usual],
    evidence: Floats,
    alpha: float,
) -> Closed:
    """Say what a window shows; ``usually`` is what clean input has of each signal."""
    values = np.array(window.values)
    blocks = float(len(window.members))
    named = named_changes(values, window.lost, blocks, reference, alpha)
    row: dict[str, Any] = {
        "id": number, "n": len(values), "blocks": int(blocks), "first_item": window.names[0],
        "last_item": window.names[-1], "begin": window.begin, "end": window.end, "closed": time.time(),
        "named": [f"{change['kind']}: {change['name']}" for change in named],
    }  # fmt: skip
    collect: list[dict[str, Any]] = []
    if len(values) >= LEAST:
        row |= _expected(values, blocks, severities, reference)
        collect = _collect(number, window, values, severities, row)
    if window.scores:
        row |= {"seen": float(np.mean(window.scores)), "labelled": len(window.scores)}
    if window.actions:
        row |= dict(zip(("action", "action_share"), commonest(window.actions)))
    signals = [
        {"window": number, "signal": name, "evidence": float(evidence[i]),
         **distances(values[:, i], usually[i])}
        for i, name in enumerate(reference.signals)
    ]  # fmt: skip
    return Closed(row, signals, named, collect)


def _expected(values: Floats, blocks: float, severities: Severities, reference: Reference) -> dict[str, Any]:
    """Return the equivalent severity, and the score to expect with its interval."""
    found = severities.explain(values, blocks)
    said = severities.says(found)
    low, high = found.score - severities.error(found), found.score + severities.error(found)
    if reference.bounded:
        low, high = max(0.0, low), min(1.0, high)
    if said["unlike"]:  # of what is unlike anything, the run knows nothing
        low, high = (0.0, 1.0) if reference.bounded else (-np.inf, np.inf)
    return {**said, "expected": found.score, "low": low, "high": high}


def _collect(
    number: int, window: Window, values: Floats, severities: Severities, row: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the inputs whose labels would tell most: the most unlike the run, and the least sure answers."""
    away = severities.sample_distances(values)
    about = {"window": number, "scenario": row["scenario"]}
    found = [
        {**about, "item": window.names[i], "why": "most unlike", "value": float(away[i])}
        for i in np.argsort(-away, kind="stable")[:_COLLECT]
    ]
    sure = np.array(window.sure)
    known = np.flatnonzero(np.isfinite(sure))
    found += [
        {**about, "item": window.names[i], "why": "least sure", "value": float(sure[i])}
        for i in known[np.argsort(sure[known], kind="stable")[:_COLLECT]]
    ]
    return found
