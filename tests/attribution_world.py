"""Networks of two streams whose truth is known: what rests on one stream, on both, or on one for show alone."""

import numpy as np
import torch

from perturbations import Sample, Series

CLASSES = ("minus", "plus")


def sides(side, rng, width=8):
    """A picture brighter on one side; black has no side."""
    picture = rng.integers(0, 30, (width, width, 1)).astype(np.uint8)
    half = slice(0, width // 2) if side > 0 else slice(width // 2, width)
    picture[:, half] += 150
    return picture


def samples(truth, count=40):
    """Pictures and signals of either sign, independent of each other; ``truth`` is the class's sign by both."""
    rng, found = np.random.default_rng(5), []
    for i in range(count):
        picture, signal = (1, -1)[i % 2], (1, -1)[i // 2 % 2]
        values = (signal * rng.uniform(0.8, 1.2, (16, 1))).astype(np.float32)
        streams = {"picture": sides(picture, rng), "signal": Series(values, 100.0)}
        found.append(Sample(f"s{i:03d}", streams, target=CLASSES[truth(picture, signal) > 0]))
    return found


class Fusion:
    """A torch model of both: what is lost counts as black, and as zeros."""

    classes = CLASSES

    def __init__(self, rule):
        self.module, self.rule = torch.nn.Identity(), rule

    def inputs(self, batch):
        pictures = [np.zeros((8, 8, 1)) if v is None else v for v in batch["picture"]]
        signals = [np.zeros((16, 1)) if v is None else v.samples for v in batch["signal"]]
        made = {"picture": np.stack(pictures), "signal": np.stack(signals)}
        return {name: torch.from_numpy(each.astype(np.float32)) for name, each in made.items()}

    def logits(self, inputs):
        picture = (inputs["picture"][:, :, :4].mean((1, 2, 3)) - inputs["picture"][:, :, 4:].mean((1, 2, 3))) / 150
        log_odds = self.rule(torch.tanh(3 * picture), torch.tanh(2 * inputs["signal"].mean((1, 2))))
        return torch.stack([-log_odds, log_odds], dim=1)

    def __call__(self, batch):
        with torch.no_grad():
            return torch.softmax(self.logits(self.inputs(batch)), dim=1).numpy()


def only_picture():
    return Fusion(lambda picture, signal: 4 * picture), samples(lambda picture, signal: picture)


def only_together():
    return Fusion(lambda picture, signal: 4 * picture * signal), samples(lambda picture, signal: picture * signal)


def for_show():
    """The picture decides; the signal only makes the answer surer, and right as often without it."""
    return Fusion(lambda p, s: p * (0.15 + 4 * s * s)), samples(lambda picture, signal: picture)
