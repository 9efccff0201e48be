"""Attributed shares beside measured ones: where an explanation and the records of lost streams disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.attribute._shares import Share
from stress.statistics.agreement import spearman
from stress.statistics.intervals import Bounds, mover

__all__ = ["TOLERANCE", "Beside", "beside", "ranked", "verdict"]

TOLERANCE = 0.1
"""By how much a share may be off before it is said to disagree."""


@dataclass(frozen=True)
class Beside:
    """A stream's attributed share in a cell beside its measured Shapley share of the headline metric.

    ``verdict`` is ``agrees`` where the interval of the difference is within ± the tolerance, ``disagrees`` where it is
    outside, else ``undecided``.
    """

    cell: str
    method: str
    stream: str
    attributed: float
    measured: float
    difference: float
    low: float | None
    high: float | None
    verdict: str


def beside(
    cell: str,
    method: str,
    streams: Sequence[str],
    shares: Sequence[Share],
    balance: Sequence[Mapping[str, Any]],
    fill: str,
    tolerance: float,
) -> list[Beside]:
    """Return each stream's share beside the one that the run's lost streams show in this cell, where they do.

    The two rest on other records, and their intervals are put together as those of independent estimates.
    """
    known = {row["stream"]: row for row in balance if (row["cell"], row["fill"]) == (cell, fill)}
    found = []
    for name, share in zip(streams, shares):
        row = known.get(name)
        if row is None or row["measure"] != "shapley_share" or row["value"] is None or share.value is None:
            continue
        low, high = _difference(share, row)
        off = share.value - row["value"]
        judged = verdict(low, high, tolerance)
        found.append(Beside(cell, method, name, share.value, row["value"], off, low, high, judged))
    return found


def _difference(share: Share, row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    ends = [share.low, share.high, row["low"], row["high"]]
    if any(end is None for end in ends):
        return None, None
    a, b, c, d = (np.array([end], np.float64) for end in ends)
    value, other = np.array([share.value], np.float64), np.array([row["value"]], np.float64)
    low, high = mover(value, Bounds(a, b, ""), other, Bounds(c, d, ""))
    return float(low[0]), float(high[0])


def verdict(low: float | None, high: float | None, tolerance: float) -> str:
    """Return what the interval of a difference says of it."""
    if low is None or high is None:
        return "undecided"
    if -tolerance <= low and high <= tolerance:
        return "agrees"
    return "disagrees" if high < -tolerance or low > tolerance else "undecided"


def ranked(rows: Sequence[Beside]) -> dict[str, Share]:
    """Return the rank correlation of attributed and measured shares over cells and streams, by method."""
    found = {}
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method]
        value = spearman(np.array([row.attributed for row in mine]), np.array([row.measured for row in mine]))
        why = "it needs three shares that differ on both sides"
        fine = bool(np.isfinite(value))
        found[method] = Share(value if fine else None, n=len(mine), note=None if fine else why)
    return found
