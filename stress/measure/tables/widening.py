"""Does stress widen a gap: best less worst group in a cell, less the same two groups' difference on clean input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.measure.core.bygroup import ByGroup, codes_of, influences, sums_of
from stress.measure.core.context import Context
from stress.statistics.choice import chosen_pair
from stress.statistics.intervals import ROUNDING, Bounds, degenerate, mover, t_quantile
from stress.statistics.positions import ranked

__all__ = ["widening"]


@dataclass(frozen=True)
class _Shift:
    """How far a group's value is from its clean one, and sums over its ``count`` clusters.

    Of squared influences on that (``square``) and on the value in the cell (``own``), by which groups are chosen, and
    of the products of both (``cross``).
    """

    value: float
    square: float
    own: float
    cross: float
    count: int

    def bounds(self, confidence: float) -> Bounds:
        """Return its interval; without any error it keeps a width."""
        error = float(np.sqrt(self.square * self.count / (self.count - 1)))
        known = error > ROUNDING
        reach = t_quantile(confidence, self.count - 1) * error if known else degenerate(self.count, confidence)
        return Bounds(np.array(self.value - reach), np.array(self.value + reach), "linearised")


def widening(context: Context, s: ByGroup, best: int, worst: int, cell: int, among: int) -> dict[str, Any]:
    """Return this cell's gap minus the same two groups' gap on clean input, paired by sample.

    The two were chosen ``among`` so many groups by their values in this cell, which the interval allows for.
    """
    clean = context.frame.clean
    if clean is None:
        return {"note": "the run has no clean cell"}
    if cell == clean:
        return {"value": 0.0, "low": 0.0, "high": 0.0, "method": "by definition"}
    sign = 1.0 if context.headline.better == "higher" else -1.0
    pair = [_shift(context, s, g, cell, clean) for g in ((best, worst) if sign > 0 else (worst, best))]
    if min(shift.count for shift in pair) < 2:
        return {"note": "too few samples of these groups have both clean records and records of this cell"}
    values = [np.array(shift.value) for shift in pair]
    levels = chosen_pair(context.options.confidence, among, _alike(pair))
    ends = [mover(values[0], pair[0].bounds(level), values[1], pair[1].bounds(level)) for level in levels]
    low, high = ends[0][0], ends[1][1]
    return {"value": float(values[0] - values[1]), "low": float(low), "high": float(high), "method": _method(among)}


def _method(among: int) -> str:
    return "linearised, paired" + (f", chosen among {among} groups" if among > 2 else "")


def _alike(pair: list[_Shift]) -> float:
    """Return how errors of the widening are correlated with those of the gap in the cell; 1 where none was seen."""
    square, own, cross = (sum(getattr(shift, name) for shift in pair) for name in ("square", "own", "cross"))
    return float(np.clip(cross / np.sqrt(square * own), -1.0, 1.0)) if square > 0 and own > 0 else 1.0


def _shift(context: Context, s: ByGroup, g: int, cell: int, clean: int) -> _Shift:
    if s.parts is not None:
        now, before = s.parts[g][:, cell], s.parts[g][:, clean]
        count = int(min(s.own.clusters[g, cell], s.own.clusters[g, clean]))
        return _of(float(s.own.value[g, cell] - s.own.value[g, clean]), now, now - before, count)
    top, bottom = context.once(sums_of, context.headline)
    codes, _ = codes_of(context, s.by)
    rows = np.flatnonzero((codes == g) & (bottom[:, cell] > 0) & (bottom[:, clean] > 0))
    if not len(rows):
        return _Shift(float("nan"), 0.0, 0.0, 0.0, 0)
    (value, now), (was, before) = (influences(top[rows, c], bottom[rows, c]) for c in (cell, clean))
    names, inverse = ranked(context.clusters.member[rows])
    own, moved = (np.bincount(inverse, weights=each, minlength=len(names)) for each in (now, now - before))
    return _of(value - was, own, moved, len(names))


def _of(value: float, own: Any, moved: Any, count: int) -> _Shift:
    return _Shift(value, float(np.square(moved).sum()), float(np.square(own).sum()), float((own * moved).sum()), count)
