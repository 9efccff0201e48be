"""What can be done when a stream goes bad, as cells: the streams that a fallback gives up are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from perturbations import get
from scenarios._axes import slug
from scenarios._cells import Cell, Condition

__all__ = ["FALLBACKS", "Fallback", "fallbacks"]

FALLBACKS = ("drop", "each", "unimodal", "subsets")
"""Drop all degraded streams at once; each single stream; all streams but one; each set of streams."""


@dataclass(frozen=True)
class Fallback:
    """A cell in which streams are dropped, and the ids of the degraded cells that it is the fallback of."""

    cell: Cell
    of: frozenset[str]


def fallbacks(
    degraded: Sequence[tuple[Cell, Sequence[str]]], streams: Mapping[str, str], left_out: list[tuple[str, str]]
) -> list[Fallback]:
    """Return the cells of the fallbacks that each degraded cell is to have; those that touch one set of streams first.

    What is left when all degraded streams are dropped does not depend on how they were degraded: one such cell serves
    all. Where other streams stay degraded, or a sound one is dropped, a cell has its own.
    """
    shared: dict[frozenset[str], set[str]] = {}
    own: list[Fallback] = []
    for cell, actions in degraded:
        touched = frozenset(cell.streams)
        reason = cell.scenario, "drop: every stream is degraded, so nothing would be left"
        if "drop" in actions and len(touched) == len(streams) and reason not in left_out:
            left_out.append(reason)
        for gone in dict.fromkeys(gone for action in actions for gone in _given_up(action, touched, tuple(streams))):
            if gone == touched:
                shared.setdefault(gone, set()).add(cell.id)
            else:
                names = [name for name in streams if name in gone]
                own.append(Fallback(_without(cell, names), frozenset([cell.id])))
    return [Fallback(_lost([n for n in streams if n in gone]), frozenset(of)) for gone, of in shared.items()] + own


def _given_up(action: str, touched: frozenset[str], streams: Sequence[str]) -> Iterator[frozenset[str]]:
    """Yield the sets of streams that an action drops; one stream at least is left."""
    every = range(1, len(streams))
    sizes = {"each": [1], "unimodal": [len(streams) - 1], "subsets": every}.get(action, ())
    for size in sizes:
        if size in every:
            yield from map(frozenset, combinations(streams, size))
    if action == "drop" and len(touched) < len(streams):
        yield touched


def _missing(name: str) -> Condition:
    missing = get("stream.missing")
    return Condition(name, missing.name, missing.settings(None, None, {"fill": "none"}), None, None)


def _lost(names: Sequence[str]) -> Cell:
    conditions = tuple(Condition(c.stream, c.perturbation, c.settings, None, "none") for c in map(_missing, names))
    return Cell(f"drop:{'+'.join(map(slug, names))}", "drop", conditions, {}, "joint", "drop")


def _without(cell: Cell, names: Sequence[str]) -> Cell:
    """Return a degraded cell in which these streams are dropped, and the others are as they were."""
    kept = tuple(condition for condition in cell.conditions if condition.stream not in names)
    dropped = "+".join(map(slug, names))
    name = f"{cell.id}~drop:{dropped}"
    return Cell(name, cell.scenario, (*kept, *map(_missing, names)), cell.axes, cell.grid, f"drop {dropped}", cell.id)
