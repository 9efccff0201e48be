"""What a call to an endpoint costs here, beside the server's time: ``python -m benchmarks endpoint``.

Processor time of the client a call, 64 at once, against a server process that answers what it is asked: the question
written, sent, its answer read, kept and flushed to disk. Beside it stand what must be paid by anybody who asks: the
picture made a PNG file by the fastest encoder that is there, and the same bytes posted by httpx from as many threads,
nothing read of the answers. That kills pay no finished answer twice is a test:
``pytest tests/test_endpoints.py -k kills --exhaustive``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import httpx
import numpy as np

import stress
from stress.models import Batch
from stress.models.endpoints._wire import body, instance, png
from tests.test_endpoints import server

__all__ = ["main"]

AT_ONCE, BATCHES = 64, 6
SIZES = (6, 64, 224)
Way = Callable[[Sequence[np.ndarray]], Callable[[], Any]]
"""What makes ready to do something with pictures, so that only the doing is measured."""


def main(arguments: list[str]) -> None:
    """Print milliseconds of processor time a call: the median of batches of 64, each of new questions."""
    argparse.ArgumentParser(prog="benchmarks endpoint", description=__doc__).parse_args(arguments)
    rng = np.random.default_rng(0)
    print(f"milliseconds of processor time a call, {AT_ONCE} at once, median of {BATCHES} batches")
    print(f"{'picture':>8} {'answers kept':>13} {'not kept':>9} {'PNG':>6} {'bare post':>10} {'ours beside':>12}")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "log") as url:
        for size in SIZES:
            ways = [_asked(url, Path(folder) / f"kept{size}"), _asked(url, False), _made, _posted(url)]
            kept, not_kept, made, posted = _cost(ways, size, rng)
            print(f"{size:>7}² {kept:13.2f} {not_kept:9.2f} {made:6.2f} {posted:10.2f} {kept - made - posted:12.2f}")


def _pictures(size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return pictures that differ, smooth as photographs are: PNG files of noise have its full size."""
    coarse = rng.integers(0, 256, (AT_ONCE, 6, 6, 3), dtype=np.uint8)
    return [cv2.resize(each, (size, size), interpolation=cv2.INTER_CUBIC) for each in coarse]


def _cost(ways: Sequence[Way], size: int, rng: np.random.Generator) -> list[float]:
    """Return what each way costs, in turns, so that a busy moment hits all."""
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(BATCHES + 1):
        pictures = _pictures(size, rng)
        for way, times in zip(ways, taken):
            do = way(pictures)
            begun = time.process_time()
            do()
            if turn:  # the first opens the connections
                times.append(time.process_time() - begun)
    return [1000 * median(times) / AT_ONCE for times in taken]


def _asked(url: str, keep: Path | bool) -> Way:
    predict = stress.models.json(url, at_once=AT_ONCE, keep=keep, deadline=600)
    return lambda pictures: partial(predict, Batch({"image": pictures}))


def _made(pictures: Sequence[np.ndarray]) -> Callable[[], Any]:
    return lambda: [png(each) for each in pictures]


def _posted(url: str) -> Way:
    """Return what posts the bytes that our questions have, each from a thread and a connection of its own."""
    context, threads = httpx.create_ssl_context(), ThreadPoolExecutor(AT_ONCE)
    clients = [httpx.Client(verify=context) for _ in range(AT_ONCE)]

    def way(pictures: Sequence[np.ndarray]) -> Callable[[], Any]:
        contents = [body(instance({"image": each})) for each in pictures]
        return lambda: list(threads.map(lambda http, content: http.post(url, content=content), clients, contents))

    return way
