"""What was taken is written down in batches: inputs, windows, alerts and the state, together or not at all."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perturbations import RunError
from perturbations.errors import short
from stress.monitor._blocks import Blocks
from stress.monitor._harm import Harm
from stress.monitor._history import History
from stress.monitor._window import Closed, Window
from stress.statistics.arrays import Ints
from stress.statistics.edetectors import Detector

__all__ = ["Batch", "Memory", "restore", "write"]

_ITEMS, _SECONDS = 1000, 5.0
"""Inputs, and seconds, after which what was taken is written down."""


@dataclass
class Batch:
    """What was taken since the last time that something was written.

    ``taken`` are inputs (number, answer, window) and ``labels`` (score, window that ended) by name, ``problems`` how
    often what could not be used, with the first and the last of each kind.
    """

    taken: dict[str, tuple[int, str | None, int]] = field(default_factory=dict)
    labels: dict[str, tuple[float, int | None]] = field(default_factory=dict)
    windows: list[Closed] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: dict[str, list[Any]] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def problem(self, kind: str, says: str) -> None:
        """Count something that could not be used."""
        known = self.problems.setdefault(kind, [0, says[:500], ""])
        known[0], known[2] = known[0] + 1, says[:500]

    @property
    def count(self) -> int:
        """How much was taken."""
        return len(self.taken) + len(self.labels) + sum(each[0] for each in self.problems.values())

    @property
    def due(self) -> bool:
        """Whether it should be written now."""
        return bool(self.events) or self.count >= _ITEMS or time.monotonic() - self.begun > _SECONDS


@dataclass
class Memory:
    """All that a monitor knows of the past; its size is fixed.

    ``harm`` is None where scores are not between 0 and 1. ``quiet`` is the window in which each signal alarmed last,
    ``places`` how far each source was read, ``action`` what the policy said last, ``said`` the changes of the last
    window.
    """

    detector: Detector
    blocks: Blocks
    harm: Harm | None
    quiet: Ints
    window: Window = field(default_factory=Window)
    places: Counter[str] = field(default_factory=Counter)
    number: int = 0
    windows: int = 0
    harmed: bool = False
    action: str = ""
    said: list[list[str]] = field(default_factory=list)

    def data(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as arrays, with what it is about."""
        names, sums = self.blocks.state()
        plain = {
            "about": about, "number": self.number, "windows": self.windows, "places": self.places, "blocks": names,
            "window": self.window.state(), "harmed": self.harmed, "action": self.action,
            "said": self.said,
            "harm": None if self.harm is None else [self.harm.total, self.harm.count, self.harm.sums],
        }  # fmt: skip
        values = np.array(self.window.values).reshape(-1, len(self.quiet))
        detector = {f"detector_{name}": value for name, value in self.detector.state().items()}
        text = json.dumps(plain).encode()
        return {"plain": np.frombuffer(text, np.uint8), "values": values, "sums": sums, "quiet": self.quiet, **detector}

    def load(self, kept: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
        """Become what was kept."""
        self.number, self.windows = plain["number"], plain["windows"]
        self.places = Counter(plain["places"])
        self.window = Window.of(plain["window"], kept["values"])
        self.blocks.restore(plain["blocks"], kept["sums"])
        self.harmed, self.action, self.quiet = plain["harmed"], plain["action"], kept["quiet"]
        self.said = plain["said"]
        if self.harm is not None and plain["harm"] is not None:
            self.harm.total, self.harm.count, self.harm.sums = plain["harm"]
        self.detector.restore({n.removeprefix("detector_"): v for n, v in kept.items() if n.startswith("detector_")})


def write(history: History, about: Mapping[str, Any], memory: Memory, batch: Batch) -> None:
    """Write a batch and the state after it in one transaction."""
    with history.write():
        for kind, (count, first, last) in batch.problems.items():
            history.count(kind, first, last or first, count)
        history.remember(batch.taken)
        for found in batch.windows:
            history.insert("windows", found.row)
            history.thin(found.row["id"])
            for row in found.signals:
                history.insert("signals", row)
            for row in found.collect:
                history.insert("collect", row)
        for event in batch.events:
            if event["event"] == "alert":
                kept = {key: value for key, value in event.items() if key != "event"}
                event["id"] = history.insert("alerts", {**kept, "raised": time.time()})
        for name, (score, ended) in batch.labels.items():
            history.labelled(name, score, ended)
        history.keep("monitor", memory.data(about))


def restore(history: History, about: Mapping[str, Any], memory: Memory) -> None:
    """Go on where the history ends. Raises RunError where it is of another run, or of other options."""
    kept = history.kept("monitor")
    if kept is None:
        return
    plain = json.loads(kept["plain"].tobytes())
    for name, value in about.items():
        if plain["about"].get(name) != value:
            raise RunError(
                f"history: {history.path} must be continued with the same {name}, got {short(value)} instead of "
                f"{short(plain['about'].get(name))}. Give another --history."
            )
    memory.load(kept, plain)
