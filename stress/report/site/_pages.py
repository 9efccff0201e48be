"""What the pages of a site say: trends, changes, releases with their gates, comparisons of any two, remarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from stress.report._book import Book
from stress.report._chart import Chart, Line, Point
from stress.report._gate import Gated, gated
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import DASH, plural, visible
from stress.report._svg import Axis, axis_of, tag
from stress.report.site._history import History, Versus
from stress.report.site._review import Remark
from stress.statistics.changepoints import LEVEL, Changed

__all__ = ["front", "release"]


def front(history: History, remarks: Sequence[Remark], reports: Mapping[int, str]) -> dict[str, Any]:
    """Return what the first page shows; ``reports`` are the copied reports of releases, by position."""
    last, found = history.books[-1], history.changes
    suite = last.identity.get("suite") or {}
    title = _sentence(history, found)
    return {
        "title": title,
        "kicker": f"{plural(len(history.runs), 'release')} under {visible(suite.get('name') or 'a suite')}, "
        f"{visible(history.names[0])} to {visible(history.names[-1])}",
        "how": _how(history),
        "changes": _changes(history, found) if found else None,
        "figures": [_figure(history, part) for part in history.trend.series],
        "numbers": _numbers(history),
        "releases": _releases(history, remarks, reports),
        "remarks": _remarks(remarks),
        "dropped": [visible(line) for line in history.trend.dropped],
    }


def _sentence(history: History, found: Sequence[Changed]) -> str:
    worse = [one for one in found if one.value * history.sign < 0]
    if not found:
        return "No change found in any scenario over these releases."
    if not worse:
        return f"{plural(len(found), 'change')} for the better, none for the worse."
    last = max(worse, key=lambda one: (one.at, abs(one.value)))
    form = history.books[-1].form
    where = f"{visible(last.series)} in {visible(history.names[last.at])}"
    return (
        f"{plural(len(worse), 'change')} for the worse, last {where}: "
        f"{form.change({'value': last.value, 'low': last.low, 'high': last.high})} {form.points}."
    )


def _how(history: History) -> str:
    return (
        f"{history.books[-1].form.title.capitalize()} on {plural(history.trend.samples, 'sample')} that all releases "
        f"share, mean over a scenario's severities; bands are 95 % intervals. A dashed line: the mean from there on "
        "differs from the mean before, on these samples. All boundaries of all scenarios are one family (Holm): at "
        f"most {100 * LEVEL:g} % of histories without a change show one."
    )


def _changes(history: History, found: Sequence[Changed]) -> Grid:
    form = history.books[-1].form
    rows = []
    for one in sorted(found, key=lambda one: -one.at):
        change = form.change({"value": one.value, "low": one.low, "high": one.high})
        look = "worse" if one.value * history.sign < 0 else "better"
        span = f"{history.names[one.start]} … {history.names[one.at - 1]} | {history.names[one.stop - 1]}"
        rows.append([history.names[one.at], one.series, look, change, f"{one.p:.2g}", span])
    columns = [*texts("from release", "scenario", ""), *nums(f"change {form.points}", "p (corrected)")]
    return Grid([*columns, *wrapped("means compared: before | to")], rows)


def _axis(history: History) -> Axis:
    form = history.books[-1].form
    known = [float(v) for ends in history.intervals.values() for end in ends for v in end]
    write = (lambda v: f"{100 * v:.4g}") if form.share else (lambda v: f"{v:.3g}")
    return axis_of(known, write, (0.0, 1.0) if form.share else None)


def _figure(history: History, part: str) -> dict[str, Any]:
    values, (low, high) = history.trend.series[part][0], history.intervals[part]
    form, count = history.books[-1].form, len(values)
    says = [f"{visible(name)}: {form.value(float(v), True)}" for name, v in zip(history.names, values)]
    points = [
        Point(i, float(v), _finite(low[i]), _finite(high[i]), says=says[i], size=2.4) for i, v in enumerate(values)
    ]
    cuts = tuple(one.at - 0.5 for one in history.changes if one.series == part)
    x = Axis(0.0, float(max(count - 1, 1)), (0.0, float(count - 1)), lambda i: visible(history.names[round(i)])[:12])
    first, end = (form.value(float(values[i]), True) for i in (0, -1))
    about = f"{form.title} of {visible(part)} from {first} to {end}"
    hue = "joint" if cuts else "other"
    drawn = Chart([Line(points, hue, form.value(float(values[-1])))], x, _axis(history), about, cuts=cuts).draw()
    return {"title": visible(part), "about": plural(len(cuts), "change") if cuts else "", "drawing": drawn}


def _finite(value: Any) -> float | None:
    return float(value) if value == value else None


def _numbers(history: History) -> Grid:
    """Return every value with its interval: a row a release."""
    form, parts = history.books[-1].form, list(history.trend.series)
    rows = []
    for i, name in enumerate(history.names):
        line = []
        for part in parts:
            low, high = history.intervals[part]
            value = float(history.trend.series[part][0][i])
            line.append(form.both({"value": value, "low": _finite(low[i]), "high": _finite(high[i])}))
        rows.append([name, *line])
    return Grid([*texts("release"), *nums(*(visible(part) for part in parts))], rows)


def _link(text: str, href: str) -> Markup:
    return tag("a", text, href=href)


def _releases(history: History, remarks: Sequence[Remark], reports: Mapping[int, str]) -> Grid:
    rows = []
    for i in reversed(range(len(history.runs))):
        book, name = history.books[i], history.names[i]
        gate = gated(book)
        signed = [f"{r.verdict} by {r.name}, {r.date}" for r in remarks if r.run == name and r.verdict]
        outcome = tag("span", gate.outcome, class_=f"gate {gate.look}") if gate else DASH
        page = _link("report", reports[i]) if i in reports else DASH
        clean = book.form.both(book.clean, True) if book.clean else DASH
        row = [_link(name, history.files[i]), _day(book), clean, outcome, gate.sentence if gate else ""]
        rows.append([*row, "; ".join(signed), page])
    columns = [*texts("release"), *nums("run on", f"clean {history.books[-1].form.title}"), *texts("gate")]
    return Grid([*columns, *wrapped("rules", "signed off"), *texts("")], rows)


def _day(book: Book) -> str:
    started = book.info.get("started")
    return datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d") if started else DASH


def _remarks(remarks: Sequence[Remark]) -> Grid | None:
    if not remarks:
        return None
    rows = [[r.date, r.name, r.run, r.scenario or DASH, r.verdict or "comment", r.text] for r in remarks]
    return Grid([*nums("day"), *texts("who", "release", "scenario", "verdict"), *wrapped("")], rows)


def release(history: History, at: int, remarks: Sequence[Remark], reports: Mapping[int, str]) -> dict[str, Any]:
    """Return what the page of one release shows: its gate, what was said of it, and how it differs from each other."""
    book, name = history.books[at], history.names[at]
    gate: Gated | None = gated(book)
    order = [*reversed(range(at)), *range(at + 1, len(history.runs))]
    others = [
        {
            "title": f"{visible(name)} against {visible(history.names[i])}: {_outcome(found)}",
            "grid": _versus(history, found),
        }
        for i in order
        for found in [history.versus(at, i)]
    ]
    return {
        "title": visible(name),
        "kicker": f"Release {at + 1} of {len(history.runs)} · run on {_day(book)}",
        "gate": gate,
        "report": reports.get(at, ""),
        "others": others,
        "remarks": _remarks([r for r in remarks if r.run == name]),
        "confidence": "95 %",
    }


def _outcome(found: Sequence[Versus]) -> str:
    worse = sum(one.sure and (one.row["value"] or 0.0) < 0 for one in found)
    better = sum(one.sure and (one.row["value"] or 0.0) > 0 for one in found)
    if not worse and not better:
        return "no sure difference"
    return ", ".join([*([f"{worse} surely worse"] if worse else []), *([f"{better} surely better"] if better else [])])


def _versus(history: History, found: Sequence[Versus]) -> Grid:
    form = history.books[-1].form
    order = sorted(found, key=lambda one: (not one.sure, one.row["value"] or 0.0))
    rows = []
    for one in order:
        look = "" if not one.sure else "surely worse" if (one.row["value"] or 0.0) < 0 else "surely better"
        rows.append([one.part, form.value(one.before), form.value(one.after), form.change(one.row), look])
    heads = nums(f"then {form.mark}", f"here {form.mark}", f"better by {form.points}")
    return Grid([*texts("scenario"), *heads, *texts("")], rows)
