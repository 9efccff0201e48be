"""Where a number changed in a row of releases that were measured on the same samples: binary segmentation.

In every segment each boundary is asked whether the mean of the releases after it differs from that of those before, by
the influences of the clusters that all releases share: what makes a sample hard is in every release and drops out. The
surest boundary of a segment splits it, and both halves are asked again (Scott & Knott 1974; Vostrikova 1981). A change
counts where its p value is at most the level over the number of boundaries of all series that have not been rejected
yet: the step-down of Holm (1979), so that at most that share of histories without a change shows any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.intervals import t_quantile

__all__ = ["LEVEL", "Changed", "changes", "contrast"]

LEVEL = 0.02
"""Share of histories without a change that may show one."""


@dataclass(frozen=True)
class Changed:
    """A change: the first release after it (by position), by how much the mean rose, its interval, and p as corrected.

    ``start`` and ``stop`` are the releases whose means are compared: from the change before to the one after it.
    """

    series: str
    at: int
    start: int
    stop: int
    value: float
    low: float
    high: float
    p: float


def contrast(values: Floats, influences: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return weighted sums of releases' values and their standard errors: one for each row of ``weights``.

    ``values`` are (releases,), ``influences`` (releases × clusters), ``weights`` (contrasts × releases). As in paired
    differences, two clusters that differ are added, one each way (Bonett & Price 2012), so that a few answers that
    changed are not taken for certainty. NaN with fewer than two clusters.
    """
    count = influences.shape[1]
    found = weights @ values
    if count < 2:
        return found, np.full(len(weights), np.nan)
    sides = np.maximum(weights, 0.0) @ influences, np.minimum(weights, 0.0) @ influences
    spread = np.square(sides[0] + sides[1]).sum(1) * count / (count - 1)
    usual = np.maximum(*(np.square(side).sum(1) / count for side in sides))
    return found, np.sqrt(spread + 2 * usual)


def changes(series: Mapping[str, tuple[Floats, Floats]], level: float = LEVEL) -> list[Changed]:
    """Return the changes of several series of releases: ``(values, influences)`` of each, as ``contrast`` takes them.

    All series are one family. Intervals are of one contrast each, at 1 − ``level``.
    """
    total = sum(max(len(values) - 1, 0) for values, _ in series.values())
    found = _split(series, total, level)
    kept = [each for name in series for each in _settled(name, series[name], found.get(name, []), total, level)]
    return sorted(kept, key=lambda one: (str(one.series), one.at))


def _split(series: Mapping[str, tuple[Floats, Floats]], total: int, level: float) -> dict[str, list[int]]:
    """Return where segments split, until no boundary is sure enough."""
    open_ = [(name, 0, len(values)) for name, (values, _) in series.items()]
    found: dict[str, list[int]] = {}
    left = total
    while open_:
        asked = [(part, each) for part in open_ if (each := _surest(series[part[0]], part, level)) is not None]
        asked.sort(key=lambda pair: pair[1].p)
        open_ = []
        for (name, start, stop), one in asked:
            if one.p * left > level:
                break
            left -= 1
            found.setdefault(name, []).append(one.at)
            open_ += [(name, start, one.at), (name, one.at, stop)]
    return found


def _settled(name: str, given: tuple[Floats, Floats], at: Sequence[int], total: int, level: float) -> list[Changed]:
    """Return changes that are sure between their neighbours, each where it is surest there.

    The first split of a series may lie beside the change, or between two: what is there only because of that goes.
    """
    bounds, left = sorted(at), 4 * len(given[0])
    while bounds:
        edges = [0, *bounds, len(given[0])]
        local = [_surest(given, (name, a, b), level) for a, b in zip(edges, edges[2:])]
        known = [(one.p, i) for i, one in enumerate(local) if one is not None]
        worst, i = max(known)
        if worst * total > level:
            bounds.pop(i)
            continue
        moved = sorted({one.at for one in local if one is not None})
        left -= 1
        if moved == bounds or left < 0:  # two places that are as good as each other may take turns
            return [replace(one, p=min(one.p * total, 1.0)) for one in local if one is not None]
        bounds = moved if len(moved) < len(bounds) else _once(bounds, moved)
    return []


def _once(bounds: list[int], moved: list[int]) -> list[int]:
    """Return bounds of which the first that lies elsewhere has moved: neighbours are asked again before they move."""
    i = next(k for k, (old, new) in enumerate(zip(bounds, moved)) if old != new)
    return sorted({*bounds[:i], moved[i], *bounds[i + 1 :]})


def _surest(given: tuple[Floats, Floats], part: tuple[str, int, int], level: float) -> Changed | None:
    """Return the boundary of a segment with the smallest p value."""
    from scipy.special import stdtr

    (values, influences), (name, start, stop) = given, part
    size, clusters = stop - start, influences.shape[1]
    if size < 2 or clusters < 2:
        return None
    after = np.arange(1, size)[:, None] <= np.arange(size)[None, :]
    counts = after.sum(1, keepdims=True)
    weights = np.where(after, 1 / counts, -1 / (size - counts))
    with np.errstate(invalid="ignore", divide="ignore"):
        risen, error = contrast(values[start:stop], influences[start:stop], weights)
        p = np.where(error > 0, 2 * stdtr(clusters - 1, -np.abs(risen) / error), (risen == 0).astype(float))
    if not np.isfinite(p).any():
        return None
    k = int(np.nanargmin(p))
    reach = float(t_quantile(1 - level, clusters - 1) * error[k])
    return Changed(
        name, start + k + 1, start, stop, float(risen[k]), float(risen[k]) - reach, float(risen[k]) + reach, float(p[k])
    )
