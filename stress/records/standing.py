"""Which cell shows what would come of doing something about an input: dropping streams, filling one, asking another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from stress.records.cells import CellRow
from stress.statistics.arrays import Ints

if TYPE_CHECKING:
    from stress.records.frame import Frame

__all__ = ["alone", "dropping", "paired", "stand_ins"]


def dropping(names: Sequence[str] | frozenset[str], streams: Sequence[str]) -> str:
    """Return the action of dropping these streams: ``drop image+audio``, in the order of the run's streams."""
    return f"drop {'+'.join(name for name in streams if name in names)}"


def alone(stream: str, streams: Sequence[str]) -> str:
    """Return the action that leaves a model one stream alone."""
    return dropping(frozenset(streams) - {stream}, streams)


def stand_ins(cells: Sequence[CellRow], streams: Sequence[str]) -> dict[int, dict[str, int]]:
    """Return, for the clean and each degraded cell by position, the cell that shows what each action would come to.

    Where all that is degraded is dropped, or filled, it does not matter how it was: a cell in which the same streams
    are lost shows the same. Cells of another machine are left out: nothing of it shows in an input.
    """
    subsets = [frozenset(some) for size in range(1, len(streams)) for some in combinations(streams, size)]
    lost: dict[frozenset[str], int] = {}
    filled: dict[str, tuple[frozenset[str], int]] = {}
    own: dict[str, dict[str, int]] = {}
    for i, row in enumerate(cells):
        if row.base is not None:
            drops = str(row.fallback).startswith("drop ")
            own.setdefault(row.base, {})[dropping(row.lost, streams) if drops else str(row.fallback)] = i
        elif row.fallback == "drop" or (row.only_lost and row.fill == "none"):
            lost.setdefault(frozenset(row.lost), i)
        elif row.fallback:
            filled[row.fallback] = frozenset(row.lost), i
    found = {}
    for i, row in enumerate(cells):
        if row.fallback or row.lost or row.machine:
            continue
        touched = frozenset(row.streams)
        by = {dropping(some, streams): lost[some] for some in subsets if some in lost and some >= touched}
        by |= {name: cell for name, (gone, cell) in filled.items() if gone >= touched}
        found[i] = by | own.get(row.cell, {})
    return found


def paired(frame: Frame, cell: int, others: Mapping[str, int]) -> Ints:
    """Return (inputs × (1 + others)) positions of records of the same draw of the same sample; −1 where one is missing.

    A cell in which nothing is left to chance has its first draw only, which stands for all.
    """
    rows = frame.by_cell[cell]
    columns, width = [rows], 1 << 16  # more than any number of a draw
    sample, draw = frame.sample[rows], frame.draw[rows].astype(np.int64)
    for other in others.values():
        there = frame.by_cell[other]
        key = frame.sample[there] * width + frame.draw[there]
        order = np.argsort(key, kind="stable")
        exact, first = (_found(key[order], there[order], sample * width + at) for at in (draw, 0))
        columns.append(np.where(exact >= 0, exact, first))
    return np.column_stack(columns)


def _found(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """Return the value of the last of some sorted keys that is the one wanted; −1 where none is."""
    at = np.searchsorted(keys, wanted, side="right") - 1
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    return np.where((at >= 0) & (keys[at] == wanted), values[at], -1)
