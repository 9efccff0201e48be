"""Preflight names models that an attack must not take for fixed ones: those that adapt to what they are asked."""

import numpy as np
import pytest

import scenarios
import stress

torch = pytest.importorskip("torch")
from tests import attack_world as world  # noqa: E402 - it needs torch

SUITE = "suite: a\nseverities: [1]\nscenarios: {s: {image: attack.random}}"
ADAPTS, BESIDE, RANDOM = "optimisation at test time", "answers depend on the batch", "random model"


def net():
    return world.Net(world.trained())


class Learning(world.Net):
    """Test-time adaptation as Tent does it: an entropy step on the scale of a layer with every batch."""

    def __init__(self):
        super().__init__(torch.nn.Sequential(*world.trained(), torch.nn.BatchNorm1d(10)).eval())
        self.optimiser = torch.optim.SGD(self.module[-1].parameters(), 0.5)

    def __call__(self, batch):
        logits = self.logits(self.inputs(batch))
        self.optimiser.zero_grad()
        torch.distributions.Categorical(logits=logits).entropy().mean().backward()
        self.optimiser.step()
        return logits.detach().numpy()


class Purifying(world.Net):
    """Each picture is moved along a gradient before it is answered; no weight changes, and no answer differs."""

    def __call__(self, batch):
        inputs = self.inputs(batch)["image"].requires_grad_()
        slope = torch.autograd.grad(torch.logsumexp(self.module(inputs), dim=1).sum(), inputs)[0]
        with torch.no_grad():
            return self.module(inputs + 2 * slope.sign()).numpy()


class Statistics(world.BlackBox):
    """Answers are normalised over the batch."""

    def __call__(self, batch):
        logits = self.net(batch)
        return logits - logits.mean(axis=0)


class Drifting(world.BlackBox):
    """A black box whose state follows what it is asked: a little more of the mean answer each time."""

    def __init__(self, net):
        super().__init__(net)
        self.state = np.zeros(10)

    def __call__(self, batch):
        logits = self.net(batch)
        self.state = self.state + 0.2 * logits.mean(axis=0)
        return logits - self.state


class Remembering(world.BlackBox):
    """A filter over time: an answer has a part of what was asked before it."""

    last = 0.0

    def __call__(self, batch):
        logits, before = self.net(batch), self.last
        self.last = float(np.mean(logits[:, 0]))
        return logits + before * np.arange(10)


class Random(world.BlackBox):
    def __init__(self, net):
        super().__init__(net)
        self.rng = np.random.default_rng(0)

    def __call__(self, batch):
        logits = self.net(batch)
        return logits + self.rng.normal(0, 0.5, logits.shape)


class Dropping(world.Net):
    """Dropout was left on."""

    def __init__(self):
        super().__init__(torch.nn.Sequential(*world.trained()[:-1], torch.nn.Dropout(0.3), world.trained()[-1]).train())


CASES = {
    "fixed": (net, set()),
    "behind a wall": (lambda: world.BlackBox(net()), set()),
    "learns": (Learning, {ADAPTS}),
    "purifies": (lambda: Purifying(world.trained()), {ADAPTS}),
    "drifts": (lambda: Drifting(net()), {ADAPTS}),
    "remembers": (lambda: Remembering(net()), {ADAPTS}),
    "batch statistics": (lambda: Statistics(net()), {BESIDE}),
    "random": (lambda: Random(net()), {RANDOM}),
    "dropout": (Dropping, {RANDOM}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_changes_with_what_it_is_asked_is_named(tmp_path, case):
    make, wanted = CASES[case]
    torch.manual_seed(0)
    run = stress.run(make(), world.samples(24), scenarios.loads(SUITE), tmp_path / "r", workers=1)
    says = [c["says"] for c in run.info["preflight"] if c["outcome"] != "ok" and c["name"].startswith("attack")]
    found = {name for name in (ADAPTS, BESIDE, RANDOM) if any(name in line for line in says)}
    assert wanted <= found
    if case not in ("learns", "drifts", "remembers"):  # whose answers depend on the batch, too, or may seem to
        assert found == wanted
