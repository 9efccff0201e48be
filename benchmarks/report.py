"""How long the page of a large run takes, and how large it is: of many samples, many cells, many ways to slice.

``python -m benchmarks report [--only samples cells groups …] [--share 0.5] [--folder DIR]``: the report of 10⁶ samples
in 3 cells, of 5,001 cells on 20 samples, and of 200 group columns on 200 samples in 31 cells, and a gate of each, all
in processes of their own. Records are in merged files, as finished runs leave them. With ``--share`` all three have
that part of their size: what is linear takes that part of the time. Each is to take 30 s and 6 MB at most.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from benchmarks.measures import GATES, alone, large
from stress._face import open_run
from stress.gate import judge, loads_gates

SHAPES = {"samples": (1_000_000, 3, 0), "cells": (20, 5001, 0), "groups": (200, 31, 200)}
"""Samples, cells and group columns of each run."""


def main(argv: list[str]) -> None:
    """Print a table of CPU seconds and megabytes."""
    options = argparse.ArgumentParser(prog="benchmarks report")
    options.add_argument("--only", nargs="*", choices=SHAPES, default=list(SHAPES))
    options.add_argument("--share", type=float, default=1.0)
    options.add_argument("--folder", type=Path)
    options.add_argument("--profile", action="store_true", help="print where the time goes")
    given = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            path = (given.folder or Path(folder)) / f"{name}-{given.share:g}"
            if not (path / "run.json").exists():
                path.mkdir(parents=True)
                alone(write, path, name, given.share)
            alone(show, path, "report", given.profile)
            alone(show, path, "gate", given.profile)


def write(path: Path, name: str, share: float) -> None:
    """Write the run of a shape, or of a part of it: less of what it has much of."""
    samples, cells, columns = SHAPES[name]
    if name == "samples":
        samples = round(samples * share)
    elif name == "cells":
        cells = round(cells * share)
    large(path, cells, samples, shards=True)
    if columns:
        table = parquet.read_table(path / "samples.parquet")
        for k in range(round(columns * share)):
            values = [f"value-{(i * (k + 3) // 7) % 4}" for i in range(samples)]
            table = table.append_column(f"group.column-{k:03d}", pa.array(values))
        parquet.write_table(table, path / "samples.parquet")


def show(path: Path, what: str, profile: bool) -> None:
    """Print the seconds of one thing that is made of a run, and the size of the page."""
    run = open_run(path)
    work = run.report if what == "report" else lambda: judge(run, loads_gates(GATES))
    start, busy = time.perf_counter(), time.process_time()
    profiled(work) if profile else work()
    took, busy = time.perf_counter() - start, time.process_time() - busy
    page = path / "report" / "index.html"
    size = f"{page.stat().st_size / 1e6:6.2f} MB" if what == "report" else ""
    print(f"{path.name:16} {what:8} {took:7.1f} s   {busy:7.1f} CPU s   {size}", flush=True)


def profiled(work) -> None:
    """Print the functions that take the most time."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(work)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
