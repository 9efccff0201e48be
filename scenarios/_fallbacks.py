"""What can be done when a stream goes bad, as cells: streams are dropped or filled, or another model is asked."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from perturbations import Choice, get
from scenarios._axes import slug
from scenarios._cells import CLEAN, Cell, Condition
from scenarios._spec import EVERYTHING
from scenarios.reading import Node, Problems, one_of, text_of

__all__ = ["FALLBACKS", "Fallback", "fallbacks", "lacking", "read_fallback"]

FALLBACKS = ("drop", "each", "unimodal", "subsets")
"""Drop all degraded streams at once; each single stream; all streams but one; each set of streams."""
FILL, ASK = "fill", "ask"
"""First word of a fallback that gives the model a stand-in for a stream, or asks another model."""


@dataclass(frozen=True)
class Fallback:
    """A cell in which something is done about a stream, and the ids of the degraded cells whose fallback it is."""

    cell: Cell
    of: frozenset[str]


def read_fallback(node: Node, who: str, problems: Problems) -> str | None:
    """Return a fallback as it is written: ``drop``, or ``fill mean`` and ``ask module:attribute`` of a mapping."""
    if not isinstance(node.value, dict):
        return one_of(node, FALLBACKS, who, "a fallback", problems)
    if set(node.value) == {"fill"}:
        fill = one_of(node.value["fill"], _fills(), who, "fill", problems)
        return fill and f"{FILL} {fill}"
    if set(node.value) == {"model"}:
        model = text_of(node.value["model"], who, "model", problems)
        if model is not None and (":" not in model or any(map(str.isspace, model))):
            text = f"model must be named as module:attribute or FILE.py:attribute, got {model!r}."
            problems.say(node.value["model"].where, who, text)
            return None
        return model and f"{ASK} {model}"
    known = f"one of {', '.join(FALLBACKS)}, {{fill: mean}} or {{model: module:attribute}}"
    problems.say(node.where, who, f"a fallback must be {known}, got {node.shown}.")
    return None


def _fills() -> list[str]:
    row = get("stream.missing").params["fill"]
    return [fill for fill in row.options if fill != "none"] if isinstance(row, Choice) else []


def lacking(actions: Sequence[str], has: Container[str]) -> str | None:
    """Return what samples lack that a fill needs (``has``: what they have), or nothing."""
    for action in actions:
        kind, _, fill = action.partition(" ")
        gone = sorted(get("stream.missing").needed({"fill": fill}) - set(filter(has.__contains__, EVERYTHING)))
        if kind == FILL and gone:
            what = "a data set" if gone[0] == "data" else f"samples with a {gone[0]}"
            return f"its fallback, to fill with {fill}, needs {what}"
    return None


def fallbacks(
    degraded: Sequence[tuple[Cell, Sequence[str]]], streams: Mapping[str, str], left_out: list[tuple[str, str]]
) -> list[Fallback]:
    """Return the cells of the fallbacks that each degraded cell is to have; those that serve several first.

    What is left when all degraded streams are dropped, or filled, does not depend on how they were degraded: one such
    cell serves all, and says what it costs on clean input, too. Where other streams stay degraded, or a sound one is
    dropped, a cell has its own.
    """
    shared: dict[str, tuple[Cell, set[str]]] = {}
    own: list[Fallback] = []
    for cell, actions in degraded:
        touched = frozenset(cell.streams)
        reason = cell.scenario, "drop: every stream is degraded, so nothing would be left"
        if "drop" in actions and len(touched) == len(streams) and reason not in left_out:
            left_out.append(reason)
        made = dict.fromkeys(gone for action in actions for gone in _given_up(action, touched, tuple(streams)))
        found = [_dropped(cell, [name for name in streams if name in gone], gone == touched) for gone in made]
        for action in dict.fromkeys(actions):
            found += _instead(action, cell, tuple(streams))
        for one in found:
            if one.base == cell.id:
                own.append(Fallback(one, frozenset([cell.id])))
            else:
                shared.setdefault(one.id, (one, set()))[1].add(cell.id)
    return [Fallback(cell, frozenset(of)) for cell, of in shared.values()] + own


def _given_up(action: str, touched: frozenset[str], streams: Sequence[str]) -> Iterator[frozenset[str]]:
    """Yield the sets of streams that an action drops; one stream at least is left."""
    every = range(1, len(streams))
    sizes = {"each": [1], "unimodal": [len(streams) - 1], "subsets": every}.get(action, ())
    for size in sizes:
        if size in every:
            yield from map(frozenset, combinations(streams, size))
    if action == "drop" and 0 < len(touched) < len(streams):
        yield touched


def _dropped(cell: Cell, names: Sequence[str], everything: bool) -> Cell:
    """Return a degraded cell with these streams dropped, the others as they were; ``everything``: all that was bad."""
    dropped = "+".join(map(slug, names))
    if everything and not cell.machine:  # beside the machine's conditions it is a cell of its own
        return Cell(
            f"drop:{dropped}", "drop", tuple(_missing(name, "none", "none") for name in names), {}, "joint", "drop"
        )
    return _changed(cell, names, "none", f"~drop:{dropped}", f"drop {dropped}")


def _instead(action: str, cell: Cell, streams: Sequence[str]) -> Iterator[Cell]:
    """Yield the cells in which each stream is filled, or another model is asked; for clean input, too."""
    kind, _, what = action.partition(" ")
    if kind == FILL:
        for name in streams:
            says = f"{FILL} {name} with {what}"
            yield Cell(f"{FILL}-{what}:{slug(name)}", FILL, (_missing(name, what, what),), {}, "joint", says)
            if set(cell.streams) != {name}:
                yield _changed(cell, [name], what, f"~{FILL}-{what}:{slug(name)}", says)
    elif kind == ASK:
        says = f"{ASK} {what}"
        yield Cell(f"{CLEAN.id}~{ASK}:{slug(what)}", ASK, (), {}, "joint", says, CLEAN.id)
        yield Cell(f"{cell.id}~{ASK}:{slug(what)}", cell.scenario, cell.conditions, cell.axes, cell.grid, says, cell.id)


def _missing(name: str, fill: str, category: str | None = None) -> Condition:
    missing = get("stream.missing")
    return Condition(name, missing.name, missing.settings(None, None, {"fill": fill}), None, category)


def _changed(cell: Cell, names: Sequence[str], fill: str, suffix: str, says: str) -> Cell:
    kept = tuple(condition for condition in cell.conditions if condition.stream not in names)
    conditions = (*kept, *(_missing(name, fill) for name in names))
    return Cell(f"{cell.id}{suffix}", cell.scenario, conditions, cell.axes, cell.grid, says, cell.id)
