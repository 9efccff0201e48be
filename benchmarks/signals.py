"""What it costs to measure a stream's quality: milliseconds a value, of the signals recorded by default and of all.

python -m benchmarks signals [--repeats N]
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from benchmarks._timing import medians
from perturbations import Audio
from perturbations.modality import MODALITIES, modality


def values() -> dict[str, object]:
    """Return a value of usual size of each modality."""
    from skimage import data

    rng = np.random.default_rng(0)
    speech = np.clip(rng.normal(0, 0.1, (1, 16_000)), -1, 1).astype(np.float32)
    made = {name: modality(name).witness() for name in MODALITIES}
    return made | {"image": data.astronaut()[:224, :224].copy(), "audio": Audio(speech, 16_000)}


def main(argv: list[str]) -> None:
    """Print a line for each modality, and its costliest signals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signals", description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args(argv)
    print("224² picture, 1 s at 16 kHz, 355 characters, 200 × 3 measurements; milliseconds a value")
    for name, value in values().items():
        signals = modality(name).signals
        sets = {which: partial(lambda which, _: signals(value, which), which) for which in ("cheap", "all")}  # noqa: B023
        took = medians(sets, options.repeats)
        shown = ", ".join(f"{which} ({len(signals.chosen(which))}) {1e3 * took[which]:.3f}" for which in sets)
        print(f"{name:<7} {shown}", flush=True)
