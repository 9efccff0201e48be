"""What a call to an endpoint costs here, beside the server's time: ``python -m benchmarks endpoint``.

Processor time of the client a call, 64 at once, against a server process that answers what it is asked: the question
written, sent, its answer read, kept and flushed to disk. That kills pay no finished answer twice is a test:
``pytest tests/test_endpoints.py -k kills --exhaustive``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np

import stress
from stress.models import Batch
from stress.models.endpoints._wire import png
from tests.test_endpoints import server

__all__ = ["main"]

AT_ONCE, BATCHES = 64, 6
SIZES = (6, 64, 224)


def main(arguments: list[str]) -> None:
    """Print milliseconds of processor time a call: the median of batches of 64, each of new questions."""
    argparse.ArgumentParser(prog="benchmarks endpoint", description=__doc__).parse_args(arguments)
    rng = np.random.default_rng(0)
    print(f"milliseconds of processor time a call, {AT_ONCE} at once, median of {BATCHES} batches")
    print(f"{'picture':>8} {'answers kept':>13} {'not kept':>9} {'of it PNG':>10}")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "log") as url:
        for size in SIZES:
            kept, bare = (_cost(url, keep, size, rng) for keep in (Path(folder) / f"kept{size}", False))
            print(f"{size:>7}² {kept:13.2f} {bare:9.2f} {_png(size, rng):10.2f}", flush=True)


def _pictures(size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return pictures that differ, smooth as photographs are: PNG files of noise have its full size."""
    coarse = rng.integers(0, 256, (AT_ONCE, 6, 6, 3), dtype=np.uint8)
    return [cv2.resize(each, (size, size), interpolation=cv2.INTER_CUBIC) for each in coarse]


def _cost(url: str, keep: Path | bool, size: int, rng: np.random.Generator) -> float:
    predict = stress.models.json(url, at_once=AT_ONCE, keep=keep, deadline=600)
    taken = []
    for turn in range(BATCHES + 1):
        batch = Batch({"image": _pictures(size, rng)})
        begun = time.process_time()
        predict(batch)
        if turn:  # the first opens the connections
            taken.append(time.process_time() - begun)
    return 1000 * median(taken) / AT_ONCE


def _png(size: int, rng: np.random.Generator) -> float:
    pictures = _pictures(size, rng)
    begun = time.process_time()
    for each in pictures:
        png(each)
    return 1000 * (time.process_time() - begun) / AT_ONCE
