"""The difference between two runs on the samples that both have answered, with its interval.

Every difference – of a metric, of a drop against clean, of a gap between groups, of a stream's contribution – is that
of a function of values, each with the influences of its records. They are subtracted pair by pair and summed by
cluster, which gives the interval. Plain answers (right or wrong, one a sample) have an exact one instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.measure.between.influences import Measure, measure
from stress.measure.between.matching import Matched
from stress.measure.core.number import Number
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import degenerate, mcnemar, paired_proportions, t_quantile
from stress.statistics.positions import distinct, ranked
from stress.statistics.ranks import delong

__all__ = ["Difference", "difference", "less", "retained", "same", "weighted"]

Ints = NDArray[np.int64]
Combine = Callable[[Floats], tuple[float, Floats]]
"""A function of the values of several parts, and its gradient."""


@dataclass(frozen=True)
class Difference:
    """By how much a number became worse: ``before`` − ``after`` of a metric of which more is better, else turned round.

    ``number`` is the difference with its interval: ``n`` pairs of records were used, of ``samples`` samples in
    ``clusters`` clusters; ``failed`` of the later run's have no usable answer. ``lost`` and ``gained`` are answers
    right in the earlier run only, and in the later only. ``p`` is two-sided: the probability of so large a difference
    between equals.
    """

    number: Number
    before: float | None = None
    after: float | None = None
    p: float | None = None
    samples: int = 0
    clusters: int = 0
    lost: int | None = None
    gained: int | None = None

    @property
    def drop(self) -> float | None:
        """The difference."""
        return self.number.value

    @property
    def low(self) -> float | None:
        """Lower end of its interval."""
        return self.number.low

    @property
    def high(self) -> float | None:
        """Upper end of its interval."""
        return self.number.high

    @classmethod
    def missing(cls, note: str) -> Difference:
        """Return a difference that there is none of, and why."""
        return cls(Number(n=0, failed=0, note=note))


def same(values: Floats) -> tuple[float, Floats]:
    """Return the one value."""
    return float(values[0]), np.ones(1)


def less(values: Floats) -> tuple[float, Floats]:
    """Return the first value less the second: a drop, a gap."""
    return float(values[0] - values[1]), np.array([1.0, -1.0])


def retained(values: Floats) -> tuple[float, Floats]:
    """Return the second value as a share of the first: what is retained of clean."""
    if not values[0] > 0:
        return float("nan"), np.zeros(2)
    return float(values[1] / values[0]), np.array([-values[1] / values[0] ** 2, 1 / values[0]])


def weighted(weights: Sequence[float]) -> Combine:
    """Return how to weigh values: a Shapley value, an interaction."""
    vector = np.asarray(weights, np.float64)
    return lambda values: (float(vector @ values), vector)


def difference(
    matched: Matched,
    name: str,
    parts: Sequence[Ints],
    *,
    label: str | None = None,
    combine: Combine = same,
    better: str | None = None,
    common: bool = False,
    confidence: float | None = None,
) -> Difference | None:
    """Return the difference of a metric (or what ``combine`` makes of several parts' values) between matched runs.

    ``parts`` are pairs of records (``Matched.rows``), ``label`` a class; with ``common`` only samples that all parts
    have are used. ``better`` says which way is up, where that is not the metric's own. None for a metric that has no
    influences, such as a quantile of times.
    """
    old, new = (measure(context, name, label) for context in (matched.before, matched.after))
    if old is None or new is None:
        return None
    if isinstance(old, str) or isinstance(new, str):
        return Difference.missing(old if isinstance(old, str) else str(new))
    kept = [rows[old.known[matched.old[rows]] & new.known[matched.new[rows]]] for rows in parts]
    kept = _shared(matched, kept) if common else kept
    left = 0 if label is not None or common else sum(map(len, parts)) - sum(map(len, kept))
    note = f"{left} records left out: one of the runs has no answer there that {name} can use" if left else None
    about = _about(matched, old, new, kept)
    if not all(map(len, kept)):
        return _made(about, {"note": note or "no records that both runs have"})
    sure = matched.after.options.confidence if confidence is None else confidence
    sign = 1.0 if (better or new.better) == "higher" else -1.0
    found = _compared(matched, (old, new), kept, combine, sign, sure)
    return _made(about, {"note": note, **found})


def _made(about: Mapping[str, Any], found: Mapping[str, Any]) -> Difference:
    """Return a difference from what it rests on and what was found, by the names of its fields and its number's."""
    numbers = {name: found.get(name) for name in ("low", "high", "method", "note")}
    number = Number(found.get("drop"), n=about["n"], failed=about["failed"], few=found.get("few", False), **numbers)
    rest = {name: found.get(name) for name in ("before", "after", "p", "lost", "gained")}
    return Difference(number, samples=about["samples"], clusters=about["clusters"], **rest)


def _shared(matched: Matched, parts: Sequence[Ints]) -> list[Ints]:
    """Return the pairs of the samples that have one in every part."""
    everywhere = np.ones(len(matched.after.frame.samples), bool)
    for rows in parts:
        here = np.zeros(len(everywhere), bool)
        here[matched.sample[rows]] = True
        everywhere &= here
    return [rows[everywhere[matched.sample[rows]]] for rows in parts]


def _about(matched: Matched, old: Measure, new: Measure, kept: Sequence[Ints]) -> dict[str, Any]:
    """Return what a difference rests on: the pairs that have a part in it."""
    rows = np.concatenate(kept)
    rows = rows[_involved(matched, old, new, rows)]
    failed = int(matched.after.frame.failed[matched.new[rows]].sum())
    samples, clusters = (distinct(each[rows]) for each in (matched.sample, matched.cluster))
    return {"n": len(rows), "samples": samples, "clusters": clusters, "failed": failed}


def _involved(matched: Matched, old: Measure, new: Measure, rows: Ints) -> NDArray[np.bool_]:
    if old.involved is None or new.involved is None:
        return np.ones(len(rows), bool)
    return old.involved[matched.old[rows]] | new.involved[matched.new[rows]]


def _compared(
    matched: Matched,
    measures: tuple[Measure, Measure],
    kept: Sequence[Ints],
    combine: Combine,
    sign: float,
    confidence: float,
) -> dict[str, Any]:
    """Return both values, their difference, its interval and p."""
    (old, new), first = measures, kept[0]
    before, ours = _side(old, [matched.old[rows] for rows in kept], combine)
    after, theirs = _side(new, [matched.new[rows] for rows in kept], combine)
    found: dict[str, Any] = {"before": before, "after": after}
    if not np.isfinite(before) or not np.isfinite(after):
        found = {key: value if np.isfinite(value) else None for key, value in found.items()}
        return {**found, "note": "undefined in one of the runs"}
    found["drop"] = sign * (before - after) + 0.0  # and never −0
    if combine is same and (flips := _flips(matched, old, new, first, sign)) is not None:
        found |= {"lost": flips[0], "gained": flips[1]}
        if matched.alone and distinct(matched.sample[first]) == len(first):
            return found | _exact(*flips, len(first), confidence)
    pairs = np.concatenate(kept)
    sides = [_by_cluster(matched.cluster[pairs], parts) for parts in (ours, theirs)]
    live = _involved(matched, old, new, pairs)
    count = distinct(matched.cluster[pairs][live])
    error = _error(sides, count)
    if count > 1 and not np.isfinite(error):
        return {**found, "note": "no interval: undefined without one of the clusters"}
    if new.positive is not None and matched.alone and combine is same:
        error = max(error, delong(1.0, ours - theirs, new.positive(matched.new[first])))
    raised = [0.0 if m.excess is None else m.excess(at[first]) for m, at in ((old, matched.old), (new, matched.new))]
    return found | _ends(found["drop"], error, count, new.bounded, confidence, raised if sign > 0 else raised[::-1])


def _side(measured: Measure, parts: Sequence[Ints], combine: Combine) -> tuple[float, Floats]:
    """Return a run's value, and the influence on it of every record of every part, one part after another."""
    each = [measured.of(rows) for rows in parts]
    value, slope = combine(np.array([one for one, _ in each]))
    return value, np.concatenate([weight * influences for weight, (_, influences) in zip(slope, each)])


def _by_cluster(cluster: Ints, parts: Floats) -> Floats:
    return np.bincount(ranked(cluster)[1], weights=parts).astype(np.float64)


def _flips(matched: Matched, old: Measure, new: Measure, rows: Ints, sign: float) -> tuple[int, int] | None:
    """Return how many answers were lost and gained, of answers that are right or wrong."""
    if old.answers is None or new.answers is None:
        return None
    apart = sign * (old.answers[matched.old[rows]] - new.answers[matched.new[rows]])
    return int((apart > 0).sum()), int((apart < 0).sum())


def _exact(lost: int, gained: int, n: int, confidence: float) -> dict[str, Any]:
    counts = np.array([float(lost)]), np.array([float(gained)])
    ends = paired_proportions(*counts, np.array([float(n)]), confidence)
    return {"low": ends.low[0], "high": ends.high[0], "p": float(mcnemar(*counts)[0]), "method": ends.method}


def _error(sides: Sequence[Floats], count: int) -> float:
    """Return the standard error of a difference from either run's influences by cluster.

    As Bonett & Price (2012) do for plain answers, two clusters that differ are added, one each way, so that a handful
    of answers that changed sides is not taken for certainty; each weighs what a cluster usually weighs in either run.
    """
    if count < 2:
        return float("nan")
    usual = max(float(np.square(side).sum() / count) for side in sides)
    return float(np.sqrt(np.square(sides[0] - sides[1]).sum() * count / (count - 1) + 2 * usual))


def _ends(
    drop: float, error: float, count: int, bounded: bool, confidence: float, raised: Sequence[float] = (0.0, 0.0)
) -> dict[str, Any]:
    """Return interval, p, method and ``few`` of a linearised difference.

    ``raised`` is by how much chance alone may have raised, and lowered, the difference.
    """
    from scipy.special import stdtr

    if count < 2:
        return {"note": "one cluster only: no interval"}
    quantile = t_quantile(confidence, count - 1)
    if error == 0 and bounded:
        error = degenerate(count, confidence) / quantile
    reach = quantile * error
    sure = max(drop - raised[0], 0.0) if drop > 0 else min(drop + raised[1], 0.0)
    p = float(2 * stdtr(count - 1, -abs(sure) / error)) if error > 0 else float(drop == 0)
    few = count < FEW
    method = "few clusters (t, paired)" if few else "linearised, paired"
    low, high = drop - raised[0] - reach, drop + raised[1] + reach
    return {"low": low, "high": high, "p": p, "method": method, "few": few}
