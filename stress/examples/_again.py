"""The samples and cells of a finished run, found again in its data and its suite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from scenarios import Cell, expand, load
from stress.data import Samples
from stress.records.folder import Folder

__all__ = ["cells_again", "position_again"]


@named_keywords
def cells_again(run: Folder, data: Samples) -> dict[str, Cell]:
    """Return the cells that a run has, by id, as its suite makes them on its data. No plug-in of it is imported."""
    source = {name: value for name, value in run.info["suite"].items() if name != "plugins"}  # read, not run: --plugin
    suite = replace(load(source), builtin=True)  # what was left out of the run is no error here
    known = set(run.cells["cell"].to_pylist())
    return {cell.id: cell for cell in expand(suite, data.streams, has=data.has).cells if cell.id in known}


@named_keywords
def position_again(run: Folder, data: Samples, sample: str, who: str) -> int:
    """Return where a sample of a run stands in its data. Raises InputError where these are not the run's data."""
    known = run.samples["id"].to_pylist()
    if sample not in known:
        raise InputError(
            f"{who}: SAMPLE must be the id of a sample of the run, got {sample!r}. {nearest(sample, known)}"
        )
    if sample not in set(data.ids):
        raise InputError(f"{who}: --data must hold the samples of the run, got data without {sample!r}.")
    position = data.position(sample)
    order = int(run.samples["order"][known.index(sample)].as_py())
    if position != order:
        raise InputError(
            f"{who}: --data must have the order of the run's data, got {sample!r} at {position}, not {order}."
        )
    seen = data.looked([position]).known
    then = _digests(run).get(sample)
    if seen is not None and then is not None and seen.digests and seen.digests[position] not in (None, then):
        raise InputError(f"{who}: --data must be the data of the run, got another content of {sample!r}.")
    return position


def _digests(run: Folder) -> dict[str, str]:
    path = run.path / "data.parquet"
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist() if path.is_file() else []
        return {row["id"]: row["digest"] for row in rows}
    except (pa.ArrowException, OSError, KeyError):  # the distortion that was recorded tells it, too
        return {}
