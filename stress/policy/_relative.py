"""Signals relative to clean input of the same speaker, camera or site: a threshold that carries over to a new one.

A raw threshold – below 12 dB – learns the voices that it was made from. Where a value lies among clean values of the
same group does not: 0.1 is above a tenth of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from perturbations import InputError
from stress.policy._policy import Policy
from stress.statistics.arrays import Floats, Ints

__all__ = ["LEAST", "Clean", "anchored", "relative"]

LEAST = 20
"""Clean values of a group that tell where others lie among them."""
_LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Clean:
    """Where a value lies among clean ones: a quantile from 0.05 to 0.95, and beyond on a straight line.

    The line has the slope of the whole range, so that how far a value is from all clean ones stays told; ``None`` of a
    signal that hardly varies on clean input, which is taken as it is.
    """

    quantiles: Floats

    @classmethod
    def of(cls, values: Floats) -> Clean | None:
        """Return what clean values of a signal tell, or nothing where most are one number."""
        known = values[np.isfinite(values)]
        if len(known) < LEAST:
            return None
        quantiles = np.quantile(known, _LEVELS)
        return cls(quantiles) if quantiles[-1] > quantiles[0] else None

    @property
    def _slope(self) -> float:
        return float((_LEVELS[-1] - _LEVELS[0]) / (self.quantiles[-1] - self.quantiles[0]))

    def position(self, values: Floats) -> Floats:
        """Return where values lie among the clean ones."""
        low, high = self.quantiles[0], self.quantiles[-1]
        keep = np.concatenate([[True], np.diff(self.quantiles) > 0])
        inside = np.interp(values, self.quantiles[keep], _LEVELS[keep])
        below, above = _LEVELS[0] + (values - low) * self._slope, _LEVELS[-1] + (values - high) * self._slope
        return np.where(values < low, below, np.where(values > high, above, inside))

    def value(self, position: float) -> float:
        """Return the value at a position."""
        if position < _LEVELS[0]:
            return float(self.quantiles[0] + (position - _LEVELS[0]) / self._slope)
        if position > _LEVELS[-1]:
            return float(self.quantiles[-1] + (position - _LEVELS[-1]) / self._slope)
        return float(np.interp(position, _LEVELS, self.quantiles))


def relative(values: Floats, clean: Sequence[bool], group: Ints, names: Sequence[str], by: str) -> Floats:
    """Return (inputs × signals) positions among clean inputs of the same group, of signals that vary in every group.

    Raises InputError where a group has too few clean inputs to tell.
    """
    rows = {int(g): np.flatnonzero((group == g) & clean) for g in np.unique(group)}
    if fewest := [each for each in rows.items() if len(each[1]) < LEAST]:
        raise InputError(
            f"policy: to be relative to {by}, at least {LEAST} clean inputs of each are needed, got "
            f"{len(fewest[0][1])} of {names[fewest[0][0]]!r}."
        )
    found = values.copy()
    for j in range(values.shape[1]):
        each = {g: Clean.of(values[at, j]) for g, at in rows.items()}
        for g, known in each.items():
            if known is not None and all(each.values()):
                found[group == g, j] = known.position(values[group == g, j])
    return found


def anchored(policy: Policy, clean: Iterable[Mapping[str, float]]) -> Policy:
    """Return a policy for another speaker, camera or site: thresholds moved to the same place among its clean inputs.

    ``clean`` are the signals of at least 20 clean inputs (see ``signals_of``); their labels are not needed. Of a policy
    that was fitted with ``relative``; raises InputError for another, and for too few inputs.
    """
    rows = list(clean)
    if not policy.relative:
        raise InputError("policy: only one that was fitted with relative can be anchored. Fit it with relative=GROUP.")
    if len(rows) < LEAST:
        raise InputError(f"policy: at least {LEAST} clean inputs are needed to anchor it, got {len(rows)}.")

    def moved(rule: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
        if isinstance(rule, str):
            return rule
        found = dict(rule) | {name: moved(rule[name]) for name in ("then", "else")}
        if (position := rule.get("position")) is not None:
            values = np.array([row.get(rule["signal"], np.nan) for row in rows], np.float64)
            known = Clean.of(values)
            if known is None:
                raise InputError(
                    f"policy: {rule['signal']} hardly varies on these clean inputs: it cannot be anchored."
                )
            found["below"] = known.value(position)
        return found

    return replace(policy, rule=moved(policy.rule))
