"""``stress show``: one sample of a run, as it is and as the model met it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from perturbations import InputError, RunError
from perturbations.errors import nearest
from scenarios import Cell
from stress._face import Run, open_run
from stress.cli._display import say
from stress.data import Reading, Samples, load_data
from stress.examples import cells_again, example_of, is_private, position_again

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
    """Return where a sample stands, found to be the one that the run had, and one that may be shown."""
    known = run.samples["id"].to_pylist()
    if sample in known and is_private(run, int(run.samples["order"][known.index(sample)].as_py())):
        raise InputError(f"show: SAMPLE must be one that may be shown, got {sample!r}, whose group private is true.")
    return position_again(run, data, sample, "show")


def _cells(run: Run, data: Samples, wanted: str | None) -> Sequence[Cell]:
    """Return the cells to show: one, or all in which a stream is degraded."""
    cells = cells_again(run, data)
    if wanted is not None and wanted not in cells:
        raise InputError(f"show: CELL must be a cell of the run, got {wanted!r}. {nearest(wanted, list(cells))}")
    chosen = [cells[wanted]] if wanted is not None else [c for c in cells.values() if c.streams and not c.fallback]
    if wanted is not None and any(c.declaration.kind == "attack" for c in cells[wanted].conditions):
        raise InputError(f"show: CELL must be without an attack, got {wanted!r}: it takes the model to make it again.")
    return [c for c in chosen if not any(of.declaration.kind == "attack" for of in c.conditions)][:_MOST]
