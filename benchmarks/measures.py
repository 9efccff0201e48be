"""How long the numbers take: all intervals of a large grid, the whole summary of a large run, and memory beyond that.

``python -m benchmarks measures [--cells 300] [--samples 10000] [--resamples 2000]``

``python -m benchmarks measures --only large --records 100000000 --cells 1000 [--folder DIR] [--what NAME …]``: the
summary, every table, a gate and the report of a run of so many records, each in a process of its own. With ``--folder``
the run is kept there, and used again.
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

from stress._face import Run, open_run
from stress.gate import judge, loads_gates
from stress.measure import TABLES, compare, summary, table
from stress.records.schema import CELLS, record_schema
from stress.statistics.bootstrap import clusters
from stress.statistics.intervals import percentile
from stress.tasks import Classification, declared


def main(argv: list[str]) -> None:
    """Print one table of seconds and megabytes."""
    options = argparse.ArgumentParser(prog="benchmarks measures")
    options.add_argument("--cells", type=int, default=300)
    options.add_argument("--samples", type=int, default=10_000)
    options.add_argument("--resamples", type=int, default=2000)
    options.add_argument("--only", choices=("tables", "large"))
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path)
    options.add_argument("--what", nargs="*")
    given = options.parse_args(argv)
    if given.only != "large":
        tables(given)
    if given.only != "tables":
        with tempfile.TemporaryDirectory() as folder:
            beyond_memory(given, given.folder or Path(folder))


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


def beyond_memory(given: argparse.Namespace, folder: Path) -> None:
    """Print what a run of so many records takes: everything that is made of it, one after the other."""
    samples = given.records // given.cells
    print(f"{given.records:,} records: {given.cells} cells × {samples:,} samples × {given.resamples} resamples")
    if not (folder / "run.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        alone(large, folder, given.cells, samples, True)
    for name in given.what or ["summary", *TABLES, "gate", "report"]:
        alone(measure, folder, name, given.resamples)


def alone(work, *given) -> None:
    """Do something in a process of its own, so that its peak of memory is its own."""
    process = get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"benchmarks measures: {work.__name__} ended with {process.exitcode}")


GATES = """
gates:
  - {metric: accuracy, min: 0.5, on: clean}
  - {metric: recall, min: 0.5, on: clean, per: class}
  - {metric: ece, max: 0.5, on: clean}
  - {metric: accuracy, min: 0.1, per: scenario}
  - {metric: retention, min: 0.1, on: {modality: audio}}
  - {metric: accuracy, min: 0.1, per: cell}
  - {metric: f1_macro, min: 0.1, on: {severity: 5}, per: cell}
  - {metric: crash_rate, max: 0}
"""


def measure(path: Path, name: str, resamples: int) -> None:
    """Print seconds and peak memory of one thing that is made of a run."""
    run = open_run(path)
    work = {"summary": lambda: summary(run, resamples=resamples), "report": run.report}
    work["gate"] = lambda: judge(run, loads_gates(GATES))
    show(name, work.get(name, lambda: table(run, name, resamples=resamples)))


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

    ``shards``: in parts of about a million records that hold all cells of some samples, sorted by cell, as large runs
    are left; else a part for each cell.
    """
    rng = np.random.default_rng(0)
    classes = [f"class-{i}" for i in range(10)]
    task = {"task": "classification", "classes": classes, "answers": "probabilities", "keep": "none"}
    (path / "run.json").write_text(
        json.dumps({"format": 2, "identity": {"task": task}, **declared(Classification(tuple(classes)))}),
        encoding="utf-8",
    )
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
    step = max(1, 1_000_000 // cells) if shards else samples
    order = rng.permutation(samples).astype(np.int32) if shards else np.arange(samples, dtype=np.int32)
    number = 0
    for start in range(0, samples, step):
        some = order[start : start + step]
        for part in [rows] if shards else [[row] for row in rows]:
            name = path / "records" / f"part-{number:06d}.parquet"
            table = _records(part, np.sort(some), luck, target, classes, rng)
            parquet.write_table(table, name, compression="zstd", row_group_size=16_384)
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


def _records(rows: list[dict], samples: np.ndarray, luck: np.ndarray, targets: np.ndarray, classes: list[str], rng):
    """Return the records of some cells, one after the other, on some samples; calls are of 32."""
    sample, size = np.tile(samples, len(rows)), len(samples)
    count, target = len(sample), targets[sample]
    chance = np.repeat([0.95 - 0.1 * (row["severity"] or 0) for row in rows], size)
    right = 0.9 * luck[sample] + 0.1 * rng.random(count) < chance
    answer = np.where(right, target, (target + rng.integers(1, 10, count)) % 10).astype(np.int32)
    confidence = rng.beta(5, 2, count).astype(np.float32)
    calls = np.repeat(rng.gamma(2, 0.01, -(-count // 32)), 32)[:count]
    cell = np.repeat(np.arange(len(rows), dtype=np.int32), size)
    found = {
        "cell": pa.DictionaryArray.from_arrays(pa.array(cell), [row["cell"] for row in rows]),
        "sample": pa.array(sample),
        "draw": pa.array(np.zeros(count, np.int16)),
        "status": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), ["ok"]),
        "score": pa.array(right.astype(np.float64)),
        "prediction": pa.DictionaryArray.from_arrays(pa.array(answer), classes),
        "confidence": pa.array(confidence),
        "nll": pa.array(-np.log(confidence)),
        "brier": pa.array((1 - confidence) ** 2),
        "margin": pa.array(confidence),
        "rank": pa.array(np.where(right, 1, rng.integers(2, 11, count)).astype(np.int32)),
        "seconds": pa.array(calls),
        "batch": pa.array(np.full(count, 32, np.int32)),
    }
    floats = dict.fromkeys(("confidence", "nll", "brier", "margin"), pa.float32())
    schema = record_schema({"prediction": found["prediction"].type, **floats, "rank": pa.int32()}, ())
    arrays = [found.get(f.name, pa.nulls(count, f.type)) for f in schema]
    return pa.Table.from_arrays([a.cast(f.type) for a, f in zip(arrays, schema)], schema=schema)
