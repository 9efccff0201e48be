"""Which model wins where: several runs on the same grid, paired by sample, corrected for the number of questions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError
from stress.engine._folder import Run
from stress.measure._cells import absent
from stress.measure._context import Context
from stress.measure._frame import Floats
from stress.measure._intervals import paired_proportions, t_quantile
from stress.measure._marginals import MEASURES, entries, marginals, spread
from stress.measure._registry import context_of
from stress.measure._reliance import RELIANCE, difference_rows
from stress.measure._tables import CELL, INTERVAL, about_cell, build
from stress.measure._weights import FEW

__all__ = ["COMPARISON", "RELIANCE", "compare", "holm", "mcnemar", "reliance"]

COMPARISON: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "one": (pa.string(), "name of a run"),
    "other": (pa.string(), "name of another run"),
    **INTERVAL,
    "value_one": (pa.float64(), "the metric of the one on the shared samples"),
    "value_other": (pa.float64(), "the metric of the other on the shared samples"),
    "only_one": (pa.int64(), "samples that only the one has right"),
    "only_other": (pa.int64(), "samples that only the other has right"),
    "p": (pa.float64(), "probability of so large a difference between equals: McNemar's mid-p for plain rates, else t"),
    "p_holm": (pa.float64(), "the same, corrected for all comparisons of this table (Holm 1979)"),
    "verdict": (pa.string(), "better, worse or unknown: of the one, after correction"),
}


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p-values; NaN stays NaN and counts for nothing."""
    values = np.asarray(p, np.float64)
    found = np.full(len(values), np.nan)
    live = np.flatnonzero(~np.isnan(values))
    order = live[np.argsort(values[live], kind="stable")]
    steps = values[order] * (len(order) - np.arange(len(order)))
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return [float(v) for v in found]


def mcnemar(gained: Floats, lost: Floats) -> Floats:
    """Return McNemar's mid-p for discordant pairs (Fagerland, Lydersen & Laake 2013); 1 where there are none."""
    from scipy.special import bdtr, gammaln

    few, total = np.minimum(gained, lost), gained + lost
    tail = 2 * bdtr(few, total.astype(np.int64), 0.5)
    here = np.exp(gammaln(total + 1) - gammaln(few + 1) - gammaln(total - few + 1) - total * np.log(2))
    return np.where(total > 0, np.minimum(np.where(gained == lost, 1 - here, tail - here), 1.0), 1.0)


@dataclass(frozen=True)
class _Side:
    """A run's metric in the shared cells over the shared samples, and the influence of each cluster."""

    value: Floats
    parts: Floats
    right: NDArray[np.bool_] | None
    clusters: NDArray[np.int64]


def compare(runs: Mapping[str, Run], **given: Any) -> pa.Table:
    """Return the paired differences of every two runs in every cell that both have (positive: the first is better).

    Only samples that both runs have in a cell are compared. ``metric`` may be the headline, any mean or ratio of the
    task, or a measure of counts (``f1_macro``, ``mcc``). Raises InputError where the tasks differ or nothing is shared.
    """
    if len(runs) < 2:
        raise InputError(f"measure: runs to compare must be at least two, got {len(runs)}.")
    contexts = {name: context_of(run, **given) for name, run in runs.items()}
    tasks = sorted({context.frame.task for context in contexts.values()})
    if len(tasks) > 1:
        raise InputError(f"measure: runs to compare must be of one task, got {', '.join(tasks)}.")
    rows = [row for one, other in itertools.combinations(contexts, 2) for row in _pair(contexts, one, other)]
    adjusted = holm([np.nan if row.get("p") is None else row["p"] for row in rows])
    alpha = 1 - next(iter(contexts.values())).options.confidence
    for row, p in zip(rows, adjusted):
        row["p_holm"] = p
        sure = np.isfinite(p) and p < alpha
        row["verdict"] = ("better" if row["value"] > 0 else "worse") if sure else "unknown"
    return build(rows, COMPARISON)


def reliance(runs: Mapping[str, Run], **given: Any) -> pa.Table:
    """Return how differently models rely on each stream, and on each pair: does one fusion lean on one stream?

    The difference (one − other) of every measure of the contributions table that both runs have, paired by sample where
    both resample the same clusters.
    """
    if len(runs) < 2:
        raise InputError(f"measure: runs to compare must be at least two, got {len(runs)}.")
    contexts = {name: context_of(run, **given) for name, run in runs.items()}
    rows = [
        {"one": one, "other": other, **row}
        for one, other in itertools.combinations(contexts, 2)
        for row in difference_rows(contexts[one], contexts[other])
    ]
    return build(rows, RELIANCE)


def _pair(contexts: Mapping[str, Context], one: str, other: str) -> list[dict[str, Any]]:
    a, b = contexts[one], contexts[other]
    cells, known = set(b.frame.ids), set(b.frame.samples)
    shared = [name for name in a.frame.ids if name in cells]
    samples = [name for name in a.frame.samples if name in known]
    if not shared or not samples:
        raise InputError(f"measure: {one} and {other} must share cells and samples, got none in common.")
    note = absent(a, a.headline) or absent(b, b.headline)
    about = [about_cell(a.frame.cells[a.frame.ids.index(name)]) for name in shared]
    if note:
        return [{**row, "one": one, "other": other, "metric": a.headline.name, "note": note} for row in about]
    there = _present(a, shared, samples) & _present(b, shared, samples)
    left, right = _side(a, shared, samples, there), _side(b, shared, samples, there)
    sign = 1.0 if a.headline.better == "higher" else -1.0
    rows = []
    for i, row in enumerate(about):
        row |= {"one": one, "other": other, "metric": a.headline.name, "n": int(there[:, i].sum())}
        row |= {"value_one": left.value[i], "value_other": right.value[i]}
        row["value"] = sign * (left.value[i] - right.value[i])
        rows.append(row | _test(a, left, right, there, i, sign))
    return rows


def _places(context: Context, cells: Sequence[str], samples: Sequence[str]) -> tuple[list[int], list[int]]:
    cell = {name: i for i, name in enumerate(context.frame.ids)}
    sample = {name: i for i, name in enumerate(context.frame.samples)}
    return [cell[name] for name in cells], [sample[name] for name in samples]


def _present(context: Context, cells: Sequence[str], samples: Sequence[str]) -> NDArray[np.bool_]:
    columns, rows = _places(context, cells, samples)
    return context.frame.grid(np.ones(len(context.frame.cell)))[np.ix_(rows, columns)] > 0


def _side(context: Context, cells: Sequence[str], samples: Sequence[str], there: NDArray[np.bool_]) -> _Side:
    columns, rows = _places(context, cells, samples)
    member = context.clusters.member[rows]
    names = {context.clusters.ids[m]: None for m in member}
    place = {name: i for i, name in enumerate(names)}
    group = np.array([place[context.clusters.ids[m]] for m in member], np.int64)
    metric = context.headline
    if metric.name in MEASURES:
        return _counted(context, metric.name, columns, rows, there, group)
    top, bottom = (part[np.ix_(rows, columns)] * there for part in context.frame.sums(metric))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = top.sum(axis=0) / bottom.sum(axis=0)
        parts = np.nan_to_num((top - value * bottom) / bottom.sum(axis=0))
        value, parts = (np.sqrt(value), parts / (2 * np.sqrt(value))) if metric.root else (value, parts)
    plain = metric.bottom is None and bool((((top == 0) | (top == 1)) & ((bottom == 0) | (bottom == 1))).all())
    right = (top > 0) if plain and context.clusters.alone else None
    return _Side(
        value, _by_cluster(parts, group), right, (_by_cluster(there.astype(np.float64), group) > 0).sum(axis=0)
    )


def _counted(
    context: Context, name: str, columns: list[int], rows: list[int], there: NDArray[np.bool_], group: NDArray[np.int64]
) -> _Side:
    found = entries(context)
    if found is None:
        raise InputError(f"measure: {name} needs records with a prediction and a task with classes.")
    mask = np.zeros((len(context.frame.samples), len(context.frame.ids)), bool)
    mask[np.ix_(rows, columns)] = there
    chosen = mask[context.frame.sample, context.frame.cell]
    gradient = MEASURES[name](marginals(context, found, chosen))
    parts = context.frame.grid(spread(context, found, gradient, chosen))[np.ix_(rows, columns)]
    clusters = (_by_cluster(there.astype(np.float64), group) > 0).sum(axis=0)
    return _Side(gradient.value[columns], _by_cluster(parts, group), None, clusters)


def _by_cluster(parts: Floats, group: NDArray[np.int64]) -> Floats:
    found = np.zeros((int(group.max()) + 1, parts.shape[1]))
    np.add.at(found, group, parts)
    return found


def _test(
    context: Context, left: _Side, right: _Side, there: NDArray[np.bool_], cell: int, sign: float
) -> dict[str, Any]:
    """Return interval, p and flips of one cell's difference."""
    from scipy.special import stdtr

    confidence, n = context.options.confidence, float(there[:, cell].sum())
    value = sign * (left.value[cell] - right.value[cell])
    if not np.isfinite(value):
        return {"note": "undefined: no shared records, or the metric has no value in one of the runs"}
    if left.right is not None and right.right is not None:
        ours, theirs = left.right[:, cell] & there[:, cell], right.right[:, cell] & there[:, cell]
        gained, lost = float((ours & ~theirs).sum()), float((theirs & ~ours).sum())
        if sign < 0:
            gained, lost = lost, gained
        ends = paired_proportions(np.array([gained]), np.array([lost]), np.array([n]), confidence)
        p = float(mcnemar(np.array([gained]), np.array([lost]))[0])
        about = {"only_one": gained, "only_other": lost, "method": "bonett-price, mcnemar mid-p"}
        return {**about, "low": ends.low[0], "high": ends.high[0], "p": p}
    parts = left.parts[:, cell] - right.parts[:, cell]
    count = int(left.clusters[cell])
    if count < 2:
        return {"note": "one cluster only: no interval"}
    error = float(np.sqrt(np.square(parts).sum() * count / (count - 1)))
    reach = t_quantile(confidence, count - 1) * error
    p = float(2 * stdtr(count - 1, -abs(value) / error)) if error > 0 else 1.0
    method = "few clusters (t, paired)" if count < FEW else "linearised, paired"
    return {"low": value - reach, "high": value + reach, "p": p, "method": method}
