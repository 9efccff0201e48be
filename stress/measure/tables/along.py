"""What curves say in one number, each with its interval: curves of one shape are worked out as one array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stress.measure.core.context import Context, Values
from stress.measure.core.paired import as_from_clean, lost_share, most_kept, sides
from stress.measure.core.rare import merged, of_rare_changes, of_rare_errors
from stress.measure.tables.breaking import breaking, unbroken
from stress.measure.tables.curves import AGAINST, Curve, curves, from_start
from stress.statistics.arrays import Floats, Ints
from stress.statistics.intervals import Bounds
from stress.statistics.robustness import area, mmi, relative_robustness

__all__ = ["Along", "along"]

_ROOM = 500_000
"""Resamples × cells that are looked at together."""
GRADED = ("area", "relative_robustness", "breaking_severity")
Ends = list[tuple[float, Bounds]]
"""The value of each curve, and its interval alone."""


def along(context: Context, clean: int) -> Iterator[Along]:
    """Yield the curves, and the ungraded cells of each scenario, whose cells all have a value, in sets of one shape."""
    values = context.values(context.headline)
    shapes: dict[tuple[int, tuple[float, ...]], list[int]] = defaultdict(list)
    every = curves(context)
    for k, curve in enumerate(every):
        if np.isfinite(values.point[list(curve.cells)]).all():
            shapes[len(curve.cells), tuple(from_start(context, curve)[1])].append(k)
    for (length, _), those in shapes.items():
        step = max(1, _ROOM // (length * max(1, values.clusters if values.few else context.options.resamples)))
        for some in (those[start : start + step] for start in range(0, len(those), step)):
            yield Along(context, clean, tuple(some), [every[k] for k in some])


@dataclass(frozen=True)
class Along:
    """Curves of equally many cells at equal severities; ``places`` are theirs among all curves."""

    context: Context
    clean: int
    places: tuple[int, ...]
    curves: list[Curve]

    @cached_property
    def values(self) -> Values:
        """The headline in every cell."""
        return self.context.values(self.context.headline)

    @cached_property
    def cells(self) -> Ints:
        """(curves × points) positions of the cells."""
        return np.array([curve.cells for curve in self.curves], np.int64)

    @cached_property
    def started(self) -> tuple[Ints, list[float]]:
        """(curves × points) positions of the cells with the one where each curve starts, and their severities."""
        each = [from_start(self.context, curve) for curve in self.curves]
        return np.array([cells for cells, _ in each], np.int64), each[0][1]

    @cached_property
    def reasons(self) -> Mapping[str, str]:
        """Why curves of this shape, or any of the headline, have none of some measures."""
        metric, found = self.context.headline, dict[str, str]()
        if metric.better == "lower":
            reason = f"{metric.name} is an error: its drop is given, a share kept has no meaning"
            found |= {"retention": reason, "mmi": reason}
        if not self.curves[0].severities:
            found |= dict.fromkeys(GRADED, "the scenario has no severities")
        elif (unknown := unbroken(self.context, metric)) is not None:
            found["breaking_severity"] = unknown
        return found

    def means(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return (rows × curves) means over cells: of clean on the samples that each shares with it, and their own."""
        after, before = sides(self.context, self.context.headline, self.clean)[1](rows)
        return before[:, self.cells].mean(axis=2), after[:, self.cells].mean(axis=2)

    def measure(self, name: str, rows: Floats) -> Floats:
        """Return (rows × curves) values of a measure, from (rows × cells) values of the headline."""
        if name in AGAINST:
            before, after = self.means(rows)
            if name == "drop":
                return before - after if self.context.headline.better == "higher" else -(before - after)
            return mmi(before, after) if name == "mmi" else np.where(before > 0, after / before, np.nan)
        both, severities = self.started
        if name == "breaking_severity":
            return breaking(self.context, self.context.headline, both, severities, rows)
        return (area if name == "area" else relative_robustness)(rows[:, both], severities)

    def ends(self, name: str) -> Ends:
        """Return the value of a measure of each curve with its interval."""
        metric = self.context.headline
        values = sides(self.context, metric, self.clean)[0] if name in AGAINST else self.values
        found, bounds = values.apply(lambda rows: self.measure(name, rows))
        if name in ("drop", "retention", "mmi", "area"):
            scale = 1.0 if name in ("drop", "area") else 1 / max(float(values.point[self.clean]), 1e-9)
            bounds = values.widen(bounds, found, scale)
        rare = None if name == "breaking_severity" else self._of_rare(name, values)
        there = np.zeros(len(found), bool) if rare is None else np.isfinite(rare.low)
        method = "" if rare is None else rare.method
        low, high = (bounds.low, bounds.high) if rare is None else (merged(bounds, rare).low, merged(bounds, rare).high)
        if name in ("retention", "mmi"):
            most = most_kept(metric, self.means(values.bounds().low[None, :])[0][0])
            low, high = (low, np.minimum(high, most)) if name == "retention" else (np.maximum(low, 1 - most), high)
        return [
            (float(value), Bounds(low[k : k + 1], high[k : k + 1], method if there[k] else bounds.method, bounds.few))
            for k, value in enumerate(found)
        ]

    def _of_rare(self, name: str, values: Values) -> Bounds | None:
        """Return the intervals of means, or of their changes, where answers rarely differ; NaN elsewhere."""
        if values.records is None or values.given is not None or values.clusters < 2:
            return None
        if name in AGAINST:
            known = self._rare_drops
            return known and as_from_clean(known[0], name, values.metric, known[1])
        both, severities = self.started
        value, rows = area(values.point[None, both], severities)[0], area(values.rows[:, both], severities)
        found = of_rare_errors(values, value, rows, values.size(both).min(axis=1))
        scale = 1.0 if name == "area" else severities[-1] - severities[0]
        return Bounds(found.low * scale, found.high * scale, found.method, found.few)

    @cached_property
    def _rare_drops(self) -> tuple[Bounds, Floats] | None:
        """The intervals of clean minus the means over the cells, NaN where many answers differ, and clean's values."""
        metric = self.context.headline
        lost, values = (
            self.context.once(lost_share, metric, self.clean),
            sides(self.context, metric, self.clean)[0],
        )
        if lost is None:
            return None
        (first, last), (was, now) = self.means(values.point[None, :]), self.means(values.rows)
        size = values.size(self.cells).min(axis=1)
        return of_rare_changes(values, (first - last)[0], was - now, lost[self.cells].mean(axis=1), size), first[0]
