"""What an attack costs beside the model: APGD's time per sample in units of the model's own forward and backward pass.

The unit is one call of the model with a gradient on the same batch: ``inputs``, ``logits``, and back to the pixels.
APGD with n steps makes n of them, and two calls without a gradient (the clean samples, and the last step); these are
timed too and taken off, so what is left over 1 is the attack's own arithmetic, rounding and bookkeeping.
Where torchattacks is installed, a second table sets its attacks beside ours on one trained network.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import numpy as np

from benchmarks._attack_peers import compare
from benchmarks._timing import medians

STEPS = 20


def convolutional(width):
    """A small residual network for 32×32 colour images with random weights: speed does not depend on them."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.one = nn.Conv2d(inside, outside, 3, stride, 1)
            self.two = nn.Conv2d(outside, outside, 3, 1, 1)
            self.past = nn.Conv2d(inside, outside, 1, stride)

        def forward(self, x):
            return torch.relu(self.two(torch.relu(self.one(x))) + self.past(x))

    module = nn.Sequential(
        nn.Conv2d(3, width, 3, 1, 1), Block(width, width, 1), Block(width, 2 * width, 2),
        Block(2 * width, 4 * width, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10),
    ).eval()  # fmt: skip

    class Net:
        classes = tuple("0123456789")

        def __init__(self):
            self.module = module

        def inputs(self, batch):
            images = np.stack(batch["image"]).transpose(0, 3, 1, 2)
            return {"image": torch.from_numpy(np.ascontiguousarray(images, np.float32))}

        def logits(self, inputs):
            return self.module(inputs["image"] / 255)

        def __call__(self, batch):
            with torch.inference_mode():
                return self.logits(self.inputs(batch)).numpy()

    return Net()


def colour_world(batch):
    rng = np.random.default_rng(0)
    net = convolutional(16)
    images = list(rng.integers(0, 256, (batch, 32, 32, 3), np.uint8))
    return net, {"image": images}, net({"image": images}).argmax(axis=1), "logits"


def demo_world(batch):
    from stress.data.demo import load
    from stress.models import load_model

    samples = load()[:batch]
    streams = {name: [sample.streams[name] for sample in samples] for name in ("image", "audio", "text")}
    net = load_model("demo").predict
    return net, streams, net(streams).argmax(axis=1), "probabilities"


def contenders(net, streams, labels, answers, stream):
    """Return a whole attack that breaks nobody, and what the model takes for the same calls."""
    import torch

    from perturbations import Key, generator
    from perturbations.attack._attempt import Attempt
    from perturbations.attack._declare import BALLS
    from perturbations.attack._oracle import Repeated
    from perturbations.attack.gradient import against, climb, random_start
    from stress.models import Batch
    from stress.models._gradients import ModelOracle

    oracle = ModelOracle(net, tuple("0123456789"), answers, len(labels))
    budget, size = {"image": ("epsilon", 1), "audio": ("snr_db", 40.0)}[stream]

    class Stubborn(Attempt):
        """No sample is ever broken: every one costs all steps."""

        @property
        def open(self):
            return np.arange(len(self.labels))

    def attack(number):
        ball = BALLS[budget](streams[stream], size)
        rngs = [generator(Key(number, "attack.apgd", sample=str(i))) for i in range(len(labels))]
        attempt = Stubborn(Repeated(oracle), streams, labels, {stream: ball}, {}, {stream: rngs})
        attempt.begin()
        climb(attempt, random_start(attempt), STEPS, against(attempt))
        assert attempt.passes_back.sum() == STEPS * len(labels)

    batch = Batch(streams)
    right = torch.from_numpy(np.asarray(labels))

    def back(_):
        inputs = net.inputs(batch)
        leaf = (inputs[stream] if isinstance(inputs, dict) else getattr(inputs, stream)).requires_grad_()
        torch.autograd.grad(torch.nn.functional.cross_entropy(net.logits(inputs), right), leaf)[0].numpy()

    return {"APGD": attack, "forward and backward": back, "forward": lambda _: net(batch)}


def main(arguments: list[str]) -> None:
    """Print the table."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m benchmarks attacks")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", nargs="*", default=[], help="attacks of the second table")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"APGD, {STEPS} steps, {options.batch} samples a batch, one thread")
    print(f"{'model':28} {'ms a pass':>10} {'ms APGD':>9} {'passes':>7} {'overhead':>9}")
    for name, world, stream in (
        ("residual network, 32×32×3", colour_world, "image"),
        ("demo, image of three streams", demo_world, "image"),
        ("demo, audio of three streams", demo_world, "audio"),
    ):
        net, streams, labels, answers = world(options.batch)
        found = medians(contenders(net, streams, labels, answers, stream), options.repeats)
        unit, whole = found["forward and backward"], found["APGD"]
        own = whole - 2 * found["forward"]
        print(f"{name:28} {1e3 * unit:10.2f} {1e3 * whole:9.1f} {own / unit:7.2f} {own / unit / STEPS - 1:9.1%}")
    if find_spec("torchattacks") is None:
        print("torchattacks is not installed: no table beside it")
    else:
        compare(options.only)


if __name__ == "__main__":
    main([])
