"""What a rule is worth where it was not made: on clusters it has not seen, and on kinds of damage it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stress.policy._evidence import Evidence
from stress.policy._tree import LEAVES, Tree, grow, taken
from stress.statistics.arrays import Flags, Floats, Ints
from stress.statistics.intervals import clustered_error, sidak, t_quantile

__all__ = ["FOLDS", "Worth", "chosen", "fold_of", "harms", "judged"]

FOLDS, _INNER = 5, 4
_LOSS, _CLEAN_LOSS = 0.01, 0.005
"""What a safe rule may lose: one point on damage that it has not seen, half a point on clean input of new clusters."""


@dataclass(frozen=True)
class Worth:
    """Expected loss under one scenario, or all, of doing nothing and of the rule; ``gain`` is the rule's lead.

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
    """Return the rule for evidence: a tree whose size is chosen by what it is worth on clusters that it has not seen.

    It must be better there than doing nothing by more than one standard error. With ``safe`` it may also lose at most a
    point on any scenario that it has not seen, and half a point on clean input.
    """
    folds = fold_of(known, _INNER)
    losses = _held_out(known, [((folds != fold), (folds == fold)) for fold in range(int(folds.max()) + 1)])
    allowed = np.ones(losses.shape[1], bool)
    if safe:
        allowed = _harmless(known, _held_out(known, list(_some_unseen(known, folds))), _LOSS)
        allowed &= _harmless(known, np.where(known.clean[:, np.newaxis], losses, np.nan), _CLEAN_LOSS)
    return grow(known)[: 1 + _size(known, losses, allowed)][-1]


def _some_unseen(known: Evidence, folds: Ints) -> Iterator[tuple[Flags, Flags]]:
    """Yield which rows to learn from and to look at: other clusters, under scenarios that are left out in turn."""
    damaged = np.unique(known.scenario[~known.clean])
    part = np.full(int(known.scenario.max()) + 1, -1)
    part[damaged] = np.random.default_rng(len(damaged)).permutation(len(damaged)) % _INNER
    for fold in range(int(folds.max()) + 1):
        for left_out in range(_INNER):
            out = part[known.scenario] == left_out
            yield (folds != fold) & ~out, (folds == fold) & out


def _held_out(known: Evidence, parts: Sequence[tuple[Flags, Flags]]) -> Floats:
    """Return what trees of each size cost on rows that they were not made from; NaN for rows that none was tried on."""
    losses = np.full((len(known), LEAVES), np.nan)
    for fit, seen in parts:
        if fit.any() and seen.any():
            trees = grow(known.of(fit))
            for size in range(LEAVES):
                losses[seen, size] = _cost(trees[min(size, len(trees) - 1)], known)[seen]
    return losses


def _harmless(known: Evidence, losses: Floats, most: float) -> Flags:
    """Return which sizes lose at most so much on every scenario of rows that trees of that size had not seen."""
    allowed = np.ones(losses.shape[1], bool)
    seen = np.isfinite(losses[:, 0])
    for scenario in np.unique(known.scenario[seen]):
        here = seen & (known.scenario == scenario)
        away = losses[here] - known.loss[here, :1]
        allowed &= np.average(away, axis=0, weights=known.weight[here]) <= most
    return allowed


def _size(known: Evidence, losses: Floats, allowed: Flags) -> int:
    """Return how often to split, from what trees of every size cost on rows that they had not seen."""
    seen = np.isfinite(losses[:, 0])
    if not seen.any() or not allowed.any():
        return 0
    weight, away = known.weight[seen], losses[seen] - known.loss[seen, :1]
    means = np.average(away, axis=0, weights=weight)
    size = int(np.flatnonzero(allowed)[np.argmin(np.round(means[allowed], 12))])
    return size if means[size] < -_error(away[:, size], weight, known.member[seen]) else 0


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
        *_rows(
            known, "samples", _crossed(known, folds, lambda out: [(np.ones(len(known), bool), out)], safe), confidence
        ),
        *_rows(known, "scenario", _crossed(known, folds, lambda out: _without_each(known, out), safe), confidence),
    ]


def harms(worth: Sequence[Worth]) -> list[Worth]:
    """Return the scenarios on which rules that have not seen them lose more than a point; and clean input of new
    clusters, where they lose more than half a one.
    """
    unseen = [row for row in worth if row.unseen == "scenario" and row.scenario != "all" and row.gain < -_LOSS]
    clean = [row for row in worth if row.unseen == "samples" and row.scenario == "clean" and row.gain < -_CLEAN_LOSS]
    return unseen + clean


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
    known: Evidence, folds: Ints, parts: Callable[[Flags], Iterable[tuple[Flags, Flags]]], safe: bool
) -> _Crossed:
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
