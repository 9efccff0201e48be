"""A mistake of the pipeline that helps names the wrong preprocessing; nothing else does."""

from math import comb

import numpy as np
import pytest

import stress
from perturbations import Audio
from stress.engine._preparation import chance
from stress.models import Pixels

SUITE = {"suite": "small@1", "severities": [3], "scenarios": {"noise": {"image": "gaussian_noise"}}}
NAME = "the model is fed as it was trained"
COLOURS = ("red", "green", "blue")


def pictures(count=60, seed=0):
    """Pictures whose brightest channel is their label, on a textured ground."""
    rng, made = np.random.default_rng(seed), []
    for i in range(count):
        picture = rng.integers(20, 120, (8, 8, 3)).astype(np.uint8)
        picture[..., i % 3] += 100
        made.append(stress.Sample(str(i), {"image": picture}, target=COLOURS[i % 3]))
    return made


def line(run):
    return next(c for c in run.info["preflight"] if c["name"] == NAME)


def brightest(order):
    def predict(batch):
        return np.stack([picture.mean((0, 1))[order] for picture in batch["image"]]) * 10

    predict.classes = COLOURS
    return predict


def test_red_for_blue_is_named(tmp_path):
    wrong = line(stress.run(brightest([2, 1, 0]), pictures(), SUITE, tmp_path / "wrong", workers=1))
    assert wrong["outcome"] == "warning"
    assert "bgr_for_rgb on image: 60 of 60 right instead of 20" in wrong["says"]
    right = line(stress.run(brightest([0, 1, 2]), pictures(), SUITE, tmp_path / "right", workers=1))
    assert right["outcome"] == "ok"


def test_another_scaling_of_an_adapted_model_is_named(tmp_path):
    torch = pytest.importorskip("torch")

    class Bright(torch.nn.Module):
        """Trained on pixels of -1..1: more or less than grey."""

        def forward(self, image):
            mean = image.mean((1, 2, 3))
            return torch.stack([-mean, mean], 1)

    rng = np.random.default_rng(0)
    levels = rng.integers(0, 100, 50) + np.where(np.arange(50) % 2, 150, 0)
    samples = [
        stress.Sample(str(i), {"image": np.full((8, 8, 3), n, np.uint8)}, target=int(n > 127))
        for i, n in enumerate(levels)
    ]
    fed = {"image": Pixels(size=8)}
    found = line(
        stress.run(stress.models.torch(Bright(), fed, classes=[0, 1]), samples, SUITE, tmp_path / "a", workers=1)
    )
    assert found["outcome"] == "warning"
    assert "image with range=(-1, 1): 50 of 50 right instead of 2" in found["says"]
    fed = {"image": Pixels(size=8, range=(-1, 1))}
    found = line(
        stress.run(stress.models.torch(Bright(), fed, classes=[0, 1]), samples, SUITE, tmp_path / "b", workers=1)
    )
    assert found["outcome"] == "ok"


def test_another_rate_is_named(tmp_path):
    rng, samples = np.random.default_rng(0), []
    for i in range(40):
        time, hertz = np.arange(4000) / 8000, (300, 600)[i % 2]
        wave = 0.3 * np.sin(2 * np.pi * hertz * time + rng.uniform(0, 6)).astype(np.float32)
        samples.append(stress.Sample(str(i), {"audio": Audio(wave[None], 8000)}, target=("low", "high")[i % 2]))

    def octave(batch):
        """Trained on recordings read at twice their rate: what it hears lies an octave too low."""
        peaks = [np.argmax(np.abs(np.fft.rfft(each.samples[0]))) for each in batch["audio"]]
        return np.array([[450 - peak, peak - 450] for peak in peaks])

    octave.classes = ["low", "high"]
    suite = {"suite": "small@1", "severities": [3], "scenarios": {"noise": {"audio": "white_noise"}}}
    found = line(stress.run(octave, samples, suite, tmp_path / "octave", workers=1))
    assert found["outcome"] == "warning"
    assert "wrong_sample_rate (double) on audio: 40 of 40 right instead of 20" in found["says"]


@pytest.mark.parametrize("seed", range(6))
def test_a_model_that_guesses_is_no_alarm(seed, tmp_path):
    def predict(batch):
        drawn = [
            np.random.default_rng([seed, int(each.astype(np.int64).sum())]).normal(size=3) for each in batch["image"]
        ]
        return np.stack(drawn)

    predict.classes = COLOURS
    run = stress.run(predict, pictures(seed=seed), SUITE, tmp_path / "run", workers=1)
    assert line(run)["outcome"] == "ok"


def test_the_test_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for gained in range(12):
        for lost in range(12):
            if gained + lost:
                want = stats.binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue
                assert chance(gained, lost) == pytest.approx(want)
    assert chance(0, 0) == 1
    assert chance(5, 0) == 1 / 2**5 == comb(5, 5) / 32


def test_nothing_is_tried_of_a_model_that_is_paid_for(tmp_path):
    predict = brightest([2, 1, 0])
    predict.billed = True
    run = stress.run(predict, pictures(), SUITE, tmp_path / "run", workers=1)
    assert NAME not in [check["name"] for check in run.info["preflight"]]
