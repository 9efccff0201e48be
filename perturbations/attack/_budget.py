"""How far an attack may go, exactly: the set of values within a budget, in the real format of the stream.

The numbers of a batch lie in one flat vector, sample after sample, in steps of the format (an image's 256 levels, a
recording's 65,536). Every sum is over one sample's own numbers, so a result cannot depend on who else is in the batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Value

__all__ = ["Ball", "EnergyBall", "Flat", "Layout", "MaxBall", "PatchBall"]

Flat = NDArray[np.float32]
_SLACK = 1e-5
"""How far an energy stays below its bound, so that no rounding of sums can lift it above."""


@dataclass(frozen=True)
class Layout:
    """Where each sample's numbers lie in a flat vector; every sample has at least one."""

    lengths: NDArray[np.int64]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Place of each sample's first number."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])

    def spread(self, numbers: NDArray[Any]) -> Flat:
        """Return a number per sample as a number per place."""
        return np.repeat(np.asarray(numbers, np.float32), self.lengths)

    def total(self, flat: Flat) -> NDArray[np.float64]:
        """Return the sum of each sample."""
        return np.add.reduceat(flat, self.starts).astype(np.float64)

    def energy(self, flat: Flat) -> NDArray[np.float64]:
        """Return the sum of squares of each sample."""
        return self.total(np.square(flat))

    @cached_property
    def _parts(self) -> list[slice]:
        ends = np.cumsum(self.lengths).tolist()
        return [slice(start, end) for start, end in zip(self.starts.tolist(), ends)]

    def part(self, row: int) -> slice:
        """Return where a sample's numbers lie."""
        return self._parts[row]

    def some(self, marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return for which samples a mark is set anywhere."""
        return np.logical_or.reduceat(marks, self.starts)


@dataclass(frozen=True)
class Ball(ABC):
    """All values of a batch within a budget of the clean ones.

    ``radius`` is each sample's budget in steps of the format; 0 where nothing may change (a lost stream, silence).
    """

    clean: Flat
    layout: Layout
    radius: NDArray[np.float32]
    lowest: float
    highest: float
    originals: Sequence[Value]
    restore: Callable[[NDArray[np.float32], Any], Value]

    @property
    def free(self) -> NDArray[np.bool_]:
        """Samples in which something may change."""
        return self.radius > 0

    @abstractmethod
    def project(self, point: Flat) -> Flat:
        """Return the nearest point within the budget and the format's range."""

    @abstractmethod
    def direction(self, gradient: Flat) -> Flat:
        """Return the direction of steepest ascent, of length one in the budget's own measure."""

    @abstractmethod
    def parts(self, change: Flat) -> NDArray[np.float64]:
        """Return how many budgets each sample's change takes; none where nothing may change."""

    @property
    def walls(self) -> tuple[Flat, Flat]:
        """The lowest and the highest that each number may be by itself."""
        return np.full_like(self.clean, self.lowest), np.full_like(self.clean, self.highest)

    def between(self, point: Flat) -> Flat:
        """Return the point with every number brought back between its walls."""
        return np.clip(point, *self.walls)

    def free_along(self, point: Flat, way: Flat) -> NDArray[np.bool_]:
        """Return which numbers can still move along a direction, before they meet a wall."""
        low, high = self.walls
        return ((way > 0) & (point < high)) | ((way < 0) & (point > low))

    @abstractmethod
    def draw(self, rngs: Sequence[Generator]) -> Flat:
        """Return a random direction of length one, from each sample's own generator."""

    @abstractmethod
    def rounded(self, point: Flat) -> Flat:
        """Return the point in whole steps of the format, still within the budget."""

    def values(self, point: Flat, rows: Sequence[int] | NDArray[np.int64]) -> list[Value]:
        """Return what the model is to see for some samples, given a projected point; the clean value if unchanged."""
        whole = self.rounded(point)
        moved = self.free & self.layout.some(whole != self.clean)
        return [
            self.restore(whole[self.layout.part(row)], self.originals[row]) if moved[row] else self.originals[row]
            for row in np.asarray(rows).tolist()
        ]

    def one(self, part: Flat, row: int) -> Value:
        """Return what the model is to see for one sample, given any point for it."""
        alone = self.only(row)
        return alone.values(alone.project(part), [0])[0]

    def only(self, row: int) -> Self:
        """Return the ball of one of the samples."""
        part = self.layout.part(row)
        layout = Layout(self.layout.lengths[row : row + 1])
        return replace(
            self,
            clean=self.clean[part],
            layout=layout,
            radius=self.radius[row : row + 1],
            originals=[self.originals[row]],
        )

    def part(self, shares: NDArray[np.float64]) -> Self:
        """Return the ball with a share of each sample's budget."""
        return replace(self, radius=(self.radius * shares).astype(np.float32))

    def beyond(self, part: Flat, row: int) -> Value:
        """Return a value of the format, wherever it lies: to be asked about, never to be kept."""
        return self.restore(np.clip(np.rint(part), self.lowest, self.highest), self.originals[row])

    def flat(self, values: Sequence[Any], rows: Sequence[int] | NDArray[np.int64]) -> Flat:
        """Return numbers given for some samples (gradients, say) as a flat vector, 0 for the others."""
        found = np.zeros_like(self.clean)
        free = self.free
        for row, value in zip(np.asarray(rows).tolist(), values):
            if free[row] and value is not None:
                found[self.layout.part(row)] = np.asarray(value, np.float32).reshape(-1)
        if not np.isfinite(found.sum(dtype=np.float64)):
            np.nan_to_num(found, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return found


class MaxBall(Ball):
    """No number may move by more than the budget, in whole steps."""

    def part(self, shares: NDArray[np.float64]) -> Self:
        """Return the ball with a share of each sample's budget."""
        return replace(self, radius=np.floor(self.radius * shares).astype(np.float32))

    @cached_property
    def walls(self) -> tuple[Flat, Flat]:
        """The lowest and the highest that each number may be."""
        reach = self.layout.spread(self.radius)
        return np.maximum(self.clean - reach, self.lowest), np.minimum(self.clean + reach, self.highest)

    def project(self, point: Flat) -> Flat:
        return self.between(point)

    def direction(self, gradient: Flat) -> Flat:
        return np.sign(gradient)

    def parts(self, change: Flat) -> NDArray[np.float64]:
        most = np.maximum.reduceat(np.abs(change), self.layout.starts)
        return np.where(self.free, most / np.maximum(self.radius, 1), 0.0)

    def draw(self, rngs: Sequence[Generator]) -> Flat:
        parts = [rng.random(n, dtype=np.float32) for rng, n in zip(rngs, self.layout.lengths)]
        return np.concatenate(parts) * np.float32(2) - np.float32(1)

    def rounded(self, point: Flat) -> Flat:
        return np.rint(point)  # the box's walls are whole steps


@dataclass(frozen=True)
class PatchBall(MaxBall):
    """Every number inside a patch is free, and none outside of it."""

    inside: NDArray[np.bool_]
    """Whether a place is inside, in the order of the numbers."""

    @cached_property
    def walls(self) -> tuple[Flat, Flat]:
        """The whole range inside, the clean value outside."""
        low, high = np.float32(self.lowest), np.float32(self.highest)
        return np.where(self.inside, low, self.clean), np.where(self.inside, high, self.clean)

    def only(self, row: int) -> Self:
        """Return the ball of one of the samples."""
        return replace(super().only(row), inside=self.inside[self.layout.part(row)])


class EnergyBall(Ball):
    """The energy of the change is bounded: a signal-to-noise ratio, or a root mean square."""

    def project(self, point: Flat) -> Flat:
        change = point - self.clean
        length = np.sqrt(self.layout.energy(change))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(length > self.radius, self.radius / length, 1.0)
        change *= self.layout.spread(share)
        change += self.clean
        return np.clip(change, self.lowest, self.highest, out=change)

    def direction(self, gradient: Flat) -> Flat:
        length = np.sqrt(self.layout.energy(gradient))
        with np.errstate(divide="ignore"):
            return gradient * self.layout.spread(np.where(length > 0, 1 / length, 0.0))

    def parts(self, change: Flat) -> NDArray[np.float64]:
        length = np.sqrt(self.layout.energy(change))
        return np.where(self.free, length / np.where(self.free, self.radius, 1), 0.0)

    def draw(self, rngs: Sequence[Generator]) -> Flat:
        parts = [rng.standard_normal(n, dtype=np.float32) for rng, n in zip(rngs, self.layout.lengths)]
        return self.direction(np.concatenate(parts))

    def rounded(self, point: Flat) -> Flat:
        """Return whole steps. Rounding may add energy: the change is then scaled down until the budget holds again."""
        most = np.square(self.radius, dtype=np.float64) * (1 - _SLACK)
        whole = np.rint(point)  # the format's range ends at whole steps
        for row in np.flatnonzero(self.layout.energy(whole - self.clean) > most).tolist():
            part = self.layout.part(row)
            whole[part] = self._shrunk(point[part], self.clean[part], float(most[row]))
        return whole

    def _shrunk(self, point: Flat, clean: Flat, most: float) -> Flat:
        """Return one sample's change, scaled down and rounded; none at all where the steps are too coarse for it."""
        change = point - clean
        energy = float(np.square(change, dtype=np.float64).sum())
        # Rounding adds a twelfth of a step's square to each number, on average.
        share = (max(most - len(change) / 12, 0.0) / energy) ** 0.5 if energy else 0.0
        for _ in range(8):
            whole = np.clip(np.rint(clean + change * np.float32(share)), self.lowest, self.highest)
            if float(np.square(whole - clean, dtype=np.float64).sum()) <= most:
                return whole
            share *= 0.98
        return clean
