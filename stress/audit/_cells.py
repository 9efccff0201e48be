"""Groups that stand in two parts, and cells of label, group and present streams that are rare or empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perturbations import InputError
from perturbations.errors import named_keywords
from perturbations.labels import label
from stress.data import Samples

__all__ = ["Cell", "Fill", "Shared", "cells_of", "fills", "named", "shared_groups"]

_MANY = 50
"""Values of a group beyond which it names single sources (speakers, files), which have no cells."""


@dataclass(frozen=True)
class Shared:
    """A group whose values stand in more than one part, with the samples outside the training part that have them.

    ``apart`` says that it must not be so: a speaker, a patient, a sequence.
    """

    group: str
    values: tuple[str, ...]
    samples: tuple[str, ...]
    apart: bool


@dataclass(frozen=True)
class Cell:
    """A label with a group's value and the streams that are there, and how many samples it has: fewer than it needs."""

    label: str | None
    group: str
    value: str | None
    streams: tuple[str, ...]
    count: int
    lacks: int


@dataclass(frozen=True)
class Fill:
    """A sample to make for a rare cell: an existing one with streams dropped, or changed a little."""

    id: str
    of: str
    cell: Cell
    changes: tuple[tuple[str, str, int], ...]
    """Stream, perturbation, severity."""


def _columns(parts: Sequence[Samples]) -> dict[str, list[str | None]]:
    names = dict.fromkeys(name for part in parts for name in part.index.groups)
    found: dict[str, list[str | None]] = {
        name: [v for part in parts for v in part.index.groups.get(name, [None] * len(part))] for name in names
    }
    sequences = [each for part in parts for each in part.sequences]
    return found | ({"sequence": sequences} if any(each is not None for each in sequences) else {})


def shared_groups(parts: Sequence[Samples], where: Sequence[str], apart: Sequence[str]) -> tuple[Shared, ...]:
    """Return each group with its values that stand in more than one part."""
    ids = [each for part in parts for each in part.ids]
    found = []
    for name, values in _columns(parts).items():
        sides: dict[str, set[str]] = defaultdict(set)
        for value, part in zip(values, where):
            if value is not None:
                sides[value].add(part)
        both = {value for value, names in sides.items() if len(names) > 1}
        hit = tuple(one for one, v, part in zip(ids, values, where) if v in both and part != "train")
        if both:
            found.append(Shared(name, tuple(sorted(both)), hit, name in apart))
    return tuple(found)


def cells_of(
    parts: Sequence[Samples], labels: Sequence[str | None], present: Sequence[tuple[str, ...]], least: int
) -> tuple[Cell, ...]:
    """Return the cells with fewer than ``least`` samples, of every group of up to fifty values; without groups, of all.

    A cell is looked for where its label, its value and its streams each stand somewhere in the data.
    """
    columns = {name: values for name, values in _columns(parts).items() if len(set(values)) <= _MANY}
    columns = columns or {"": [None] * len(labels)}
    kinds = list(dict.fromkeys(labels))
    if len(kinds) > 1000:  # texts to transcribe, numbers to estimate: no classes
        return ()
    found = []
    for name, values in columns.items():
        counts = Counter(zip(labels, values, present))
        for tag in kinds:
            for value in dict.fromkeys(values):
                for streams in dict.fromkeys(present):
                    count = counts[tag, value, streams]
                    if count < least:
                        found.append(Cell(tag, name, value, streams, count, least - count))
    return tuple(found)


_LITTLE = {"image": "image.brightness", "audio": "audio.pink_noise", "text": "text.keyboard_typos"}


@named_keywords
def fills(data: Samples, cells: Sequence[Cell]) -> tuple[list[Fill], list[Cell]]:
    """Return samples to make so that rare cells have enough, and the cells that nothing here can fill.

    A sample of the same label and group that has more streams loses those that the cell is without; one that is in the
    cell already is changed a little in one stream, each time by another draw.
    """
    columns, labels = _columns([data]), [named(target) for target in data.targets]
    present = [
        tuple(name for name, value in data.given(i).streams.items() if value is not None) for i in range(len(data))
    ]
    made: list[Fill] = []
    left = []
    for cell in cells:
        values = columns.get(cell.group, [None] * len(data))
        wanted = set(cell.streams)
        rows = [
            i
            for i, tag in enumerate(labels)
            if (tag, values[i]) == (cell.label, cell.value) and wanted <= set(present[i])
        ]
        rows.sort(key=lambda i: set(present[i]) == wanted)  # those that lose a stream are else as they were
        if not rows or not wanted:
            left.append(cell)
            continue
        for number in range(cell.lacks):
            row = rows[number % len(rows)]
            changes = _changes(data.streams, cell, present[row], number, number >= len(rows))
            made.append(Fill(f"{data.ids[row]}~{len(made)}", data.ids[row], cell, changes))
    return made, left


def _changes(
    streams: Mapping[str, str], cell: Cell, present: Sequence[str], number: int, again: bool
) -> tuple[tuple[str, str, int], ...]:
    lost = [(name, "stream.missing", 1) for name in present if name not in cell.streams]
    if lost and not again:
        return tuple(lost)
    kept = [name for name in cell.streams if streams[name] in _LITTLE]
    return (*lost, *((name, _LITTLE[streams[name]], 1) for name in kept[number % max(1, len(kept)) :][:1]))


def named(target: object) -> str | None:
    """Return a target's label; of several at once, their text."""
    try:
        return label(target)
    except InputError:
        return str(target)
