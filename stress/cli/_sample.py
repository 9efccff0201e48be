"""``stress show``: one sample of a run, as it is and as the model met it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from perturbations import InputError, RunError
from perturbations.errors import nearest
from scenarios import Cell, expand, load
from stress._face import Run, open_run
from stress.cli._display import say
from stress.data import Reading, Samples, load_data
from stress.examples import example_of, is_private

__all__ = ["show_sample"]

_MOST = 100
"""Cells on one page."""


def show_sample(folder: Path, sample: str, cell: str | None, data: str | None, out: Path | None) -> None:
    """Write a page of a sample in one cell, or in all cells in which something was done to it."""
    from stress.report import write_sample

    run = open_run(folder)
    samples = _data(run, data)
    position = _position(run, samples, sample)
    seed = int(run.info["identity"].get("seed", 0))
    chosen = _cells(run, samples, cell)
    made = (example_of(run, each, samples, position, seed) for each in chosen)
    found = [example for example in made if example is not None]
    if not found:
        raise RunError(f"{folder}: must have a record of {sample!r} in {cell or 'any cell'}, got none.")
    path = out or run.path / "examples" / f"{_name(sample)}{'' if cell is None else '--' + _name(cell)}.html"
    write_sample(run, found, path)
    for one in found if cell is not None else ():
        said = f" ({100 * one.after.confidence:.0f} %)" if one.after.confidence is not None else ""
        say(f"{sample} in {one.cell}: right {one.target}, answered {one.after.text}{said}")
    say(f"page: {path}")


def _name(text: str) -> str:
    """Return a text as part of a file's name."""
    return re.sub(r"[^\w.+-]", "_", text, flags=re.ASCII)[:80]


def _data(run: Run, named: str | None) -> Samples:
    """Return the run's data: as named, or the built-in world where it was that."""
    about = run.info["identity"].get("data") or {}
    if named is None and about.get("name") != "demo":
        raise InputError(f"show: --data must name the data of the run, as for `stress run` ({about.get('name')}).")
    return load_data(named or "demo", reading=Reading(later=True))


def _position(run: Run, data: Samples, sample: str) -> int:
    """Return where a sample stands, found to be the one that the run had."""
    known = run.samples["id"].to_pylist()
    if sample not in known:
        raise InputError(
            f"show: SAMPLE must be the id of a sample of the run, got {sample!r}. {nearest(sample, known)}"
        )
    if sample not in set(data.ids):
        raise InputError(f"show: --data must hold the samples of the run, got data without {sample!r}.")
    position = data.position(sample)
    order = int(run.samples["order"][known.index(sample)].as_py())
    if is_private(run, order):
        raise InputError(f"show: SAMPLE must be one that may be shown, got {sample!r}, whose group private is true.")
    if position != order:
        raise InputError(
            f"show: --data must have the order of the run's data, got {sample!r} at {position}, not {order}."
        )
    seen = data.looked([position]).known
    then = _digests(run).get(sample)
    if seen is not None and then is not None and seen.digests and seen.digests[position] not in (None, then):
        raise InputError(f"show: --data must be the data of the run, got another content of {sample!r}.")
    return position


def _digests(run: Run) -> dict[str, str]:
    path = run.path / "data.parquet"
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist() if path.is_file() else []
        return {row["id"]: row["digest"] for row in rows}
    except (pa.ArrowException, OSError, KeyError):  # the distortion that was recorded tells it, too
        return {}


def _cells(run: Run, data: Samples, wanted: str | None) -> Sequence[Cell]:
    """Return the cells to show: one, or all in which a stream is degraded."""
    source = {name: value for name, value in run.info["suite"].items() if name != "plugins"}  # read, not run: --plugin
    suite = replace(load(source), builtin=True)  # what was left out of the run is no error here
    plan = expand(suite, data.streams, has=data.has)
    cells = {cell.id: cell for cell in plan.cells if cell.id in set(run.cells["cell"].to_pylist())}
    if wanted is not None and wanted not in cells:
        raise InputError(f"show: CELL must be a cell of the run, got {wanted!r}. {nearest(wanted, list(cells))}")
    chosen = [cells[wanted]] if wanted is not None else [c for c in cells.values() if c.conditions and not c.fallback]
    if wanted is not None and any(c.declaration.kind == "attack" for c in cells[wanted].conditions):
        raise InputError(f"show: CELL must be without an attack, got {wanted!r}: it takes the model to make it again.")
    return [c for c in chosen if not any(of.declaration.kind == "attack" for of in c.conditions)][:_MOST]
