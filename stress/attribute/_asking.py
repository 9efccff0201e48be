"""The model as attribution asks it: how probable it finds a class, and how that moves with each input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.models import ModelOracle
from stress.statistics.arrays import Flags, Floats, Ints

__all__ = ["Asker", "Row"]

Row = Mapping[str, Any]
"""The values of one sample, by stream."""
_TOGETHER = 256
"""Questions that are held in memory at once."""


@dataclass(frozen=True)
class Asker:
    """Asks for the probability of a class: what a stream is worth is said in it.

    A question that the model fails on is worth 0, as it is in accuracy.
    """

    oracle: ModelOracle

    def worth(self, rows: Sequence[Row], labels: Ints) -> Floats:
        """Return the probability of each row's class."""
        found = []
        for start in range(0, len(rows), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            scores = self.oracle.scores(_streams(rows[part]))
            there: Flags = np.asarray(np.isfinite(scores).all(axis=1))
            if self.oracle.answers in ("labels", "positions"):
                of = scores
            else:
                of = _softmax(np.where(there[:, None], scores, 0.0))
            found.append(np.where(there, of[np.arange(len(of)), labels[part]], 0.0))
        return np.concatenate(found) if found else np.zeros(0)

    def slopes(
        self, rows: Sequence[Row], labels: Ints, wanted: Sequence[str]
    ) -> tuple[Floats, Mapping[str, list[Any]]]:
        """Return the probability of each row's class and its gradient by the values of some streams."""
        scores, found = self.oracle.gradients(_streams(rows), wanted, _probability(labels))
        worth, slope = _probability(labels)(scores)
        most = np.abs(slope).max(axis=1)  # by which the gradients were divided, so that none is lost in float32
        scale = np.where(most > 0, most, 1.0)
        return worth, {
            name: [None if g is None else np.asarray(g, np.float64) * s for g, s in zip(each, scale)]
            for name, each in found.items()
        }


def _streams(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _softmax(scores: Floats) -> Floats:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _probability(labels: Ints) -> Any:
    """Return what gives the probability of each label from logits, and its slope by them."""

    def loss(scores: Floats) -> tuple[Floats, Floats]:
        rows, p = np.arange(len(labels)), _softmax(scores)
        mine = p[rows, labels]
        slope = -mine[:, None] * p
        slope[rows, labels] += mine
        return mine, slope

    return loss
