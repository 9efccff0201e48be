"""The same attacks on the same network by torchattacks: who is left standing, what it takes, and what was asked.

Peers answer in floats. Their pictures are rounded to 8 bits before they are judged, as every picture is that is stored;
a picture that then lies beyond the budget is counted, and stays as broken as they left it.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

STEPS, CALLS, BUDGET, COUNT, SEEDS, TARGETS = 20, 500, 4, 100, 3, 9


def trained():
    """Return the residual network, fitted to handwritten digits drawn large, and held-out digits with their labels."""
    import torch
    from sklearn.datasets import load_digits

    from benchmarks.attacks import convolutional

    net, found = convolutional(8), load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = (found.images[order] * 4).astype(np.uint8).repeat(3, 1).repeat(3, 2)[..., None].repeat(3, 3)
    labels = found.target[order].astype(np.int64)
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / 255)
    y = torch.from_numpy(labels)
    optimiser = torch.optim.Adam(net.module.parameters(), 3e-3)
    net.module.train()
    for _ in range(12):
        for rows in torch.randperm(len(x) - COUNT).add(COUNT).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net.module(x[rows]), y[rows]).backward()
            optimiser.step()
    net.module.eval()
    return net, list(images[:COUNT]), labels[:COUNT], x[:COUNT], y[:COUNT]


def peers(module):
    """Return how torchattacks makes each attack with the budget, by our name for it."""
    import torchattacks as peer

    near = BUDGET / 255
    one = {"norm": "Linf", "eps": near, "steps": STEPS}
    makes = {
        "fgsm": lambda: peer.FGSM(module, eps=near),
        "pgd": lambda: peer.PGD(module, eps=near, alpha=2.5 * near / STEPS, steps=STEPS),
        "apgd": lambda: peer.APGD(module, **one),
        "apgd_dlr": lambda: peer.APGDT(module, n_classes=10, **one),
        "square": lambda: peer.Square(module, norm="Linf", eps=near, n_queries=CALLS),
    }
    return makes | {"auto": lambda: peer.MultiAttack([makes[name]() for name in ("apgd", "apgd_dlr", "square")])}


class Counted:
    """An oracle that counts the samples that it is asked about."""

    def __init__(self, inner):
        self.inner, self.classes, self.differentiable, self.asked = inner, inner.classes, inner.differentiable, 0

    def scores(self, streams):
        self.asked += len(streams["image"])
        return self.inner.scores(streams)

    def gradients(self, streams, wanted, loss):
        self.asked += len(streams["image"])
        return self.inner.gradients(streams, wanted, loss)


def compare(only=()):
    """Print the table: seeds are the same for all, and the two take turns."""
    import torch

    from perturbations import attack, get
    from stress.models import ModelOracle

    net, images, labels, x, y = trained()
    with torch.no_grad():
        print(f"clean {float((net.module(x).argmax(1) == y).float().mean()):.0%} of {COUNT}, ε = {BUDGET}/255")
    print(f"{'attack':10} {'ours':>6} {'theirs':>7} {'beyond':>7} {'ms ours':>8} {'theirs':>8} {'ratio':>6}  calls")
    for name, make in peers(net.module).items():
        if only and name not in only:
            continue
        # Of the ensemble, calls count the gradient steps too, so that as many as the peer has are left for squares.
        own = {"steps": STEPS, "calls": CALLS + (STEPS * (1 + TARGETS) if name == "auto" else 0)}
        own = {key: value for key, value in own.items() if key in get(f"attack.{name}").params}
        rows = []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            start = time.process_time()
            theirs = make()(x, y)
            took = time.process_time() - start
            rounded = (theirs * 255).round()
            oracle = Counted(ModelOracle(net, net.classes, "logits", COUNT))
            start = time.process_time()
            found = attack.run(f"attack.{name}", {"image": images}, labels, oracle, seed=seed, epsilon=BUDGET, **own)
            mine = time.process_time() - start
            assert found.calls.sum() == oracle.asked, "calls recorded must be calls made"
            with torch.no_grad():
                standing = float((net.module(rounded / 255).argmax(1) == y).float().mean())
            beyond = float(((rounded - x * 255).abs().amax((1, 2, 3)) > BUDGET + 1e-3).float().mean())
            rows.append((1 - found.broken.mean(), standing, beyond, 1e3 * mine, 1e3 * took, found.calls.mean()))
        ours, other, beyond = np.mean(rows, axis=0)[:3]
        mine, took, calls = (median(row[k] for row in rows) for k in (3, 4, 5))
        print(
            f"{name:10} {ours:6.1%} {other:7.1%} {beyond:7.1%} {mine:8.0f} {took:8.0f} {mine / took:6.2f}  {calls:.1f}",
            flush=True,
        )
