"""Fitting: from a run to a rule, with what it is worth, and whether it is worth anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, short
from perturbations.modality import arrivals, modality
from stress.policy._costs import Costs
from stress.policy._evidence import Asking, Evidence, evidence
from stress.policy._guarantee import Guarantee, calibrated
from stress.policy._judge import CLEAN_LOSS, Worth, chosen, fold_of, harms, judged
from stress.policy._policy import Policy
from stress.policy._relative import Clean
from stress.policy._tree import Node, Tree
from stress.records.answered import ANSWERED
from stress.records.source import Source

__all__ = ["Fitted", "fit"]

_FEW = 8
"""Clusters below which nothing can be judged on clusters that a rule has not seen."""


@dataclass(frozen=True)
class Fitted:
    """A policy, what rules made in its way are worth on input they have not seen, and the verdict on that.

    ``worth`` begins with new samples, all conditions together; then each scenario; then the same on scenarios that the
    rule has not seen. ``left_out`` are cells that show no action, ``lacking`` actions that could not be chosen, each
    with a cell that does not show it. ``worth_it`` is false where nothing is gained beyond chance, or something lost
    for sure.
    """

    policy: Policy
    worth: tuple[Worth, ...]
    worth_it: bool
    reason: str
    clustered: str | None
    left_out: tuple[str, ...]
    lacking: Mapping[str, str]
    guarantee: Guarantee | None = None

    @property
    def on_clean(self) -> Worth:
        """What rules made in this way do to clean input of new samples, and of new clusters where there are any."""
        return next(row for row in self.worth if row.unseen == "samples" and row.scenario == "clean")


@named_keywords
def fit(
    run: Source,
    costs: Costs | None = None,
    *,
    safe: bool = False,
    clean_loss: float = CLEAN_LOSS,
    clean_share: float = 0.5,
    cluster: str | None = None,
    risk: float | None = None,
    delta: float = 0.1,
    asking: Asking = "nothing",
    relative: str | None = None,
    confidence: float = 0.95,
) -> Fitted:
    """Make a fallback policy from a run with ``fallbacks``: signals of an input's quality → what to do with it.

    The rule is a tree of at most three questions, made to cost least on input of which ``clean_share`` is clean and
    the rest is spread evenly over the run's scenarios. Its size is chosen, and its worth judged, on clusters of samples
    that it was not made from, and also on scenarios that it was not made from: production has damage of kinds that no
    suite has. ``safe`` keeps to rules that lose at most a point on scenarios they have not seen, in the choice.

    ``clean_loss`` is the most that a rule may lose on clean input of new clusters, in wrong answers an input: half a
    point (1: any). It is bounded by how often the rule acts there, times what acting harms, since a loss so small is
    not to be seen on few hundred clean inputs; see ``Fitted.on_clean`` for what it came to.

    ``asking`` adds signals of the model's own ``answer``, or also of its answers to each stream ``alone``: they see
    what no signal of a single value can – a picture of something else, say – and cost calls.

    ``relative`` names a group – speaker, camera, site – and has thresholds say where they lie among clean input of one
    of them: a rule is then judged, and to be used (``anchored``), with some clean input of each new one at hand.

    ``risk`` adds a threshold on the model's confidence below which no answer is given: calibrated on samples that the
    rule was not made from, so that with probability 1 − ``delta`` at most that share of the given answers is wrong in
    every scenario of the run (see ``stress.policy.Guarantee``).
    Raises InputError where the run lacks the cells or signals that this needs, or has too few samples.
    """
    if isinstance(clean_loss, bool) or not isinstance(clean_loss, int | float) or not 0 <= clean_loss <= 1:
        raise InputError(
            f"policy: clean_loss must lie between 0 and 1 wrong answers an input, got {short(clean_loss)}."
        )
    known = evidence(run, costs or Costs(), clean_share, cluster, asking, relative)
    if len(set(known.member.tolist())) < _FEW:
        by = f"values of {known.clustered}" if known.clustered else "samples"
        raise InputError(f"policy: needs at least {_FEW} {by} to judge a rule on others, got fewer.")
    guarantee, made_from = None, known
    if risk is not None:
        folds = fold_of(known, 2)
        made_from = known.of(folds == 0)
    tree = chosen(made_from, safe, clean_loss)
    worth = judged(known, safe, confidence, clean_loss)
    worth_it, reason = _verdict(tree, worth)
    if safe and (harmed := harms(worth, clean_loss)):
        names = ", ".join(row.scenario for row in harmed)
        tree, worth_it = 0, False
        reason = f"no rule is safe: on samples or scenarios that they have not seen, rules lose too much under {names}"
    if risk is not None:  # of the rule that is given
        guarantee = calibrated(known.of(folds == 1), tree, risk, delta)
    about = _about(run, known, worth, worth_it, reason, guarantee)
    policy = Policy(
        _plain(tree, known),
        known.actions,
        known.signals,
        which=_which(run, known),
        answer_from=None if guarantee is None else guarantee.threshold,
        about=about,
        reads=_reads(run),
        spread=_spread(known),
    )
    return Fitted(policy, tuple(worth), worth_it, reason, known.clustered, known.left_out, known.lacking, guarantee)


def _plain(tree: Tree, known: Evidence) -> Mapping[str, Any] | str:
    if not isinstance(tree, Node):
        return known.actions[tree]
    branches = {"then": _plain(tree.then, known), "else": _plain(tree.other, known)}
    name, below = known.signals[tree.signal], tree.below
    if len(known.raw) and not np.array_equal(known.raw[:, tree.signal], known.values[:, tree.signal], equal_nan=True):
        clean = Clean.of(known.raw[known.clean, tree.signal])
        if clean is not None:
            return {"signal": name, "below": clean.value(below), "position": below, **branches}
    return {"signal": name, "below": below, **branches}


def _spread(known: Evidence) -> dict[str, float]:
    """Return the inter-quartile range of each signal on clean input, as it is measured; of those that have one."""
    raw = (known.raw if len(known.raw) else known.values)[known.clean]
    ends = [np.quantile(column[np.isfinite(column)], [0.25, 0.75]) for column in raw.T if np.isfinite(column).any()]
    names = [name for name, column in zip(known.signals, raw.T) if np.isfinite(column).any()]
    return {name: float(high - low) for name, (low, high) in zip(names, ends)}


def _which(run: Source, known: Evidence) -> str:
    """Return whether the cheap signals are enough to have all that the run has."""
    kinds = run.info["streams"]
    for name in known.signals:
        stream, _, signal = name.rpartition(".")
        others = {each.name for each in ANSWERED} | set(arrivals.all)
        if signal not in others and signal not in {
            each.name for each in modality(kinds[stream]).signals.chosen("cheap")
        }:
            return "all"
    return "cheap"


def _reads(run: Source) -> dict[str, Any]:
    """Return how the run's answers were read, of a classifier; nothing of other tasks."""
    task = run.info.get("identity", {}).get("task", {})
    if task.get("task") != "classification":
        return {}
    return {"classes": list(task["classes"]), "answers": task["answers"]}


def _verdict(tree: Tree, worth: list[Worth]) -> tuple[bool, str]:
    """Return whether a rule is worth having, and why not."""
    if not isinstance(tree, Node) and tree == 0:
        return False, (
            "no rule that keeps to what may be lost on clean input is better than doing nothing by more than chance on "
            "samples that it has not seen"
        )
    overall = worth[0]
    if not overall.low > 0:
        return False, "on samples that it has not seen, the rule gains nothing beyond its interval"
    lost = [row for row in worth if row.unseen == "scenario" and row.scenario != "all" and row.high < 0]
    if lost:
        names = ", ".join(row.scenario for row in lost)
        return False, f"where it has not seen the scenario, the rule loses for sure: {names}"
    elsewhere = next(row for row in worth if row.unseen == "scenario" and row.scenario == "all")
    there = "it gains there, too" if elsewhere.low > 0 else "but nothing is surely gained there"
    return True, (
        "the rule gains on samples that it has not seen; on no scenario that it has not seen does it surely lose, "
        + there
    )


def _about(
    run: Source, known: Evidence, worth: list[Worth], worth_it: bool, reason: str, guarantee: Guarantee | None
) -> dict[str, Any]:
    rows = [vars(row) | {"share": None if row.share != row.share else row.share} for row in worth]
    return {
        "run": run.path.name,
        "digest": run.info.get("run"),
        "model": run.info.get("identity", {}).get("model", {}).get("name"),
        "data": run.info.get("identity", {}).get("data", {}).get("name"),
        "scenarios": list(known.scenarios),
        "cluster": known.clustered,
        "worth_it": worth_it,
        "reason": reason,
        "worth": rows,
        "guarantee": None if guarantee is None else guarantee.data(),
    }
