"""A promise on wrong answers: below which confidence to give none, so that it holds in every kind of input seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import InputError
from stress.policy._actions import ABSTAIN
from stress.policy._evidence import Evidence
from stress.policy._tree import Tree, taken
from stress.statistics.arrays import Flags, Floats
from stress.statistics.risk import too_risky

__all__ = ["Guarantee", "calibrated"]

_GRID, _STARTS = 50, 4
"""Thresholds that are tried, and how many of them, evenly spread, begin a sequence that goes down while each holds."""


@dataclass(frozen=True)
class Guarantee:
    """Learn-then-Test (Angelopoulos et al. 2021): answers below ``threshold`` of confidence are not given.

    With probability 1 − ``delta`` over the calibration data, at most ``risk`` of the given answers are wrong in each of
    ``families`` (the run's scenarios, clean input among them), for new input like it. It says nothing of other kinds of
    damage: ``unseen`` has, for each scenario, the error where the threshold was calibrated without it. ``answered`` is
    the share of input that is answered in each. ``threshold`` None: no threshold meets it.
    """

    risk: float
    delta: float
    threshold: float | None
    families: tuple[str, ...]
    error: tuple[float, ...]
    answered: tuple[float, ...]
    unseen: tuple[float, ...]
    independent: str
    n: int

    def data(self) -> dict[str, Any]:
        """Return it as plain data; null where there is no number."""
        found = dict(vars(self))
        for name in ("error", "answered", "unseen"):
            found[name] = [None if value != value else value for value in found[name]]
        return found | {"families": list(self.families)}


def calibrated(known: Evidence, tree: Tree, risk: float, delta: float) -> Guarantee:
    """Find the lowest threshold that holds in every family. ``known`` are inputs that the rule was not made from."""
    for name, value in (("risk", risk), ("delta", delta)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise InputError(f"policy: {name} must lie between 0 and 1, got {value!r}.")
    one = known.of(_one_each(known))
    action = taken(tree, one.values)
    at = np.arange(len(one)), np.minimum(action, one.confidence.shape[1] - 1)
    sure, wrong = one.confidence[at], 1 - one.right[at]
    given = np.array([name != ABSTAIN for name in one.actions])[action]
    if not np.isfinite(sure).any():
        raise InputError("policy: risk needs the model's confidence, which this run does not have. Answer with scores.")
    sure = np.where(given & np.isfinite(sure), sure, -1.0)  # no answer, or none to trust
    need = int(np.ceil(np.log(delta) / np.log(1 - risk)))
    alone = known.clustered is None
    for s in np.unique(one.scenario):
        count = len(np.unique(one.member[one.scenario == s]))
        if count < need:
            parts = "samples" if alone else f"values of {known.clustered}"
            raise InputError(
                f"policy: a risk of {risk:g} with delta {delta:g} needs at least {need} {parts} for calibration, got "
                f"{count} (half of the run's) in {known.scenarios[s]}. Ask for a higher risk, or run more."
            )
    families = [int(s) for s in np.unique(one.scenario)]
    limits, holds = _tested(one, sure, wrong, families, risk, delta, alone=alone)
    limit = _lowest(limits, holds)
    found = [_of(one, sure, wrong, s, limit) for s in families]
    unseen = []
    for place, left_out in enumerate(families):
        elsewhere = _lowest(limits, np.delete(holds, place, axis=0)) if len(families) > 1 else None
        unseen.append(_of(one, sure, wrong, left_out, elsewhere)[0])
    return Guarantee(
        risk, delta, limit, tuple(known.scenarios[s] for s in families), tuple(e for e, _ in found),
        tuple(a for _, a in found), tuple(unseen), known.clustered or "sample", len(one),
    )  # fmt: skip


def _one_each(known: Evidence) -> Any:
    """Return one row of each sample and scenario, drawn: rows of one sample are no independent witnesses."""
    order = np.random.default_rng(len(known)).permutation(len(known))
    keys = known.scenario[order] * (int(known.sample.max()) + 1) + known.sample[order]
    keep = np.zeros(len(known), bool)
    keep[order[np.unique(keys, return_index=True)[1]]] = True
    return keep


def _tested(
    one: Evidence, sure: Floats, wrong: Floats, families: list[int], risk: float, delta: float, *, alone: bool
) -> tuple[Floats, Flags]:
    """Return thresholds from high to low, and (families × thresholds) which hold, each at its part of ``delta``."""
    known = sure[sure >= 0]
    if not len(known):
        return np.empty(0), np.ones((len(families), 0), bool)
    limits, level = np.quantile(known, np.linspace(0.9, 0, _GRID)), delta / _STARTS

    def holds(rows: Flags) -> Floats:
        given = (sure[rows, np.newaxis] >= limits).astype(float)
        return too_risky(wrong[rows], given, one.member[rows], risk, level, alone=alone)

    return limits, np.array([holds(one.scenario == s) for s in families]) <= level


def _lowest(limits: Floats, holds: Flags) -> float | None:
    """Return the lowest threshold that some sequence comes to while each holds in every family.

    Fixed sequences from several starts (Angelopoulos et al. 2021, section 3): the surest answers alone may be too few
    to show anything. That no family is too risky is one test: "too risky in at least one" is rejected where every part
    of it is (intersection–union), without a correction.
    """
    every: Flags = np.asarray(holds.all(axis=0))
    best = -1
    for start in range(0, len(limits), -(-_GRID // _STARTS)):
        broken = np.flatnonzero(~every[start:])
        best = max(best, (start + int(broken[0]) if len(broken) else len(limits)) - 1 if every[start] else -1)
    return None if best < 0 else float(limits[best])


def _of(one: Evidence, sure: Floats, wrong: Floats, family: int, limit: float | None) -> tuple[float, float]:
    rows = one.scenario == family
    given = sure[rows] >= limit if limit is not None else np.zeros(int(rows.sum()), bool)
    return float(wrong[rows][given].mean()) if given.any() else float("nan"), float(given.mean())
