"""What an audit of many pictures takes, in CPU seconds: reading each, its marks, and all pairs of them.

    python -m benchmarks audit [--pictures N] [--size PIXELS]

Every picture is another cut-out of one of 64 photograph-like pictures, turned and shrunk, kept as JPEG in memory; a
hundred of them are there twice, encoded again. Reading and marks are timed on 2,000 of them, and scale as they do; the
pairs are timed on all.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from benchmarks.engine import pictures
from stress.audit._pictures import near, reduced
from stress.audit._tail import bar

_TIMED = 2000


def made(count, size):
    """Yield so many cut-outs, the last hundred of them the first again at another quality."""
    rng, sheets = np.random.default_rng(0), [cv2.resize(each, (512, 512)) for each in pictures(64)]
    first = []
    for number in range(count - 100):
        side = int(rng.integers(64, 400))
        row, column = rng.integers(0, 512 - side, 2)
        cut = sheets[int(rng.integers(len(sheets)))][row : row + side, column : column + side]
        cut = cv2.resize(np.rot90(cut, int(rng.integers(4))), (size, size), interpolation=cv2.INTER_AREA)
        first += [cut] if number < 100 else []
        yield cv2.imencode(".jpg", cut)[1]
    for cut in first:
        yield cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]


def main(argv: list[str]) -> None:
    """Print what each step takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audit", description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args(argv)
    cv2.setNumThreads(1)
    marks, read, timed = [], 0.0, []
    for number, content in enumerate(made(options.pictures, options.size)):
        start = time.process_time()
        marks.append(
            reduced(cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)).astype(np.float16)
        )
        timed.append(time.process_time() - start)
        if number < _TIMED:
            read = sum(timed)
    each = read / min(_TIMED, options.pictures)
    start = time.process_time()
    found = near(np.stack(marks).astype(np.float32))
    paired = time.process_time() - start
    twins = set()
    for pairs in found:
        some = pairs.where(pairs.alike >= bar(pairs))
        twins |= set(zip(some.one.tolist(), some.other.tolist()))
    copies = {(i, options.pictures - 100 + i) for i in range(100)}
    whole = options.pictures * each + paired
    print(
        f"{options.pictures:,} pictures of {options.size}²: {1e6 * each:.0f} µs each to decode and mark, {paired:.1f} s"
    )
    print(
        f"for all pairs, {whole:.0f} s together; {len(copies & twins)} of 100 copies found, {len(twins - copies)} other"
    )
    print("pairs, cut-outs that overlap among them")
