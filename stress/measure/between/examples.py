"""Answers that changed, one by one: which samples were right before and are wrong now, and in which cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations.errors import named_keywords
from stress.measure.between.matching import Matched
from stress.measure.core.context import Context
from stress.measure.core.sections import Needs, portions_of
from stress.measure.session.registry import context_of
from stress.records import statuses
from stress.records.source import Source

__all__ = ["Example", "flips", "worst_failures"]


@dataclass(frozen=True)
class Example:
    """One sample in one cell: the true answer, the answer before and the answer after."""

    sample: str
    cell: str
    target: str
    before: str
    after: str
    confidence: float | None = None


def _answer(context: Context, row: int) -> str:
    frame = context.frame
    if frame.failed[row]:
        return statuses.names()[int(frame.status[row])]
    if not frame.has("prediction"):
        return f"score {frame.column('score')[row]:.3g}"
    position, names = frame.predictions
    return names[position[row]] if position[row] >= 0 else "no answer"


def _scores(context: Context) -> Any:
    return np.where(context.frame.failed, 0.0, np.nan_to_num(context.frame.column("score")))


def _example(context: Context, cell: str, before: str, after: int) -> Example:
    frame = context.frame
    sample = int(frame.sample[after])
    sure = frame.column("confidence")[after] if frame.has("confidence") else np.nan
    answers = before, _answer(context, after)
    confidence = None if np.isnan(sure) else float(sure)
    return Example(frame.samples[sample], cell, str(frame.targets[sample]), *answers, confidence)


def _order(context: Context, rows: Any, loss: Any) -> Any:
    """Return rows with the greatest loss first, the surest among equals."""
    frame = context.frame
    sure = np.nan_to_num(frame.column("confidence")[rows]) if frame.has("confidence") else np.zeros(len(rows))
    return np.lexsort((frame.sample[rows], -sure, -loss))


@named_keywords
def flips(matched: Matched, cells: Sequence[str], worse: bool = True) -> list[Example]:
    """Return the answers in these cells that became worse (or, without ``worse``, better), the greatest first."""
    found = []
    for cell in dict.fromkeys(cells):
        held = matched.holding([cell])
        after, rows = held.after, held.rows([cell])
        loss = (_scores(held.before)[held.old[rows]] - _scores(after)[held.new[rows]]) * (1 if worse else -1)
        for k, lost in zip(rows[loss > 0], loss[loss > 0]):
            one = _example(after, cell, _answer(held.before, int(held.old[k])), int(held.new[k]))
            found.append((-lost, -(one.confidence or 0.0), int(held.sample[k]), one))
    return [one for *_, one in sorted(found, key=lambda each: each[:3])]


@named_keywords
def worst_failures(run: Source, cells: Sequence[str], most: int) -> list[Example]:
    """Return samples that are answered better when clean than in one of these cells, the surest mistakes first."""
    context = context_of(run)
    clean, wanted = context.frame.clean, set(cells) - {"clean"}
    chosen = [i for i, name in enumerate(context.frame.ids) if name in wanted]
    if not chosen or clean is None:
        return []
    portions = portions_of(context, Needs([(i,) for i in chosen], (clean,)))
    found = [failure for some, _ in portions for failure in _failures(some, wanted, most)]
    return [example for _, example in sorted(found, key=lambda pair: pair[0])[:most]]


def _failures(context: Context, cells: Collection[str], most: int) -> list[tuple[tuple[float, float, int], Example]]:
    """Return the worst failures among these records, and by what they are ordered."""
    frame, scores = context.frame, _scores(context)
    wanted = np.array([name in cells for name in frame.ids])
    first = np.full(len(frame.samples), -1, np.int64)
    clean = np.flatnonzero(frame.cell == frame.clean)
    first[frame.sample[clean]] = clean
    rows = np.flatnonzero(wanted[frame.cell] & (first[frame.sample] >= 0))
    loss = scores[first[frame.sample[rows]]] - scores[rows]
    rows, loss = rows[loss > 0], loss[loss > 0]
    found = []
    for k in _order(context, rows, loss)[:most]:
        row = int(rows[k])
        before = _answer(context, int(first[frame.sample[row]]))
        example = _example(context, frame.ids[int(frame.cell[row])], before, row)
        found.append(((-float(loss[k]), -(example.confidence or 0.0), int(frame.sample[row])), example))
    return found
