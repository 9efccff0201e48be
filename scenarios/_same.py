"""Which cells are one under several names, and which are the same however often they are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from perturbations.errors import named_keywords
from scenarios._cells import Cell, Condition

__all__ = ["content", "drawn"]

_LOST = ("lost",)


@named_keywords
def drawn(cell: Cell) -> bool:
    """Return whether another draw may give the model another input: whether anything in a cell is left to chance."""
    return cell.fallback != "drop" and any(map(_by_chance, cell.conditions))


@named_keywords
def content(cell: Cell) -> Hashable:
    """Return what two cells share exactly when one model is given the same in both, draw by draw.

    Names, axes and the words for a severity or a category do not count: ``lost:image`` and ``drop:image`` are one, and
    so are a product's cell with the other stream at severity 0 and that stream's neighbour alone. A stream's own
    conditions count in order; of different streams the order matters to an attack only, which looks at all of them.
    """
    if any(condition.declaration.kind == "attack" for condition in cell.conditions):
        return tuple(repr(c.identity()) for c in cell.conditions), cell.fallback, cell.grid == "timeline"
    streams = frozenset((name, _of_stream(cell, name)) for name in cell.streams)
    return streams, cell.grid == "timeline", cell.model, frozenset(map(_does, cell.machine))


def _of_stream(cell: Cell, stream: str) -> Hashable:
    conditions = cell.on(stream)
    return _LOST if cell.fallback == "drop" or _nothing_left(conditions) else tuple(map(_does, conditions))


def _nothing_left(conditions: Sequence[Condition]) -> bool:
    only = conditions[0] if len(conditions) == 1 else None
    return only is not None and only.perturbation == "stream.missing" and only.settings["fill"] == "none"


def _does(condition: Condition) -> str:
    """Return what a condition does to a value: its parameters and, of what is left to chance, what names the draw."""
    labels = {"severity", "category"}
    if condition.course is None and not _by_chance(condition):
        labels |= {"profile", "step", "shared"}
    return repr(sorted((name, value) for name, value in condition.identity().items() if name not in labels))


def _by_chance(condition: Condition) -> bool:
    bursts = condition.course is not None and condition.course.timeline.bursts
    return bool(bursts) or condition.declaration.draws(condition.settings)
