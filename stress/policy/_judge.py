"""What a rule is worth where it was not made: on clusters it has not seen, and on kinds of damage it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stress.policy._evidence import Evidence
from stress.policy._tree import LEAVES, Tree, grow, taken
from stress.statistics.arrays import Flags, Floats, Ints
from stress.statistics.intervals import clustered_error, sidak, t_quantile

__all__ = ["CLEAN_LOSS", "FOLDS", "Worth", "chosen", "fold_of", "harms", "judged"]

FOLDS, _INNER = 5, 4
CLEAN_LOSS = 0.005
"""Loss on clean input, in wrong answers an input, that a rule must keep within where nothing else is asked for."""
_LOSS = 0.01
"""What a safe rule may lose on damage that it has not seen."""
_PRICES = (0.0, 0.03, 0.1, 0.3, 0.7, 2.0)
"""What acting on a clean input is charged beside its loss while a rule is made, in wrong answers: tried in order."""


@dataclass(frozen=True)
class Worth:
    """Expected loss under one scenario, or all, of doing nothing and of the rule; ``gain`` is the rule's lead.

    ``always`` is the best single action, ``by_condition`` the best action of each cell (both chosen on other samples);
    ``best`` the best action of each sample, which nobody can know. ``acts`` is the share of inputs on which the rule
    does anything.
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
    acts: float
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


def chosen(known: Evidence, safe: bool, clean_loss: float = CLEAN_LOSS) -> Tree:
    """Return the rule for evidence: a tree whose size is chosen by what it is worth on clusters that it has not seen.

    It must be better there than doing nothing by more than one standard error, and lose at most ``clean_loss`` on
    clean input, by a bound that few clusters can tell (see ``_clean_bound``). Acting on clean input is charged a price
    while the tree is made: the lowest at which some size holds to this. With ``safe`` a rule may also lose at most a
    point on any scenario that it has not seen.
    """
    folds = _inner(known)
    parts = [((folds != fold), (folds == fold)) for fold in range(int(folds.max()) + 1)]
    unseen = list(_some_unseen(known, folds)) if safe else []
    harm = _harm(known)
    for price in _PRICES:
        dear = _dear(known, price)
        trees = grow(dear)
        does = _held_out(dear, parts)
        losses = _lost(known, does)
        allowed = _clean_bound(known, trees, does, harm, clean_loss) <= clean_loss
        if safe and allowed.any():
            allowed &= _harmless(known, _lost(known, _held_out(dear, unseen)), _LOSS)
        if (size := _size(known, losses, allowed)) is not None:
            return trees[: 1 + size][-1]
    return 0


def _inner(known: Evidence) -> Ints:
    """Return the fold of each row in which sizes are compared: whole clusters, or samples where clusters are so few
    that a rule would be made from one or two.
    """
    if len(np.unique(known.member)) >= _INNER:
        return fold_of(known, _INNER)
    return fold_of(replace(known, member=known.sample), _INNER)


def _dear(known: Evidence, price: float) -> Evidence:
    """Return evidence in which doing anything about a clean input costs so much more."""
    loss = known.loss.copy()
    loss[known.clean, 1:] += price
    return replace(known, loss=loss)


def _harm(known: Evidence) -> Floats:
    """Return what each action does harm to on clean input: the mean of what it loses where it loses, and one standard
    error.
    """
    clean = known.of(known.clean)
    lost = np.maximum(0.0, clean.loss - clean.loss[:, :1])
    return np.array([_up(column, clean.member) for column in lost.T])


def _clean_bound(known: Evidence, trees: Sequence[Tree], does: Ints, harm: Floats, most: float) -> Floats:
    """Return, of trees of each size, at most how much they lose on clean input of clusters that they have not seen.

    How often they act there, times what acting harms: half a point lost is not to be told from none on few hundred
    inputs, but acting on one in two from acting on one in a hundred is. With one standard error, of whole clusters.

    Signals that say where an input lies among clean ones of its own group say the same of a new one: how often a rule
    acts there is counted on what it was made from, as if one more input of each cluster were acted on (as conformal
    quantiles are). Otherwise, and where groups have so little clean input that this one would be more than may be lost
    at ``most``, it is counted on input that was held out (``does``).
    """
    seen = known.clean & (does[:, 0] >= 0)
    if not seen.any():
        return np.zeros(does.shape[1])
    acts, member, more = does[seen], known.member[seen], 0.0
    one_more = float(harm.max()) / (1 + int(np.unique(member, return_counts=True)[1].min()))
    among_clean = len(known.raw) > 0 and not np.array_equal(known.raw, known.values, equal_nan=True)
    if among_clean and one_more <= most:
        each = [taken(trees[min(k, len(trees) - 1)], known.values[seen]) for k in range(does.shape[1])]
        acts, more = np.column_stack(each), one_more
    return np.array([_up(harm[column], member) + more for column in acts.T])


def _up(values: Floats, member: Ints) -> float:
    """Return a mean and one standard error more."""
    return float(values.mean()) + _error(values, np.ones(len(values)), member)


def _some_unseen(known: Evidence, folds: Ints) -> Iterator[tuple[Flags, Flags]]:
    """Yield which rows to learn from and to look at: other clusters, under scenarios that are left out in turn."""
    damaged = np.unique(known.scenario[~known.clean])
    part = np.full(int(known.scenario.max()) + 1, -1)
    part[damaged] = np.random.default_rng(len(damaged)).permutation(len(damaged)) % _INNER
    for fold in range(int(folds.max()) + 1):
        for left_out in range(_INNER):
            out = part[known.scenario] == left_out
            yield (folds != fold) & ~out, (folds == fold) & out


def _held_out(known: Evidence, parts: Sequence[tuple[Flags, Flags]]) -> Ints:
    """Return what trees of each size do with rows that they were not made from; −1 for rows that none was tried on."""
    actions = np.full((len(known), LEAVES), -1)
    for fit, seen in parts:
        if fit.any() and seen.any():
            trees = grow(known.of(fit))
            for size in range(LEAVES):
                actions[seen, size] = taken(trees[min(size, len(trees) - 1)], known.values[seen])
    return actions


def _lost(known: Evidence, actions: Ints) -> Floats:
    """Return what these actions cost; NaN where none was tried."""
    cost = np.take_along_axis(known.loss, np.maximum(actions, 0), axis=1)
    return np.where(actions < 0, np.nan, cost)


def _harmless(known: Evidence, losses: Floats, most: float) -> Flags:
    """Return which sizes lose at most so much on every scenario of rows that trees of that size had not seen."""
    allowed = np.ones(losses.shape[1], bool)
    seen = np.isfinite(losses[:, 0])
    for scenario in np.unique(known.scenario[seen]):
        here = seen & (known.scenario == scenario)
        away = losses[here] - known.loss[here, :1]
        allowed &= np.average(away, axis=0, weights=known.weight[here]) <= most
    return allowed


def _size(known: Evidence, losses: Floats, allowed: Flags) -> int | None:
    """Return how often to split, from what trees of every size cost on rows that they had not seen; None where none
    that is allowed gains more than one standard error.
    """
    seen = np.isfinite(losses[:, 0])
    if not seen.any() or not allowed.any():
        return None
    weight, away = known.weight[seen], losses[seen] - known.loss[seen, :1]
    means = np.average(away, axis=0, weights=weight)
    size = int(np.flatnonzero(allowed)[np.argmin(np.round(means[allowed], 12))])
    return size if means[size] < -_error(away[:, size], weight, known.member[seen]) else None


def _error(away: Floats, weight: Floats, member: Ints) -> float:
    mean = np.average(away, weights=weight)
    error, _ = clustered_error(weight * (away - mean) / weight.sum(), member)
    return float(np.nan_to_num(error))


def judged(known: Evidence, safe: bool, confidence: float = 0.95, clean_loss: float = CLEAN_LOSS) -> list[Worth]:
    """Return what rules made in this way are worth on clusters they have not seen; then, on scenarios neither.

    Each fold of clusters is judged by a rule that was made without it; in the second part also without the scenario.
    Intervals are paired and of whole clusters; those of scenarios hold for all of them at once.
    """

    def rule(fit: Evidence) -> Tree:
        return chosen(fit, safe, clean_loss)

    new = _crossed(known, lambda out: [(np.ones(len(known), bool), out)], rule)
    unseen = _crossed(known, lambda out: _without_each(known, out), rule)
    return [*_rows(known, "samples", new, confidence), *_rows(known, "scenario", unseen, confidence)]


def harms(worth: Sequence[Worth], clean_loss: float = CLEAN_LOSS) -> list[Worth]:
    """Return the scenarios on which rules that have not seen them lose more than a point; and clean input of new
    clusters, where they lose more than is allowed.
    """
    unseen = [row for row in worth if row.unseen == "scenario" and row.scenario != "all" and row.gain < -_LOSS]
    clean = [row for row in worth if row.unseen == "samples" and row.scenario == "clean" and row.gain < -clean_loss]
    return unseen + clean


def _without_each(known: Evidence, out: Flags) -> Iterator[tuple[Flags, Flags]]:
    """Yield, for each scenario, the rows that may be learned from and those that are judged."""
    for scenario in np.unique(known.scenario[~known.clean]):
        there = known.scenario == scenario
        yield ~there, out & there


@dataclass(frozen=True)
class _Crossed:
    """Loss of each row under rules that were made elsewhere; NaN where it was not judged; ``acts``: what they do."""

    acts: Ints
    rule: Floats
    always: Floats
    by_condition: Floats


def _crossed(
    known: Evidence, parts: Callable[[Flags], Iterable[tuple[Flags, Flags]]], rule: Callable[[Evidence], Tree]
) -> _Crossed:
    folds, count = fold_of(known), len(known)
    found = _Crossed(np.zeros(count, np.int64), *(np.full(count, np.nan) for _ in range(3)))
    for fold in range(int(folds.max()) + 1):
        for learn, judge in parts(folds == fold):
            fit = known.of(learn & (folds != fold))
            rows = np.flatnonzero(judge)
            if not len(fit) or not len(rows):
                continue
            found.acts[rows] = taken(rule(fit), known.values[rows])
            found.rule[rows] = known.loss[rows, found.acts[rows]]
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
        mean((found.acts[rows] != 0).astype(float)), len(np.unique(known.sample[rows])), count,
    )  # fmt: skip
