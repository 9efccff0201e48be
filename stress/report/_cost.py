"""What answering costs, where a run measured it."""

from __future__ import annotations

from stress.report._book import Book, Row
from stress.report._grid import Grid, nums, texts
from stress.report._numbers import DASH, Form, count
from stress.report._part import Part

__all__ = ["cost"]

_HEADS = {
    "energy_j": "J a sample",
    "cpu_s": "processor ms a sample",
    "peak_mb": "peak, MB",
    "gpu_peak_mb": "peak on the device, MB",
    "samples_per_s": "samples a second",
}


def cost(book: Book) -> Part | None:
    """Return energy, processor time, memory and throughput of every cell; what is unknown has its reason."""
    rows = book.table("cost")
    if not rows:
        return None
    at: dict[str, dict[str, Row]] = {}
    for row in rows:
        at.setdefault(row["cell"], {})[row["metric"]] = row
    shown = [name for name in _HEADS if any(row["metric"] == name and row["value"] is not None for row in rows)]
    missing = {name: row["note"] for row in rows if (name := row["metric"]) in _HEADS and name not in shown}
    body = [
        [cell, *(_cell(each[name]) for name in shown), count(each["cpu_s"]["n"]), f"{each['cpu_s']['batch'] or 0:.0f}"]
        for cell, each in at.items()
    ]
    columns = [*texts("cell"), *nums(*(_HEADS[name] for name in shown), "calls", "batch")]
    notes = [f"{_HEADS[name]}: {DASH}, {note}" for name, note in missing.items()]
    idle = next((row["idle_w"] for row in rows if row["idle_w"] is not None), None)
    how = "Measured over the calls that answered, on this machine under its load, with one worker."
    if idle is not None:
        how += f" Energy is of the whole machine, which took {idle:.1f} W before the run."
    return Part("cost", "Cost", how, grids=[Grid(columns, body, "Cost of every cell", notes=notes).cut("cost")])


def _cell(row: Row) -> str:
    if row["metric"] == "cpu_s":
        row = {**row, **{name: None if row[name] is None else 1000 * row[name] for name in ("value", "low", "high")}}
    form = Form(row["metric"], share=False)
    return form.value(row["value"]) if row["low"] == row["high"] else form.both(row)
