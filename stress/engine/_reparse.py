"""The answers of a finished run scored anew by another rule of reading: no call, and no perturbation made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from perturbations import RunError
from scenarios import CLEAN
from stress.engine._ask import Answered, ask
from stress.engine._columns import column_of
from stress.engine._parts import GROUP, about, signed
from stress.engine._resume import beside
from stress.models import Batch, Replies, Reread
from stress.records.folder import Folder, open_folder
from stress.records.statuses import OK, UNCHANGED, answered
from stress.records.writing import write_json, write_table
from stress.tasks import Task, TieBreak, task_described

__all__ = ["reparse"]

_BESIDE = ("samples.parquet", "cells.parquet", "data.parquet", "files.parquet")


def reparse(path: str | Path, parse: str | None = None, out: Path | None = None) -> Path:
    """Return the folder of a run with the answers of another, read by the rule ``parse`` (as now, where none is given).

    Records of questions that had no answer stay as they are. Raises RunError where the run is not of a chat model or
    not finished, or an answer is gone; InputError where the rule cannot be. Nothing is written before all is known.
    """
    run = open_folder(path)
    if not run.info.get("finished"):
        raise RunError(f"reparse: {run.path} must be finished: the command that began it goes on.")
    read = Reread(run.path, run.info.get("endpoint"), parse)
    task = task_described(run.info["identity"]["task"])
    clean = dict(pair for part in run.parts for pair in _clean(part))
    parts = [(part, _part(run, part, read, task, clean)) for part in run.parts]
    target = beside(out or run.path)
    try:
        (target / "records").mkdir(parents=True)
        for name in _BESIDE:
            if (run.path / name).exists():
                shutil.copyfile(run.path / name, target / name)
        read.hand_on(run.path, target)
    except OSError as error:
        raise RunError(f"reparse: {target}: cannot be made: {error.strerror}.") from error
    for part, table in parts:
        said = about(part)
        write_table(target / "records" / part.name, signed(table, said["run"], bool(said["sorted"]), GROUP), GROUP)
    write_json(target / "run.json", _info(run, read))
    return target


def _info(run: Folder, read: Reread) -> dict[str, Any]:
    """Return what ``run.json`` says: another model, of which no canary answers are known."""
    info = json.loads(json.dumps(dict(run.info)))
    model = info["identity"]["model"]
    model["weights"], model["canaries"] = read.identity, dict.fromkeys(model.get("canaries") or {})
    before = {"run": str(run.path), "parse": run.info["endpoint"]["parse"]}
    return {**info, "endpoint": read.about, "reparsed": before}


def _clean(part: Path) -> Iterator[tuple[int, Any]]:
    """Yield each sample of the clean cell and the answer to it."""
    table = parquet.read_table(part, columns=["cell", "sample", "answer"])
    rows = zip(*(table[name].to_pylist() for name in table.column_names))
    yield from ((sample, key) for cell, sample, key in rows if cell == CLEAN.id)


def _part(run: Folder, part: Path, read: Reread, task: Task, clean: Mapping[int, Any]) -> pa.Table:
    """Return the records of a part, those with an answer scored anew."""
    table = parquet.read_table(part, page_checksum_verification=True).replace_schema_metadata(None)
    keys = table["answer"].to_pylist()
    rows = [row for row, key in enumerate(keys) if key is not None]
    if not rows:
        return table
    names = table["sample"].to_numpy()[rows]
    ids, targets = _samples(run)
    replies = [read.row(keys[row]) for row in rows]
    batch = Batch({"answer": [keys[row] for row in rows]}, [ids[name] for name in names])
    seed = int(run.info["identity"]["seed"])
    wanted = [_target(task, targets[name]) for name in names]
    found = ask(_Once(replies), batch, wanted, task, None, TieBreak(seed, batch.ids))
    cells, samples = table["cell"].to_pylist(), table["sample"].to_pylist()
    still = [cell != CLEAN.id and clean.get(one) == key for cell, one, key in zip(cells, samples, keys)]
    return _replaced(table, rows, found, task, still)


class _Once:
    """Answers what is known, whole or row by row, in order: as ``ask`` asks again where a batch cannot be read."""

    def __init__(self, replies: list[Any]) -> None:
        self._replies, self._next = replies, 0

    def __call__(self, batch: Batch) -> Replies:
        if batch.size == len(self._replies):
            return Replies(self._replies)
        self._next += 1
        return Replies(self._replies[self._next - 1 : self._next])


def _samples(run: Folder) -> tuple[Mapping[int, str], Mapping[int, Any]]:
    orders = run.samples["order"].to_pylist()
    return (dict(zip(orders, run.samples[name].to_pylist())) for name in ("id", "target"))  # type: ignore[return-value]


def _target(task: Task, text: Any) -> Any:
    """Return a target as the task takes it; lists stand in the table of samples as JSON."""
    if task.name in ("multilabel", "free_text", "vqa", "captioning") and isinstance(text, str) and text[:1] == "[":
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, list):
                return found
    return float(text) if task.name == "regression" else text


def _replaced(table: pa.Table, rows: list[int], found: Answered, task: Task, still: Sequence[bool]) -> pa.Table:
    """Return records with what was found of some of them in place of what stood there.

    ``still`` says which questions are those of the clean cell: no perturbation acted.
    """
    place = {row: i for i, row in enumerate(rows)}
    status, error = table["status"].to_pylist(), table["error"].to_pylist()
    for row, i in place.items():
        was = status[row]
        status[row], error[row] = found.status[i], found.errors.get(i)
        if found.status[i] == OK.name and (was == UNCHANGED.name or (was not in answered() and still[row])):
            status[row] = UNCHANGED.name
    columns: dict[str, Any] = {"status": status, "error": error}
    made = {name: table[name] for name in table.column_names}
    for name, values in columns.items():
        made[name] = pa.array(values, pa.string()).dictionary_encode().cast(table.schema.field(name).type)
    for name in ("score", *task.columns):
        kind = table.schema.field(name).type
        some = column_of(found.columns[name], kind, found.failed)
        where = np.full(len(table), -1)
        where[rows] = np.arange(len(rows))
        made[name] = some.take(pa.array(where, mask=where < 0))
    return pa.table([made[name] for name in table.column_names], schema=table.schema)
