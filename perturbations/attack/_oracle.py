"""What an attack may ask of a model: its scores and, of a model that can be differentiated, their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Value

__all__ = [
    "Floats",
    "Loss",
    "Oracle",
    "Repeated",
    "Streams",
    "at_label",
    "difference",
    "log_odds",
    "margin",
    "margin_loss",
    "softmax",
    "targeted_ratio",
]

Floats: TypeAlias = NDArray[np.float64]
Streams: TypeAlias = Mapping[str, Sequence[Value]]
"""Values by stream, one a sample, in their real format; a lost one is ``None``."""

_FLOOR = 1e-300
"""Probability that stands for none at all."""

Loss: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""From scores ``(n, classes)`` to what an attack wants to be large, ``(n,)``, and its derivative ``(n, classes)``."""


class Oracle(Protocol):
    """A model as attacks see it. It answers values in their real format, so what is found is what the model gets."""

    @property
    def classes(self) -> int:
        """Number of scores a sample."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether ``gradients`` can be asked for."""
        ...

    def scores(self, streams: Streams) -> Floats:
        """Return logits (or logarithms of probabilities), ``(n, classes)``; NaN where the model failed."""
        ...

    def gradients(self, streams: Streams, wanted: Sequence[str], loss: Loss) -> tuple[Floats, Mapping[str, list[Any]]]:
        """Return the scores and, for each wanted stream, the loss's derivative by each value, in the value's shape.

        A derivative may be scaled by any positive constant, the same for all numbers of a value.
        """
        ...


@dataclass(frozen=True)
class Repeated:
    """A model with randomness, asked ``times`` times about everything: its expected answer and its expected gradient.

    Expectation over transformation (Athalye et al. 2018): an attack that looks once at a random model takes chance
    for a success. Probabilities are averaged, and their logarithms are the scores.
    """

    oracle: Oracle
    times: int = 1

    @property
    def classes(self) -> int:
        """Number of scores a sample."""
        return self.oracle.classes

    @property
    def differentiable(self) -> bool:
        """Whether ``gradients`` can be asked for."""
        return self.oracle.differentiable

    def scores(self, streams: Streams) -> Floats:
        """Return the logarithms of the mean probabilities; NaN where the model failed once. Of one answer, itself."""
        if self.times == 1:
            return self.oracle.scores(streams)
        total = sum(softmax(self.oracle.scores(streams)) for _ in range(self.times))
        return np.log(np.maximum(total / self.times, _FLOOR))

    def gradients(self, streams: Streams, wanted: Sequence[str], loss: Loss) -> tuple[Floats, Mapping[str, list[Any]]]:
        """Return the mean scores and the mean gradients."""
        found = [self.oracle.gradients(streams, wanted, loss) for _ in range(self.times)]
        if self.times == 1:
            return found[0]
        scores = np.mean([one for one, _ in found], axis=0)
        return scores, {
            name: [_mean(values) for values in zip(*(slopes[name] for _, slopes in found))] for name in wanted
        }


def _mean(values: Sequence[Any]) -> Any:
    return None if any(value is None for value in values) else np.mean(values, axis=0, dtype=np.float32)


def softmax(scores: Floats) -> Floats:
    """Return scores as probabilities; NaN where the model failed."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def at_label(scores: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return each row's score at its label, and the highest other score."""
    rows = np.arange(len(labels))
    others = scores.copy()
    mine = others[rows, labels]
    others[rows, labels] = -np.inf
    return mine, others.max(axis=1)


def margin(scores: Floats, labels: NDArray[np.int64]) -> Floats:
    """Return how far the label's score lies above the best other one; a model that fails has lost: minus infinity."""
    mine, best = at_label(scores, labels)
    with np.errstate(invalid="ignore"):
        gap = mine - best
    first = scores.argmax(axis=1)  # of equal scores the first class is the answer
    tied = (gap == 0) & (first != labels)
    return np.where(np.isfinite(scores).all(axis=1), np.where(tied, -1e-300, gap), -np.inf)


def log_odds(labels: NDArray[np.int64]) -> Loss:
    """Return the logarithm of the odds against the labels: how likely all other classes are beside the right one.

    The cross-entropy is log(1 + exp(this)): it rises where this rises, and its gradient points the same way. But it is
    flat, to the last bit, where a model is sure, and this never is.
    """

    def loss(scores: Floats) -> tuple[Floats, Floats]:
        rows = np.arange(len(labels))
        others = scores.copy()
        others[rows, labels] = -np.inf
        most = others.max(axis=1, keepdims=True)
        slope = np.exp(others - most)
        total = slope.sum(axis=1, keepdims=True)
        slope /= total
        slope[rows, labels] = -1
        return most[:, 0] + np.log(total[:, 0]) - scores[rows, labels], slope

    return loss


def margin_loss(labels: NDArray[np.int64]) -> Loss:
    """Return the best other score minus the label's (Carlini & Wagner 2017)."""

    def loss(scores: Floats) -> tuple[Floats, Floats]:
        rows = np.arange(len(labels))
        mine, best = at_label(scores, labels)
        others = scores.copy()
        others[rows, labels] = -np.inf
        slope = np.zeros_like(scores)
        slope[rows, others.argmax(axis=1)] = 1
        slope[rows, labels] = -1
        return best - mine, slope

    return loss


def difference(labels: NDArray[np.int64], targets: NDArray[np.int64]) -> Loss:
    """Return a wrong class's score minus the label's: 0 on the border between the two."""

    def loss(scores: Floats) -> tuple[Floats, Floats]:
        rows = np.arange(len(labels))
        slope = np.zeros_like(scores)
        slope[rows, targets] += 1
        slope[rows, labels] -= 1
        return scores[rows, targets] - scores[rows, labels], slope

    return loss


def targeted_ratio(labels: NDArray[np.int64], targets: NDArray[np.int64]) -> Loss:
    """Return the targeted difference-of-logits ratio (Croce & Hein 2020), which no rescaling of the logits can hide.

    With fewer than four classes it has no denominator; the plain difference is used instead.
    """

    def loss(scores: Floats) -> tuple[Floats, Floats]:
        rows = np.arange(len(labels))
        top, plain = difference(labels, targets)(scores)
        if scores.shape[1] < 4:
            return top, plain
        slope = np.zeros_like(scores)
        order = np.argsort(scores, axis=1, kind="stable")
        first, third, fourth = order[:, -1], order[:, -3], order[:, -4]
        below = scores[rows, first] - (scores[rows, third] + scores[rows, fourth]) / 2 + 1e-12
        ratio = top / below
        slope[rows, targets] += 1 / below
        slope[rows, labels] -= 1 / below
        slope[rows, first] -= ratio / below
        slope[rows, third] += ratio / below / 2
        slope[rows, fourth] += ratio / below / 2
        return ratio, slope

    return loss
