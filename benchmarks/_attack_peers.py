"""The same attacks on the same network by torchattacks: who is left standing, what it takes, and what was asked.

Peers answer in floats. Their pictures are rounded to 8 bits before they are judged, as every picture is that is stored;
a picture that then lies beyond the budget is counted, and stays as broken as they left it.
"""

from __future__ import annotations

import copy
import time
from statistics import median

import numpy as np

STEPS, CALLS, BUDGET, COUNT, SEEDS, TARGETS = 20, 500, 4, 100, 5, 9


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


def peers(module, seed):
    """Return how torchattacks makes each attack with the budget, by our name for it."""
    import torchattacks as peer

    near = BUDGET / 255
    one = {"norm": "Linf", "eps": near, "steps": STEPS, "seed": seed}  # theirs is 0 whatever torch's is
    makes = {
        "fgsm": lambda: peer.FGSM(module, eps=near),
        "pgd": lambda: peer.PGD(module, eps=near, alpha=2.5 * near / STEPS, steps=STEPS),
        "apgd": lambda: peer.APGD(module, **one),
        "apgd_dlr": lambda: peer.APGDT(module, n_classes=10, **one),
        "square": lambda: peer.Square(module, norm="Linf", eps=near, n_queries=CALLS, seed=seed),
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


def answers(module, images, labels):
    """Return which pictures a network, or a copy of it, answers rightly."""
    import torch

    with torch.no_grad():
        return (module(images).argmax(1) == labels).numpy()


def theirs(name, module, x, y, seed):
    """Return who is left standing, who lies beyond the budget, and the milliseconds of the attack and of judging it."""
    import torch

    torch.manual_seed(seed)
    start = time.process_time()
    found = peers(module, seed)[name]()(x, y)
    took = time.process_time() - start
    rounded = (found * 255).round()
    answers(module, x, y)
    right = answers(module, rounded / 255, y)
    judged = time.process_time() - start
    beyond = (rounded - x * 255).abs().amax((1, 2, 3)) > BUDGET + 1e-3
    return right.mean(), float(beyond.float().mean()), 1e3 * took, 1e3 * judged


def ours(name, net, images, labels, seed):
    """Return who is left standing, the milliseconds, and the calls for a sample, the clean one among them."""
    from perturbations import attack, get
    from stress.models import ModelOracle

    # Of the ensemble, calls count the gradient steps too, so that as many as the peer has are left for squares.
    own = {"steps": STEPS, "calls": CALLS + 1 + (STEPS * (1 + TARGETS) if name == "auto" else 0)}
    own = {key: value for key, value in own.items() if key in get(f"attack.{name}").params}
    oracle = Counted(ModelOracle(net, net.classes, "logits", COUNT))
    start = time.process_time()
    found = attack.run(f"attack.{name}", {"image": images}, labels, oracle, seed=seed, epsilon=BUDGET, **own)
    took = time.process_time() - start
    assert found.calls.sum() == oracle.asked, "calls recorded must be calls made"
    return 1 - found.broken.mean(), 1e3 * took, found.calls.mean()


def compare(only=()):
    """Print the table: seeds are the same for all, and the two take turns.

    In single precision a peer's cross-entropy loses its gradient where the network is sure (1 minus a probability near
    1), and with it part of its strength; ours is taken of the log-odds and does not. Strength is therefore set beside
    the peer's on the same network in double precision, where nothing is lost; its single precision stands beside it.
    Cost is that of single precision, of the attack alone and with the two answers that tell what it did.
    """
    net, images, labels, x, y = trained()
    double = copy.deepcopy(net.module).double()
    print(f"clean {answers(net.module, x, y).mean():.0%} of {COUNT}, ε = {BUDGET}/255, {SEEDS} seeds, ± standard error")
    print(
        f"{'left standing':13}  {'ours':>13} {'theirs, double':>15} {'apart':>13} {'single':>7} {'beyond':>7}", end=""
    )
    print(f" {'ms ours':>8} {'theirs':>7} {'ratio':>6} {'judged':>7}  calls")
    for name in ("fgsm", "pgd", "apgd", "apgd_dlr", "square", "auto"):
        if only and name not in only:
            continue
        one, two, three = [], [], []
        for seed in range(SEEDS):
            one.append(ours(name, net, images, labels, seed))
            two.append(theirs(name, net.module, x, y, seed))
            three.append(theirs(name, double, x.double(), y, seed) if name != "square" else two[-1])
        standing = [100 * np.array([row[0] for row in rows]) for rows in (one, three)]
        mine, took, judged = (median(row[k] for row in rows) for rows, k in ((one, 1), (two, 2), (two, 3)))
        both = (*standing, np.subtract(*standing))
        error = [f"{each.mean():.1f} ± {each.std(ddof=1) / SEEDS**0.5:.1f}" for each in both]
        single, beyond = (100 * np.mean([row[k] for row in two]) for k in (0, 1))
        print(f"{name:13}  {error[0]:>13} {error[1]:>15} {error[2]:>13} {single:7.1f} {beyond:7.1f}", end="")
        calls = np.mean([row[2] for row in one])
        print(f" {mine:8.0f} {took:7.0f} {mine / took:6.2f} {mine / judged:7.2f}  {calls:.1f}", flush=True)
