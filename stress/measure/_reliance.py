"""Two models beside each other, stream by stream: what one leans on and the other does not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from stress.measure._cells import absent
from stress.measure._context import Context, Values
from stress.measure._contributions import interaction_weights, lost_cells, shapley_weights, streams_of
from stress.measure._frame import Floats
from stress.measure._tables import INTERVAL

__all__ = ["RELIANCE", "difference_rows"]

RELIANCE: Mapping[str, tuple[pa.DataType, str]] = {
    "one": (pa.string(), "name of a run"),
    "other": (pa.string(), "name of another run"),
    "fill": (pa.string(), "what stood in for a lost stream"),
    "stream": (pa.string(), "the stream, or two joined by '+' for an interaction"),
    "measure": (pa.string(), "necessity, sufficiency, shapley or interaction: of the one minus that of the other"),
    **INTERVAL,
}
Subset = frozenset[str]


def difference_rows(one: Context, other: Context) -> list[dict[str, Any]]:
    """Return the differences of contributions. Raises InputError where the models have other streams."""
    streams = streams_of(one)
    if set(streams) != set(streams_of(other)):
        raise InputError("measure: runs to compare must have the same streams.")
    note = absent(one, one.headline) or absent(other, other.headline)
    ours, theirs = lost_cells(one), lost_cells(other)
    shared = [fill for fill in ours if fill in theirs]
    if note or not shared:
        return [{"measure": "shapley", "note": note or "the runs share no cells in which streams are lost"}]
    both, width = _beside(one.values(one.headline), other.values(other.headline))
    paired = one.clusters.ids == other.clusters.ids
    if both.few and not paired:
        return [{"measure": "shapley", "note": "few clusters, and the two runs' differ: no paired interval"}]
    sign = 1.0 if one.headline.better == "higher" else -1.0
    rows = []
    for fill in shared:
        mine = {frozenset(streams) - gone: cell for gone, cell in ours[fill].items()}
        yours = {frozenset(streams) - gone: width + cell for gone, cell in theirs[fill].items()}
        for stream, measure, weights in _measures(streams):
            row = {"fill": fill, "stream": stream, "measure": measure, "metric": one.headline.name}
            rows.append(row | _difference(both, weights, mine, yours, sign))
    return rows


def _beside(one: Values, other: Values) -> tuple[Values, int]:
    def rows() -> Floats:
        return np.concatenate([one.rows, other.rows], axis=1)

    point = np.concatenate([one.point, other.point])
    fewest = min(one.clusters, other.clusters)
    return Values(one.metric, point, rows, fewest, one.few or other.few, one.confidence), len(one.point)


def _measures(streams: tuple[str, ...]) -> list[tuple[str, str, dict[Subset, float]]]:
    everything, found = frozenset(streams), []
    for name in streams:
        found.append((name, "necessity", {everything: 1.0, everything - {name}: -1.0}))
        found.append((name, "sufficiency", {frozenset([name]): 1.0, frozenset[str](): -1.0}))
        found.append((name, "shapley", shapley_weights(streams, name)))
    for pair in itertools.combinations(streams, 2):
        found.append(("+".join(pair), "interaction", interaction_weights(streams, *pair)))
    return found


def _difference(
    both: Values, weights: Mapping[Subset, float], mine: Mapping[Subset, int], yours: Mapping[Subset, int], sign: float
) -> dict[str, Any]:
    gone = [subset for subset in weights if subset not in mine or subset not in yours]
    if gone:
        named = ["+".join(sorted(subset)) or "no stream at all" for subset in gone[:3]]
        return {"note": f"a run has no cell with only {' / '.join(named)}"}
    vector = np.zeros(len(both.point))
    for subset, weight in weights.items():
        vector[mine[subset]] += sign * weight
        vector[yours[subset]] -= sign * weight
    value, bounds = both.apply(lambda rows: (np.asarray(rows, np.float64) @ vector)[:, None])
    if not np.isfinite(value[0]):
        return {"note": "undefined: a cell has no records"}
    return {"value": value[0], "low": bounds.low[0], "high": bounds.high[0], "method": bounds.method}
