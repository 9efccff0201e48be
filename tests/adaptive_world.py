"""A model and data whose answers are known beforehand: what a cell's rate is, is written into the samples."""

import numpy as np

import stress
from perturbations import Sample

SUITE = {
    "suite": "known@1",
    "severities": [1, 2, 3],
    "scenarios": {"shift": {"image": {"name": "brightness"}}},
}


def samples(count, seed=0, group=1):
    """Grey pictures of 2 × 2: the first level says how bright a picture may be for its answer to stay right."""
    rng = np.random.default_rng(seed)
    return [
        Sample(
            f"s{i:05d}",
            {"image": np.full((2, 2, 3), 40, np.uint8)},
            target=("a", "b")[i % 2],
            groups={"speaker": f"p{i // group}"},
        )
        for i in range(count)
    ], rng.random(count)


class Model:
    """Answers rightly where a sample's own number is below the rate at its brightness."""

    def __init__(self, given, numbers, rates=(0.97, 0.9, 0.72, 0.3), lost=0.0):
        self.targets = {each.id: each.target for each in given}
        self.numbers = dict(zip((each.id for each in given), numbers))
        self.rates, self.lost, self.asked = rates, lost, 0

    def __call__(self, batch):
        self.asked += len(batch.ids)
        levels = np.array([float(np.mean(picture)) for picture in batch["image"]])
        found = []
        for name, level in zip(batch.ids, levels):
            rate = self.rates[int(np.digitize(level, EDGES))] - self.lost
            right = self.numbers[name] < rate
            found.append(self.targets[name] if right else {"a": "b", "b": "a"}[self.targets[name]])
        return found


EDGES = (53.0, 78.0, 103.0)
"""Between the brightness of clean pictures and of the three severities."""


def world(count, seed=0, group=1, **more):
    given, numbers = samples(count, seed, group)
    return given, Model(given, numbers, **more)


def run(given, model, out, **options):
    """Run the suite quietly, by one worker unless told otherwise."""
    options = {"workers": 1, "examples": 0, "preflight": False, "answers": "labels", "signals": "none"} | options
    return stress.run(model, given, SUITE, out, **options)
