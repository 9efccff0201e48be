"""The monitor: items in, windows and alerts out, each kept in the history before it is said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import short
from stress.monitor._beforehand import alert, checked, enough
from stress.monitor._blocks import Blocks
from stress.monitor._describe import usual
from stress.monitor._harm import Harm
from stress.monitor._history import History
from stress.monitor._inputs import Arrival
from stress.monitor._item import Item, RefusedError, read_item
from stress.monitor._reference import Reference, tie_of
from stress.monitor._severity import Severities, fit_severities
from stress.monitor._state import Batch, Memory, restore, write
from stress.monitor._window import Window, closed_window
from stress.policy import KEEP, Policy
from stress.statistics.arrays import Floats
from stress.statistics.edetectors import Detector, cells_of, least_looks

__all__ = ["Monitor", "MonitorOptions"]

_TOGETHER = 64
"""Blocks that are looked at together: so many inputs, or some seconds, an alarm may come later."""
_QUIET = 5
"""Windows without an alarm after which one of the same signal is said again."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class MonitorOptions:
    """How a monitor works.

    ``alpha`` are false alarms a look, ``window`` the inputs and ``every`` the seconds (of the inputs' own time) after
    which a window ends; ``tolerance`` is the rise of the risk that late labels may show before it is called harmful.
    """

    alpha: float = 1e-6
    window: int = 200
    every: float | None = None
    tolerance: float = 0.05
    root: Path = field(default_factory=Path)

    def __post_init__(self) -> None:
        def number(value: object) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool)

        if not number(self.alpha) or not 1e-12 <= self.alpha <= 0.1:
            raise InputError(
                f"monitor: alpha (false alarms a look) must be from 1e-12 to 0.1, got {short(self.alpha)}."
            )
        if not isinstance(self.window, int) or isinstance(self.window, bool) or not 10 <= self.window <= 10_000:
            raise InputError(f"monitor: window must be from 10 to 10,000 inputs, got {short(self.window)}.")
        if self.every is not None and not (number(self.every) and 0 < self.every < 1e9):
            raise InputError(f"monitor: every must be seconds above 0, got {short(self.every)}.")
        if not number(self.tolerance) or not 0 <= self.tolerance < 1:
            raise InputError(f"monitor: tolerance must be a risk from 0 to 1, got {short(self.tolerance)}.")


class Monitor:
    """Watches production against a run. What it knows of the past has a fixed size, whatever comes.

    ``alerted`` tells whether there was an alert. ``severities`` are the reference's, if they are fitted.
    """

    def __init__(
        self, reference: Reference, history: History, options: MonitorOptions | None = None,
        policy: Policy | None = None,
        severities: Severities | None = None,
    ) -> None:  # fmt: skip
        self.reference, self.history, self.options = reference, history, options or MonitorOptions()
        self.policy = checked(policy, reference)
        enough(reference, self.options.alpha)
        self.severities = severities or fit_severities(reference, self.options.window)
        clean = reference.scenes[0]
        self.memory = Memory(
            Detector(cells_of(reference.blocks, reference.ties), self.options.alpha),
            Blocks(reference.frames, len(reference.signals)),
            Harm(1 - clean.score, len(clean.values), self.options.tolerance, alpha=self.options.alpha)
            if reference.bounded
            else None,
            np.full(len(reference.signals), -_QUIET - 1, np.int64),
        )
        self.alerted = False
        self._about = {
            "run": reference.run, "signals": list(reference.signals), "alpha": self.options.alpha,
            "block": reference.block, "clean inputs": len(reference.blocks),
        }  # fmt: skip
        self._batch = Batch()
        self._usual = [usual(column) for column in reference.clean.T]
        self._waiting: list[tuple[Floats, float, str, float | None]] = []
        """Blocks that were taken and not looked at: value, tie, input, and time."""
        restore(history, self._about, self.memory)
        with history.write():
            history.note("streams", json.dumps(dict(reference.streams)))
            history.note("headline", reference.headline)
            history.note("share", "1" if reference.bounded else "0")
            history.note("alpha", repr(self.options.alpha))

    @property
    def action(self) -> str:
        """What the policy says now: of the last whole window, and before the first its safe action."""
        return self.memory.action or (KEEP if self.policy is None else self.policy.safe)

    @property
    def least_looks(self) -> int:
        """The fewest blocks after which an alarm is possible at all."""
        count, signals = self.reference.blocks.shape
        return least_looks(count, signals, self.options.alpha) or 0

    @property
    def notes(self) -> list[str]:
        """What whoever reads the alarms should know of the reference."""
        found = []
        if self.reference.cluster not in (None, self.reference.block):
            found.append(
                f"the run's samples cluster by {self.reference.cluster}: false alarms are as few as promised where "
                f"inputs of one {self.reference.cluster} do not come in a row (--block {self.reference.cluster} counts "
                "each as one look)"
            )
        if self.severities.coverage < 0.9:
            found.append(
                f"the run has few scenarios: the interval of the expected {self.reference.headline} holds in "
                f"{self.severities.coverage:.0%} of new ones, not 90 %"
            )
        return found

    def watch(self, arrivals: Iterable[Arrival], source: str) -> Iterator[Event]:
        """Take what comes, and give windows and alerts; what remains at the end is a last, shorter window."""
        for arrival in arrivals:
            yield from self.take(arrival, source)
        if self.memory.window.values:
            self._close()
        yield from self.flush()

    def take(self, arrival: Arrival, source: str) -> Iterator[Event]:
        """Take one arrival. Events are given once they are written down."""
        if arrival.kind == "idle":
            if self._batch.count:
                yield from self.flush()
            return
        self.memory.places[source] = max(self.memory.places[source], arrival.place)
        try:
            if arrival.row is None:
                raise RefusedError(arrival.kind, arrival.problem)
            item = read_item(arrival.row, self.reference, self.options.root)
            self._take(item, item.id or arrival.name)
        except RefusedError as refused:
            self._batch.problem(refused.kind, f"{arrival.name}: {refused}")
        if self._batch.due:
            yield from self.flush()

    def flush(self) -> Iterator[Event]:
        """Write down what was taken, all of it or nothing, and give its windows and alerts."""
        self._looked()
        batch, self._batch = self._batch, Batch()
        write(self.history, self._about, self.memory, batch)
        yield from batch.events

    def known(self, name: str) -> bool:
        """Whether an input of this name was taken."""
        return name in self._batch.taken or self.history.recalled(name) is not None

    def _take(self, item: Item, name: str) -> None:
        if item.signals is None:
            self._label(item, name)
            return
        if self.known(name):
            raise RefusedError("seen before", "an input of this id was taken before")
        self._order(item, name)
        if self.memory.window.values and self.memory.window.over(item.time, self.options.every):
            self._close()
        self.memory.number += 1
        self._batch.taken[name] = (self.memory.number, item.prediction, self.memory.windows + 1)
        self.memory.window.add(item, name, self._decided(item))
        self._look(item, name)
        if item.label is not None or item.score is not None:
            self._label(item, name)
        if len(self.memory.window.values) >= self.options.window:
            self._close()

    def _decided(self, item: Item) -> str | None:
        if self.policy is None or item.signals is None:
            return None
        return self.policy.decide(dict(zip(self.reference.signals, item.signals.tolist())))

    def _order(self, item: Item, name: str) -> None:
        """Count what is not as it should be with an input's time."""
        for kind in item.exceptions:
            self._batch.problem(kind, f"{name}: {kind}")
        if kind := self.memory.window.out_of_order(item.time, self.options.every):
            self._batch.problem(kind, f"{name}: at {item.time}")
        if self.options.every is not None and item.time is None and not item.exceptions:
            self._batch.problem("no time", f"{name}: is in the window that is open")

    def _look(self, item: Item, name: str) -> None:
        """Look at the block of an input, once as much of it is there as of the reference's."""
        assert item.signals is not None  # noqa: S101 - a label alone is no input
        block, values = item.block, item.signals
        if block is None and self.reference.frames > 1:
            self._batch.problem(f"no {self.reference.block}", f"{name}: is in no alarm, for want of it")
            return
        whole = values if block is None else self.memory.blocks.add(block, values)
        if whole is None:
            return
        self._waiting.append((whole, tie_of(f"block {name if block is None else block}"), name, self.memory.window.end))
        if len(self._waiting) >= _TOGETHER:
            self._looked()

    def _looked(self) -> None:
        """Look at the blocks that wait, all at once: one by one it costs three times as much, and finds the same."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        values, ties, names, times = zip(*waiting)
        detector, memory = self.memory.detector, self.memory
        first = detector.looks + 1
        cells = detector.cells.place(np.array(values), np.array(ties)[:, np.newaxis])
        for look, (found, name, time) in enumerate(zip(detector.look_at(cells), names, times), first):
            fresh = [k for k, i in enumerate(found.alarms) if memory.windows - memory.quiet[i] > _QUIET]
            memory.quiet[found.alarms] = memory.windows
            if fresh:  # what goes on alarming was said
                signals = [self.reference.signals[found.alarms[k]] for k in fresh]
                looks = look - int(found.since[fresh].min())
                says = f"{', '.join(signals)}: not as on clean input of the run, since {looks} looks or so"
                self._said(alert("alarm", signals[0], says, name, memory.windows + 1, look, time,
                                  {"signals": signals, "looks": looks}))  # fmt: skip

    def _label(self, item: Item, name: str) -> None:
        """Take a label that came late, or with its input."""
        fresh, known = self._batch.taken.get(name), self.history.recalled(name)
        if fresh is None and known is None:
            raise RefusedError("label of nothing", "a label came for an id that was not taken before, or long ago")
        if name in self._batch.labels or (known is not None and known["labelled"]):
            raise RefusedError("labelled before", "a label of this id was taken before")
        given, window = fresh[1:] if fresh is not None else ((known or {})["prediction"], int((known or {})["window"]))
        prediction = given if item.prediction is None else item.prediction
        score = item.score
        if score is None and prediction is None:
            raise RefusedError("label without answer", "a label needs the prediction, with the input or beside it")
        score = float(prediction == item.label) if score is None else score
        here = window == self.memory.windows + 1
        self._batch.labels[name] = (score, None if here else window)
        if here:
            self.memory.window.scores.append(score)
        harm = self.memory.harm
        if harm is None:
            return
        harm.take(score)
        if not self.memory.harmed and harm.harmful:
            self.memory.harmed = True
            self._alert("harmful shift", self.reference.headline, harm.says, name, {"labels": harm.count})

    def _alert(self, kind: str, name: str, says: str, item: str, detail: Mapping[str, Any]) -> None:
        self._looked()
        memory = self.memory
        self._said(alert(kind, name, says, item, memory.windows + 1, memory.detector.looks, memory.window.end, detail))

    def _said(self, event: dict[str, Any]) -> None:
        self.alerted |= event["kind"] != "action"
        self._batch.events.append(event)

    def _close(self) -> None:
        """End the window that is open."""
        self._looked()
        found = closed_window(
            self.memory.windows + 1,
            self.memory.window,
            self.reference,
            self.severities,
            self._usual,
            self.memory.detector.evidence,
            self.options.alpha,
        )
        changes = list(found.named)
        if found.row.get("unlike"):
            says = f"unlike anything in the run: {found.row['distance']:.1f} times as far as its scenarios are apart"
            changes.append({"kind": "unlike", "name": found.row["scenario"], "says": says})
        for change in changes:
            if [change["kind"], change["name"]] not in self.memory.said:  # what goes on was said
                self._alert(change["kind"], change["name"], change["says"], self.memory.window.names[-1], {})
        self.memory.said = [[change["kind"], change["name"]] for change in changes]
        action = found.row.get("action")
        if action is not None and action != self.action:
            self._alert("action", action, f"the policy says now: {action}", self.memory.window.names[-1], {})
        self.memory.action = action or self.memory.action
        self._batch.windows.append(found)
        self._batch.events.append({"event": "window", **found.row})
        self.memory.windows += 1
        self.memory.window = Window()
