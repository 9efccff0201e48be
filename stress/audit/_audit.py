"""An audit of data: what is in two parts at once, who is in both, what is rare, and what cannot be used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.audit._cells import Cell, Shared, cells_of, named, shared_groups
from stress.audit._contents import Contents, contents_of, families
from stress.data import Samples

__all__ = ["JOINT", "Audit", "Leak", "audit"]

JOINT = "all streams"
"""What stands for a stream where all that two samples both have are the same."""


@dataclass(frozen=True)
class Leak:
    """A sample whose content is in another part, too: where, in which stream, and how alike (1: the same bytes)."""

    sample: str
    part: str
    other: str
    other_part: str
    stream: str
    kind: str
    alike: float


@dataclass(frozen=True)
class Audit:
    """What was found. ``leaks`` have one entry a sample and stream; ``repeats`` are alike, within one part.

    ``bars`` say how alike two values of a stream had to be to count as near. ``disagreeing`` are samples whose content
    stands in the data under another label as well: labels that cannot both be right. ``unusable`` are (sample, stream,
    what is wrong). ``groups`` and ``cells`` are as ``stress.audit._cells`` explains them.
    """

    parts: Mapping[str, int]
    streams: Mapping[str, str]
    leaks: tuple[Leak, ...]
    repeats: tuple[Leak, ...]
    groups: tuple[Shared, ...]
    cells: tuple[Cell, ...]
    unusable: tuple[tuple[str, str, str], ...]
    disagreeing: tuple[tuple[str, str], ...]
    bars: Mapping[str, Sequence[float]]
    notes: tuple[str, ...] = ()

    @property
    def leaking(self) -> int:
        """Samples that are in another part with all their streams, or whose group that must stay apart is."""
        apart = {sample for group in self.groups if group.apart for sample in group.samples}
        return len({leak.sample for leak in self.leaks if leak.stream == JOINT} | apart)


@named_keywords
def audit(
    data: Samples,
    train: Samples | None = None,
    apart: Sequence[str] = (),
    least: int = 5,
    workers: int = 2,
) -> Audit:
    """Look for what makes a test say more than it knows: the same content on both sides of a split, first of all.

    Exact duplicates have the same decoded content (BLAKE2b); near ones are pictures of the same detail, recordings that
    run alike somewhere, texts of the same runs of letters – as alike as one pair in a million of different values is
    by chance in these very data. The parts are ``data`` and ``train``, else the splits that the data name. ``apart``
    names groups (speakers, patients, ``sequence``) that may not be in two parts, beside the one the data declare;
    ``least`` is how many samples a cell of label, group and present streams needs. Raises InputError where ``train`` is
    the data once more, or has other streams.
    """
    parts = [data] if train is None else [data, train]
    streams = _streams(data, train)
    where = _parts(data, train)
    apart = _groups_named(parts, [*apart, *([data.cluster] if data.cluster and data.cluster not in apart else [])])
    contents, broken = contents_of(parts, streams, workers)
    ids = [each for part in parts for each in part.ids]
    family, likes, bars = {}, {}, {}
    for name, each in contents.items():
        family[name], likes[name], bars[name] = families(each)
    keys = {name: _keys(each, family[name]) for name, each in contents.items()}
    found = _Twins(ids, where, contents, likes)
    joint = [tuple(keys[name][row] for name in streams) for row in range(len(ids))]
    several = len(streams) > 1
    groups = [found.of(name, keys[name]) for name in streams] if several else []
    groups.append(found.of(JOINT, [None if all(one is None for one in each) else each for each in joint]))
    leaks, repeats = (tuple(leak for each in groups for leak in each[side]) for side in (0, 1))
    shown = sum(any(one is not None for one in each) for each in joint[: len(data)])
    _refuse_the_same(train, leaks, shown)
    labels = [named(target) for part in parts for target in part.targets]
    return Audit(
        parts=dict(Counter(where)),
        streams=streams,
        leaks=leaks,
        repeats=repeats,
        groups=shared_groups(parts, where, apart),
        cells=cells_of(
            parts, labels, [tuple(s for s in streams if contents[s].place[i] >= 0) for i in range(len(ids))], least
        ),
        unusable=(*((one, JOINT, why) for one, why in broken), *_unusable(ids, contents)),
        disagreeing=_disagreeing(ids, labels, joint),
        bars=bars,
        notes=tuple(note for part in parts for note in part.notes),
    )


def _streams(data: Samples, train: Samples | None) -> dict[str, str]:
    if train is not None and dict(train.streams) != dict(data.streams):
        raise InputError(
            f"audit: the training data must have the streams of the data ({', '.join(data.streams)}), got "
            f"{', '.join(train.streams)}."
        )
    return dict(data.streams)


def _parts(data: Samples, train: Samples | None) -> list[str]:
    """Return the name of each sample's part."""
    if train is not None:
        return ["data"] * len(data) + ["train"] * len(train)
    return [split or "data" for split in data.index.splits]


def _groups_named(parts: Sequence[Samples], names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        parts[0].check_cluster(name, "audit: a group to keep apart")
    return tuple(names)


def _keys(contents: Contents, family: Any) -> list[Hashable]:
    """Return what stands for each sample's value: the same for all that are one; nothing where it shows nothing."""
    return [None if place < 0 or contents.empty[place] else int(family[place]) for place in contents.place]


@dataclass
class _Twins:
    """Finds, among samples, those that have the same key: in another part (leaks) or in their own (repeats)."""

    ids: Sequence[str]
    where: Sequence[str]
    contents: Mapping[str, Contents]
    likes: Mapping[str, Mapping[tuple[int, int], float]]

    def of(self, stream: str, keys: Sequence[Hashable]) -> tuple[list[Leak], list[Leak]]:
        rows: dict[Hashable, list[int]] = defaultdict(list)
        for row, key in enumerate(keys):
            if key is not None:
                rows[key].append(row)
        leaks, repeats = [], []
        for twins in rows.values():
            if len(twins) < 2:
                continue
            first = {part: row for row in reversed(twins) for part in [self.where[row]]}
            for row in twins:
                mine = self.where[row]
                others = [part for part in first if part != mine]
                if mine != "train" and others:  # what was trained on leaks into the rest, and not the other way
                    part = "train" if "train" in others else others[0]
                    leaks.append(self._leak(stream, row, self._nearest(stream, row, twins, part)))
                elif first[mine] != row:
                    repeats.append(self._leak(stream, row, first[mine]))
        return leaks, repeats

    def _nearest(self, stream: str, row: int, twins: Sequence[int], part: str) -> int:
        """Return the twin in a part that is most alike, of the first hundred."""
        some = [other for other in twins if self.where[other] == part][:100]
        return max(some, key=lambda other: self._alike(stream, row, other))

    def _alike(self, stream: str, row: int, other: int) -> float:
        """Return how alike two samples are in a stream, or in the one of all that is least alike."""
        names = [stream] if stream != JOINT else list(self.contents)
        return min(self._in(name, row, other) for name in names)

    def _in(self, name: str, row: int, other: int) -> float:
        one, two = sorted((self.contents[name].place[row], self.contents[name].place[other]))
        return 1.0 if one == two else float(np.clip(self.likes[name].get((one, two), 0.0), 0, 0.999999))

    def _leak(self, stream: str, row: int, other: int) -> Leak:
        alike = self._alike(stream, row, other)
        kind = "exact" if alike == 1 else "near"
        return Leak(self.ids[row], self.where[row], self.ids[other], self.where[other], stream, kind, alike)


def _refuse_the_same(train: Samples | None, leaks: Sequence[Leak], count: int) -> None:
    if train is None:
        return
    whole = {leak.sample for leak in leaks if leak.stream == JOINT and leak.kind == "exact"}
    if count and len(whole) == count:
        raise InputError(
            f"audit: the training data must be other data, got all {count} samples of the data in it, of those that "
            "can be read. Hint: name the file that the model was trained on."
        )


def _unusable(ids: Sequence[str], contents: Mapping[str, Contents]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (ids[row], name, str(each.empty[place]))
        for name, each in contents.items()
        for row, place in enumerate(each.place)
        if place >= 0 and each.empty[place]
    )


def _disagreeing(
    ids: Sequence[str], labels: Sequence[str | None], joint: Sequence[tuple[Hashable, ...]]
) -> tuple[tuple[str, str], ...]:
    """Return pairs of samples of one content under two labels: each with the first of another label."""
    first: dict[Hashable, dict[str | None, str]] = defaultdict(dict)
    for name, mine, key in zip(ids, labels, joint):
        if any(one is not None for one in key):
            first[key].setdefault(mine, name)
    found = []
    for name, mine, key in zip(ids, labels, joint):
        others = [other for tag, other in first.get(key, {}).items() if tag != mine]
        if others and mine is not None:
            found.append((name, others[0]))
    return tuple(found)
