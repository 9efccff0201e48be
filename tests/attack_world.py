"""A small convolutional network of handwritten digits, trained in seconds, and ways to spoil its gradients."""

import functools

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from perturbations import Sample
from stress.models._gradients import ModelOracle

CLASSES = tuple("0123456789")
HELD = 240


class Scaled(nn.Module):
    """Brightness 0 to 64, not 255: faint digits, so that a change of a few levels matters."""

    def forward(self, x):
        return x / 64 - 0.5


class Quantised(nn.Module):
    """Activations in steps, as on a small chip: nothing can be followed back through them."""

    def forward(self, x):
        return torch.round(x * 8) / 8


class Jittering(nn.Module):
    """A defence by noise: no answer comes twice."""

    def forward(self, x):
        return x + 0.3 * torch.randn_like(x)


class Net:
    """A torch model in the form that attacks know: a module, inputs, logits."""

    classes = CLASSES

    def __init__(self, module, scale=1.0):
        self.module, self.scale = module, scale

    def inputs(self, batch):
        return {"image": torch.from_numpy(np.stack(batch["image"]).transpose(0, 3, 1, 2).astype(np.float32))}

    def logits(self, inputs):
        return self.module(inputs["image"]) * self.scale

    def __call__(self, batch):
        with torch.no_grad():
            return self.logits(self.inputs(batch)).numpy()


class BlackBox:
    """The same model behind a wall: answers only."""

    classes = CLASSES

    def __init__(self, net):
        self.net, self.asked = net, 0

    def __call__(self, batch):
        self.asked += 1
        return self.net(batch)


@functools.cache
def digits():
    """Images uint8 (n, 8, 8, 1) and their digits, shuffled."""
    found = load_digits()
    images = (found.images * 4).astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], found.target[order].astype(np.int64)


@functools.cache
def trained():
    """The module, trained on all but the held-out digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, labels = digits()
    x = torch.from_numpy(images[HELD:].transpose(0, 3, 1, 2).astype(np.float32))
    y = torch.from_numpy(labels[HELD:])
    module = nn.Sequential(
        Scaled(), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(module.parameters(), 2e-3)
    for _ in range(10):
        for rows in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[rows] + 2 * torch.randn(x[rows].shape)), y[rows]).backward()
            optimiser.step()
    torch.set_num_threads(threads)
    return module.eval()


def held_out(count=HELD):
    images, labels = digits()
    return list(images[:count]), labels[:count]


def samples(count=HELD):
    images, labels = held_out(count)
    return [Sample(f"d{i}", {"image": image}, str(label)) for i, (image, label) in enumerate(zip(images, labels))]


def oracle(net=None, batch_size=64):
    return ModelOracle(net or Net(trained()), CLASSES, "logits", batch_size)


def spoiled(layer):
    """The trained network with a layer after its first convolution."""
    parts = list(trained())
    return Net(nn.Sequential(*parts[:2], layer, *parts[2:]).eval())
