"""How values come, input after input: what a policy that looks at the age of values has to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from numbers import Real

import numpy as np

from perturbations import InputError, Value
from perturbations.errors import named_keywords, short
from perturbations.modality import MOST, Arrival, arrivals, modality_of
from stress.models import Batch
from stress.policy._policy import Policy

__all__ = ["Arrivals", "Came"]


class Arrivals:
    """Signals of how the values of one sequence come, in their order: ``image.frozen`` and ``image.late``.

    They are what a run records of data in sequences (``stress list signals``). ``restart`` begins another sequence.
    Not for several threads at once.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin another sequence: its first values repeat nothing."""
        self._last: dict[str, tuple[Value, int]] = {}

    @named_keywords
    def next(
        self, streams: Mapping[str, Value], now: float | None = None, captured: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Return the signals of the next input of the sequence by ``STREAM.SIGNAL``; lost streams have none.

        ``now`` is the input's time and ``captured`` when the value of each stream was captured, in seconds on one
        clock: what a time stamp says. Without them ``STREAM.late`` is undefined (NaN).
        """
        for name, time in (("now", now), *(captured or {}).items()):
            if time is not None and (isinstance(time, bool) or not isinstance(time, Real)):
                raise InputError(f"arrivals: {name} must be a time in seconds, got {short(time)}.")
        found: dict[str, float] = {}
        for stream, value in streams.items():
            before, repeats = self._last.get(stream, (None, 0))
            if value is None:
                self._last[stream] = None, 0
                continue
            kind = modality_of(value, f"stream {stream}")
            alike = before is not None and kind.holds(before) and kind.same(before, value)
            repeats = min(repeats + 1, MOST) if alike else 0
            self._last[stream] = kind.copy(value), repeats
            time = (captured or {}).get(stream)
            late = nan if now is None or time is None else now - time
            measured = arrivals(Arrival(repeats, late))
            found |= {f"{stream}.{name}": float(np.float32(number)) for name, number in measured.items()}
        return found


class Came:
    """What a guard knows of how the values of a batch came: from the batch, or by looking at batch after batch."""

    def __init__(self, policy: Policy, in_order: bool) -> None:
        self.wanted = [name for name in policy.asked if name.rpartition(".")[2] in arrivals.all]
        self.arrivals = Arrivals() if in_order else None

    def of(self, batch: Batch) -> Sequence[Mapping[str, float]]:
        """Return the signals that the policy asks for, of each input. Raises InputError where nobody knows them."""
        known = batch.arrived or {}
        given = {name: known[name] for name in self.wanted if name in known}
        if self.arrivals is None and (missing := [name for name in self.wanted if name not in given]):
            raise InputError(_unknown(missing[0], batch.arrived is not None))
        rows = [{name: float(np.float32(numbers[row])) for name, numbers in given.items()} for row in range(batch.size)]
        if self.wanted and self.arrivals is not None:
            streams = dict.fromkeys(name.rpartition(".")[0] for name in self.wanted)
            seen = [self.arrivals.next({name: batch[name][row] for name in streams}) for row in range(batch.size)]
            rows = [found | more for found, more in zip(seen, rows)]
        return rows


def _unknown(name: str, asked: bool) -> str:
    if asked:
        return (
            f"guard: the policy asks for {name}, which the run does not tell: its data must come in sequences, and "
            "signals be recorded (not --signals none)."
        )
    return (
        f"guard: the policy asks for {name}, which no value tells alone: batch.arrived must have it, got nothing. Call "
        "with the inputs of one sequence in their order and say guard(…, in_order=True), or measure it "
        "(stress.policy.Arrivals)."
    )
