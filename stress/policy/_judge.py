"""What a rule is worth where it was not made: on samples and clusters it has not seen, and on kinds of damage neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stress.policy._evidence import Evidence
from stress.policy._tree import Tree, grow, taken
from stress.statistics.arrays import Flags, Floats, Ints
from stress.statistics.intervals import clustered_error, sidak, t_quantile

__all__ = ["FOLDS", "Worth", "chosen", "fold_of", "judged"]

FOLDS, _INNER = 5, 4
_LOSS = 0.01
"""What a safe rule may lose on damage that it has not seen: one point."""


@dataclass(frozen=True)
class Worth:
    """Expected loss under one condition, or all, of doing nothing and of the rule; positive ``gain``: the rule is better.

    ``always`` is the best single action, ``by_condition`` the best action of each cell (both chosen on other samples);
    ``best`` the best action of each sample, which nobody can know.
    """

    unseen: Literal["samples", "scenario"]
    scenario: str
    never: float
    always: float
    by_condition: float
    best: float
    rule: float
    gain: float
    low: float
    high: float
    n: int
    clusters: int

    @property
    def share(self) -> float:
        """Share of the gap between doing nothing and the best action of each condition that the rule closes."""
        gap = self.never - self.by_condition
        return (self.never - self.rule) / gap if gap > 0 else float("nan")


def fold_of(known: Evidence, folds: int = FOLDS) -> Ints:
    """Return the fold of each row: whole clusters, in an order that has nothing to do with theirs."""
    ids, place = np.unique(known.member, return_inverse=True)
    order = np.random.default_rng(len(ids)).permutation(len(ids))
    return np.asarray((order % min(folds, len(ids)))[place])


def chosen(known: Evidence, safe: bool) -> Tree:
    """Return the rule for evidence: a tree whose size is chosen by what it is worth on other clusters and scenarios.

    The smallest within one standard error of the best (Breiman 1984). With ``safe``, of those alone that lose at most a
    point on any scenario they have not seen.
    """
    folds = fold_of(known, _INNER)
    damaged = np.unique(known.scenario[~known.clean])
    part = np.zeros(int(known.scenario.max()) + 1, np.int64)
    part[damaged] = np.random.default_rng(len(damaged)).permutation(len(damaged)) % _INNER
    losses = np.full((len(known), 8), np.nan)
    for fold in range(int(folds.max()) + 1):
        out = (part[known.scenario] == fold) & ~known.clean
        fit, seen = (folds != fold) & ~out, (folds == fold) & (out | known.clean)
        if not fit.any() or not seen.any():
            continue
        trees = grow(known.of(fit))
        for size in range(losses.shape[1]):
            tree = trees[min(size, len(trees) - 1)]
            losses[seen, size] = _cost(tree, known)[seen]
    return grow(known)[: 1 + _size(known, losses, safe)][-1]


def _size(known: Evidence, losses: Floats, safe: bool) -> int:
    """Return how often to split, from what trees of every size cost on rows that they had not seen."""
    seen = np.isfinite(losses[:, 0])
    if not seen.any():
        return 0
    weight, away = known.weight[seen], losses[seen] - known.loss[seen, :1]
    means = (weight[:, np.newaxis] * away).sum(axis=0) / weight.sum()
    allowed = np.ones(len(means), bool)
    if safe:
        for scenario in np.unique(known.scenario[seen]):
            here = known.scenario[seen] == scenario
            allowed &= np.average(away[here], axis=0, weights=weight[here]) <= _LOSS
    if not allowed.any():
        return 0
    best = int(np.flatnonzero(allowed)[np.argmin(means[allowed])])
    slack = np.array([_error(away[:, k] - away[:, best], weight, known.member[seen]) for k in range(len(means))])
    near = allowed & (means - means[best] <= slack)
    size = int(np.flatnonzero(near)[0])
    # Doing nothing is also within reach: a rule must be better than it by more than chance.
    return size if means[size] < 0 else 0


def _cost(tree: Tree, known: Evidence) -> Floats:
    return np.asarray(known.loss[np.arange(len(known)), taken(tree, known.values)])


def _error(away: Floats, weight: Floats, member: Ints) -> float:
    mean = np.average(away, weights=weight)
    error, _ = clustered_error(weight * (away - mean) / weight.sum(), member)
    return float(np.nan_to_num(error))


def judged(known: Evidence, safe: bool, confidence: float = 0.95) -> list[Worth]:
    """Return what rules made in this way are worth on clusters they have not seen; then, on scenarios neither.

    Each fold of clusters is judged by a rule that was made without it; in the second part also without the scenario.
    Intervals are paired and of whole clusters; those of scenarios hold for all of them at once.
    """
    folds = fold_of(known)
    return [
        *_rows(known, "samples", _crossed(known, folds, lambda out: [(np.ones(len(known), bool), out)], safe), confidence),
        *_rows(known, "scenario", _crossed(known, folds, lambda out: _without_each(known, out), safe), confidence),
    ]


def _without_each(known: Evidence, out: Flags) -> Iterator[tuple[Flags, Flags]]:
    """Yield, for each scenario, the rows that may be learned from and those that are judged."""
    for scenario in np.unique(known.scenario[~known.clean]):
        there = known.scenario == scenario
        yield ~there, out & there


@dataclass(frozen=True)
class _Crossed:
    """Loss of each row under rules that were made elsewhere; NaN where it was not judged."""

    rule: Floats
    always: Floats
    by_condition: Floats


def _crossed(
    known: Evidence, folds: Ints, parts: Callable[[Flags], Sequence[tuple[Flags, Flags]] | Iterator[tuple[Flags, Flags]]],
    safe: bool,
) -> _Crossed:  # fmt: skip
    found = _Crossed(*(np.full(len(known), np.nan) for _ in range(3)))
    for fold in range(int(folds.max()) + 1):
        for learn, judge in parts(folds == fold):
            fit = known.of(learn & (folds != fold))
            rows = np.flatnonzero(judge)
            if not len(fit) or not len(rows):
                continue
            found.rule[rows] = _cost(chosen(fit, safe), known)[rows]
            found.always[rows] = known.loss[rows, int(np.argmin((fit.weight[:, np.newaxis] * fit.loss).sum(axis=0)))]
            others = known.of(folds != fold)
            for cell in np.unique(known.cell[rows]):
                here = rows[known.cell[rows] == cell]
                action = int(np.argmin(others.loss[others.cell == cell].sum(axis=0)))
                found.by_condition[here] = known.loss[here, action]
    return found


def _rows(
    known: Evidence, unseen: Literal["samples", "scenario"], found: _Crossed, confidence: float
) -> list[Worth]:  # fmt: skip
    seen = np.isfinite(found.rule)
    there = [int(s) for s in np.unique(known.scenario[seen])]
    wanted: list[tuple[str, Flags, float]] = [("all", seen, confidence)]
    sure = sidak(confidence, max(1, len(there)))
    wanted += [(known.scenarios[s], seen & (known.scenario == s), sure) for s in there]
    return [_worth(known, unseen, name, rows, found, level) for name, rows, level in wanted]


def _worth(
    known: Evidence, unseen: Literal["samples", "scenario"], name: str, rows: Flags, found: _Crossed, level: float
) -> Worth:  # fmt: skip
    weight, never = known.weight[rows], known.loss[rows, 0]

    def mean(values: Floats) -> float:
        return float(np.average(values, weights=weight))

    gained = never - found.rule[rows]
    error = _error(gained, weight, known.member[rows])
    count = len(np.unique(known.member[rows]))
    reach = t_quantile(level, count - 1) * error if count > 1 else float("inf")
    gain = mean(gained)
    return Worth(
        unseen, name, mean(never), mean(found.always[rows]), mean(found.by_condition[rows]),
        mean(known.loss[rows].min(axis=1)), mean(found.rule[rows]), gain, gain - reach, gain + reach,
        len(np.unique(known.sample[rows])), count,
    )  # fmt: skip
