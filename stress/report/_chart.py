"""Curves with their bands, drawn small: the whole chart, and one the size of a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stress.report._svg import Axis, join, mark, path, tag

__all__ = ["Chart", "Line", "Point", "spark"]


@dataclass(frozen=True)
class Point:
    """A point of a curve: ``says`` is read on hover or tap, ``bad`` marks failed records."""

    x: float
    value: float | None
    low: float | None = None
    high: float | None = None
    band: tuple[float | None, float | None] = (None, None)
    says: str = ""
    bad: bool = False
    size: float = 3.0


@dataclass(frozen=True)
class Line:
    """A curve, its hue (a modality's name) and what is written at its end; ``apart``: dots with bars, no curve."""

    points: Sequence[Point]
    hue: str
    label: str = ""
    dashed: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Chart:
    """Curves over severity (or distortion, or releases: ``cuts`` are where these changed) in one small drawing."""

    lines: Sequence[Line]
    x: Axis
    y: Axis
    about: str
    clean: float | None = None
    dropped: float | None = None
    chance: float | None = None
    breaks: tuple[float | None, float | None, float | None] | None = None
    cuts: Sequence[float] = ()
    x_title: str = ""
    width: int = 220
    height: int = 140
    room: int = 38

    @property
    def _frame(self) -> tuple[float, float, float, float]:
        return 30.0, 10.0, float(self.width - self.room), float(self.height - (30 if self.x_title else 20))

    def draw(self) -> Markup:
        """Return the drawing."""
        parts = [self._grid(), self._levels(), self._broken()]
        for line in self.lines:
            parts += [self._bars(line)] if line.apart else [self._bands(line), self._stroke(line)]
        parts += [self._ends(), *(self._points(line) for line in self.lines)]
        box = f"0 0 {self.width} {self.height}"
        return tag("svg", join(parts), viewBox=box, role="img", aria_label=self.about, class_="chart")

    def _xy(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = self._frame
        return self.x.at(x, left, right), self.y.at(y, bottom, top)

    def _grid(self) -> Markup:
        left, top, right, bottom = self._frame
        parts = []
        for tick in self.y.ticks:
            y = self.y.at(tick, bottom, top)
            parts.append(tag("path", d=path([(left, y), (right, y)]), class_="grid"))
            parts.append(tag("text", self.y.write(tick), x=left - 4, y=y + 3.5, class_="tick end"))
        for tick in self.x.ticks:
            x = self.x.at(tick, left, right)
            parts.append(tag("path", d=path([(x, bottom), (x, bottom + 3)]), class_="mark"))
            parts.append(tag("text", self.x.write(tick), x=x, y=bottom + 14, class_="tick mid"))
        if self.x_title:
            parts.append(tag("text", self.x_title, x=(left + right) / 2, y=self.height - 3.0, class_="tick mid"))
        return join(parts)

    def _levels(self) -> Markup:
        """The clean level, what is left where the touched streams are dropped altogether, and what chance gives."""
        left, _, right, _ = self._frame
        drawn = []
        for value, look in ((self.clean, "clean"), (self.dropped, "drop"), (self.chance, "chance")):
            if value is not None and (look != "chance" or self.y.low <= value <= self.y.high):
                y = self._xy(0, value)[1]
                drawn.append(tag("path", d=path([(left, y), (right, y)]), class_=look))
        return join(drawn)

    def _broken(self) -> Markup:
        """Where the curve falls below the bar: a line, and its interval along the axis."""
        value, low, high = self.breaks or (None, None, None)
        _, top, right, bottom = self._frame
        if value is None:
            return join(
                tag("path", d=path([(x, top), (x, bottom)]), class_="breaks")
                for x in (self._xy(cut, 0)[0] for cut in self.cuts)
            )
        x = self._xy(value, 0)[0]
        start = x if low is None else self._xy(low, 0)[0]
        end = right if high is None else self._xy(high, 0)[0]
        return join(
            [
                tag("path", d=path([(start, bottom), (end, bottom)]), class_="breaks wide"),
                tag("path", d=path([(x, top), (x, bottom)]), class_="breaks"),
            ]
        )

    def _bands(self, line: Line) -> Markup:
        parts = []
        for kind, ends in (("band", lambda p: p.band), ("interval", lambda p: (p.low, p.high))):
            for run in _runs(line.points, lambda p, ends=ends: None not in ends(p)):  # type: ignore[misc]
                upper = [self._xy(p.x, ends(p)[1] or 0.0) for p in run]
                lower = [self._xy(p.x, ends(p)[0] or 0.0) for p in reversed(run)]
                parts.append(tag("path", d=path([*upper, *lower], closed=True), class_=f"{kind} {line.hue}"))
        return join(parts)

    def _bars(self, line: Line) -> Markup:
        sure = [(p.x, p.low, p.high) for p in line.points if p.low is not None and p.high is not None]
        ends = [[self._xy(x, low), self._xy(x, high)] for x, low, high in sure]
        return join(tag("path", d=path(pair), class_=f"bar thin {line.hue}") for pair in ends)

    def _stroke(self, line: Line) -> Markup:
        runs = _runs(line.points, lambda p: p.value is not None)
        look = f"line {line.hue}{' dashed' if line.dashed else ''}"
        return join(tag("path", d=path([self._xy(p.x, p.value or 0.0) for p in run]), class_=look) for run in runs)

    def _points(self, line: Line) -> Markup:
        return join(self._point(line, p) for p in line.points)

    def _point(self, line: Line, point: Point) -> Markup:
        left, top, right, bottom = self._frame
        x = self._xy(point.x, 0)[0]
        reach = (right - left) / max(2 * (len(line.points) - 1), 2)
        parts = [tag("title", point.says)]
        if len(self.lines) == 1:  # the whole column answers to a pointer or a finger
            parts.append(tag("rect", x=x - reach, y=top, width=2 * reach, height=bottom - top, class_="hit"))
        if point.value is None:
            parts.append(tag("text", "?", x=x, y=bottom - 4, class_="absent mid"))
        else:
            y = self._xy(point.x, point.value)[1]
            parts.append(mark(line.hue, x, y, "failed" if point.bad else "", point.size))
        return tag("g", join(parts), class_="point")

    def _ends(self) -> Markup:
        """Labels of the lines: at their ends, or at the margin, moved apart, where there are several."""
        placed = []
        for line in self.lines:
            known = [p for p in line.points if p.value is not None]
            if known and line.label:
                x, y = self._xy(known[-1].x, known[-1].value or 0.0)
                placed.append((y, x, line))
        placed.sort(key=lambda entry: entry[0])
        margin, parts, last = self._frame[2], [], -math.inf
        for y, x, line in placed:
            last = max(y, last + 11)
            if len(placed) > 1:
                ends = [(x, y), (margin + 3, last)]
                parts.append(tag("path", d=path(ends), class_=f"leader {line.hue}"))
                x = margin
            parts.append(tag("text", line.label, x=x + 6, y=last + 3.5, class_=f"label {line.hue}"))
        return join(parts)


def _runs(points: Sequence[Point], keep: Callable[[Point], bool]) -> list[list[Point]]:
    """Return stretches of neighbouring points that can be drawn."""
    found: list[list[Point]] = [[]]
    for point in points:
        if keep(point):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def spark(points: Sequence[Point], x: Axis, y: Axis, hue: str, about: str, clean: float | None = None) -> Markup:
    """Return a curve the size of a word, with its band and the clean level."""
    width, height = 96, 26

    def place(at: float, value: float) -> tuple[float, float]:
        return x.at(at, 3, width - 4), y.at(value, height - 3, 3)

    known = [p for p in points if p.value is not None]
    parts = []
    if clean is not None:
        parts.append(tag("path", d=path([place(x.low, clean), place(x.high, clean)]), class_="clean"))
    if len(known) > 1 and all(p.low is not None and p.high is not None for p in known):
        edge = [place(p.x, p.high or 0.0) for p in known] + [place(p.x, p.low or 0.0) for p in reversed(known)]
        parts.append(tag("path", d=path(edge, closed=True), class_=f"interval {hue}"))
    if known:
        parts.append(tag("path", d=path([place(p.x, p.value or 0.0) for p in known]), class_=f"line {hue}"))
        end = place(known[-1].x, known[-1].value or 0.0)
        parts.append(tag("circle", cx=end[0], cy=end[1], r=2.4, class_=f"dot {hue}"))
    box = f"0 0 {width} {height}"
    return tag("svg", join(parts), viewBox=box, class_="spark", role="img", aria_label=about)
