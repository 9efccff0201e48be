"""What an audit of many pictures takes, in seconds, with two workers.

    python -m benchmarks audit [--pictures N] [--size PIXELS] [--workers N]

Every picture is another cut-out of one of 64 photograph-like pictures, turned and shrunk, kept as a JPEG file; a
hundred of them are there twice, encoded again. The files are written first, which is not counted: what is, is all that
``stress audit`` does of a manifest – it is loaded, every file is read and decoded, its digest and its marks are made,
and all pairs are looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from benchmarks.engine import pictures
from stress.audit import Audit, audit
from stress.data import Reading, load_data

COPIES = 100


def made(count: int, size: int) -> Iterator[np.ndarray]:
    """Yield so many cut-outs, encoded, the last hundred of them the first again at another quality."""
    rng, sheets = np.random.default_rng(0), [cv2.resize(each, (512, 512)) for each in pictures(64)]
    first = []
    for number in range(count - COPIES):
        side = int(rng.integers(64, 400))
        row, column = rng.integers(0, 512 - side, 2)
        cut = sheets[int(rng.integers(len(sheets)))][row : row + side, column : column + side]
        cut = cv2.resize(np.rot90(cut, int(rng.integers(4))), (size, size), interpolation=cv2.INTER_AREA)
        first += [cut] if number < COPIES else []
        yield cv2.imencode(".jpg", cut)[1]
    for cut in first:
        yield cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]


def written(folder: Path, count: int, size: int) -> Path:
    """Write the pictures and their manifest."""
    lines = ["id,image,label"]
    for number, content in enumerate(made(count, size)):
        part = folder / f"{number // 1000}"
        part.mkdir(exist_ok=True)
        (part / f"{number}.jpg").write_bytes(content.tobytes())
        lines.append(f"{number},{part.name}/{number}.jpg,x")
    manifest = folder / "pictures.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def found_copies(report: Audit, count: int) -> tuple[int, int]:
    """Return how many of the copies were found, and how many other samples were called a repeat."""
    told = {int(one.sample): int(one.other) for one in report.repeats}
    copies = {count - COPIES + i: i for i in range(COPIES)}
    right = sum(copy in told and told[copy] == told.get(of, of) for copy, of in copies.items())
    return right, sum(one not in copies for one in told)


def main(argv: list[str]) -> None:
    """Print what the whole takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audit", description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        manifest = written(Path(folder), options.pictures, options.size)
        wall, spent = time.perf_counter(), time.process_time()
        data = load_data(str(manifest), reading=Reading(later=True))
        report = audit(data, workers=options.workers)
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
    copies, others = found_copies(report, options.pictures)
    bars = " and ".join(f"{bar:.3f}" for bar in report.bars["image"])
    print(f"{options.pictures:,} pictures of {options.size}², {options.workers} workers: {wall:.1f} s")
    print(f"  {spent:.1f} s of processors; {copies} of {COPIES} copies found, bars {bars}")
    print(f"  {others} cut-outs that overlap are taken for one")
