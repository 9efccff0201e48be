"""One attack under way on a batch: which samples are still answered rightly, the best found so far, and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Value
from perturbations.attack._budget import Ball, Flat
from perturbations.attack._oracle import Floats, Loss, Repeated, Streams, margin
from perturbations.errors import StressError

__all__ = ["Attempt", "Fitted", "HeldOut", "Points", "Rows"]

Rows: TypeAlias = NDArray[np.int64]
Points: TypeAlias = Mapping[str, Flat]
"""A flat vector for each stream that is made of numbers."""


@dataclass(frozen=True)
class Fitted:
    """What was fitted on held-out samples, what that took, and who it is used on: the place of each id among them."""

    result: Any
    calls: int
    passes_back: int
    users: Mapping[str, int]

    def share(self, sample: str) -> tuple[int, int]:
        """Return which calls and gradients of the fit a user pays: whole numbers, all of them together the whole."""
        place, count = self.users[sample], len(self.users)
        return tuple(total // count + (place < total % count) for total in (self.calls, self.passes_back))  # type: ignore[return-value]


HeldOut: TypeAlias = Callable[[int, Callable[["Attempt"], Any]], Fitted]
_NO_LIMIT = 2**62


class Attempt:
    """The state that an attack's function works on; every question to the model goes through it and is counted.

    ``balls`` and ``edits`` are the budgets of the attacked streams: a ball for each image or recording, a number of
    edits for each text. ``rngs`` holds a generator for each sample, by stream. ``values`` are the most harmful values
    found, ``margins`` what the model's answer had left over with them; a sample below 0 is broken and is left alone:
    only an answer breaks it, never the scores that a gradient came with. ``errors`` are the samples, by row, whose
    gradient could not be had, and why; they are left alone, too. ``limit`` is the most calls that a sample may cost.
    ``least`` is the part of the budget that was enough, where an attack looks for it.
    ``patient`` attacks go on with what is broken: it is broken for another model, which only stands in.
    ``lexicons`` are there for texts whose budget is in words.
    ``halves`` says in which half of the data a sample is, and ``held_out(half, fit)`` returns ``fit(attempt)`` for an
    attempt on samples of the other half, fitted once; ``fits`` are those that were used, by half.
    """

    def __init__(
        self,
        oracle: Repeated,
        streams: Streams,
        labels: NDArray[np.int64],
        balls: Mapping[str, Ball],
        edits: Mapping[str, NDArray[np.int64]],
        rngs: Mapping[str, Sequence[Generator]],
    ) -> None:
        self.oracle, self.labels, self.balls, self.edits, self.rngs = oracle, labels, balls, edits, rngs
        self.halves = np.zeros(len(labels), np.int64)
        self.held_out: HeldOut | None = None
        self.fits: dict[int, Fitted] = {}
        self.limit = _NO_LIMIT
        self.patient = False
        self.least = np.full(len(labels), np.nan)
        self.errors: dict[int, BaseException] = {}
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
            found |= np.array([bool(text) for text in self.base[stream]], bool) & (most > 0)
        return found

    def begin(self) -> None:
        """Ask about the clean values."""
        everyone = np.arange(len(self.labels))
        self.clean_scores = self.ask(everyone, {})
        self.wrong_before = self.broken

    def confirm(self) -> None:
        """Ask about what was found once more: what broke a sample of a random model once, by chance, is left out."""
        found = np.flatnonzero(self.movable & ~self.wrong_before)
        changed = {name: [values[i] for i in found] for name, values in self.values.items()}
        self.keep(found, changed, self.ask(found, changed))

    @property
    def open(self) -> Rows:
        """Samples that are still answered rightly, may still be changed, and may still be asked about."""
        going = ((self.margins >= 0) | (self.patient & ~self.wrong_before)) & self.movable & (self._room > 0)
        going[list(self.errors)] = False
        return np.flatnonzero(going)

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Samples that the model gets wrong."""
        return self.margins < 0

    def left(self, row: int) -> int:
        """Return how many more questions a sample may be asked."""
        return int(self._room[row])

    @property
    def _room(self) -> NDArray[np.int64]:
        """How many more questions a sample may be asked; where answers are averaged, one is kept to confirm with."""
        times = self.oracle.times
        room: NDArray[np.int64] = (self.limit - self.calls) // times - (times > 1)
        return np.maximum(room, 0)

    def clean_points(self) -> dict[str, Flat]:
        """Return where all streams of numbers start from."""
        return {name: ball.clean for name, ball in self.balls.items()}

    def ask(self, rows: Rows, changed: Mapping[str, Sequence[Value]]) -> Floats:
        """Return the model's scores with some streams changed, one value a row; a sample may have several rows."""
        if not len(rows):
            return np.zeros((0, self.oracle.classes))
        np.add.at(self.calls, rows, self.oracle.times)
        scores = self.oracle.scores(self._streams(rows, changed))
        self._note(rows, changed, margin(scores, self.labels[rows]))
        return scores

    def peek(self, rows: Rows, changed: Mapping[str, Sequence[Value]]) -> Floats:
        """Return the model's scores at values that no budget allows: counted, but never kept as found."""
        np.add.at(self.calls, rows, self.oracle.times)
        return self.oracle.scores(self._streams(rows, changed)) if len(rows) else np.zeros((0, self.oracle.classes))

    def ask_at(self, rows: Rows, points: Points) -> Floats:
        """Return the model's scores at projected points, rounded to the real format."""
        return self.ask(rows, {name: ball.values(points[name], rows) for name, ball in self.balls.items()})

    def differentiate(self, rows: Rows, points: Points, loss: Callable[[Rows], Loss]) -> tuple[Floats, dict[str, Flat]]:
        """Return the loss of some samples at projected points (minus infinity for the others) and its slopes.

        ``loss`` is given the rows that it is asked about. The model is asked at the values in their real format. Where
        the scores that come with a gradient say that a sample is broken, its answer is asked for, and decides.
        """
        found = np.full(len(self.labels), -np.inf)
        changed = {name: ball.values(points[name], rows) for name, ball in self.balls.items()}
        scores, slopes = self._gradients(rows, changed, loss)
        self._claim(rows, changed, scores)
        with np.errstate(all="ignore"):
            values = loss(rows)(scores)[0]
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

    def _gradients(
        self, rows: Rows, changed: Mapping[str, Sequence[Value]], loss: Callable[[Rows], Loss]
    ) -> tuple[Floats, dict[str, Sequence[Any]]]:
        """Return scores and slopes; where that raises, samples are asked one by one, and who fails alone is noted."""
        wanted = list(self.balls)
        self.calls[rows] += self.oracle.times
        self.passes_back[rows] += self.oracle.times
        try:
            scores, slopes = self.oracle.gradients(self._streams(rows, changed), wanted, loss(rows))
            return scores, dict(slopes)
        except StressError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a model raises is a finding
            if len(rows) == 1:
                self.errors[int(rows[0])] = error
                return np.full((1, self.oracle.classes), np.nan), {name: [None] for name in wanted}
        alone = [
            self._gradients(rows[i : i + 1], {name: values[i : i + 1] for name, values in changed.items()}, loss)
            for i in range(len(rows))
        ]
        each: dict[str, Sequence[Any]] = {n: [value for _, found in alone for value in found[n]] for n in wanted}
        return np.concatenate([scores for scores, _ in alone]), each

    def _claim(self, rows: Rows, changed: Mapping[str, Sequence[Value]], scores: Floats) -> None:
        """Note what scores that came with a gradient say; that a sample is broken is for its answer to say."""
        said = margin(scores, self.labels[rows])
        there = np.array([int(row) not in self.errors for row in rows], bool)
        if self.patient:  # what a stand-in says is all there is to know
            self._note(rows[there], _some(changed, there), said[there])
            return
        ask = there & (said < 0) & (self.margins[rows] >= 0) & (self._room[rows] > 0)
        rest = there & ~ask
        self._note(rows[rest], _some(changed, rest), np.maximum(said[rest], 0.0))
        self.ask(rows[ask], _some(changed, ask))

    def _note(self, rows: Rows, changed: Mapping[str, Sequence[Any]], found: Floats) -> None:
        """Keep what is more harmful than anything before."""
        for place in np.flatnonzero(found < self.margins[rows]).tolist():
            row = int(rows[place])
            if found[place] < self.margins[row]:  # several candidates of one sample: the worst of them
                self.margins[row] = found[place]
                for name, kept in self.values.items():
                    kept[row] = changed[name][place] if name in changed else self.base[name][row]


def _some(changed: Mapping[str, Sequence[Any]], which: NDArray[np.bool_]) -> dict[str, list[Any]]:
    """Return the values of some of the rows."""
    return {name: [value for value, wanted in zip(values, which) if wanted] for name, values in changed.items()}
