"""Albumentations' transforms in a suite: seeded per sample, checked before any work, the same for 1 and 4 workers."""

import threading

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import InputError, Sample

pytest.importorskip("albumentations")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SUITE = """
suite: foreign@1
severities: [1, 2, 3]
scenarios:
  rain: {image: {name: "albumentations:RandomRain", levels: {drop_length: [5, 12, 25]}}}
  grain: {image: {name: "albumentations:GaussNoise", levels: {std_range: [0.05, 0.1, 0.2]}}}
  warp: {image: {name: "albumentations:ElasticTransform", levels: {alpha: [20, 60, 120]}}}
  mixed: {image: [{name: "albumentations:MotionBlur"}, gaussian_noise]}
"""


def picture(seed, channels=3, side=40):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(20, 220, side)[:, None, None] * np.ones((1, side, channels))
    return np.clip(ramp + rng.normal(0, 12, ramp.shape), 0, 255).astype(np.uint8)


def samples(channels=3, count=12):
    return tuple(Sample(f"p{i:02d}", {"image": picture(i, channels)}, target=str(i % 2)) for i in range(count))


def model(batch):
    """Answer by two pixel sums that any change moves."""
    sums = [[float(np.sum(v[::2], dtype=float)), float(np.sum(v[1::2], dtype=float))] for v in batch["image"]]
    return np.array(sums) / np.sum(sums, axis=1, keepdims=True)


def test_a_suite_gives_equal_records_for_1_and_4_workers(tmp_path):
    runs = [
        stress.run(model, samples(), scenarios.loads(SUITE), tmp_path / str(n), workers=n, batch_size=3) for n in (1, 4)
    ]
    one, other = (run.records().drop_columns(["seconds"]).to_pydict() for run in runs)
    assert one == other
    assert set(one["status"]) == {"ok"}
    assert len(set(map(str, one["confidence"]))) > len(samples())


def test_the_draw_is_the_samples_own_and_grows_with_severity():
    name, image = (
        perturbations.get("albumentations:GaussNoise").with_levels({"std_range": [0.05, 0.1, 0.2]}),
        picture(0),
    )
    one = perturbations.apply(name, image, 2, sample="a", seed=5)
    assert np.array_equal(one, perturbations.apply(name, image, 2, sample="a", seed=5))
    assert not np.array_equal(one, perturbations.apply(name, image, 2, sample="b", seed=5))
    assert not np.array_equal(one, perturbations.apply(name, image, 2, sample="a", seed=6))
    noise = [np.std(perturbations.apply(name, image, s, sample="a").astype(float) - image) for s in (1, 2, 3)]
    assert noise == sorted(noise)
    assert 8 < noise[0] < 18  # 0.05 of 255, exactly that: not a range from which a value is drawn


def test_threads_do_not_share_a_transform():
    name, image = "albumentations:RandomRain", picture(1, side=64)
    alone = [perturbations.apply(name, image, sample=str(i)) for i in range(24)]
    found = [None] * 24

    def work(start):
        for i in range(start, 24, 4):
            found[i] = perturbations.apply(name, image, sample=str(i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, found))


def test_global_generators_and_the_input_are_left_alone():
    import random

    image = picture(2)
    image.flags.writeable = False
    before = random.getstate(), np.random.get_state()[1].tobytes()
    perturbations.apply("albumentations:GlassBlur", image)
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before


def test_it_pickles_with_its_levels():
    import pickle

    p = perturbations.get("albumentations:RandomRain").with_levels({"drop_length": [5, 12]})
    again = pickle.loads(pickle.dumps(p))
    assert again.settings(2) == p.settings(2) == {"drop_length": 12}
    assert np.array_equal(*(perturbations.apply(q, picture(3), 2, sample="z") for q in (p, again)))


@pytest.mark.parametrize("name", ["RandomRain", "ISONoise", "ChromaticAberration", "PlanckianJitter", "RandomSunFlare"])
def test_three_channel_transforms_say_so_on_grey(name):
    with pytest.raises(InputError, match=rf"albumentations:{name}: failed on .*\(40, 40, 1\).*three channels"):
        perturbations.apply(f"albumentations:{name}", picture(4, channels=1))


def test_a_run_on_grey_pictures_names_the_transform(tmp_path):
    with pytest.raises(stress.StressError, match=r"albumentations:RandomRain.*three channels"):
        stress.run(model, samples(channels=1), scenarios.loads(SUITE), tmp_path / "grey", workers=1)


def test_mistakes_are_found_when_the_suite_is_read():
    with pytest.raises(stress.StressError, match=r"RandomRian.*Did you mean RandomRain"):
        check('rain: {image: {name: "albumentations:RandomRian"}}')
    with pytest.raises(stress.StressError, match=r"drop_lenght.*Did you mean drop_length"):
        check('rain: {image: {name: "albumentations:RandomRain", drop_lenght: 5}}')
    with pytest.raises(stress.StressError, match=r"drop_lenght.*Did you mean drop_length"):
        check('rain: {image: {name: "albumentations:RandomRain", levels: {drop_lenght: [5, 6]}}}')
    with pytest.raises(stress.StressError, match=r"cannot be built.*drop_length"):
        check('rain: {image: {name: "albumentations:RandomRain", drop_length: long}}')
    with pytest.raises(InputError, match="result: an image must be uint8"):
        perturbations.apply("albumentations:ToFloat", picture(5))


def check(scenario):
    suite = scenarios.loads(f"suite: bad@1\nseverities: [1, 2]\nscenarios:\n  {scenario}\n")
    scenarios.expand(suite, {"image": "image"})
