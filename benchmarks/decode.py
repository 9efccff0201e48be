"""What it takes to decode all files before a run, beside decoding them once: by the clock, and in processor time.

    python -m benchmarks decode [--files N] [--repeats N]

JPEGs of 128² and recordings of 1 s at 16 kHz. ``one decode``: each sample as a run loads it. ``decoder alone``: each
file is read and handed to OpenCV or soundfile, and nothing is checked. ``first start``: the whole of ``load_data``,
manifest and digests included, by several threads where that is quicker. ``second start``: the same with what the first
has kept, as over the folder of a run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import soundfile

from benchmarks.engine import pictures
from stress.data import Reading, Samples, load_data

RATE = 16_000


def written(folder: Path, kind: str, count: int) -> list[Path]:
    """Write so many files of a kind, and a manifest beside them."""
    folder.mkdir()
    rng, photos = np.random.default_rng(0), pictures(32)
    files = []
    for number in range(count):
        path = folder / f"{number:06d}.{'jpg' if kind == 'image' else 'wav'}"
        if kind == "image":
            path.write_bytes(cv2.imencode(".jpg", cv2.resize(photos[number % 32], (128, 128)))[1].tobytes())
        else:
            soundfile.write(path, (0.1 * rng.standard_normal(RATE)).astype(np.float32), RATE, subtype="PCM_16")
        files.append(path)
    lines = [f"{number},{path.name},{number % 2}" for number, path in enumerate(files)]
    (folder / "data.csv").write_text("\n".join([f"id,{kind},label", *lines]) + "\n")
    return files


def bare(files: list[Path], kind: str) -> None:
    """Read and decode every file, and nothing else."""
    for path in files:
        content = path.read_bytes()
        if kind == "image":
            cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)
        else:
            soundfile.read(BytesIO(content), dtype="float32", always_2d=True)


def decoded(data: Samples) -> None:
    """Load every sample, one after the other."""
    for _ in data:
        pass


def seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that a call takes by the clock, and of the processor, all threads together."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processor


def main(argv: list[str]) -> None:
    """Print both kinds of files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks decode", description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(argv)
    cv2.setNumThreads(1)
    for kind in ("image", "audio"):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / kind
            files, manifest = written(folder, kind, options.files), folder / "data.csv"
            data = load_data(manifest)
            known = Reading(known=data.files)
            calls = {
                "one decode": lambda: decoded(data),  # noqa: B023
                "decoder alone": lambda: bare(files, kind),  # noqa: B023
                "first start": lambda: load_data(manifest),  # noqa: B023
                "second start": lambda: load_data(manifest, reading=known),  # noqa: B023
            }
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
            for _ in range(options.repeats):  # in turns, so that a busy moment hits all
                for name, call in calls.items():
                    taken[name].append(seconds(call))
            print(f"{kind}: {options.files:,} files; µs a file, and that by one decode: clock, processor")
            for name, times in taken.items():  # a ratio is of one turn: a slow minute is in both
                row = []
                for column in zip(zip(*times), zip(*taken["one decode"])):
                    row.append((1e6 * median(column[0]) / options.files, median(a / b for a, b in zip(*column))))
                print(f"  {name:<13}" + "".join(f" {each:7.1f} {ratio:.2f}" for each, ratio in row))
