"""How a number changed from one run to another: a metric, a drop against clean, a gap between groups, a latency."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from stress.measure.between.difference import Difference, difference, less, retained
from stress.measure.between.influences import measure
from stress.measure.between.matching import Matched
from stress.measure.core.bygroup import codes_of
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.session.one import lower_is_better, metric_names, metric_rows
from stress.measure.session.registry import context_of
from stress.records.views import pooled
from stress.statistics.corrections import below
from stress.statistics.positions import distinct

__all__ = ["change", "comparable", "gap_change"]


@named_keywords
def comparable(matched: Matched, name: str, who: str = "compare") -> str:
    """Return the name of a metric that can be compared. Raises InputError for one that the run's task does not have."""
    context = matched.holding(matched.pair.cells[:1]).after
    if measure(context, name) is None and name not in (known := metric_names(context)):
        listed, task = ", ".join(known), context.frame.declared.task
        raise InputError(f"{who}: metric must be one of {listed} for {task}, got {name!r}. {nearest(name, known)}")
    return name


@named_keywords
def change(
    matched: Matched,
    name: str,
    cells: Collection[str],
    *,
    of: str | None = None,
    label: str | None = None,
    samples: NDArray[np.bool_] | None = None,
    confidence: float | None = None,
) -> Difference:
    """Return how much worse a metric is in the later run, over all records of these cells that both runs have.

    ``name`` may be ``drop`` or ``retention`` (``of`` the headline, by default) against each run's own clean cell,
    over the samples that both cells have. ``label`` is a class, ``samples`` a mask. Quantiles of times are not paired:
    their intervals are squared and added (MOVER, Zou & Donner 2008), over all records of either run.
    """
    matched = matched.holding(cells)
    if name in ("drop", "retention"):
        return _against_clean(matched, name, of, matched.rows(cells, samples), samples, confidence)
    found = difference(matched, name, [matched.rows(cells, samples)], label=label, confidence=confidence)
    return _apart(matched, name, cells, samples, confidence) if found is None else found


def _against_clean(
    matched: Matched,
    name: str,
    of: str | None,
    rows: NDArray[np.int64],
    samples: NDArray[np.bool_] | None,
    confidence: float | None,
) -> Difference:
    metric = of or matched.after.headline.name
    if "clean" not in matched.pair.cells:
        return Difference.missing("the runs share no clean cell to compare with")
    parts, lower = [matched.rows(["clean"], samples), rows], lower_is_better(matched.after, metric)
    if name == "retention" and lower:
        return Difference.missing(f"{metric} is an error: its drop is given, a share kept has no meaning")
    how = retained if name == "retention" else less
    better = "higher" if name == "retention" else "lower"
    found = difference(
        matched, metric, parts[::-1] if lower else parts, combine=how, better=better, common=True, confidence=confidence
    )
    return Difference.missing(f"{name} of {metric} cannot be compared") if found is None else found


@named_keywords
def gap_change(
    matched: Matched, by: str, cells: Collection[str], of: str | None = None, confidence: float | None = None
) -> tuple[str, Difference]:
    """Return how much wider the gap between the best and the worst group became, and which two these are.

    They are chosen by the mean of the two runs, which (unlike a choice by either) says nothing on how they changed:
    where both are equally noisy, mean and difference are uncorrelated, so the interval needs no allowance for it.
    """
    metric, small = of or matched.after.headline.name, matched.after.options.small
    codes, names = codes_of(matched.after, by)
    matched = matched.holding(cells)
    found = []
    for g in range(len(names)):
        rows = matched.rows(cells, codes == g)
        one = difference(matched, metric, [rows]) if (codes == g).sum() >= small else None
        if one is not None and one.before is not None and one.after is not None:
            found.append((one.before + one.after, g))
    if len(found) < 2:
        return "", Difference.missing(f"fewer than two groups of {small} samples to compare")
    (_, lowest), (_, highest) = min(found), max(found)
    parts = [matched.rows(cells, codes == g) for g in (highest, lowest)]
    wide = difference(matched, metric, parts, combine=less, better="lower", confidence=confidence)
    best, worst = (lowest, highest) if lower_is_better(matched.after, metric) else (highest, lowest)
    pair = f"{names[best]} over {names[worst]}"
    return pair, Difference.missing(f"a gap of {metric} cannot be compared") if wide is None else wide


def _apart(
    matched: Matched,
    name: str,
    cells: Collection[str],
    samples: NDArray[np.bool_] | None,
    confidence: float | None,
) -> Difference:
    """Return the difference of a metric that has no influences, from each run's own interval."""
    rows = matched.rows(cells, samples)
    some, drawn = (distinct(each[rows]) for each in (matched.sample, matched.cluster))
    about = Difference(Number(n=len(rows), failed=0), samples=some, clusters=drawn)
    if not len(rows):
        return replace(about, number=replace(about.number, note="no records that both runs have"))
    sure = matched.after.options.confidence if confidence is None else confidence
    each = [
        _alone(context, name, cells, own[rows], sure)
        for context, own in ((matched.before, matched.old), (matched.after, matched.new))
    ]
    ends = [end for number in each for end in (number.value, number.low, number.high) if end is not None]
    if len(ends) < 6:
        note = next((number.note for number in each if number.note), "one of the runs has no interval of it")
        before, after = (number.value for number in each)
        return replace(about, before=before, after=after, number=replace(about.number, note=note))
    b, b_low, b_high, a, a_low, a_high = ends
    low, high = b - a - np.hypot(b - b_low, a_high - a), b - a + np.hypot(b_high - b, a - a_low)
    sign = -1.0 if lower_is_better(matched.after, name) else 1.0
    low, high = sorted((sign * float(low), sign * float(high)))
    drop = sign * (b - a)
    p = float(below(drop, low, high, 0.0, sure))
    number = replace(about.number, value=drop, low=low, high=high, method="mover (unpaired)")
    return replace(about, number=number, before=b, after=a, p=min(2 * min(p, 1 - p), 1.0))


def _alone(context: Context, name: str, cells: Collection[str], rows: NDArray[np.int64], confidence: float) -> Number:
    """Return a metric of one run with its own interval, over the samples of these records."""
    run, options = context.frame.run, context.options
    orders = run.samples["order"].to_numpy()[np.unique(context.frame.sample[rows])]
    view = pooled(run, {"part": list(cells)}, orders.tolist())
    found = metric_rows(context_of(view, confidence=confidence, cluster=options.cluster), name)
    row = next((row for row in found if row["cell"] == "part"), None)
    return Number(note=f"the runs have no {name}") if row is None else Number.of(row)
