"""A data set of small samples in memory, for what needs neither a model nor files."""

import numpy as np

import scenarios
from perturbations import Audio, Sample

STREAMS = {"image": "image", "audio": "audio", "text": "text"}


class Data:
    """A data set of small samples in two sequences, in memory."""

    streams = STREAMS

    def __init__(self, count=24):
        rng = np.random.default_rng(0)
        self.samples = [
            Sample(
                f"s{i}",
                {
                    "image": rng.integers(0, 256, (12, 16, 3), np.uint8),
                    "audio": Audio(rng.uniform(-0.5, 0.5, 800).astype(np.float32), 8000),
                    "text": f"a sentence with the number {i} and some more words",
                },
                target=i % 3,
                sequence="ab"[i % 2],
                time=float(i),
            )
            for i in range(count)
        ]
        self.ids = [sample.id for sample in self.samples]
        self.targets = [sample.target for sample in self.samples]
        self.sequences = [sample.sequence for sample in self.samples]
        self.times = [sample.time for sample in self.samples]
        self.memory = {}

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]

    def __iter__(self):
        return iter(self.samples)

    def position(self, sample):
        return self.ids.index(sample)

    def remember(self, key, compute):
        if key not in self.memory:
            self.memory[key] = compute()
        return self.memory[key]


def expand(body, streams=STREAMS, **keywords):
    suite = scenarios.loads("suite: try@1\nscenarios:\n" + "\n".join(f"  {line}" for line in body.splitlines()))
    return scenarios.expand(suite, streams, **keywords)
