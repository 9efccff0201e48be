"""The smallest change that is enough, beside distances that are known: of planes, and of networks small enough to try
every picture."""

import numpy as np
import pytest

import scenarios
import stress
from perturbations import Audio, Sample, attack
from stress.measure import table
from stress.models import ModelOracle

torch = pytest.importorskip("torch")
from tests import attack_world as world  # noqa: E402 - it needs torch


class Plane:
    """Two classes told apart by a plane, in pictures of 4 × 4 × 3 and recordings of 300 frames: distances are known.

    Slopes come in a unit of the model's own, another one for each stream.
    """

    classes = ("0", "1")

    def __init__(self, picture=1.0, sound=0.0, units=(1.0, 1.0)):
        rng = np.random.default_rng(1)
        self.weights = {"image": picture * rng.normal(size=48), "audio": sound * rng.normal(size=300)}
        self.units = dict(zip(("image", "audio"), units))

    def flat(self, batch, name):
        if name == "image":
            return np.stack([value.reshape(-1).astype(float) - 128 for value in batch["image"]])
        return np.stack([value.samples[0].astype(float) * 32768 for value in batch["audio"]])

    def __call__(self, batch):
        gap = sum(self.flat(batch, name) @ self.weights[name] for name in ("image", "audio") if name in batch)
        return np.stack([-gap / 2, gap / 2], axis=1)

    def loss_gradient(self, batch, streams, loss):
        scores = self(batch)
        by_gap = loss(scores)[1] @ [-0.5, 0.5]
        shapes = {"image": (4, 4, 3), "audio": (1, 300)}
        return scores, {
            name: [self.units[name] * one * self.weights[name].reshape(shapes[name]) for one in by_gap]
            for name in streams
        }


def pictures(count=40):
    """Pictures of growing contrast, so that some are further from the plane than a budget goes."""
    rng = np.random.default_rng(0)
    return [rng.integers(126 - 2 * i, 130 + 2 * i, (4, 4, 3), dtype=np.uint8) for i in range(4, 4 + count)]


def recordings(count=40):
    rng = np.random.default_rng(3)
    return [Audio((0.3 * rng.normal(size=(1, 300))).clip(-0.9, 0.9).astype(np.float32), 8000) for _ in range(count)]


def searched(model, streams, **settings):
    scores = model(streams)
    labels = scores.argmax(axis=1)
    oracle = ModelOracle(model, model.classes, "logits")
    return np.abs(scores[:, 1] - scores[:, 0]), labels, attack.run("attack.fab", streams, labels, oracle, **settings)


@pytest.mark.parametrize("unit", [1 / 255, 1.0, 1000.0])
def test_of_pictures_it_is_the_first_whole_level_beyond_the_plane(unit):
    """Whatever unit the model's slopes are in."""
    images, model = pictures(), Plane(units=(unit, 1.0))
    gap, _, found = searched(model, {"image": images}, epsilon=8)
    known = np.floor(gap / np.abs(model.weights["image"]).sum()) + 1
    assert 20 < (known <= 8).sum() < 40
    assert found.broken.tolist() == (known <= 8).tolist()
    assert (found.least[found.broken] * 8).tolist() == known[found.broken].tolist()
    assert np.isnan(found.least[~found.broken]).all()
    change = np.array([np.abs(a.astype(int) - b.astype(int)).max() for a, b in zip(images, found.values["image"])])
    assert np.array_equal(change[found.broken], known[found.broken])


@pytest.mark.parametrize("unit", [1 / 32768, 1.0, 50.0])
def test_of_recordings_it_is_the_distance_to_the_plane(unit):
    model, sounds = Plane(picture=0.0, sound=1.0, units=(1.0, unit)), recordings()
    gap, _, found = searched(model, {"audio": sounds}, snr_db=20)
    away = gap / np.sqrt(np.square(model.weights["audio"]).sum())
    change = np.array(
        [
            np.sqrt(np.square((a.samples - b.samples).astype(float) * 32768).sum())
            for a, b in zip(sounds, found.values["audio"])
        ]
    )
    assert 10 < found.broken.sum() < 40
    assert (change[found.broken] >= away[found.broken]).all()
    assert (change[found.broken] <= 1.02 * away[found.broken] + 20).all()  # rounding to 16 bits is 5 in length
    energy = np.array([np.square(sound.samples.astype(float) * 32768).sum() for sound in sounds])
    assert (away[~found.broken] > 0.9 * np.sqrt(energy[~found.broken] / 100)).all()


def test_of_two_streams_it_is_the_part_of_both_budgets():
    """Each stream goes the same part of its own budget: the gap closes by what both give."""
    model, images, sounds = Plane(sound=0.004, units=(1 / 255, 7.0)), pictures(), recordings()
    gap, _, found = searched(model, {"image": images, "audio": sounds}, epsilon=16, snr_db=20)
    radius = np.array([np.sqrt(np.square(one.samples.astype(float) * 32768).sum() / 100) for one in sounds])
    by_picture = 16 * np.abs(model.weights["image"]).sum()
    part = gap / (by_picture + radius * np.sqrt(np.square(model.weights["audio"]).sum()))
    assert 0.2 < (radius * np.sqrt(np.square(model.weights["audio"]).sum()) / by_picture).mean() < 5
    assert found.broken.sum() > 20
    rough = 1.5 / 16  # pictures move by whole levels
    assert (found.least[found.broken] >= 0.95 * part[found.broken] - 1e-3).all()
    assert (found.least[found.broken] <= part[found.broken] + rough).all()
    assert (part[~found.broken] > 1 - rough).all()


def tiny(seed):
    """A network of two pixels: all its 65,536 pictures can be asked about."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4)
    )
    for layer in (module[0], module[2], module[4]):
        torch.nn.init.normal_(layer.weight, 0, 2.0)

    class Net(world.Net):
        classes = ("0", "1", "2", "3")

        def logits(self, inputs):
            return self.module((inputs["image"].flatten(1) - 128) / 64)

    return Net(module.eval())


def test_beside_trying_every_picture():
    """The least ε of each sample is known by exhaustion; what is found is never below it and seldom above."""
    found, known = [], []
    every = (
        np.stack(np.meshgrid(np.arange(256), np.arange(256), indexing="ij"), -1).reshape(-1, 1, 2, 1).astype(np.uint8)
    )
    for seed in range(4):
        net = tiny(seed)
        answers = np.concatenate([net({"image": part}).argmax(axis=1) for part in np.array_split(every, 16)])
        rng = np.random.default_rng(seed)
        chosen = rng.integers(0, len(every), 60)
        labels = answers[chosen]
        oracle = ModelOracle(net, net.classes, "logits")
        one = attack.run("attack.fab", {"image": list(every[chosen])}, labels, oracle, epsilon=40)
        found += np.where(np.isnan(one.least), np.inf, np.rint(one.least * 40)).tolist()
        for place, label in zip(chosen, labels):
            row, column = divmod(place, 256)
            others = np.argwhere(answers.reshape(256, 256) != label) - (row, column)
            least = np.abs(others).max(axis=1).min(initial=255)
            known.append(least if least <= 40 else np.inf)
    found, known = np.array(found), np.array(known)
    assert np.isfinite(known).sum() > 60
    assert (found >= known).all()
    assert (found == known).mean() > 0.85  # what is missed lies on the far side of another region


def test_on_a_network_it_is_as_near_as_the_same_attack_of_torchattacks():
    peer = pytest.importorskip("torchattacks")
    images, labels = world.held_out(40)
    one = attack.run("attack.fab", {"image": images}, labels, world.oracle(), epsilon=24)
    x = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32))
    module = torch.nn.Sequential(Levels(), world.trained()).eval()
    theirs = peer.FAB(
        module, norm="Linf", eps=24 / 255, steps=20, n_restarts=1, n_classes=10, multi_targeted=True, seed=0
    )
    made = theirs(x / 255, torch.from_numpy(labels))
    away = (made * 255 - x).abs().amax((1, 2, 3)).numpy()
    with torch.no_grad():
        wrong = module(made).argmax(1).numpy() != labels
    other = np.where(wrong, np.ceil(away - 1e-3), np.inf)  # in whole levels, as pictures are stored
    mine = np.where(np.isnan(one.least), np.inf, np.rint(24 * one.least))
    assert (mine <= other).mean() > 0.9
    assert np.median(mine) <= np.median(other)


class Levels(torch.nn.Module):
    """Pictures from 0 to 1 as the network of digits knows them."""

    def forward(self, x):
        return 255 * x


def test_its_distribution_is_a_table(tmp_path):
    images, model = pictures(), Plane()
    scores = model({"image": images})
    known = np.floor(np.abs(scores[:, 1] - scores[:, 0]) / np.abs(model.weights["image"]).sum()) + 1
    data = [
        Sample(f"s{i}", {"image": image}, str(label)) for i, (image, label) in enumerate(zip(images, scores.argmax(1)))
    ]
    suite = scenarios.loads("suite: a\nseverities: [4]\nscenarios: {s: {image: attack.fab}}")
    run = stress.run(model, data, suite, tmp_path / "r", workers=1)
    rows = table(run, "minimal").to_pandas()
    for row in rows.itertuples():
        exact = np.quantile(known, row.quantile, method="inverted_cdf")
        assert (row.value == exact) if exact <= 8 else np.isnan(row.value)
    assert rows.n.unique().tolist() == [40]
    each = run.records(["s:4"]).to_pandas()
    for sample, least in zip(each["sample"].astype(int), 8 * each["attack.least"]):
        assert least == known[sample] if known[sample] <= 8 else np.isnan(least)
