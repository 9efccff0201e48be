"""Two models beside each other, stream by stream: what one leans on and the other does not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.measure.between.difference import Difference, difference, weighted
from stress.measure.between.matching import Matched
from stress.measure.core.cells import absent
from stress.measure.core.number import Number
from stress.measure.core.rows import INTERVAL
from stress.measure.tables.coalitions import lost_cells, streams_of
from stress.statistics.shapley import interaction_weights, shapley_weights

__all__ = ["RELIANCE", "difference_rows", "reliance_changes"]

RELIANCE: Mapping[str, tuple[pa.DataType, str]] = {
    "one": (pa.string(), "name of a run"),
    "other": (pa.string(), "name of another run"),
    "fill": (pa.string(), "what stood in for a lost stream"),
    "stream": (pa.string(), "the stream, or two joined by '+' for an interaction"),
    "measure": (pa.string(), "necessity, sufficiency, shapley or interaction: of the one minus that of the other"),
    **INTERVAL,
}
Subset = frozenset[str]


def difference_rows(matched: Matched) -> list[dict[str, Any]]:
    """Return the differences of contributions. Raises InputError where the models have other streams."""
    one, other = matched.before, matched.after
    streams = streams_of(one)
    if set(streams) != set(streams_of(other)):
        raise InputError("measure: runs to compare must have the same streams.")
    note = absent(one, one.headline) or absent(other, other.headline)
    found = {} if note else reliance_changes(matched)
    if not found:
        missing = Number(note=note or "the runs share no cells in which streams are lost")
        return [{"measure": "shapley", **missing.row()}]
    metric = one.headline.name
    return [
        {"fill": fill, "stream": stream, "measure": measure, "metric": metric} | each.number.row()
        for (fill, stream, measure), each in found.items()
    ]


@named_keywords
def reliance_changes(matched: Matched) -> dict[tuple[str, str, str], Difference]:
    """Return the difference of each contribution by fill rule, stream (or two) and measure, where cells allow."""
    streams, other = streams_of(matched.before), matched.after
    if set(streams) != set(streams_of(other)) or absent(other, other.headline):
        return {}
    found = {}
    for fill, cells in lost_cells(other).items():
        shared = {gone: name for gone, i in cells.items() if (name := other.frame.ids[i]) in matched.pair.cells}
        present = {frozenset(streams) - gone: name for gone, name in shared.items()}
        for stream, measure, weights in _measures(streams) if shared else ():
            found[fill, stream, measure] = _difference(matched, weights, present)
    return found


def _measures(streams: tuple[str, ...]) -> list[tuple[str, str, dict[Subset, float]]]:
    everything, found = frozenset(streams), []
    for name in streams:
        found.append((name, "necessity", {everything: 1.0, everything - {name}: -1.0}))
        found.append((name, "sufficiency", {frozenset([name]): 1.0, frozenset[str](): -1.0}))
        found.append((name, "shapley", shapley_weights(streams, name)))
    pairs = itertools.combinations(streams, 2)
    return [*found, *(("+".join(pair), "interaction", interaction_weights(streams, *pair)) for pair in pairs)]


def _difference(matched: Matched, weights: Mapping[Subset, float], cells: Mapping[Subset, str]) -> Difference:
    gone = [subset for subset in weights if subset not in cells]
    if gone:
        named = ["+".join(sorted(subset)) or "no stream at all" for subset in gone[:3]]
        return Difference.missing(f"a run has no cell with only {' / '.join(named)}")
    matched = matched.holding(list(cells.values()))
    parts = [matched.rows([cells[subset]]) for subset in weights]
    found = difference(
        matched, matched.after.headline.name, parts, combine=weighted(list(weights.values())), common=True
    )
    return Difference.missing(f"{matched.after.headline.name} has no influences") if found is None else found
