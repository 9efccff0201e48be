"""How long the numbers take: all intervals of a large grid, the whole summary of a large run, and memory beyond that.

``python -m benchmarks measures [--cells 300] [--samples 10000] [--resamples 2000]``

``python -m benchmarks measures --only blocks [--records 10000000]``: the summary and all linear metrics of runs of ten
cells, from a tenth of so many records up, held in memory and read in blocks, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from stress.engine._folder import Run, open_run
from stress.engine._tables import CELLS, record_schema
from stress.measure import TABLES, compare, summary, table
from stress.measure._cells import linear_rows
from stress.measure._intervals import percentile
from stress.measure._registry import context_of
from stress.measure._weights import clusters


def main(argv: list[str]) -> None:
    """Print one table of seconds and megabytes."""
    options = argparse.ArgumentParser(prog="benchmarks measures")
    options.add_argument("--cells", type=int, default=300)
    options.add_argument("--samples", type=int, default=10_000)
    options.add_argument("--resamples", type=int, default=2000)
    options.add_argument("--only", choices=("tables", "blocks"))
    options.add_argument("--records", type=int, default=10_000_000)
    given = options.parse_args(argv)
    if given.only != "blocks":
        tables(given)
    if given.only != "tables":
        for records in (given.records // 10, given.records):
            blocks(records, given.resamples)


def tables(given: argparse.Namespace) -> None:
    """Print what all tables of a run of many cells take."""
    print(f"{given.cells} cells × {given.samples} samples × {given.resamples} resamples")
    show("intervals of all means and ratios", lambda: intervals(given.cells, given.samples, given.resamples))
    with tempfile.TemporaryDirectory() as folder:
        run = large(Path(folder), given.cells, given.samples)
        show("summary of the run", lambda: summary(run, resamples=given.resamples))
        show("comparison of two runs", lambda: compare({"one": run, "other": run}, resamples=given.resamples))
        for name in TABLES:
            show(f"table {name}", lambda name=name: table(run, name, resamples=given.resamples))


def blocks(records: int, resamples: int, cells: int = 10) -> None:
    """Print what a run of so many records takes, read in blocks and held in memory (up to 20 million)."""
    print(f"{records:,} records: {cells} cells × {records // cells:,} samples × {resamples} resamples")
    with tempfile.TemporaryDirectory() as folder:
        alone(large, Path(folder), cells, records // cells, True)
        for limit in [250_000, *([records] if records <= 20_000_000 else [])]:
            alone(measure, Path(folder), limit, resamples)


def alone(work, *given) -> None:
    """Do something in a process of its own, so that its peak of memory is its own."""
    process = get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"benchmarks measures: {work.__name__} ended with {process.exitcode}")


def measure(path: Path, limit: int, resamples: int) -> None:
    """Print seconds and peak memory of the summary, then of all metrics of every cell."""
    run = open_run(path)
    how = "in memory" if run.count <= limit else "in blocks"
    show(f"summary, {how}", lambda: summary(run, limit=limit, resamples=resamples))
    show(f"linear metrics of all cells, {how}", lambda: linear_rows(context_of(run, limit=limit, resamples=resamples)))


def show(name: str, work) -> None:
    start, busy = time.perf_counter(), time.process_time()
    work()
    took, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:40} {took:7.2f} s   {busy:7.2f} CPU s   peak {peak:6.0f} MB so far")


def intervals(cells: int, samples: int, resamples: int) -> None:
    """Draw all weights anew, then every cell's mean and its ratio to the first cell, with intervals."""
    scores = (np.random.default_rng(0).random((samples, cells)) < 0.8).astype(np.float64)
    who = clusters([f"sample-{i}" for i in range(samples)], None, rows=resamples, seed=int(time.time()))
    sums = who.resample(np.concatenate([scores, np.ones((samples, 1))], axis=1))
    means = sums[:, :-1] / sums[:, -1:]
    percentile(means, samples)
    percentile(means / means[:, :1], samples)


def large(path: Path, cells: int, samples: int, shards: bool = False) -> Run:
    """Write a run as large as asked for, of a classifier of ten classes that answers probabilities.

    ``shards``: in parts of about 64k records that hold all cells of some samples, as large runs are written; else a
    part for each cell.
    """
    rng = np.random.default_rng(0)
    classes = [f"class-{i}" for i in range(10)]
    task = {"task": "classification", "classes": classes, "answers": "probabilities", "keep": "none"}
    (path / "run.json").write_text(json.dumps({"format": 1, "identity": {"task": task}}), encoding="utf-8")
    target = rng.integers(0, 10, samples)
    about = {
        "id": [f"sample-{i}" for i in range(samples)],
        "order": pa.array(range(samples), pa.int32()),
        "sequence": pa.nulls(samples, pa.string()),
        "time": pa.nulls(samples, pa.float64()),
        "split": pa.nulls(samples, pa.string()),
        "target": [classes[t] for t in target],
        "group.speaker": [f"speaker-{i % 100}" for i in range(samples)],
        "group.language": [f"language-{i % 7}" for i in range(samples)],
    }
    parquet.write_table(pa.table(about), path / "samples.parquet")
    rows = [_cell(i) for i in range(cells)]
    parquet.write_table(pa.Table.from_pylist(rows, schema=CELLS), path / "cells.parquet")
    (path / "records").mkdir()
    luck = rng.random(samples)
    step = max(1, 65_536 // cells) if shards else samples
    order = rng.permutation(samples).astype(np.int32) if shards else np.arange(samples, dtype=np.int32)
    number = 0
    for start in range(0, samples, step):
        some = order[start : start + step]
        parts = [
            _records(row, some, luck[some] < 0.95 - 0.1 * (row["severity"] or 0), target[some], classes, rng)
            for row in rows
        ]
        for part in [pa.concat_tables(parts)] if shards else parts:
            name = path / "records" / f"part-{number:06d}.parquet"
            parquet.write_table(part.unify_dictionaries(), name, compression="zstd")
            number += 1
    return open_run(path)


def _cell(i: int) -> dict:
    modality = ("image", "audio", "text")[i % 3]
    severity = (i - 1) // 3 % 5 + 1
    scenario = f"{modality}-{(i - 1) // 15}"
    graded = {
        "cell": f"{scenario}-{severity}",
        "scenario": scenario,
        "severity": float(severity),
        "streams": [modality],
    }
    clean = {"cell": "clean", "scenario": "clean", "severity": None, "streams": []}
    more = {"order": i, "grid": "joint", "lost": [], "profile": "", "axes": "{}", "conditions": "[]"}
    about = {"modality": modality if i else "", "perturbation": f"{modality}.noise" if i else ""}
    return {**(graded if i else clean), **about, **more}


def _records(
    row: dict, samples: np.ndarray, right: np.ndarray, target: np.ndarray, classes: list[str], rng
) -> pa.Table:
    count = len(target)
    answer = np.where(right, target, (target + rng.integers(1, 10, count)) % 10).astype(np.int32)
    confidence = rng.beta(5, 2, count).astype(np.float32)
    floats = {
        "confidence": confidence,
        "nll": -np.log(confidence),
        "brier": (1 - confidence) ** 2,
        "margin": confidence,
    }
    found = {
        "cell": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [row["cell"]]),
        "sample": pa.array(samples),
        "draw": pa.array(np.zeros(count, np.int16)),
        "status": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), ["ok"]),
        "score": pa.array(right.astype(np.float64)),
        "prediction": pa.DictionaryArray.from_arrays(pa.array(answer), classes),
        **{name: pa.array(values.astype(np.float32)) for name, values in floats.items()},
        "rank": pa.array(np.where(right, 1, rng.integers(2, 11, count)).astype(np.int32)),
        "seconds": pa.array(rng.gamma(2, 0.01, count)),
        "batch": pa.array(np.full(count, 32, np.int32)),
    }
    columns = {"prediction": found["prediction"].type, **dict.fromkeys(floats, pa.float32()), "rank": pa.int32()}
    schema = record_schema(columns, ())
    arrays = [found.get(f.name, pa.nulls(count, f.type)) for f in schema]
    return pa.Table.from_arrays([a.cast(f.type) for a, f in zip(arrays, schema)], schema=schema)
