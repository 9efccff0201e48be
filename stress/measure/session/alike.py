"""Which samples and cells say less than they seem to: alike, or not tested; and samples chosen by what they are."""

from __future__ import annotations

import numpy as np

from stress.measure.core.bygroup import codes_of, sums_of
from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.statistics.arrays import Ints
from stress.statistics.clustered import kish

__all__ = ["chosen", "dependence", "design_effects", "labelled", "untested"]

_LEAST, _GROUPS = 1.3, 5
"""The design effect from which on it is reported, and the number of clusters of one size that it takes to see one."""


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


def untested(context: Context) -> list[str]:
    """Return the cells in which no perturbation could change any record."""
    counts = context.counts
    still = (counts["n"] > 0) & (counts["unchanged"] == counts["n"])
    return [name for name, same in zip(context.frame.ids, still.tolist()) if same and name != "clean"]


def chosen(context: Context, group: tuple[str, str] | None, truth: str | None) -> list[int]:
    """Return the orders of the samples of a group (its name and value), or truly of a class."""
    frame = context.frame
    found = np.ones(frame.run.samples.num_rows, bool)
    if group is not None:
        found &= np.array([value == group[1] for value in frame.group(group[0])], bool)
    if truth is not None:
        found &= np.array([str(target) == truth for target in frame.targets], bool)
    return [int(order) for order in frame.run.samples["order"].to_numpy()[found]]


def labelled(context: Context) -> tuple[dict[str, int], Ints]:
    """Return a number for each different target, as text, and the number of each sample's."""
    names = [str(target) for target in context.frame.targets]
    place = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return place, np.array([place[name] for name in names], np.int64)
