"""The page of a monitor's history: signals, equivalent severity, expected score and alerts over time, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from perturbations import RunError
from perturbations.errors import named_keywords
from stress.monitor import History, open_history
from stress.records.cells import listed
from stress.report._chart import Chart, Line, Point
from stress.report._evaluations import evaluations
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import DASH, Form, count, plural, short_number
from stress.report._page import rendered
from stress.report._svg import Axis, axis_of

__all__ = ["sections_of", "write_history"]

_POINTS = 160
"""Points of a curve over time; more windows are drawn together."""
_ROWS = 100


@named_keywords
def write_history(path: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a history (beside it, ``.html``) and return its path. Works while a monitor writes to it."""
    history = open_history(path)
    page = Path(path).with_suffix(".html") if out is None else Path(out)
    try:
        text = rendered("history.html.j2", _content(history))
        temporary = page.with_name(f".{page.name}.{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(page)
    except OSError as error:
        raise RunError(f"{page}: cannot be written: {error.strerror or error}.") from error
    finally:
        history.close()
    return page


@named_keywords
def sections_of(path: str | Path) -> list[dict[str, Any]]:
    """Return what the pages of a site show of a history: the evaluations of its runs, and production over time."""
    history = open_history(path)
    try:
        windows = history.rows("SELECT * FROM windows ORDER BY id")
        form = Form(history.meta("headline") or "score", share=history.meta("share") != "0")
        seen = [{**each, "title": f"Production: {each['title'].lower()}"} for each in _over_time(windows, form)[:1]]
        return [*evaluations(history), *seen]
    finally:
        history.close()


def _content(history: History) -> dict[str, Any]:
    windows = history.rows("SELECT * FROM windows ORDER BY id")
    alerts = history.rows("SELECT * FROM alerts ORDER BY id DESC")
    form = Form(history.meta("headline") or "score", share=history.meta("share") != "0")
    title, lead = _verdict(windows, alerts, form)
    sections = [
        *_over_time(windows, form), *_alerts(history, alerts), *_signals(history), *_collect(history),
        *_exceptions(history), *evaluations(history),
    ]  # fmt: skip
    facts = [
        ("Windows", count(len(windows))),
        ("Inputs", count(sum(row["n"] for row in windows))),
        ("Alerts", count(len(alerts))),
        ("False alarms promised", f"at most {history.meta('alpha') or DASH} a look"),
        ("From", _moment(windows[0]["begin"]) if windows else DASH),
        ("To", _moment(windows[-1]["end"]) if windows else DASH),
    ]
    return {
        "title": title, "lead": lead, "kicker": f"Monitor · {history.path.name}", "facts": facts, "sections": sections,
        "footer": "Distances of distributions describe; alarms are of e-detectors alone. Opens anywhere: no script, "
        "nothing is loaded.",
    }  # fmt: skip


def _verdict(windows: Sequence[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]], form: Form) -> tuple[str, str]:
    """Return the page's first sentence, and one about the last window."""
    if not windows:
        return "No window ended yet", "Nothing can be said before."
    last = windows[-1]
    expected = f"{form.title.capitalize()} to expect: {form.value(last['expected'], unit=True)}"
    if last["unlike"]:
        title = "Production is unlike anything in the run now"
        return title, "Nothing is promised of the score: label some of its inputs, or run a suite that has such damage."
    if last["scenario"] is None:
        return "The last window is too short to be judged", "Ten inputs are the least."
    lead = f"{expected} ({form.value(last['low'])}–{form.value(last['high'])}), by the last window."
    if last["scenario"] == "clean":
        ago = f"; {plural(len(alerts), 'alert')} before" if alerts else ""
        return f"Production looks like the run's clean input now{ago}", lead
    level = f" at severity {last['severity']:.1f}" if last["severity"] is not None else ""
    return f"Production looks like {last['scenario']}{level} now", lead


def _over_time(windows: Sequence[Mapping[str, Any]], form: Form) -> list[dict[str, Any]]:
    """Return the curves of what is expected and of how degraded inputs are."""
    if not windows:
        return []
    x = _axis(windows)
    shares = (0.0, 1.0) if form.share else None
    y = axis_of([row[name] for row in windows for name in ("low", "high", "seen")], form.value, shares)
    seen = [p for p in _points(windows, "seen", form.value) if p.value is not None]
    expected = Line(_points(windows, "expected", form.value, ("low", "high")), "other", "expected" if seen else "")
    lines = [expected, *([Line(seen, "joint", "seen", apart=True)] if seen else [])]
    figures = [
        _figure(f"{form.title.capitalize()} to expect", "with its interval; dots: by labels", lines, x, y, "other"),
        _figure("Equivalent severity", "of the likeliest scenario", [Line(
            _points(windows, "severity", _one, ("severity_low", "severity_high")), "joint")], x,
            axis_of([0.0, 5.0, *(row["severity"] for row in windows)], _one), "joint"),
        _figure("Clean", "probability that the window is clean", [Line(_points(windows, "clean", _two), "other")], x,
                axis_of([0.0, 1.0], _two, (0.0, 1.0)), "other"),
        _figure("Distance", "from the run; above 1 it is unlike anything in it",
                [Line(_points(windows, "distance", _two), "joint")], x,
                axis_of([0.0, 1.0, *(row["distance"] for row in windows)], _two), "joint"),
    ]  # fmt: skip
    how = f"Over {plural(len(windows), 'window')}" + (", several drawn as one." if len(windows) > _POINTS else ".")
    columns = [*nums("window"), *texts("from", "to"), *nums("inputs"), *texts("looks like"), *nums(form.title, "seen"),
               *texts("policy"), *wrapped("named")]  # fmt: skip
    rows = [
        [count(row["id"]), _moment(row["begin"]), _moment(row["end"]), count(row["n"]), _looks(row),
         _interval(row, form), form.value(row["seen"]), row["action"] or DASH,
         ", ".join(listed(row["named"]))]
        for row in reversed(windows[-_ROWS:])
    ]  # fmt: skip
    title = "The last windows" if len(windows) > _ROWS else "Windows"
    return [
        {"id": "time", "title": "Over time", "how": how, "figures": figures, "large": True, "grids": []},
        {"id": "windows", "title": title, "how": "", "figures": [], "large": False, "grids": [Grid(columns, rows)]},
    ]


def _interval(row: Mapping[str, Any], form: Form) -> str:
    ends = "" if row["low"] is None else f" ({form.value(row['low'])}–{form.value(row['high'])})"
    return form.value(row["expected"]) + ends


def _looks(row: Mapping[str, Any]) -> str:
    if row["scenario"] is None:
        return "too short"
    level = f" {row['severity']:.1f}" if row["severity"] is not None and row["scenario"] != "clean" else ""
    return f"{'unlike; ' if row['unlike'] else ''}{row['scenario']}{level}"


def _figure(
    title: str, about: str, lines: Sequence[Line], x: Axis, y: Axis, hue: str, width: int = 340
) -> dict[str, Any]:
    chart = Chart(lines, x, y, f"{title} over windows", width=width, height=150, room=52 if len(lines) > 1 else 14)
    return {"title": title, "about": about, "drawing": chart.draw(), "hue": hue}


def _axis(windows: Sequence[Mapping[str, Any]]) -> Axis:
    first, last = windows[0]["id"], windows[-1]["id"]
    found = axis_of([first, last], lambda value: count(round(value)), (first - 0.5, last + 0.5))
    return Axis(found.low, found.high, tuple(tick for tick in found.ticks if tick == round(tick)), found.write)


def _points(
    windows: Sequence[Mapping[str, Any]], name: str, write: Any, ends: tuple[str, str] | None = None
) -> list[Point]:
    """Return a curve over windows; of more than are drawn, means of neighbours with the widest of their intervals."""
    edges = [round(i * len(windows) / min(_POINTS, len(windows))) for i in range(min(_POINTS, len(windows)) + 1)]
    found = []
    for start, end in pairwise(edges):
        part = windows[start:end]
        known = [row[name] for row in part if row[name] is not None]
        value = sum(known) / len(known) if known else None
        low, high = ([row[end] for row in part if row[end] is not None] for end in ends or (name, name))
        bounds = (min(low, default=None), max(high, default=None)) if ends else (None, None)
        middle = (part[0]["id"] + part[-1]["id"]) / 2
        says = f"window {count(part[0]['id'])}: {DASH if value is None else write(value)}"
        found.append(Point(middle, value, *bounds, says=says, size=1.6 if len(edges) > 40 else 2.4))
    return found


def _alerts(history: History, alerts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    columns = [*texts("when"), *nums("window"), *texts("kind"), *wrapped("what"), *texts("at input")]
    rows = [[_moment(row["time"] or row["raised"]), count(row["window"]), row["kind"], row["says"], row["item"]]
            for row in alerts[:_ROWS]]  # fmt: skip
    how = "Latest first. What goes on is said once." if rows else "None."
    return [{"id": "alerts", "title": "Alerts", "how": how, "figures": [], "large": False,
             "grids": [Grid(columns, rows)] if rows else []}]  # fmt: skip


def _signals(history: History) -> list[dict[str, Any]]:
    """Return a small curve of each signal, and how its last values differ from clean ones."""
    total = history.rows('SELECT max("window") AS last FROM signals')[0]["last"]
    if total is None:
        return []
    step = max(1, total // _POINTS)  # of a long history some windows, evenly, and the last
    rows = history.rows('SELECT * FROM signals WHERE ("window" - ?) % ? = 0 ORDER BY "window"', [total, step])
    streams: Mapping[str, str] = listed(history.meta("streams"))
    by: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by.setdefault(row["signal"], []).append({**row, "id": row["window"]})
    figures, table = [], []
    for name, series in by.items():
        last, clean = series[-1], next((row["clean"] for row in reversed(series) if row["clean"] is not None), None)
        hue = streams.get(name.rpartition(".")[0], "other")
        y = axis_of([*(row["mean"] for row in series), clean], short_number)
        chart = Chart([Line(_points(series, "mean", short_number), hue)], _axis(series), y, f"{name} over windows",
                      clean=clean, width=220, height=110, room=10)  # fmt: skip
        figures.append({"title": name, "about": "grey: clean", "drawing": chart.draw(), "hue": hue})
        numbers = [DASH if last[key] is None else short_number(last[key]) for key in
                   ("mean", "clean", "undefined", "ks", "wasserstein", "psi", "evidence")]  # fmt: skip
        table.append([name, *numbers])
    columns = [*texts("signal"), *nums("mean", "clean", "undefined", "KS", "Wasserstein", "PSI", "evidence")]
    how = (
        "Means of each window. In the table the last window beside clean input: distances between distributions "
        "describe and are no verdict; evidence of 1 is an alarm."
    )
    hues = [streams.get(name.rpartition(".")[0], "") for name in by]
    return [{"id": "signals", "title": "Signals", "how": how, "figures": figures, "large": False,
             "grids": [Grid(columns, table, hues=hues)]}]  # fmt: skip


def _collect(history: History) -> list[dict[str, Any]]:
    rows = history.rows(
        'SELECT * FROM collect WHERE "window" IN (SELECT "window" FROM alerts) ORDER BY "window" DESC LIMIT ?', [_ROWS]
    )
    if not rows:
        return []
    columns = [*nums("window"), *texts("looks like", "input", "why"), *nums("by how much")]
    body = [
        [count(row["window"]), row["scenario"], row["item"], row["why"], short_number(row["value"])] for row in rows
    ]
    how = "Inputs of windows with an alert whose labels, and use in training, would tell most."
    return [{"id": "collect", "title": "To collect and label", "how": how, "figures": [], "large": False,
             "grids": [Grid(columns, body)]}]  # fmt: skip


def _exceptions(history: History) -> list[dict[str, Any]]:
    rows = history.rows("SELECT * FROM exceptions ORDER BY count DESC")
    if not rows:
        return []
    columns = [*texts("what"), *nums("how often"), *wrapped("first", "last")]
    body = [[row["kind"], count(row["count"]), row["first"], row["last"]] for row in rows]
    return [{"id": "exceptions", "title": "What could not be used", "how": "", "figures": [], "large": False,
             "grids": [Grid(columns, body)]}]  # fmt: skip


def _moment(seconds: float | None) -> str:
    """Return a time as people read it, in UTC; small numbers are seconds of something else than the calendar."""
    if seconds is None:
        return DASH
    if abs(seconds) < 1e8:
        return f"{seconds:g} s"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _one(value: float) -> str:
    return f"{value:.1f}"


def _two(value: float) -> str:
    return f"{value:.2f}"
