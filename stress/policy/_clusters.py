"""Which samples are alike, so that a policy is fitted to some of them and judged on others."""

from __future__ import annotations

import numpy as np

from perturbations import InputError
from stress.records.frame import Frame
from stress.statistics.arrays import Ints

__all__ = ["clusters", "firsts", "kept_whole"]


def clusters(frame: Frame, cluster: str | None) -> tuple[str | None, Ints]:
    """Return the group whose samples are alike (the data set's own, where none is named), and each sample's cluster."""
    by = cluster or frame.run.info.get("cluster") or None
    if by is None:
        return None, np.arange(len(frame.samples))
    names = frame.group(by)
    keys = [f"={name}" if name is not None else f"sample={sample}" for name, sample in zip(names, frame.samples)]
    position = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return by, np.array([position[key] for key in keys], np.int64)


def kept_whole(frame: Frame, by: str | None) -> None:
    """Raise InputError where samples that the data set declares alike would stand in both fit and judgement."""
    own = frame.run.info.get("cluster") or None
    if own is None or by is None or own == by:
        return
    found: dict[str, str | None] = {}
    for inner, outer in zip(frame.group(own), frame.group(by)):
        if inner is not None and found.setdefault(inner, outer) != outer:
            raise InputError(
                f"policy: clusters must keep together what the data set declares alike ({own}), got {own} {inner!r} in "
                f"{by} {found[inner]!r} and in {by} {outer!r}: a rule would be judged on what it was made from. Name "
                f"{own}, or a group of whole values of it."
            )


def firsts(member: Ints) -> Ints:
    """Return, of each cluster, the first of its samples."""
    return np.unique(member, return_index=True)[1]
