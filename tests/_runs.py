"""Small run folders with known truth, written as a run writes them."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from stress._face import Run, open_run
from stress.measure import table
from stress.records.schema import CELLS, record_schema
from stress.tasks import Classification, MultiLabel, Regression, Transcription, declared

LABELS = {"prediction": pa.dictionary(pa.int32(), pa.string())}
NUMBERS = {**dict.fromkeys(("confidence", "nll", "brier", "margin"), pa.float32()), "rank": pa.int32()}
DIGITS = tuple("0123456789")


def cell(name="clean", scenario="clean", severity=None, stream="image", modality=None, **more):
    """One row of cells.parquet."""
    clean = scenario == "clean"
    streams = [] if clean else stream.split("+")
    row = {
        "cell": name,
        "scenario": scenario,
        "grid": "joint",
        "modality": "" if clean else (modality or stream),
        "streams": streams,
        "lost": [],
        "fill": None,
        "perturbation": "" if clean else f"{stream}.noise",
        "profile": "",
        "severity": severity,
        "category": None,
        "axes": json.dumps({} if severity is None else {"severity": severity}),
        "fallback": None,
        "conditions": "[]",
    }
    return {**row, **more}


def graded(scenario="noise", severities=(1, 2, 3, 4, 5), **more):
    """A clean cell and one cell per severity."""
    return [cell(), *(cell(f"{scenario}-{s}", scenario, float(s), **more) for s in severities)]


def said_of(task: dict) -> dict:
    """What run.json says of a task of the package, given by its identity."""
    classes = tuple(task.get("classes", ()))
    known = {
        "classification": lambda: Classification(classes),
        "multilabel": lambda: MultiLabel(classes),
        "regression": lambda: Regression(task.get("tolerance")),
        "transcription": Transcription,
    }
    return declared(known[task["task"]]())


def write(
    path: Path, cells, records: dict, targets, task=None, columns=None, groups=None, sequence=None, split=None, parts=1
) -> Run:
    """Write a run folder; ``records`` holds equally long columns: cell (positions), sample, score, …"""
    count = len(targets)
    path.mkdir(parents=True, exist_ok=True)
    task = task or {"task": "classification", "classes": list(DIGITS), "answers": "labels", "keep": "none"}
    info = {"format": 2, "identity": {"task": task}, "suite": "test@1", "seed": 0, **said_of(task)}
    (path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    samples = {
        "id": [f"s{i:05d}" for i in range(count)],
        "order": pa.array(range(count), pa.int32()),
        "sequence": pa.array(sequence or [None] * count, pa.string()),
        "time": pa.array([None] * count, pa.float64()),
        "split": pa.array(split or ["test"] * count, pa.string()),
        "target": pa.array([t if isinstance(t, float) else str(t) for t in targets]),
        **{f"group.{k}": pa.array([None if x is None else str(x) for x in v]) for k, v in (groups or {}).items()},
    }
    parquet.write_table(pa.table(samples), path / "samples.parquet")
    rows = [{**row, "order": i} for i, row in enumerate(cells)]
    parquet.write_table(pa.Table.from_pylist(rows, schema=CELLS), path / "cells.parquet")
    (path / "records").mkdir(exist_ok=True)
    whole = _records(cells, records, columns or {})
    step = -(-len(whole) // parts)
    for k in range(parts):
        parquet.write_table(whole.slice(k * step, step), path / "records" / f"part-{k:05d}.parquet")
    return open_run(path)


def _records(cells, records, columns):
    schema = record_schema(columns, ())
    count = len(records["cell"])
    names = np.array([row["cell"] for row in cells], object)
    status = np.asarray(records.get("status", ["ok"] * count), object)
    failed = np.isin(status.astype(str), ("crash", "invalid", "timeout"))
    found = {"cell": names[np.asarray(records["cell"])], "sample": records["sample"], "status": status}
    found["draw"] = records.get("draw", np.zeros(count, int))
    found["error"] = np.where(failed, "ValueError: no", None)
    found["seconds"] = records.get("seconds", np.full(count, 0.01))
    for name in ("score", *columns):
        if name in records:
            values = records[name]
            found[name] = [None if bad or v is None else v for v, bad in zip(values, failed)]
    arrays = {}
    for f in schema:
        values = found.get(f.name, [None] * count)
        plain = f.type.value_type if pa.types.is_dictionary(f.type) else f.type
        array = pa.array(list(values) if not isinstance(values, np.ndarray) else values.tolist(), plain)
        arrays[f.name] = array.dictionary_encode() if pa.types.is_dictionary(f.type) else array
    return pa.table(arrays).cast(schema)


def grid(scores, cells=None):
    """Columns cell, sample, score of a (samples × cells) array; NaN: no record."""
    scores = np.asarray(scores, float)
    sample, where = np.nonzero(~np.isnan(scores))
    order = np.lexsort((sample, where))
    return {"cell": where[order], "sample": sample[order], "score": scores[sample, where][order]}


def nested(n, rates, seed=0):
    """(samples × cells) right or wrong with these rates, coupled: who fails at one severity fails at the next."""
    u = np.random.default_rng(seed).random((n, 1))
    return (u < np.asarray(rates)[None, :]).astype(float)


STREAMS = ("image", "audio", "text")


def subsets(fill="zeros", streams=STREAMS):
    """A clean cell and one for every set of lost streams."""
    found = [cell()]
    for size in range(1, len(streams) + 1):
        for lost in combinations(streams, size):
            name = "+".join(lost)
            more = {"lost": list(lost), "fill": fill, "perturbation": "stream.missing", "grid": "subsets"}
            found.append(cell(f"lost/{name}", "lost", None, name, modality=name, **more))
    return found


def answers(target, right, classes, rng):
    """(samples × cells) class positions: the target where right, another class elsewhere."""
    target = np.asarray(target)[:, None]
    other = (target + rng.integers(1, classes, right.shape)) % classes
    return np.where(right, target, other)


def predicted(given, target, names, **more):
    """Records (columns) of (samples × cells) class positions; −1 is a failed record."""
    target = np.asarray(target)
    found = grid((given == target[:, None]).astype(float))
    flat = given.T.ravel()
    found["prediction"] = [names[k] if k >= 0 else None for k in flat]
    found["status"] = np.where(flat >= 0, "ok", "invalid").astype(object)
    return {**found, **more}


def rows(run, name, **options):
    """A table as plain rows."""
    return table(run, name, **options).to_pylist()


def pick(found, **wanted):
    """The one row with these values."""
    (row,) = [r for r in found if all(r[k] == v for k, v in wanted.items())]
    return row
