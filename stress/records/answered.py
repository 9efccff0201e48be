"""Signals of the model's own answers: how sure it is, and whether its streams agree when each is asked alone.

They need no truth, so that production has them, too; what they cost are calls of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from stress.records.standing import alone, dropping, paired, stand_ins
from stress.statistics.arrays import Floats, Ints

if TYPE_CHECKING:
    from stress.records.frame import Frame

__all__ = ["ANSWERED", "AnswerSignal", "Answers", "answers_in", "asked_of", "calls_for", "entropy_bits"]


@dataclass(frozen=True)
class Answers:
    """What a model said of some inputs: in the first column to all streams, then to each of ``streams`` alone, then to
    all but each of them.

    ``label`` is the position of the answer, −1 where there is none; ``confidence`` is NaN there, and where the model
    does not say; both are (inputs × (1 + 2 streams)). ``shares`` (inputs × (1 + 2 streams) × classes) are the
    probabilities of all classes, NaN likewise; of no classes where they are not known.
    """

    streams: tuple[str, ...]
    label: Ints
    confidence: Floats
    shares: Floats


@dataclass(frozen=True)
class AnswerSignal:
    """A signal of answers: one number for the whole answer (column 0), and one for each stream asked alone.

    ``alone`` says that it needs the answers to each stream even where it is asked for as a whole; ``whole`` that there
    is one of the whole answer.
    """

    name: str
    measure: Callable[[Answers, int], Floats]
    unit: str
    low: float
    high: float
    alone: bool
    source: str
    whole: bool = True

    @property
    def meaning(self) -> str:
        """What it tells, in words."""
        return cleandoc(self.measure.__doc__ or "")


def _confidence(answers: Answers, column: int) -> Floats:
    """How sure the model says to be of its answer; of a stream: where it is asked with that stream alone."""
    return answers.confidence[:, column]


def _entropy(answers: Answers, column: int) -> Floats:
    """Entropy of the probabilities of all classes; recorded where the task keeps them (``keep="all"``)."""
    return entropy_bits(answers.shares[:, column])


def _agreement(answers: Answers, column: int) -> Floats:
    """Share of pairs of streams that give the same answer, each asked alone; of a stream: of the pairs that it is in.

    Low where one stream is of another scene, or says nothing any more. Undefined where fewer than two answer.
    """
    label = answers.label[:, 1 : 1 + len(answers.streams)]
    given = label >= 0
    alike, both = np.zeros(len(label)), np.zeros(len(label))
    for one in range(label.shape[1]):
        for other in range(one):
            if column in (0, one + 1, other + 1):
                pair = given[:, one] & given[:, other]
                both += pair
                alike += pair & (label[:, one] == label[:, other])
    return np.divide(alike, both, out=np.full(len(label), np.nan), where=both > 0)


def _against(answers: Answers, column: int) -> Floats:
    """How sure the other streams together are of an answer that this stream, asked alone, does not give; 0 if it does.

    High where one stream is of another scene than the others, or misleads. Of a model without confidence, 1.
    """
    rest = column + len(answers.streams)
    given = (answers.label[:, column] >= 0) & (answers.label[:, rest] >= 0)
    sure = np.where(np.isnan(answers.confidence[:, rest]), 1.0, answers.confidence[:, rest])
    return np.where(given, np.where(answers.label[:, column] == answers.label[:, rest], 0.0, sure), np.nan)


def _conflict(answers: Answers, column: int) -> Floats:
    """How likely this stream, asked alone, and the others together mean different classes: Dempster's conflict.

    One less the sum, over classes, of the product of their probabilities: 1 where both are sure, of different classes;
    recorded where the task keeps all probabilities (``keep="all"``).
    """
    rest = column + len(answers.streams)
    alike = (answers.shares[:, column] * answers.shares[:, rest]).sum(axis=1)
    return np.asarray(np.maximum(0.0, 1 - alike))


ANSWERED: tuple[AnswerSignal, ...] = (
    AnswerSignal("answer_confidence", _confidence, "share", 0, 1, False, "Hendrycks and Gimpel 2017"),
    AnswerSignal("answer_entropy", _entropy, "bits", 0, inf, False, "Shannon 1948"),
    AnswerSignal("answer_agreement", _agreement, "share", 0, 1, True, "after Blum and Mitchell 1998, co-training"),
    AnswerSignal("answer_against", _against, "share", 0, 1, True, "after Blum and Mitchell 1998, co-training", False),
    AnswerSignal("answer_conflict", _conflict, "share", 0, 1, True, "Dempster 1967; Shafer 1976", False),
)


_OF_SHARES = (_entropy, _conflict)


def calls_for(names: Sequence[str]) -> tuple[bool, bool]:
    """Return whether these signals need the model's answer, and whether they need its answers to each stream alone."""
    known = {each.name: each for each in ANSWERED}
    parts = [name.rpartition(".")[::2] for name in names if name.rpartition(".")[2] in known]
    return bool(parts), any(stream or known[signal].alone for stream, signal in parts)


def answers_in(answers: Answers, each: bool) -> dict[str, Floats]:
    """Return the signals of answers by name, ``answer_confidence`` and ``STREAM.answer_confidence``; ``each``: of each
    stream, too. Those that the model says nothing of are left out.
    """
    found: dict[str, Floats] = {}
    for signal in ANSWERED:
        for column, prefix in enumerate(("", *(f"{name}." for name in answers.streams))):
            known = answers.shares.shape[2] or signal.measure not in _OF_SHARES
            if known and (column or signal.whole) and (each or not (column or signal.alone)):
                found[f"{prefix}{signal.name}"] = signal.measure(answers, column)
    return {name: values for name, values in found.items() if np.isfinite(values).any()}


def asked_of(frame: Frame, cell: int, streams: Sequence[str], each: bool) -> tuple[Ints, Answers] | None:
    """Return the inputs of a cell (positions of records) and what the run's model says of them, or nothing.

    ``each`` asks for the answers to each stream alone, and without each, as well: there is nothing where a cell that
    shows one is missing.
    """
    others: dict[str, int] = {}
    if each:
        by = stand_ins(frame.cells, streams).get(cell, {})
        wanted = [*(alone(name, streams) for name in streams), *(dropping([name], streams) for name in streams)]
        if len(streams) < 2 or any(action not in by for action in wanted):
            return None
        others = {str(k): by[action] for k, action in enumerate(wanted)}  # of two streams, one is the other's rest
    rows = paired(frame, cell, others)
    rows = rows[(rows >= 0).all(axis=1)]
    return rows[:, 0], _said(frame, rows, tuple(streams) if each else ())


def _said(frame: Frame, rows: Ints, streams: tuple[str, ...]) -> Answers:
    """Return what these records say; a stream that was lost already says nothing alone."""
    gone = frame.failed[rows]
    for column, name in enumerate(streams, start=1):
        signals = [
            each for each in frame.schema if each.startswith("signal.") and each.rpartition(".")[0] == f"signal.{name}"
        ]
        if signals:
            gone[:, column] |= np.all([np.isnan(frame.column(each)[rows[:, 0]]) for each in signals], axis=0)

    label = frame.predictions[0] if frame.has("prediction") else np.full(len(frame.cell), -1)
    sure = frame.column("confidence") if frame.has("confidence") else np.full(len(frame.cell), np.nan)
    shares = np.where(gone[:, :, np.newaxis], np.nan, frame.probabilities[rows])
    return Answers(streams, np.where(gone, -1, label[rows]), np.where(gone, np.nan, sure[rows]), shares)


def entropy_bits(probabilities: Floats) -> Floats:
    """Return the entropy of each row of probabilities."""
    return np.asarray(-(probabilities * np.log2(np.where(probabilities == 0, 1.0, probabilities))).sum(axis=1))
