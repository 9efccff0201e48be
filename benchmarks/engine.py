"""What the harness costs beside the model, and what it takes to use it well.

    python -m benchmarks engine [grid] [own] [memory] [backends] [gpu] [--samples N] [--repeats N] [--peers NAME …]

``grid``: 19 corruptions × 5 severities with a ResNet-18 over the bare forward passes with the same threads, beside
the loops that a user would write with the installed peers. ``own``: microseconds a record with an instant model, no
perturbation and no signals, whose cost ``python -m benchmarks signals`` states. ``memory``: the peak of a run over a
million streamed samples. ``backends``: how much two workers do of twice one's work, once they are there; their start
stands apart. ``gpu``: ResNet-50 at 224² in bfloat16 over ImageNet-C's cells, beside the bare forward
passes; where torch sees no GPU it says that it was not run (``--device cpu`` runs it all the same).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import scenarios
import stress
from benchmarks import _resnet
from benchmarks._gpu import device_of, measure
from benchmarks._image_peers import PEERS, Call
from benchmarks.images import CORRUPTIONS
from stress.data import Index, Samples
from stress.engine import Settings, execute, plan_run, prepared
from stress.engine._threads import one_thread_each

BATCH = 16
WORKERS = 2
BACKENDS = ("threads", "processes", "dask")


def pictures(count: int) -> list[np.ndarray]:
    """Return crops of real photos, 224²."""
    from skimage import data

    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        photo = photos[number % len(photos)]
        top, left = (int(rng.integers(0, side - 223)) for side in photo.shape[:2])
        found.append(np.ascontiguousarray(photo[top : top + 224, left : left + 224]))
    return found


def world(count: int) -> list[stress.Sample]:
    """Return the pictures as samples."""
    return [stress.Sample(str(i), {"image": p}, target=str(i % 10)) for i, p in enumerate(pictures(count))]


def timed(call: Callable[[], Any]) -> float:
    """Return the seconds a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def bare(predict: Any, images: list[np.ndarray], cells: int) -> None:
    """Run the forward passes of all cells and nothing else, in as many threads as the harness uses."""
    stacked = [np.stack(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]

    def cell(_: int) -> None:
        for batch in stacked:
            predict.forward(batch)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(cell, range(cells)))


def _picture(found: Any) -> np.ndarray:
    """Return what a peer made of a picture; some return it with other things."""
    return np.asarray(found[0] if isinstance(found, tuple) else found).astype(np.uint8).reshape(224, 224, 3)


def made(peer: str, image: np.ndarray) -> list[Call]:
    """Return a peer's corruptions, each made and tried once: textures and compiled loops are there, as ours are."""
    found = (PEERS[peer](name, severity) for name in CORRUPTIONS for severity in range(1, 6))
    able = [call for call in found if call is not None]
    for call in able:
        call(image, 0)
    return able


def by_hand(able: list[Call], predict: Any, images: list[np.ndarray]) -> None:
    """Run a simple loop – corrupt, stack, answer – in threads."""

    def one(call: Call) -> None:
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            predict.forward(np.stack([_picture(call(image, start + i)) for i, image in enumerate(batch)]))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, able))


def grid(samples: int, peers: list[str], repeats: int) -> None:
    """Print the wall time of the whole grid over the bare forward passes."""
    predict, images, data = _resnet.load(), pictures(samples), world(samples)
    suite = scenarios.load("imagenet-c")
    cells = 96
    with one_thread_each():
        bare(predict, images, 4)
        ours, floor = [], []
        for _ in range(repeats):  # in turns, so that a busy moment hits both
            floor.append(timed(lambda: bare(predict, images, cells)))
            with tempfile.TemporaryDirectory() as folder:
                settings = {"workers": WORKERS, "batch_size": BATCH, "preflight": False}
                ours.append(timed(lambda: stress.run(predict, data, suite, Path(folder) / "run", **settings)))  # noqa: B023
    base, whole = float(np.median(floor)), float(np.median(ours))
    print(f"grid: {samples} pictures of 224², {cells} cells, ResNet-18, {WORKERS} threads of 1")
    print(f"  bare forward passes           {base:8.2f} s   1.00")
    print(f"  this project, all included    {whole:8.2f} s   {whole / base:.2f}")
    for peer in peers:
        if util.find_spec(peer) is None:
            print(f"  loop with {peer:<19} not installed", flush=True)
            continue
        with one_thread_each():
            able = made(peer, images[0])
            took = timed(lambda: by_hand(able, predict, images)) * 95 / len(able)  # noqa: B023
        cells_done = f"({len(able)} of 95 cells, scaled)"
        print(f"  loop with {peer:<19} {took:8.2f} s   {took / base:.2f}   {cells_done}", flush=True)


def streamed(count: int) -> Samples:
    """Return a data set that makes each sample when it is asked for."""
    picture = np.zeros((2, 2, 1), np.uint8)
    ids, targets = [str(i) for i in range(count)], ["ab"[i % 2] for i in range(count)]
    nothing: list[None] = [None] * count
    index = Index(ids, targets, nothing, nothing, nothing, {})
    return Samples(
        "streamed", {"image": "image"}, index, lambda i: stress.Sample(ids[i], {"image": picture}, targets[i]), "x"
    )


ANSWER = np.tile(np.array([[0.6, 0.4]]), (1024, 1))


def instant(batch: Any) -> np.ndarray:
    """Answer at once."""
    return ANSWER[: batch.size]


def one_run(count: int, cells: int) -> tuple[float, int]:
    """Return seconds and records of a run with an instant model, in so many cells in which nothing is perturbed."""
    data = streamed(count)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        settings = Settings(workers=1, batch_size=256, preflight=False, signals="none")
        planned = plan_run(instant, data, "quick", None, settings)
        idle = [scenarios.Cell(f"idle:{i}", "idle") for i in range(1, cells)]
        planned = replace(planned, plan=replace(planned.plan, cells=(scenarios.CLEAN, *idle)))
        run = execute(planned, Path(folder) / "run").run
        return time.perf_counter() - start, run.info["records"]


def own(largest: int) -> None:
    """Print the cost of a record: the slope between a small and a large run, in a grid of ten cells and of one."""
    for cells in (10, 1):
        (small, few), (large, many) = one_run(50_000 // cells, cells), one_run(largest // cells, cells)
        slope = (large - small) / (many - few)
        fixed = small - slope * few
        print(f"own cost, {cells:2} cells: {1e6 * slope:.2f} µs a record, to {many:,} records; fixed {fixed:.2f} s")


def _memory(count: int, answer: Any) -> None:
    one_run(count, 2)
    status = Path("/proc/self/status").read_text()  # what getrusage says may be the parent's peak
    answer.put(int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) / 1024)


def memory(count: int) -> None:
    """Print the peak memory of a large run, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=_memory, args=(count, answer))
    process.start()
    print(f"memory: {answer.get():.0f} MiB at most in a run over {count:,} streamed samples")
    process.join()


LIGHT = {
    "suite": "light@1",
    "scenarios": {name: {"image": f"image.{name}"} for name in ("brightness", "contrast", "pixelate")},
}
"""Sixteen cells, so that two workers have eight each; a model of an ordinary size takes nearly all of the time."""
FEW = 6
"""Pictures of a cell, of which the comparison of workers is to take no more than some seconds a run."""


@contextmanager
def warm(backend: str, workers: int, data: Any) -> Iterator[Callable[[], tuple[float, float]]]:
    """Give what does a run with workers that have done one, and returns its seconds and those of this process's work.

    With ``processes`` and ``dask`` this process has the records written, and hands out the units; with dask it is the
    scheduler, too.
    """
    settings = Settings(workers=workers, batch_size=BATCH, preflight=False, backend=backend)

    def run() -> tuple[float, float]:
        busy = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            took = timed(lambda: execute(planned, Path(folder) / "run", there))
        return took, time.process_time() - busy

    with prepared("benchmarks._resnet:load", data, scenarios.load(LIGHT), None, settings) as (planned, there):
        run()
        yield run


def backends(repeats: int) -> None:
    """Print how much faster two workers are than one, for each backend, once they are there; the start stands apart.

    One and two take turns, so that a busy moment hits both.
    """
    data = world(FEW)
    for backend in BACKENDS:
        begun = time.perf_counter()
        with warm(backend, 2, data) as together:
            start = time.perf_counter() - begun
            with warm(backend, 1, data) as one:
                turns = [(one(), together()) for _ in range(repeats)]
        alone = float(np.median([took for (took, _), _ in turns]))
        both, busy = np.median([two for _, two in turns], axis=0)
        took = f"1 worker {alone:5.2f} s, 2 workers {both:5.2f} s: {alone / both / 2:.2f}"
        here = "" if backend == "threads" else f", of which this process took {busy:.2f} s of a processor"
        print(f"backend {backend:<10} {took}{here}; start and a first run {start:.2f} s", flush=True)


def gpu(samples: int, wanted: str | None, suite: str) -> None:
    """Print how near a run on a GPU is to the bare forward passes, or why that was not measured."""
    device, why = device_of(wanted)
    if device is None:
        print(f"gpu: not run: {why}")
        return
    batch = min(samples, 64)
    bare_s, run_s = measure(pictures(samples), device, batch, os.cpu_count() or 1, suite)
    print(
        f"gpu: {why}, {samples} pictures, bare {bare_s:.2f} s, run {run_s:.2f} s: {bare_s / run_s:.0%} of the bare pace"
    )


def main(argv: list[str]) -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks engine", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", choices=["grid", "own", "memory", "backends", "gpu", []], default=[])
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--device")
    parser.add_argument("--suite", default="imagenet-c")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--peers", nargs="*", default=["imagecorruptions", "nrtk", "albumentations"])
    options = parser.parse_args(argv)
    parts = options.parts or ["grid", "own", "memory", "backends", "gpu"]
    cv2.setNumThreads(1)
    if "grid" in parts:
        grid(options.samples, options.peers, options.repeats)
    if "own" in parts:
        own(options.records)
    if "memory" in parts:
        memory(1_000_000)
    if "backends" in parts:
        backends(options.repeats)
    if "gpu" in parts:
        gpu(options.samples, options.device, options.suite)
