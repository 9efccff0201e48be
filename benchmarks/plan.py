"""How long it takes to know what to do: a suite of a thousand cells on a million samples, and what is left of it.

``python -m benchmarks plan [--cells 1000] [--samples 1000000]``
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

from scenarios import expand, loads
from stress.data import Index, Samples
from stress.engine._order import even_shards, shards
from stress.engine._units import Units

__all__ = ["main"]

SHARD = 256


def main(argv: list[str]) -> None:
    """Print one table of seconds and megabytes."""
    options = argparse.ArgumentParser(prog="benchmarks plan")
    options.add_argument("--cells", type=int, default=1000)
    options.add_argument("--samples", type=int, default=1_000_000)
    given = options.parse_args(argv)
    data = index(given.samples)
    print(f"{given.cells} cells × {given.samples:,} samples; the index itself is not counted")
    start = rss()
    suite = show("read the suite", lambda: loads(text(given.cells)), start)
    plan = show("expand it", lambda: expand(suite, data.streams, has=data.has), start)
    cut = show("order and cut the samples", lambda: shards(data, 0, SHARD), start)
    show("the same, as an adaptive run does", lambda: even_shards(data, 0, max(32, len(data) // 2000)), start)
    count = len(plan.cells)
    units = show("name the units", lambda: Units(len(cut), [1] * count), start)
    done = units[:: len(units) // 100_000 or 1]
    left = show("find what is left", lambda: units.without(done), start)
    print(f"{len(units):,} units, {len(done):,} of them done, {len(left):,} left")


def index(count: int) -> Samples:
    """Return a data set of which only the index exists."""
    known = Index(
        ids=[f"sample-{i:07d}" for i in range(count)],
        targets=[i % 1000 for i in range(count)],
        sequences=[None] * count,
        times=[None] * count,
        splits=[None] * count,
    )

    def load(position: int) -> Any:
        raise LookupError(position)

    return Samples("large", {"image": "image", "audio": "audio", "text": "text"}, known, load, "large")


def text(cells: int) -> str:
    """Return a suite of about so many cells: night and noise on three streams, five severities each."""
    lines = [
        f"  night-{i}: {{image: [low_light, gaussian_noise], audio: white_noise, text: keyboard_typos}}"
        for i in range(cells // 5)
    ]
    return "\n".join(["suite: large@1", "scenarios:", *lines])


def rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(name: str, work: Callable[[], Any], start: float) -> Any:
    """Print seconds, and megabytes at the peak beyond those at the start."""
    began = time.perf_counter()
    result = work()
    print(f"{name:28} {time.perf_counter() - began:7.2f} s   peak {rss() - start:6.0f} MB more")
    return result
