"""Which model wins where: several runs on the same grid, paired by sample, corrected for the number of questions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from perturbations import InputError
from stress.measure.between.changes import change, comparable
from stress.measure.between.matching import Matched, match
from stress.measure.between.reliance import RELIANCE, difference_rows
from stress.measure.core.context import check_names
from stress.measure.core.rows import CELL, INTERVAL, build
from stress.records.pairing import paired
from stress.records.source import Source
from stress.statistics.corrections import adjusted

__all__ = ["COMPARISON", "RELIANCE", "compare", "reliance"]

COMPARISON: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "one": (pa.string(), "name of a run"),
    "other": (pa.string(), "name of another run"),
    **INTERVAL,
    "value_one": (pa.float64(), "the metric of the one on the shared samples"),
    "value_other": (pa.float64(), "the metric of the other on the shared samples"),
    "only_one": (pa.int64(), "answers that only the one has right"),
    "only_other": (pa.int64(), "answers that only the other has right"),
    "samples": (pa.int64(), "distinct samples among the n records"),
    "clusters": (pa.int64(), "clusters that these samples are drawn in"),
    "p": (pa.float64(), "probability of so large a difference between equals: McNemar's mid-p for plain rates, else t"),
    "p_holm": (pa.float64(), "the same, corrected for all comparisons of this table (Holm 1979)"),
    "verdict": (pa.string(), "better, worse or unknown: of the one, after correction"),
}


def compare(runs: Mapping[str, Source], *, metric: str | None = None, common: bool = False, **given: Any) -> pa.Table:
    """Return the paired differences of every two runs in every cell that both have (positive: the first is better).

    Only records that both runs have – the same sample, cell and draw – are compared. ``metric`` may be any of the
    ``cells`` table (by default the headline). Raises RunError where the runs' tasks, suites, data or perturbation
    versions differ; with ``common`` what they share is compared.
    """
    rows = [row for one, other, matched in _pairs(runs, common, given) for row in _cells(one, other, matched, metric)]
    sure = adjusted(np.array([np.nan if row["p"] is None else row["p"] for row in rows], np.float64))
    level = 1 - float(given.get("confidence", 0.95))
    for row, p in zip(rows, sure.tolist()):
        row["p_holm"] = p
        row["verdict"] = ("better" if row["value"] > 0 else "worse") if p <= level else "unknown"
    return build(rows, COMPARISON)


def reliance(runs: Mapping[str, Source], *, common: bool = False, **given: Any) -> pa.Table:
    """Return how differently models rely on each stream, and on each pair: does one fusion lean on one stream?

    The difference (one − other) of every measure of the contributions table that both runs have, paired as in
    ``compare``, and refused where that is.
    """
    rows = [
        {"one": one, "other": other, **row}
        for one, other, matched in _pairs(runs, common, given)
        for row in difference_rows(matched)
    ]
    return build(rows, RELIANCE)


def _pairs(runs: Mapping[str, Source], common: bool, given: Mapping[str, Any]) -> list[tuple[str, str, Matched]]:
    check_names(given, ("metric", "common"))
    if len(runs) < 2:
        raise InputError(f"measure: runs to compare must be at least two, got {len(runs)}.")
    cluster = given.get("cluster")
    return [
        (one, other, match(paired(runs[one], runs[other], common, cluster), **given))
        for one, other in itertools.combinations(runs, 2)
    ]


def _cells(one: str, other: str, matched: Matched, metric: str | None) -> list[dict[str, Any]]:
    name, found = comparable(matched, metric or matched.after.headline.name), []
    about = {row.cell: row.about for row in matched.before.frame.cells}
    for cell in matched.pair.cells:
        d = change(matched, name, [cell])
        row = {"one": one, "other": other, "metric": name, "value_one": d.before, "value_other": d.after, "p": d.p}
        row |= {"only_one": d.lost, "only_other": d.gained, "samples": d.samples, "clusters": d.clusters}
        found.append({**about[cell], **row, **d.number.row()})
    return found
