"""A record is of the sample it names: whatever loaders, files and models do meanwhile."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

import scenarios
import stress
from stress.data import Index, from_samples
from stress.models import Batch, load_model, predict_of
from tests.worlds import SUITE, brightness, samples

ROOT = Path(__file__).resolve().parents[1]
REMOTE = ["processes", pytest.param("dask", marks=pytest.mark.slow)]


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def go(out, model="tests.test_proofs:instant", data="tests.test_proofs:world", **settings):
    settings = {"workers": 2, "batch_size": 8, "preflight": False, **settings}
    return stress.run(model, data, scenarios.loads(SUITE), out, **settings)


def instant(batch):
    return brightness(batch)


def world():
    return samples()


def in_any_order():
    """A loader that lists a set: another order in each process."""
    found = list(samples())
    random.Random(os.getpid()).shuffle(found)
    return found


def same_names_other_pictures():
    """A loader whose ids and labels are the same everywhere, and whose pictures belong to others in each process."""
    found = list(samples())
    pictures = [sample.streams["image"] for sample in found]
    random.Random(os.getpid()).shuffle(pictures)
    return [sample.with_streams({"image": picture}) for sample, picture in zip(found, pictures, strict=True)]


@pytest.mark.parametrize("backend", REMOTE)
@pytest.mark.parametrize(
    ("data", "says"),
    [("in_any_order", "in the same order in each process"), ("same_names_other_pictures", "is not what it was")],
)
def test_workers_prove_that_they_have_the_same_samples(tmp_path, far, backend, data, says):
    with pytest.raises(stress.StressError, match=says):
        go(tmp_path, data=f"tests.test_proofs:{data}", **far(backend))


class Augmented:
    """A data set with its augmentation left on."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 20

    def __getitem__(self, position):
        sample = samples(20)[position]
        return sample.with_streams({"image": self.rng.permutation(sample.streams["image"])})


def test_a_loader_that_is_not_reproducible_is_named_before_the_grid(tmp_path):
    with pytest.raises(stress.InputError, match=r"is not what it was .*augmentation"):
        go(tmp_path / "run", data=Augmented(), model=instant)
    assert not (tmp_path / "run").exists()


def manifest(folder, count=12):
    """Write a manifest with pictures and texts, and return its path."""
    import cv2

    rows = ["id,image,text,label"]
    for sample in samples(count):
        cv2.imwrite(str(folder / f"{sample.id}.png"), sample.streams["image"])
        rows.append(f"{sample.id},{sample.id}.png,{len(rows)},{sample.target}")
    (folder / "all.csv").write_text("\n".join(rows))
    return folder / "all.csv"


def of_pictures(batch):
    scores = np.zeros((batch.size, 10))
    for row, picture in enumerate(batch["image"]):
        scores[row, int(picture.mean()) % 10] = 1
    return scores


PICTURES = "suite: p@1\nscenarios: {noise: {image: gaussian_noise, severities: [1]}}"


def test_pictures_that_are_replaced_under_a_run_end_it(tmp_path, monkeypatch):
    monkeypatch.setattr("stress.engine._plan._SHARD_SAMPLES", 4)
    path = manifest(tmp_path)
    files = sorted(tmp_path.glob("*.png"))
    before = {file: file.read_bytes() for file in files}
    asked = []

    def replacing(batch):
        asked.append(batch.size)
        if len(asked) == 6:
            for file, other in zip(files, files[1:] + files[:1], strict=True):
                file.write_bytes(before[other])
        return of_pictures(batch)

    settings = {"workers": 1, "batch_size": 4, "preflight": False, "progress": "quiet"}
    with pytest.raises(stress.InputError, match="is not what it was"):
        stress.run(replacing, path, scenarios.loads(PICTURES), tmp_path / "run", **settings)
    for file, content in before.items():  # put back with another time: the content decides
        file.write_bytes(content)
    one = stress.run(of_pictures, path, scenarios.loads(PICTURES), tmp_path / "a", **settings)
    for file in files:
        os.utime(file, (0, 0))
    other = stress.run(of_pictures, path, scenarios.loads(PICTURES), tmp_path / "b", **settings)
    assert one.records().drop_columns("seconds").equals(other.records().drop_columns("seconds"))


def writes_everywhere(batch):
    """Answer by brightness, after that spoil all that was given."""
    scores = brightness(batch)
    for name in batch:
        for value in batch[name]:
            array = value.samples if isinstance(value, stress.Audio) else value
            if isinstance(array, np.ndarray):
                array.flags.writeable = True
                array[...] = 0
        batch[name].append(None)
    return scores


def pads_and_fails(batch):
    """Spoil what was given, and fail unless asked alone where sound is lost."""
    size = batch.size
    scores = brightness(batch)
    for picture in batch["image"]:
        picture[...] = 0
    if size > 1 and any(sound is None for sound in batch["audio"]):
        raise ValueError("only alone")
    return scores


@pytest.mark.parametrize("model", [writes_everywhere, pads_and_fails])
def test_what_a_model_writes_into_its_batch_is_nobody_elses(tmp_path, model):
    given = [sample.with_streams({}) for sample in samples(20)]
    before = [sample.streams["image"].copy() for sample in given]
    spoilt = go(tmp_path / "a", model=model, data=given, workers=1)
    clean = go(tmp_path / "b", model=instant, data=samples(20), workers=1)
    for name in ("cell", "sample", "status", "prediction", "score", "distortion.image.rms"):
        if name in clean.columns:
            assert spoilt.records()[name].to_pylist() == clean.records()[name].to_pylist()
    for sample, picture in zip(given, before, strict=True):
        np.testing.assert_array_equal(sample.streams["image"], picture)


def test_a_model_that_only_reads_gets_no_copies():
    batch = Batch.of([from_samples(samples(3))[i] for i in range(3)])
    seen = {}

    def predict(given):
        seen["shared"] = np.shares_memory(given["image"][0], batch["image"][0])

    for reads_only in (False, True):
        predict.reads_only = reads_only
        predict_of(load_model(predict))(batch)
        assert seen["shared"] is reads_only


def test_a_declared_index_is_proved_by_the_ids_that_are_loaded(tmp_path):
    """Content that was never looked at has no digest; that another sample than the one named came is still seen."""
    found = list(samples())
    index = Index([sample.id for sample in found], [sample.target for sample in found], *([None] * len(found),) * 3)

    class Swapped(list):
        streams, fingerprint = {"image": "image"}, "declared"

    Swapped.index = index
    honest, swapped = Swapped(found), Swapped([found[1], found[0], *found[2:]])
    everywhere = list(range(len(found)))
    assert [sample.id for sample in from_samples(honest).proven(everywhere)] == index.ids
    with pytest.raises(stress.InputError, match="is not what it was"):
        from_samples(swapped).proven(everywhere)
