"""Samples that are alike: which group's samples tell less than as many independent ones would."""

from __future__ import annotations

import numpy as np

from stress.measure.core.bygroup import codes_of, sums_of
from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.statistics.rates import kish

__all__ = ["dependence", "design_effects"]

_LEAST, _GROUPS = 1.3, 5
"""The design effect from which on it is told, and the number of clusters of one size that it takes to see one."""


def design_effects(context: Context) -> dict[str, tuple[float, float]]:
    """Return, for each group, by how much its clusters raise the variance of the headline, and how many there are.

    The variance of the mean over all cells by clusters, over that by samples (Kish 1965): 1 where samples of a group
    are no more alike than others. Groups of fewer than five clusters of one size are domains, not clusters.
    """
    frame, metric = context.frame, context.headline
    if frame.large or not metric.linear or absent(context, metric):
        return {}
    top, bottom = (side.sum(axis=1) for side in context.once(sums_of, metric))
    if not bottom.sum():
        return {}
    away, found = top - bottom * top.sum() / bottom.sum(), {}
    for name in frame.groups:
        codes = codes_of(context, name)[0]
        there = (codes >= 0) & (bottom > 0)
        if not there.any() or not np.square(away[there]).sum():
            continue
        sizes = np.bincount(codes[there], weights=bottom[there]).astype(np.float64)
        count = float(kish(sizes[:, None])[0])
        if count < _GROUPS or len(sizes[sizes > 0]) > 0.9 * there.sum():
            continue
        together = np.square(np.bincount(codes[there], weights=away[there])).sum() * count / (count - 1)
        found[name] = (float(together / np.square(away[there]).sum()), count)
    return found


def dependence(context: Context) -> list[str]:
    """Return a sentence that names the group whose samples are most alike, where intervals do not respect it."""
    found = {name: effect for name, (effect, count) in design_effects(context).items()
             if effect > max(_LEAST, 1 + 3 * (2 / count) ** 0.5)}  # fmt: skip
    if not found or not context.clusters.alone:
        return []
    name = max(found, key=lambda each: found[each])
    effect = found[name]
    said = f"samples of one {name} are alike: {effect:.1f} of them tell what one independent sample would"
    return [f"{said}, and intervals by sample are {effect**0.5:.1f} times too short; give the cluster {name}"]
