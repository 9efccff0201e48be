"""Tables whose cells are shaded by what is lost: a product of two severities, a class or a group in several cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stress.report._book import Book, Row
from stress.report._numbers import DASH, Form, count, severity, visible

__all__ = ["Heat", "Shade", "heat_of", "heats", "is_heat", "products"]

STEPS = 10


@dataclass(frozen=True)
class Shade:
    """One cell: its text, what it says on hover, and its step of shading (``None``: no value)."""

    text: str
    says: str
    step: int | None


@dataclass(frozen=True)
class Heat:
    """A shaded table: titles of both axes, heads of the columns, named rows of cells, and its worst cell in words."""

    title: str
    about: str
    rows: str
    columns: str
    heads: Sequence[str]
    body: Sequence[tuple[str, Sequence[Shade]]]
    worst: str = ""

    @property
    def summary(self) -> str:
        """What the table holds, for when it is folded."""
        return f"By {self.title or self.rows}{f' – worst: {self.worst}' if self.worst else ''}"


def heat_of(
    title: str,
    axes: tuple[str, str],
    heads: Sequence[Any],
    lines: Sequence[Any],
    at: Callable[[Any, Any], Row | None],
    form: Form,
) -> Heat:
    """Return a shaded table of ``at(line, head)``: table rows with value, low, high, n and note."""
    rows = {(line, head): at(line, head) for line in lines for head in heads}
    known = [row["value"] for row in rows.values() if row is not None and row["value"] is not None]
    ends = (min(known, default=0.0), max(known, default=1.0))
    if form.share:  # a tenth of the whole scale at least: differences within noise must not look like a drama
        ends = (min(ends[0], max(ends[1] - 0.1, 0.0)), max(ends[1], min(ends[0] + 0.1, 1.0)))
    body = [
        (
            _coordinate(line),
            [_shade(f"{visible(line)}, {visible(head)}", rows[line, head], ends, form) for head in heads],
        )
        for line in lines
    ]
    about = f"{form.title}{f', {form.mark}' if form.mark else ''}"
    names = (visible(title), about, visible(axes[0]), visible(axes[1]))
    return Heat(*names, [_coordinate(h) for h in heads], body, _worst(rows, form))


def _worst(rows: Mapping[tuple[Any, Any], Row | None], form: Form) -> str:
    sign = 1 if form.better == "higher" else -1
    known = [(sign * row["value"], place, row) for place, row in rows.items() if row and row["value"] is not None]
    if not known:
        return ""
    _, (line, head), row = min(known, key=lambda entry: entry[0])
    return f"{form.both(row, True)} for {visible(line)} in {visible(head)}"


def _shade(name: str, row: Row | None, ends: tuple[float, float], form: Form) -> Shade:
    if row is None or row["value"] is None:
        return Shade(DASH, visible((row or {}).get("note") or "not in the run"), None)
    share = (row["value"] - ends[0]) / max(ends[1] - ends[0], 1e-9)
    lost = 1 - share if form.better == "higher" else share
    note = f"; {visible(row['note'])}" if row.get("note") else ""
    says = f"{name}: {form.both(row, True)}, n {count(row['n'] or 0)}{note}"
    return Shade(form.value(row["value"]), says, min(STEPS, max(0, round(STEPS * lost))))


def is_heat(book: Book, row: Row) -> bool:
    """Whether a cell is a point of a product of several axes."""
    plan = book.plan.get(row["cell"])
    return plan is not None and plan.grid == "product" and len(plan.axes) > 1 and row["severity"] is None


def heats(book: Book, rows: Iterable[Row]) -> list[Heat]:
    """Return a heat map for each product: its first two axes, one map for each value of the others."""
    return [_product(book, key, at) for key, at in products(book, rows).items()]


def products(book: Book, rows: Iterable[Row]) -> dict[tuple[Any, ...], dict[tuple[Any, Any], Row]]:
    """Return the cells of each product by their coordinates: scenario, the names of both axes, and the other axes."""
    found: dict[tuple[Any, ...], dict[tuple[Any, Any], Row]] = {}
    for row in rows:
        axes: Mapping[str, Any] = book.plan[row["cell"]].axes
        down, across, *rest = axes
        key = (row["scenario"], down, across, tuple((name, axes[name]) for name in rest))
        found.setdefault(key, {})[axes[down], axes[across]] = row
    return found


def _product(book: Book, key: tuple[Any, ...], at: Mapping[tuple[Any, Any], Row]) -> Heat:
    scenario, down, across, rest = key
    extra = ", ".join(f"{name} {_coordinate(value)}" for name, value in rest)
    title = f"{scenario} · {extra}" if extra else scenario
    heads, lines = _ordered(column for _, column in at), _ordered(line for line, _ in at)
    return heat_of(title, (down, across), heads, lines, lambda line, head: at.get((line, head)), book.form)


def _ordered(values: Iterable[Any]) -> list[Any]:
    """Return coordinates in order, numbers before names."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))


def _coordinate(value: Any) -> str:
    return severity(value) if isinstance(value, (int, float)) else visible(value)
