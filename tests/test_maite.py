"""MAITE's world and ours: its models and data run here, our perturbations, samples and models run there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
import stress
import stress.maite
from stress.models import Batch, Pixels
from tests.test_examples import example

NAMES = ["dark", "bright"]
RNG = np.random.default_rng(2)
PICTURES = [RNG.integers(0, 60, (8, 10, 3), dtype=np.uint8) + np.uint8(150 * (i % 2)) for i in range(8)]
SAMPLES = [stress.Sample(f"s{i}", {"image": p}, NAMES[i % 2], {"site": "ab"[i // 4]}) for i, p in enumerate(PICTURES)]
SUITE = {"suite": "s@1", "severities": [2], "scenarios": {"noise": {"image": "gaussian_noise"}}}
WORLD = example("maite_world")


class Theirs:
    """A classifier as MAITE has them."""

    def __init__(self, answer=None, labels=None):
        self.metadata = {"id": "brightness", "index2label": dict(enumerate(NAMES)) if labels is None else labels}
        self.answer, self.seen = answer, []

    def __call__(self, batch_input, /):
        self.seen += [(x.shape, float(x.min()), float(x.max())) for x in batch_input]
        return self.answer or [np.array([0.6 - x.mean(), x.mean() - 0.2]) for x in batch_input]


class Triples:
    """A data set as MAITE has them."""

    def __init__(self, items=None, labels=None):
        self.metadata = {"id": "triples", **({} if labels is False else {"index2label": dict(enumerate(NAMES))})}
        self.items = items if items is not None else [triple(i) for i in range(8)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, ind, /):
        return self.items[ind]


def triple(i, **changed):
    about = {"id": i, "site": "ab"[i // 4]}
    item = {"picture": PICTURES[i].transpose(2, 0, 1) / 255, "target": np.eye(2)[i % 2], "about": about, **changed}
    return item["picture"], item["target"], item["about"]


def ours(batch):
    return np.array([[0.1, 0.9] if x.mean() > 100 else [0.8, 0.2] for x in batch["image"]])


ours.classes = NAMES


# -- theirs, here


def test_their_model_and_their_data_give_the_records_of_ours(tmp_path):
    model = Theirs()
    theirs = stress.run(
        stress.models.maite(model, {"image": Pixels(range=(0, 1))}), stress.data.maite(Triples(), range=(0, 1)), SUITE,
        tmp_path / "a", workers=1, examples=0,
    )  # fmt: skip

    def same(batch):
        return [[0.6 - x.mean() / 255, x.mean() / 255 - 0.2] for x in batch["image"]]

    same.classes = NAMES
    renamed = [stress.Sample(str(i), each.streams, each.target) for i, each in enumerate(SAMPLES)]
    mine = stress.run(same, renamed, SUITE, tmp_path / "b", workers=1, examples=0)
    for column in ("cell", "sample", "score", "prediction"):
        assert theirs.records().column(column).to_pylist() == mine.records().column(column).to_pylist()
    assert {shape for shape, _, _ in model.seen} == {(3, 8, 10)}
    assert all(0 <= low <= high <= 1 for _, low, high in model.seen)


def test_ids_groups_and_classes_are_theirs():
    data = stress.data.maite(Triples(), range=(0, 1), groups=["site"], cluster="site")
    assert [each.id for each in data] == [str(i) for i in range(8)]
    assert [each.target for each in data] == [NAMES[i % 2] for i in range(8)]
    assert [each.groups["site"] for each in data] == list("aaaabbbb")
    assert data.cluster == "site"
    assert data.name == "triples"
    np.testing.assert_array_equal(data[3].streams["image"], PICTURES[3])
    assert [each.target for each in stress.data.maite(Triples(labels=False), range=(0, 1))] == [i % 2 for i in range(8)]
    named = stress.data.maite(Triples(), range=(0, 1), classes=["x", "y"])
    assert {each.target for each in named} == {"x", "y"}


def test_tensors_are_taken():
    torch = pytest.importorskip("torch")
    items = [triple(i, picture=torch.from_numpy(PICTURES[i].transpose(2, 0, 1) / 255.0).float()) for i in range(4)]
    np.testing.assert_array_equal(stress.data.maite(Triples(items), range=(0, 1))[1].streams["image"], PICTURES[1])
    predict = stress.models.maite(Theirs(answer=[torch.tensor([0.2, 0.8])]), {"image": Pixels()})
    np.testing.assert_allclose(predict(Batch({"image": PICTURES[:1]})), [[0.2, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (triple(0, target=np.array([0.5, 0.5])), "one-hot"),
        (triple(0, target=np.array([1.0, 1.0])), "one-hot"),
        (triple(0, target={"boxes": [[0, 0, 1, 1]]}), "one-hot"),
        (triple(0, about={"site": "a"}), "must have an id, got site"),
        (triple(0, about={"id": 3}), "metadata must have 'site'"),
        (triple(0, picture=PICTURES[0].transpose(2, 0, 1) * 2.0), "range"),
        (triple(0, picture=np.zeros((8, 10, 3))), "1 to 4 channels"),
        (triple(0)[:2], "must be a triple"),
        (triple(0, target=np.eye(3)[2]), "must name every place"),
    ],
)
def test_items_that_are_not_what_the_protocol_says(item, says):
    with pytest.raises(stress.InputError, match=says) as error:
        stress.data.maite(Triples([triple(1), item]), range=(0, 1), groups=["site"])
    assert "item 1" in str(error.value)


def test_the_range_must_be_said():
    with pytest.raises(stress.InputError, match="range must be given"):
        stress.data.maite(Triples())


@pytest.mark.parametrize(
    ("model", "streams", "says"),
    [
        (ours, {"image": Pixels()}, "metadata that has an id"),
        (Theirs, {"image": Pixels()}, "metadata that has an id"),
        (Theirs(), {"image": Pixels(), "other": Pixels()}, "one of Pixels"),
        (Theirs(), {"image": Pixels(layout="channels_last")}, "channels first"),
        (Theirs(labels={1: "a", 2: "b"}), {"image": Pixels()}, "number its labels from 0"),
        (Theirs(labels=["a"]), {"image": Pixels()}, "number its labels from 0"),
        (Theirs(), None, "streams must say"),
    ],
)
def test_models_that_are_not_what_the_protocol_says(model, streams, says):
    with pytest.raises(stress.InputError, match=says):
        stress.models.maite(model, streams)


@pytest.mark.parametrize("answer", [[{"boxes": []}], [np.eye(2)], [np.array([0.1, 0.9]), np.array([1.0])], ["dark"]])
def test_answers_that_are_no_rows_are_refused(answer):
    predict = stress.models.maite(Theirs(answer=answer), {"image": Pixels()})
    with pytest.raises(stress.ModelError):
        predict(Batch({"image": PICTURES[: len(answer)]}))


def test_passed_as_they_are_they_are_recognised(tmp_path):
    with pytest.raises(stress.ModelError, match=r"stress\.models\.maite"):
        stress.run(Theirs(), SAMPLES, SUITE, tmp_path / "a")
    with pytest.raises(stress.InputError, match=r"stress\.data\.maite"):
        stress.run(ours, Triples(), SUITE, tmp_path / "b")


def test_on_the_command_line(tmp_path, monkeypatch):
    from stress.cli import main

    (tmp_path / "theirs_here.py").write_text(
        "import numpy as np\nclass M:\n    metadata = {'id': 'm', 'index2label': {0: 'dark', 1: 'bright'}}\n"
        "    def __call__(self, batch, /):\n        return [np.array([.6 - x.mean(), x.mean() - .2]) for x in batch]\n"
        "model = M()\n"
    )
    (tmp_path / "m.yaml").write_text("streams: {image: {pixels: {range: [0, 1]}}}\n")
    (tmp_path / "s.yaml").write_text("suite: s@1\nseverities: [1]\nscenarios: {noise: {image: gaussian_noise}}\n")
    monkeypatch.chdir(tmp_path)
    import cv2

    for i, picture in enumerate(PICTURES):
        (tmp_path / "data" / NAMES[i % 2]).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "data" / NAMES[i % 2] / f"{i}.png"), picture)
    asked = ["run", "s.yaml", "--model", "maite:theirs_here:model@m.yaml", "--data", "folder:data", "--out", "r"]
    assert main([*asked, "--no-report", "--workers", "1", "--progress", "quiet", "--no-examples"]) == 0
    accuracy = {r["cell"]: r["value"] for r in stress.open("r").table("cells").to_pylist() if r["metric"] == "accuracy"}
    assert accuracy["clean"] == 1


# -- ours, there


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_an_augmentation_is_the_perturbation(kind):
    given = [(p.transpose(2, 0, 1) / (1 if kind == "uint8" else 255)).astype(kind) for p in PICTURES]
    made = stress.maite.augmentation("image.fog", 3, range=None if kind == "uint8" else (0, 1), seed=5)
    targets, abouts = [np.eye(2)[0]] * 8, [{"id": i, "site": "a"} for i in range(8)]
    before = [each.copy() for each in given]
    found, same, told = made((given, targets, abouts))
    assert same is targets
    assert told[2] == {"id": 2, "site": "a", "perturbation": "image.fog", "severity": 3}
    assert abouts[2] == {"id": 2, "site": "a"}
    for i, each in enumerate(found):
        wanted = perturbations.apply("image.fog", PICTURES[i], severity=3, seed=5, sample=str(i)).transpose(2, 0, 1)
        assert each.dtype == kind
        np.testing.assert_allclose(each, wanted / (1 if kind == "uint8" else 255), rtol=1e-6)
        np.testing.assert_array_equal(given[i], before[i])


@settings(max_examples=20)
@given(st.permutations(range(8)), st.integers(1, 8))
def test_an_id_names_the_draw_in_whatever_batch(order, size):
    made = WORLD.augmentation(1)
    given = [p.transpose(2, 0, 1) / 255 for p in PICTURES]
    whole = made((given, [None] * 8, [{"id": i} for i in range(8)]))[0]
    for start in range(0, 8, size):
        some = order[start : start + size]
        found = made(([given[i] for i in some], [None] * len(some), [{"id": i} for i in some]))[0]
        for i, each in zip(some, found):
            np.testing.assert_array_equal(each, whole[i])


def test_tensors_stay_tensors():
    torch = pytest.importorskip("torch")
    given = [torch.from_numpy(PICTURES[0].transpose(2, 0, 1) / 255.0).half()]
    (found,), _, _ = WORLD.augmentation(0)((given, [None], [{"id": 0}]))
    assert (found.dtype, tuple(found.shape)) == (torch.float16, (3, 8, 10))
    assert not torch.equal(found, given[0])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("image.fogg", 3), "Did you mean image.fog"),
        (("text.keyboard_typos", 3), "perturbation of pictures"),
        (("image.fog", 9), "severity"),
        (("stream.wrong_pairing", None), "picture alone"),
        (("image.gaussian_noise", None), "severity"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused_before_any_picture(asked, says):
    with pytest.raises((stress.InputError, stress.SpecError), match=says):
        stress.maite.augmentation(*asked)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (([PICTURES[0]], [None], []), "as many"),
        (([PICTURES[0].transpose(2, 0, 1) / 255], [None], [{}]), "an id"),
        (([PICTURES[0].transpose(2, 0, 1)], [None], [{"id": 1}]), "range"),
    ],
)
def test_batches_that_are_none(batch, says):
    with pytest.raises(stress.InputError, match=says):
        WORLD.augmentation(0)(batch)


def test_there_and_back_again():
    data = stress.data.maite(WORLD.dataset(SAMPLES, ours), range=(0, 1), groups=["site"])
    for one, other in zip(data, SAMPLES, strict=True):
        assert (one.id, one.target, dict(one.groups)) == (other.id, other.target, dict(other.groups))
        np.testing.assert_array_equal(one.streams["image"], other.streams["image"])
    predict = stress.models.maite(WORLD.model(ours), {"image": Pixels(range=(0, 1))})
    batch = Batch({"image": PICTURES})
    np.testing.assert_array_equal(predict(batch), ours(batch))
    assert predict.classes == sorted(NAMES, reverse=True) == NAMES


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: stress.maite.as_dataset([stress.Sample("a", {"text": "b"}, "c")], ["c"]), "one of the pictures"),
        (lambda: stress.maite.as_dataset(SAMPLES, NAMES, stream="front"), "one of the pictures"),
        (lambda: stress.maite.as_dataset(SAMPLES, classes=["dark"]), "one of 1 classes"),
        (lambda: stress.maite.as_model(lambda batch: 0), "classes"),
        (lambda: stress.maite.as_model(3, classes=["a"]), "a call"),
        (lambda: stress.maite.as_model(lambda b: NAMES, classes=NAMES)([PICTURES[0].transpose(2, 0, 1)]), "rows of 2"),
    ],
)
def test_what_cannot_go_there(call, says):
    with pytest.raises(stress.StressError, match=says):
        call()


# -- beside MAITE itself


def test_its_protocols_know_ours_and_its_tasks_run_them():
    tasks = pytest.importorskip("maite.tasks")
    from maite.protocols import generic

    data, model, fog = WORLD.dataset(SAMPLES, ours), WORLD.model(ours), WORLD.augmentation(3)
    assert isinstance(data, generic.Dataset)
    assert isinstance(model, generic.Model)
    assert isinstance(fog, generic.Augmentation)

    class Accuracy:
        def __init__(self):
            self.metadata = {"id": "accuracy"}
            self.reset()

        def reset(self):
            self.right, self.all = 0, 0

        def update(self, pred_batch, target_batch, metadata_batch, /):
            self.right += sum(int(np.argmax(p)) == int(np.argmax(t)) for p, t in zip(pred_batch, target_batch))
            self.all += len(pred_batch)

        def compute(self):
            return {"accuracy": self.right / self.all}

    for augmentation in (None, fog):
        found, _, _ = tasks.evaluate(
            model=model, dataset=data, metric=Accuracy(), batch_size=3, augmentation=augmentation
        )
        pictures = PICTURES
        if augmentation is not None:
            pictures = [
                perturbations.apply("image.fog", p, severity=3, seed=3, sample=f"s{i}") for i, p in enumerate(PICTURES)
            ]
        right = ours(Batch({"image": pictures})).argmax(1) == np.arange(8) % 2
        assert found["accuracy"] == right.mean()
