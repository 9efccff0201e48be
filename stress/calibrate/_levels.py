"""Severities at which all scenarios of a modality cost the same, and what that leaves unequal on other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stress.calibrate._curves import Curve, Curves
from stress.calibrate._steps import Readable
from stress.statistics.arrays import Floats
from stress.statistics.intervals import percentile
from stress.statistics.isotonic import reached_at, rising

__all__ = ["Level", "Scale", "Spread", "held_out", "placed", "spreads", "targets"]


@dataclass(frozen=True)
class Scale:
    """A scenario's rising curve: points at ``places`` (severities) of ``fit``, and of each resample in ``rows``."""

    curve: Curve
    places: Floats
    fit: Floats
    rows: Floats
    reads: Readable

    @classmethod
    def of(cls, curve: Curve, reads: Readable = Readable()) -> Scale:  # noqa: B008 - it is frozen
        """Return the isotonic regression of the mean over the models; from severity 0 where tables can be read there.

        At severity 0 nothing is done, so nothing is lost: no fitted loss is below 0 where the measure has that value.
        """
        floor = 0.0 if curve.anchored else None
        fit, rows = (rising(each.mean(axis=0), floor) for each in (curve.loss, curve.rows))
        places = curve.severities
        if curve.anchored and reads.below:
            places = np.concatenate([[0.0], places])
            fit, rows = (np.concatenate([np.zeros_like(each[..., :1]), each], axis=-1) for each in (fit, rows))
        return cls(curve, places, fit, rows, reads)

    def severity(self, target: float) -> float | None:
        """Return where the curve reaches a value; None where it does not, or begins above it."""
        target = min(target, float(self.fit[-1])) if np.isclose(target, self.fit[-1], rtol=1e-9) else target
        if self.reads.stops is not None:
            stops = [stop for stop in self.reads.stops if self.places[0] <= stop <= self.places[-1]]
            if not stops:
                return None
            nearest = min(stops, key=lambda stop: abs(self.expected(stop) - target))
            return nearest if abs(self.expected(nearest) - target) <= self.reads.within else None
        found = float(reached_at(self.places, self.fit, target))
        return found if np.isfinite(found) and found > 0 else None

    def interval(self, target: float, clusters: int, confidence: float) -> tuple[float | None, float | None]:
        """Return the ends of an interval of the severity over resamples; None where one lies beyond the measured."""
        if self.reads.stops is not None or clusters < 2:
            return None, None
        found = reached_at(self.places, self.rows[np.isfinite(self.rows).all(axis=-1)], target)
        ends = percentile(found[:, None], clusters, confidence)
        low, high = float(ends.low[0]), float(ends.high[0])
        return (low if np.isfinite(low) else None), (high if np.isfinite(high) else None)

    def expected(self, severity: float) -> float:
        """Return what the curve says a severity costs."""
        return float(np.interp(severity, self.places, self.fit))


@dataclass(frozen=True)
class Level:
    """A level of a scenario: the severity (and parameters) at which it costs the target; None where it cannot.

    ``target`` and ``expected``, what its curve says of that severity, are in the measure's own unit.
    ``low`` and ``high`` are of the severity, over resamples of the samples; ``without`` its least and greatest where
    each model is left out of the panel.
    """

    scenario: str
    modality: str
    level: int
    target: float
    severity: float | None
    low: float | None = None
    high: float | None = None
    without: tuple[float, float] | None = None
    expected: float | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    """Of each step, in the scenario's order."""
    note: str | None = None

    def data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**vars(self), "without": self.without and list(self.without), "parameters": list(self.parameters)}


def targets(scales: Sequence[Scale], count: int, top: float | None) -> list[float]:
    """Return evenly spaced values that levels are to cost, the last being ``top``; none where nothing is lost.

    Without one it is what half of the scenarios reach: the feeblest would otherwise bound them all.
    """
    ends = np.array([scale.fit[-1] for scale in scales])
    starts = np.array([scale.fit[0] for scale in scales])
    anchored = all(scale.curve.anchored for scale in scales)
    last = float(np.median(ends)) if top is None else top
    first = 0.0 if anchored else float(np.median(starts))
    if last <= first:
        return []
    steps = np.linspace(first, last, count + 1)[1:] if anchored else np.linspace(first, last, count)
    return [float(each) for each in steps]


def placed(scale: Scale, wanted: Sequence[float], clusters: int, confidence: float) -> list[Level]:
    """Return a scenario's severity for each value that its levels are to cost."""
    curve = scale.curve
    found = []
    for number, target in enumerate(wanted, 1):
        level = Level(curve.scenario, curve.modality, number, curve.shown(target), scale.severity(target))
        if level.severity is None:
            found.append(replace(level, note=_why_not(scale, target)))
            continue
        low, high = scale.interval(target, clusters, confidence)
        about = None if scale.reads.stops is None else "the nearest of the severities that its tables can be read at"
        expected = curve.shown(scale.expected(level.severity))
        found.append(replace(level, low=low, high=high, expected=expected, note=about))
    return found


def _why_not(scale: Scale, target: float) -> str:
    """Return why a scenario does not have a level."""
    first, last = (scale.curve.shown(float(scale.fit[at])) for at in (0, -1))
    if scale.fit[-1] < target:
        return f"its harshest severity gives {last:.3g}"
    if scale.fit[0] > target:
        return f"its mildest severity gives {first:.3g}"
    return "no severity that its tables can be read at is near"


@dataclass(frozen=True)
class Spread:
    """How far apart scenarios are at one level, on models that the levels were not fitted to.

    ``after`` is the standard deviation of what the scenarios cost there, ``before`` the same at the common severity of
    the suite's own tables at which they cost as much on the whole; both over the same scenarios. ``models`` are
    averaged first in ``after`` and ``before``; ``each_after`` and ``each_before`` are of single models, averaged then.
    """

    modality: str
    level: int
    scenarios: int
    mean: float
    before: float
    after: float
    each_before: float
    each_after: float
    widest_before: float
    widest_after: float


def spreads(fitted: Sequence[Scale], wanted: Sequence[float], judged: Sequence[Curve]) -> list[Spread]:
    """Return the spread at each level on the models of ``judged``: curves of the same scenarios and severities.

    Between measured severities losses are read along straight lines, before as after. Levels that fewer than two
    scenarios have are left out.
    """
    found = []
    for number, target in enumerate(wanted, 1):
        at = [scale.severity(target) for scale in fitted]
        pairs = [(curve, place) for curve, place in zip(judged, at) if place is not None]
        if len(pairs) < 2:
            continue
        lost = np.array([[_read(curve, place, m) for curve, place in pairs] for m in range(len(judged[0].loss))])
        plain = np.array([_matched([curve for curve, _ in pairs], [m], row.mean()) for m, row in enumerate(lost)])
        all_of = list(range(len(judged[0].loss)))
        whole = _matched([curve for curve, _ in pairs], all_of, lost.mean())
        mean = lost.mean(axis=0)
        found.append(
            Spread(
                fitted[0].curve.modality, number, len(pairs), float(mean.mean()), float(whole.std()), float(mean.std()),
                float(plain.std(axis=1).mean()), float(lost.std(axis=1).mean()), float(np.ptp(whole)),
                float(np.ptp(mean)),
            )
        )  # fmt: skip
    return found


def held_out(curves: Curves, kind: str, wanted: Sequence[float], reads: Sequence[Readable]) -> list[Spread]:
    """Return the spread at each level, each model being judged by levels that were fitted to the others."""
    count, mine = len(curves.models), curves.of(kind)
    if count < 3:
        return []
    each = []
    for left in range(count):
        others = [m for m in range(count) if m != left]
        fitted = [Scale.of(curve.of(others), each_reads) for curve, each_reads in zip(mine, reads)]
        each.append({row.level: row for row in spreads(fitted, wanted, [curve.of([left]) for curve in mine])})
    found = []
    for level in sorted(set.intersection(*(set(rows) for rows in each))):
        rows = [rows[level] for rows in each]
        names = [name for name in vars(rows[0]) if name not in ("modality", "level", "scenarios")]
        means = {name: float(np.mean([getattr(row, name) for row in rows])) for name in names}
        found.append(Spread(kind, level, min(row.scenarios for row in rows), **means))
    return found


def _read(curve: Curve, place: float, model: int) -> float:
    """Return what a model loses at a severity."""
    return float(np.interp(place, *_line(curve, [model])))


def _line(curve: Curve, models: Sequence[int]) -> tuple[Floats, Floats]:
    """Return what models lose on the mean as points of straight lines, from 0 at severity 0 where that is known."""
    loss = curve.loss[list(models)].mean(axis=0)
    if not curve.anchored:
        return curve.severities, loss
    return np.concatenate([[0.0], curve.severities]), np.concatenate([[0.0], loss])


def _matched(curves: Sequence[Curve], models: Sequence[int], mean: float) -> Floats:
    """Return what scenarios cost at the one severity, common to all, at which they cost ``mean`` on the whole."""
    top = min(float(curve.severities[-1]) for curve in curves)
    low = 0.0 if all(curve.anchored for curve in curves) else max(float(curve.severities[0]) for curve in curves)
    places = np.linspace(low, top, 501)
    read = np.array([np.interp(places, *_line(curve, models)) for curve in curves])
    return np.asarray(read[:, int(np.argmin(np.abs(read.mean(axis=0) - mean)))])
