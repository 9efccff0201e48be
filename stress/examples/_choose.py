"""Which records are worth a look: the surest mistakes of each scenario, what came through, what was right when dropped.

The choice is made of records alone and is the same each time: ties are broken by a draw keyed by seed and sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations.errors import named_keywords
from stress.records.cells import CellRow, cell_rows
from stress.records.folder import Folder
from stress.records.statuses import failures

__all__ = ["Answer", "Choice", "Why", "answers_of", "choose", "has_private", "is_private"]

Why = Literal["no answer", "surest mistake", "right without it", "survives", "typical mistake"]
"""``right without it``: wrong with the degraded stream, right where that stream is dropped."""

_PUBLIC = ("", "0", "0.0", "false", "f", "no", "n", "off", "none", "nan")
"""Values of the group ``private`` with which a sample may be shown; any other keeps it out."""


@dataclass(frozen=True)
class Answer:
    """What the model answered about a sample in a cell: the prediction, or the status of an answer that failed."""

    text: str
    score: float
    confidence: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Choice:
    """One record to show: the sample's position, the cell, the answers on clean input and here, and why it was chosen.

    ``breaks_at`` is the lowest severity of the scenario at which this sample is answered worse than on clean input.
    """

    position: int
    cell: str
    why: Why
    before: Answer
    after: Answer
    breaks_at: float | None = None


@dataclass(frozen=True)
class _Answers:
    """The first draw's answers in one cell, by sample."""

    samples: NDArray[np.int64]
    score: NDArray[np.float64]
    """The higher the better; a failure is worse than anything."""
    confidence: NDArray[np.float64]
    failed: NDArray[np.bool_]
    table: pa.Table

    def at(self, row: int) -> Answer:
        sure = float(self.confidence[row])
        return Answer(self._text(row), float(self.score[row]), None if np.isnan(sure) else sure, bool(self.failed[row]))

    def _text(self, row: int) -> str:
        """Return an answer as text: the status of one that failed, the score where nothing else is kept."""
        found = {name: self.table[name][row].as_py() for name in ("status", "score", "prediction") if name in self._has}
        answer = found.get("prediction")
        if self.failed[row]:
            return str(found["status"])
        if answer is None:
            return f"score {found['score']:.3g}"
        return f"{answer:.4g}" if isinstance(answer, float) else str(answer)

    @property
    def _has(self) -> Sequence[str]:
        names: Sequence[str] = self.table.column_names
        return names

    def of(self, sample: int) -> Answer | None:
        found = np.flatnonzero(self.samples == sample)
        return self.at(int(found[0])) if len(found) else None


def answers_of(run: Folder, cell: str, sample: int) -> Answer | None:
    """Return what the model answered about the sample at a position, in the first draw of a cell; None: no record."""
    return _answers(run, cell).of(sample)


def _answers(run: Folder, cell: str) -> _Answers:
    columns = [name for name in ("status", "score", "prediction", "confidence") if name in run.columns]
    table = run.records([cell], columns)
    table = table.filter(np.asarray(table["draw"]) == 0)
    score = table["score"].to_numpy().astype(np.float64)
    sure = table["confidence"].to_numpy().astype(np.float64) if "confidence" in columns else np.full(len(score), np.nan)
    status = table["status"].combine_chunks()
    wrong = [place for place, name in enumerate(status.dictionary.to_pylist()) if name in failures()]
    failed = np.isin(np.asarray(status.indices), wrong)
    worth = np.where(failed, -np.inf, score if run.info.get("better", "higher") == "higher" else -score)
    return _Answers(np.asarray(table["sample"]).astype(np.int64), worth, sure, failed, table)


@named_keywords
def choose(run: Folder, most: int, seed: int) -> list[Choice]:
    """Return up to ``most`` records to look at, those of one scenario together, the scenarios that suffer most first.

    A sample whose group ``private`` is true is never among them, and neither is what an attack found: that would take
    the model to make again.
    """
    rows = cell_rows(run.cells)
    clean = _answers(run, "clean") if any(row.clean for row in rows) else None
    if clean is None or not len(clean.samples):
        return []
    kept = _public(run)
    scenes = [_Scene(run, row, rows, clean, kept, seed) for row in _worst_cells(run, rows)]
    scenes = sorted((scene for scene in scenes if len(scene.rows)), key=lambda scene: scene.mean)
    found: list[Choice] = []
    for why in get_args(Why):
        for scene in scenes:
            if len(found) < most and (choice := scene.choice(why)) is not None:
                found.append(choice)
    place = {scene.row.scenario: number for number, scene in enumerate(scenes)}
    scenario = {row.cell: row.scenario for row in rows}
    return sorted(found, key=lambda choice: place[scenario[choice.cell]])


@named_keywords
def has_private(run: Folder) -> bool:
    """Return whether some sample of the run is never to be shown."""
    return int(_public(run).sum()) < len(run.samples)


@named_keywords
def is_private(run: Folder, position: int) -> bool:
    """Return whether the sample at a position is never to be shown: its group ``private`` is true."""
    return not _public(run)[position]


def _public(run: Folder) -> NDArray[np.bool_]:
    """Return which samples may be shown, by position."""
    orders = run.samples["order"].to_numpy()
    kept = np.zeros(int(orders.max(initial=-1)) + 1, bool)
    kept[orders] = True
    if "group.private" in run.samples.column_names:
        private = [str(value).strip().lower() not in _PUBLIC for value in run.samples["group.private"].to_pylist()]
        kept[orders[np.array(private, bool)]] = False
    return kept


def _worst_cells(run: Folder, rows: Sequence[CellRow]) -> Iterator[CellRow]:
    """Yield the cell to look at of each scenario: the highest severity of its first curve, else its first cell."""
    by_scenario: dict[str, list[CellRow]] = {}
    for row in rows:
        attacked = any(name.startswith("attack.") for name in row.perturbations)
        if not (row.clean or row.fallback or row.takes_away or row.machine or attacked):
            by_scenario.setdefault(row.scenario, []).append(row)
    for same in by_scenario.values():
        if any(run.present(row.cell).any() for row in same):
            yield max(same, key=lambda row: (row.severity or 0.0, -row.order))


class _Scene:
    """One scenario's cell to look at, with its answers beside the clean ones."""

    def __init__(
        self, run: Folder, row: CellRow, rows: Sequence[CellRow], clean: _Answers, kept: NDArray[np.bool_], seed: int
    ) -> None:
        self.row, self._run, self._rows, self._clean, self._seed = row, run, rows, clean, seed
        self._now = _answers(run, row.cell)
        first = np.full(len(kept), -1, np.int64)
        first[clean.samples] = np.arange(len(clean.samples))
        inside = self._now.samples < len(kept)
        self.rows = np.flatnonzero(inside & kept[self._now.samples] & (first[self._now.samples] >= 0))
        self._before = first[self._now.samples[self.rows]]
        finite = self._now.score[self._now.score > -np.inf]
        self.mean = float(finite.mean()) if len(finite) else -np.inf
        self._taken: set[int] = set()
        self._known = {row.cell: self._now}

    def choice(self, why: Why) -> Choice | None:
        """Return the record of one kind that is not taken yet, if there is any."""
        for place in self._candidates(why):
            if int(place) not in self._taken:
                self._taken.add(int(place))
                return self._made(int(place), why)
        return None

    def _candidates(self, why: Why) -> NDArray[np.int64]:
        now, before = self._now.score[self.rows], self._clean.score[self._before]
        failed, sure = self._now.failed[self.rows], np.nan_to_num(self._now.confidence[self.rows])
        worse = (now < before) & ~failed
        loss = np.subtract(before, now, out=np.zeros(len(now)), where=worse)  # both may be failures: endless ones
        order = np.lexsort((self._draw(), -sure, -loss))
        if why == "no answer":
            return order[failed[order] & ~self._clean.failed[self._before][order]]
        if why == "survives":
            through = (now >= before) & (before >= np.median(before)) & ~failed
            return _from_the_middle(order[through[order]])
        mistakes = order[worse[order]]
        if why == "typical mistake":
            return _from_the_middle(mistakes)
        return mistakes if why == "surest mistake" else mistakes[self._right_without(mistakes)]

    def _draw(self) -> NDArray[np.uint64]:
        """Return a number for each record by which ties are broken: mixed of seed and sample (splitmix64)."""
        mixed = self._now.samples[self.rows].astype(np.uint64) + np.uint64(self._seed % 2**32) * np.uint64(2**32)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        return mixed

    def _right_without(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of these are answered as well as on clean input where the degraded streams are dropped."""
        streams = set(self.row.streams)
        gone = (row.cell for row in self._rows if row.takes_away and set(row.lost or row.streams) == streams)
        if (cell := next(gone, None)) is None:
            return np.zeros(len(places), bool)
        without = self._in(cell)
        score = dict(zip(without.samples.tolist(), without.score.tolist()))
        clean = self._clean.score[self._before[places]]
        dropped = [score.get(int(name), -np.inf) for name in self._now.samples[self.rows[places]]]
        return np.array(dropped) >= clean

    def _made(self, place: int, why: Why) -> Choice:
        row = int(self.rows[place])
        sample = int(self._now.samples[row])
        before, after = self._clean.at(int(self._before[place])), self._now.at(row)
        return Choice(sample, self.row.cell, why, before, after, self._breaks_at(sample, before.score))

    def _breaks_at(self, sample: int, clean: float) -> float | None:
        """Return the lowest severity of this curve at which the sample is answered worse than on clean input."""
        same = (self.row.scenario, self.row.streams, self.row.perturbation, self.row.profile, self.row.coordinates)
        curve = [
            row
            for row in self._rows
            if row.severity
            and not row.fallback
            and (row.scenario, row.streams, row.perturbation, row.profile, row.coordinates) == same
        ]
        for row in sorted(curve, key=lambda row: row.severity or 0.0):
            found = self._in(row.cell).of(sample)
            if found is not None and found.score < clean:
                return row.severity
        return None

    def _in(self, cell: str) -> _Answers:
        if cell not in self._known:
            self._known[cell] = _answers(self._run, cell)
        return self._known[cell]


def _from_the_middle(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the same places, the middle one first, then what lies farther from it."""
    return places[np.argsort(np.abs(np.arange(len(places)) - len(places) // 2), kind="stable")]
