"""Small drawings as inline SVG: curves, dots with intervals, sparklines. No ids, no styles, no scripts: classes only.

Colours come from the page's style sheet, so a drawing follows dark mode and print. Every text that is drawn is escaped
here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from perturbations.modality import MODALITIES, modality
from stress.report._numbers import visible

__all__ = ["Axis", "axis_of", "dot", "dot_axis", "join", "mark", "path", "tag"]


def tag(name: str, inside: object = "", /, **attributes: object) -> Markup:
    """Return an element; text and attributes are escaped, ``Markup`` inside is not. ``class_`` is ``class``."""
    pairs = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    listed = "".join(f' {key}="{escape(_written(value))}"' for key, value in pairs.items())
    body = inside if isinstance(inside, Markup) else escape(visible(inside))
    return Markup(f"<{name}{listed}>{body}</{name}>" if body else f"<{name}{listed}/>")  # noqa: S704 - escaped above


def _written(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(value)


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def path(points: Sequence[tuple[float, float]], closed: bool = False) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else "")


@dataclass(frozen=True)
class Axis:
    """A range of values, its round ticks, and how a value is written."""

    low: float
    high: float
    ticks: tuple[float, ...]
    write: Callable[[float], str]

    def at(self, value: float, start: float, end: float) -> float:
        """Return where a value lies between two ends, kept inside them."""
        share = (value - self.low) / (self.high - self.low)
        return start + (end - start) * min(max(share, 0.0), 1.0)


def axis_of(
    values: Iterable[float | None], write: Callable[[float], str], ends: tuple[float, float] | None = None
) -> Axis:
    """Return an axis with about four round ticks over the values; it never leaves ``ends``."""
    known = [v for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9:
        low, high = low - 0.05 * max(abs(low), 1), high + 0.05 * max(abs(high), 1)
    raw = (high - low) / 4
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= raw * 0.999)
    low, high = math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step
    if ends is not None:
        low, high = max(low, ends[0]), min(high, ends[1])
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return Axis(low, high, tuple(k * step for k in range(first, last + 1)), write)


def mark(hue: str, x: float, y: float, extra: str = "", size: float = 3.0) -> Markup:
    """Return a marker whose form tells the modality without its colour."""
    look = f"dot {hue} {extra}".strip()
    form = modality(hue).look.marker if hue in MODALITIES else "D" if hue == "joint" else "o"
    if form == "s":
        return tag("rect", x=x - size + 0.4, y=y - size + 0.4, width=2 * size - 0.8, height=2 * size - 0.8, class_=look)
    if form in _CORNERS:
        corners = [(x + right * (size + dx), y + down * (size + dy)) for right, down, dx, dy in _CORNERS[form]]
        return tag("path", d=path(corners, closed=True), class_=look)
    return tag("circle", cx=x, cy=y, r=size, class_=look)


_CORNERS: Mapping[str, Sequence[tuple[float, float, float, float]]] = {
    "^": ((0, -1, 0, 0.6), (1, 1, 0.4, -0.6), (-1, 1, 0.4, -0.6)),
    "v": ((0, 1, 0, 0.6), (1, -1, 0.4, -0.6), (-1, -1, 0.4, -0.6)),
    "D": ((0, -1, 0, 0.8), (1, 0, 0.8, 0), (0, 1, 0, 0.8), (-1, 0, 0.8, 0)),
}
"""Corners of a form: a direction each, and by how much it goes beyond the size."""


def dot(
    axis: Axis,
    hue: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    clean: float | None = None,
    says: str = "",
    width: int = 132,
) -> Markup:
    """Return one value with its interval on an axis that rows of a table share, the clean level behind it."""
    start, end, middle = 12.0, width - 12.0, 9.0
    parts = [tag("title", says)] if says else []
    parts.append(tag("path", d=path([(start, middle), (end, middle)]), class_="grid"))
    if clean is not None:
        x = axis.at(clean, start, end)
        parts.append(tag("path", d=path([(x, 0), (x, 18)]), class_="clean"))
    if low is not None and high is not None:
        ends = [(axis.at(low, start, end), middle), (axis.at(high, start, end), middle)]
        parts.append(tag("path", d=path(ends), class_=f"bar {hue}"))
    if value is not None:
        parts.append(mark(hue, axis.at(value, start, end), middle, size=3.6))
    return tag("svg", join(parts), viewBox=f"0 0 {width} 18", class_="row", aria_hidden="true")


def dot_axis(axis: Axis, width: int = 132) -> Markup:
    """Return the scale that stands in the head of a column of ``dot`` drawings."""
    start, end = 12.0, width - 12.0
    parts = [
        tag("text", axis.write(tick), x=axis.at(tick, start, end), y=13.0, class_="tick mid") for tick in axis.ticks
    ]
    return tag("svg", join(parts), viewBox=f"0 0 {width} 18", class_="row", aria_hidden="true")
