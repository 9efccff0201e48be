"""Runs of a suite on a schedule, as a monitor's history holds them: their series, and where these changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stress.monitor import Change, History, changes
from stress.report._chart import Chart, Line, Point
from stress.report._grid import Column, Grid, nums, texts
from stress.report._numbers import DASH, plural, short_number, visible
from stress.report._svg import Axis, axis_of

__all__ = ["evaluations"]

_ROWS, _FIGURES = 100, 12


def evaluations(history: History) -> list[dict[str, Any]]:
    """Return the section of runs that were made on a schedule, and where they changed; none where there are none."""
    runs = history.rows("SELECT run, started, suite, model, data, count(*) AS numbers FROM evaluations "
                        "GROUP BY run ORDER BY started")  # fmt: skip
    if not runs:
        return []
    rows = history.rows("SELECT * FROM evaluations ORDER BY started, run")
    clean = {row["run"]: short_number(row["value"]) for row in rows if row["cell"] == "clean"}
    found = changes(history)
    columns = [Column("cell"), Column("metric"), *nums("before", "after"), *texts("from run"), *nums("p, corrected")]
    body = [[each.series[2], each.series[3], short_number(each.before), short_number(each.after), each.started,
             f"{each.p:.2g}"] for each in found[:_ROWS]]  # fmt: skip
    listed = Grid([*texts("started", "suite", "model", "data"), *nums("clean")],
                  [[row["started"], row["suite"], row["model"], row["data"], clean.get(row["run"], DASH)]
                   for row in runs[-_ROWS:]], title="Runs")  # fmt: skip
    how = (
        f"{plural(len(runs), 'run')} of suites. Series of cells that changed, corrected for all series and all places "
        "of a change (Holm)." + (" A dashed line: it changed there." if found else " None did.")
    )
    figures = [_figure(each, rows) for each in found[:_FIGURES]]
    return [{"id": "evaluations", "title": "Evaluations over time", "how": how, "figures": figures, "large": False,
             "grids": [*([Grid(columns, body)] if body else []), listed]}]  # fmt: skip


def _figure(change: Change, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a series that changed, with intervals, and a line where it did."""
    mine = [
        row
        for row in rows
        if (row["suite"], row["data"], row["cell"], row["metric"]) == change.series and row["value"] is not None
    ]
    points = [
        Point(i, row["value"], row["low"], row["high"], says=f"{visible(row['started'])}: {short_number(row['value'])}")
        for i, row in enumerate(mine)
    ]
    at = next(i for i, row in enumerate(mine) if row["run"] == change.run)
    x = Axis(
        0.0,
        float(max(len(mine) - 1, 1)),
        (0.0, float(len(mine) - 1)),
        lambda i: visible(mine[round(i)]["started"])[:10],
    )
    y = axis_of([row[name] for row in mine for name in ("low", "value", "high")], short_number)
    title = f"{change.series[3]} of {change.series[2]}"
    about = f"{visible(title)} from {short_number(change.before)} to {short_number(change.after)}"
    drawn = Chart([Line(points, "joint", short_number(mine[-1]["value"]))], x, y, about, cuts=(at - 0.5,)).draw()
    return {"title": visible(title), "about": f"{short_number(change.before)} → {short_number(change.after)}",
            "drawing": drawn, "hue": "joint"}  # fmt: skip
