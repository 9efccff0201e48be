"""One attack under way on a batch: which samples are still answered rightly, the best found so far, and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Value
from perturbations.attack._budget import Ball, Flat
from perturbations.attack._oracle import Floats, Loss, Oracle, Streams, margin

__all__ = ["Attempt", "HeldOut", "Points", "Rows"]

Rows: TypeAlias = NDArray[np.int64]
Points: TypeAlias = Mapping[str, Flat]
"""A flat vector for each stream that is made of numbers."""


HeldOut: TypeAlias = Callable[[int, Callable[["Attempt"], Any]], Any]
_NO_LIMIT = 2**62


class Attempt:
    """The state that an attack's function works on; every question to the model goes through it and is counted.

    ``balls`` and ``edits`` are the budgets of the attacked streams: a ball for each image or recording, a number of
    edits for each text. ``rngs`` holds a generator for each sample, by stream. ``values`` are the most harmful values
    found, ``margins`` what the model's answer had left over with them; a sample below 0 is broken and is left alone.
    ``limit`` is the most calls that a sample may cost. ``lexicons`` are there for texts whose budget is in words.
    ``halves`` says in which half of the data a sample is, and ``held_out(half, fit)`` returns ``fit(attempt)`` for an
    attempt on samples of the other half, fitted once.
    """

    def __init__(
        self,
        oracle: Oracle,
        streams: Streams,
        labels: NDArray[np.int64],
        balls: Mapping[str, Ball],
        edits: Mapping[str, int],
        rngs: Mapping[str, Sequence[Generator]],
        halves: NDArray[np.int64] | None = None,
        held_out: HeldOut | None = None,
    ) -> None:
        self.oracle, self.labels, self.balls, self.edits, self.rngs = oracle, labels, balls, edits, rngs
        self.halves, self.held_out = np.zeros(len(labels), np.int64) if halves is None else halves, held_out
        self.limit = _NO_LIMIT
        self.lexicons: dict[str, Mapping[str, Sequence[str]]] = {}
        self.base = {name: list(values) for name, values in streams.items()}
        self.values = {name: list(self.base[name]) for name in (*balls, *edits)}
        count = len(labels)
        self.calls = np.zeros(count, np.int64)
        self.passes_back = np.zeros(count, np.int64)
        self.margins = np.full(count, np.inf)
        self.clean_scores = np.zeros((count, oracle.classes))
        self.wrong_before = np.zeros(count, bool)
        self.movable = self._movable()

    def _movable(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self.labels), bool)
        for ball in self.balls.values():
            found |= ball.free
        for stream, most in self.edits.items():
            found |= np.array([bool(text) and most > 0 for text in self.base[stream]], bool)
        return found

    def begin(self) -> None:
        """Ask about the clean values."""
        everyone = np.arange(len(self.labels))
        self.clean_scores = self.ask(everyone, {})
        self.wrong_before = self.broken

    @property
    def open(self) -> Rows:
        """Samples that are still answered rightly, may still be changed, and may still be asked about."""
        return np.flatnonzero((self.margins >= 0) & self.movable & (self.calls < self.limit))

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Samples that the model gets wrong."""
        return self.margins < 0

    def left(self, row: int) -> int:
        """Return how many more calls a sample may cost."""
        return max(0, self.limit - int(self.calls[row]))

    def clean_points(self) -> dict[str, Flat]:
        """Return where all streams of numbers start from."""
        return {name: ball.clean for name, ball in self.balls.items()}

    def ask(self, rows: Rows, changed: Mapping[str, Sequence[Value]]) -> Floats:
        """Return the model's scores with some streams changed, one value a row; a sample may have several rows."""
        if not len(rows):
            return np.zeros((0, self.oracle.classes))
        scores = self.oracle.scores(self._streams(rows, changed))
        self._note(rows, changed, scores)
        return scores

    def peek(self, rows: Rows, changed: Mapping[str, Sequence[Value]]) -> Floats:
        """Return the model's scores at values that no budget allows: counted, but never kept as found."""
        np.add.at(self.calls, rows, 1)
        return self.oracle.scores(self._streams(rows, changed)) if len(rows) else np.zeros((0, self.oracle.classes))

    def ask_at(self, rows: Rows, points: Points) -> Floats:
        """Return the model's scores at projected points, rounded to the real format."""
        return self.ask(rows, {name: ball.values(points[name], rows) for name, ball in self.balls.items()})

    def differentiate(self, rows: Rows, points: Points, loss: Callable[[Rows], Loss]) -> tuple[Floats, dict[str, Flat]]:
        """Return the loss of some samples at projected points (minus infinity for the others) and its slopes.

        ``loss`` is given the rows that it is asked about. The model is asked at the values in their real format.
        """
        found = np.full(len(self.labels), -np.inf)
        changed = {name: ball.values(points[name], rows) for name, ball in self.balls.items()}
        of = loss(rows)
        scores, slopes = self.oracle.gradients(self._streams(rows, changed), list(self.balls), of)
        self._note(rows, changed, scores)
        self.passes_back[rows] += 1
        with np.errstate(all="ignore"):
            values = of(scores)[0]
        found[rows] = np.where(np.isfinite(values), values, -np.inf)
        return found, {name: ball.flat(slopes[name], rows) for name, ball in self.balls.items()}

    def keep(self, rows: Rows, changed: Mapping[str, Sequence[Any]], scores: Floats) -> None:
        """Take values as the attack's result, whether they are more harmful than what was found before or not."""
        self.margins[rows] = margin(scores, self.labels[rows])
        for name, values in changed.items():
            for row, value in zip(rows.tolist(), values):
                self.values[name][row] = value

    def settle(self, stream: str) -> None:
        """Take the best values of a stream for granted from now on, whatever is changed next."""
        self.base[stream] = list(self.values[stream])

    def _streams(self, rows: Rows, changed: Mapping[str, Sequence[Value]]) -> dict[str, Sequence[Value]]:
        return {
            name: changed[name] if name in changed else [values[i] for i in rows] for name, values in self.base.items()
        }

    def _note(self, rows: Rows, changed: Mapping[str, Sequence[Any]], scores: Floats) -> None:
        """Count the calls, and keep what is more harmful than anything before."""
        np.add.at(self.calls, rows, 1)
        found = margin(scores, self.labels[rows])
        for place in np.flatnonzero(found < self.margins[rows]).tolist():
            row = int(rows[place])
            if found[place] < self.margins[row]:  # several candidates of one sample: the worst of them
                self.margins[row] = found[place]
                for name, kept in self.values.items():
                    kept[row] = changed[name][place] if name in changed else self.base[name][row]
