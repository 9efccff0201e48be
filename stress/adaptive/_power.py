"""Before a run: how many samples its rules will take to be decided, if it is as an earlier run, or worse by so much.

Foretold from what the earlier run observed: for a run of all samples by the normal law, in four cases of five; for one
that stops by how fast its bets grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.adaptive._ask import Asked
from stress.engine import Planned
from stress.gate import (
    Form,
    Gates,
    Observed,
    Rule,
    cell_sums,
    check_early,
    clusters_of,
    count_checks,
    form_of,
    parts_of,
)
from stress.measure import measured
from stress.records.metric import Metric
from stress.records.source import Source
from stress.records.stopping import is_stopped
from stress.statistics.arrays import Floats
from stress.statistics.betting import expected_count
from stress.statistics.intervals import z_quantile

__all__ = ["Foreseen", "expected_calls", "foresee", "worse"]

_POWER = 0.8
_HALF = 0.5


@dataclass(frozen=True)
class Foreseen:
    """What a check takes where the truth is ``value``: samples, of a whole run and of one that stops.

    Samples that come in clusters are counted as samples, of clusters as large as those that were seen. Each is asked in
    all of ``cells``. Infinite where the bar is at the value. ``reason``: why it is run whole.
    """

    rule: Rule
    subject: str
    drop: float
    value: float | None
    outcome: str
    whole: float
    adaptive: float
    cells: tuple[str, ...]
    reason: str = ""


def worse(seen: Observed, drop: float) -> Observed:
    """Return observations of a model whose metric is worse by ``drop``: so many right answers are wrong, by chance."""
    a, b = seen.rows[:, 0], seen.rows[:, 1]
    mean = float((a @ seen.counts) / (b @ seen.counts))
    higher = seen.form.metric.better == "higher"
    left = mean if higher else 1 - mean
    share = min(max(drop / left, 0.0), 1.0) if left > 0 else 0.0
    spoilt = seen.rows.copy()
    spoilt[:, 0] = 0.0 if higher else b
    rows, counts = np.concatenate([seen.rows, spoilt]), np.concatenate([seen.counts * (1 - share), seen.counts * share])
    return replace(seen, rows=rows[counts > 0], counts=counts[counts > 0], steps=None)


@named_keywords
def foresee(gates: Gates, run: Source, drops: Sequence[float] = (0.0,)) -> list[Foreseen]:
    """Return what each check of a gate file will take, at each of some true drops below what ``run`` observed.

    Raises InputError for a drop that cannot be, and for a run that is not whole; SpecError for rules that do not fit.
    """
    for drop in drops:
        if not 0 <= drop < 1:
            raise InputError(f"power: drop must be in [0, 1), got {drop:g}.")
    if is_stopped(run) or not run.info.get("finished", True):
        raise InputError(f"power: --against {run.path}: must be a finished run of the whole grid.")
    session = measured(run)
    metrics = {metric.name: metric for metric in session.declared}
    check_early(gates, run, metrics, run)
    members = clusters_of(run, gates.cluster or run.info.get("cluster"))
    parts = [(rule, parts_of(rule, rule.on.cells(run), run)) for rule in gates.rules]
    checks = sum(count_checks(rule, part, run) for rule, part in parts)
    correction = 1 if gates.correction == "none" else checks
    found: list[Foreseen] = []
    for rule, part in parts:
        form = form_of(rule, metrics, session.headline)
        for name, cells in part.items():
            if isinstance(form, str):
                found.append(Foreseen(rule, name, 0.0, None, "", inf, inf, tuple(cells), form))
                continue
            seen, size = _seen(run, form, cells, members), len(members) / len(np.unique(members))
            each = [_foreseen(rule, name, worse(seen, drop), drop, correction, tuple(cells)) for drop in drops]
            found += [replace(one, whole=one.whole * size, adaptive=one.adaptive * size) for one in each]
    return found


def _seen(run: Source, form: Form, cells: Sequence[str], members: NDArray[np.int64]) -> Observed:
    """Return what a whole run observed of some cells; of a rule against an earlier run, beside itself."""
    sums = [*_by_cluster(run, form.metric, cells, members)]
    if form.kind == "lost":
        sums += sums
    elif form.kind != "rate":
        sums += _by_cluster(run, form.metric, ["clean"], members)
    else:
        sums += [np.zeros(len(sums[0]))] * 2
    return Observed.of(form, np.stack(sums, axis=1), float(np.bincount(members).max() * len(cells)))


def _by_cluster(run: Source, metric: Metric, cells: Sequence[str], members: NDArray[np.int64]) -> list[Floats]:
    return [np.bincount(members, each.sum(axis=1)).astype(np.float64) for each in cell_sums(run, metric, cells)]


def _foreseen(rule: Rule, name: str, seen: Observed, drop: float, checks: int, cells: tuple[str, ...]) -> Foreseen:
    value, level = seen.value, (1 - rule.confidence) / 2
    if value is None:
        return Foreseen(rule, name, drop, None, "", inf, inf, cells, "nothing was observed")
    low, high = rule.ends or ((rule.bar, inf) if rule.kind == "min" else (-inf, rule.bar))
    kept = low < value < high
    whole, adaptive = [], []
    for bar, above in ((low, True), (high, False)):
        if np.isinf(bar) or (not kept and (value >= bar) == above):
            continue
        towards = above if kept else not above
        share = level if kept else level / checks
        gained = seen.gains(bar, towards)
        whole.append(max(_fixed(seen, bar, share), _fewest(seen, bar, share, towards)))
        adaptive.append(expected_count(gained, share * _HALF, seen.counts))
    if not whole or value in (low, high):
        return Foreseen(rule, name, drop, value, "undecided", inf, inf, cells)
    return Foreseen(rule, name, drop, value, "pass" if kept else "fail", max(whole), max(adaptive), cells)


def _fixed(seen: Observed, bar: float, level: float) -> float:
    """Return how many observations a test that is made once takes to reject the bar in four cases of five."""
    far = seen.gains(bar, True) * seen.unit(bar)
    total = seen.counts.sum()
    mean = float(far @ seen.counts) / total
    spread = float(np.sqrt(max(float(far**2 @ seen.counts) / total - mean**2, 0.0)))
    if mean == 0:
        return inf
    return float(ceil(((z_quantile(1 - 2 * level) + z_quantile(2 * _POWER - 1)) * spread / mean) ** 2)) or 1.0


def _fewest(seen: Observed, bar: float, level: float, above: bool) -> float:
    """Return how many observations of a rate reject a bar if all of them are as good (or as bad) as can be."""
    chance = bar if above else 1 - bar
    return float(ceil(np.log(level) / np.log(chance))) if seen.form.kind == "rate" and 0 < chance < 1 else 1.0


@named_keywords
def expected_calls(asked: Asked, planned: Planned, floor: int) -> tuple[int, int | None, int]:
    """Return how many questions a run takes at least, as expected where an earlier run tells, and at most.

    Expected is what its rules take if the model is as in the run that they compare with; None without one.
    """
    total, calls = sum(map(len, planned.shards)), planned.repeats.calls
    least, most = min(floor, total) * sum(calls), total * sum(calls)
    if asked.mean:  # clean is asked about all
        least += (total - min(floor, total)) * calls[0]
    if asked.baseline is None or asked.gates is None:
        return least, None, most
    owner = {planned.plan.cells[at].id: first for first, same in planned.repeats.names.items() for at in same}
    needed = {at: float(min(floor, total)) for at in set(owner.values())}
    for each in foresee(asked.gates, asked.baseline):
        for cell in each.cells:
            if cell in owner:
                needed[owner[cell]] = max(needed[owner[cell]], min(each.adaptive, total))
    if "clean" in owner:
        needed[owner["clean"]] = max(needed.values())
    return least, int(sum(calls[at] * count for at, count in needed.items())), most
