"""How long the numbers take: all intervals of a large grid, and the whole summary of a large run.

``python -m benchmarks measures [--cells 300] [--samples 10000] [--resamples 2000]``
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from stress.engine._folder import Run, open_run
from stress.engine._tables import CELLS, record_schema
from stress.measure import TABLES, compare, summary, table
from stress.measure._intervals import percentile
from stress.measure._weights import clusters


def main(argv: list[str]) -> None:
    """Print one table of seconds and megabytes."""
    options = argparse.ArgumentParser(prog="benchmarks measures")
    options.add_argument("--cells", type=int, default=300)
    options.add_argument("--samples", type=int, default=10_000)
    options.add_argument("--resamples", type=int, default=2000)
    given = options.parse_args(argv)
    print(f"{given.cells} cells × {given.samples} samples × {given.resamples} resamples")
    show("intervals of all means and ratios", lambda: intervals(given.cells, given.samples, given.resamples))
    with tempfile.TemporaryDirectory() as folder:
        run = large(Path(folder), given.cells, given.samples)
        show("summary of the run", lambda: summary(run, resamples=given.resamples))
        show("comparison of two runs", lambda: compare({"one": run, "other": run}, resamples=given.resamples))
        for name in TABLES:
            show(f"table {name}", lambda name=name: table(run, name, resamples=given.resamples))


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


def large(path: Path, cells: int, samples: int) -> Run:
    """Write a run as large as asked for, of a classifier of ten classes that answers probabilities."""
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
    for i, row in enumerate(rows):
        part = _records(row, luck < 0.95 - 0.1 * (row["severity"] or 0), target, classes, rng)
        parquet.write_table(part, path / "records" / f"part-{i:05d}.parquet")
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


def _records(row: dict, right: np.ndarray, target: np.ndarray, classes: list[str], rng) -> pa.Table:
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
        "sample": pa.array(np.arange(count, dtype=np.int32)),
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
