"""How much two workers do of twice one's work, once they are there, beside two plain processes.

Two processors of one machine rarely do twice what one does: they share caches, memory and often a core. What a backend
loses is told from that by the bare forward passes of two plain processes, in the same minutes. What a run takes once –
its canaries, its last sorting – is taken off by runs of two sizes.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import scenarios
from benchmarks import _resnet
from stress.engine import Settings, execute, plan_run, prepared

__all__ = ["SIZES", "backends"]

BACKENDS = ("threads", "processes", "dask")
BATCH = 16
MODEL = "benchmarks._resnet:load"
LIGHT = {
    "suite": "light@1",
    "scenarios": {name: {"image": f"image.{name}"} for name in ("brightness", "contrast", "pixelate")},
}
"""Sixteen cells, so that two workers have eight each; a model of an ordinary size takes nearly all of the time."""
SIZES = (4, 12)
"""Pictures of a cell, in the smaller and the larger of two runs."""
_BARE_S = 4.0


@contextmanager
def warm(backend: str, workers: int, data: Any) -> Iterator[Callable[[int], tuple[float, float]]]:
    """Give what does a run of some pictures with workers that have done one, and returns its seconds and those of this
    process's work.

    With ``processes`` and ``dask`` this process has the records written, and hands out the units; with dask it is the
    scheduler, too.
    """
    suite = scenarios.load(LIGHT)
    settings = Settings(workers=workers, batch_size=BATCH, preflight=False, backend=backend)
    with prepared(MODEL, data, suite, None, settings) as (planned, there):
        plans = {
            size: plan_run(MODEL, data, suite, None, replace(settings, limit=size), lambda _: planned.model)
            for size in SIZES
        }

        def run(size: int) -> tuple[float, float]:
            busy, begun = time.process_time(), time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                execute(plans[size], Path(folder) / "run", there)
                took = time.perf_counter() - begun
            return took, time.process_time() - busy

        run(SIZES[0])
        yield run


def bare(start: Any, found: Any) -> None:
    """Say how many forward passes a second this process does, for some seconds from a common start on."""
    import torch

    torch.set_num_threads(1)
    forward = _resnet.load().forward
    pictures = np.zeros((4, 224, 224, 3), np.uint8)
    forward(pictures)
    start.wait()
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < _BARE_S:
        forward(pictures)
        count += 1
    found.put(count / (time.perf_counter() - begun))


def rate(processes: int) -> float:
    """Return how many forward passes a second so many plain processes do together."""
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(processes), context.Queue()
    each = [context.Process(target=bare, args=(start, found)) for _ in range(processes)]
    for process in each:
        process.start()
    rates = [found.get() for _ in each]
    for process in each:
        process.join()
    return float(sum(rates))


def backends(repeats: int, data: Any) -> None:
    """Print how much faster two workers are than one, for each backend; one and two take turns, so that a busy moment
    hits both.
    """
    own = float(np.median([rate(2) / rate(1) / 2 for _ in range(repeats)]))
    print(f"two plain processes do {own:.2f} of twice what one does", flush=True)
    for backend in BACKENDS:
        begun = time.perf_counter()
        with warm(backend, 2, data) as together:
            start = time.perf_counter() - begun
            with warm(backend, 1, data) as one:
                turns = [[run(size) for run in (one, together) for size in SIZES] for _ in range(repeats)]
        took, busy = np.moveaxis(np.median(turns, axis=0).reshape(2, 2, 2), 2, 0)
        (alone, both), spent = took[:, 1] - took[:, 0], busy[1, 1] - busy[1, 0]
        says = f"1 worker {alone:5.2f} s, 2 workers {both:5.2f} s: {alone / both / 2:.2f} of twice, "
        here = "" if backend == "threads" else f"; this process took {spent:.2f} s of a processor"
        once = f"; once a run {took[1, 0] - both / 2:.2f} s, start and a first run {start:.1f} s"
        print(f"{backend:<10} {says}{alone / both / 2 / own:.2f} of the machine's own{here}{once}", flush=True)
