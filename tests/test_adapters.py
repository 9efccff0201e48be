"""Models as people have them become an ordinary predict: the same answers by every road, and nothing guessed."""

import json
import re

import numpy as np
import pytest

import stress
from perturbations import Audio, InputError, ModelError, StressError
from stress.models import Batch, Pixels, Texts, Waveform, load_model
from tests.served import served

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(7)
PICTURES = [RNG.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((8, 8), (12, 9), (8, 8), (20, 30), (5, 7))]


class Means(torch.nn.Module):
    """Answers the means of the channels it sees: what a picture became can be read from the answer."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))

    def forward(self, image):
        return image.mean(dim=(2, 3)) * self.scale


def asked(predict, **streams):
    return np.asarray(predict(Batch(streams)))


# -- preparation: against arithmetic that is written out, and other libraries


def test_pixels_are_scaled_and_normalised_as_declared():
    picture = PICTURES[0]
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    made = Pixels(mean=mean, std=std).of(picture, "x")
    want = ((picture.astype(np.float64) / 255 - mean) / std).transpose(2, 0, 1)
    assert made.dtype == np.float32
    assert made.shape == (3, 8, 8)
    np.testing.assert_allclose(made, want, atol=1e-6)
    blue_first = Pixels(channels="bgr", range=(0, 255), mean=(1, 2, 3), layout="channels_last").of(picture, "x")
    np.testing.assert_allclose(blue_first, picture[..., ::-1].astype(np.float64) - (1, 2, 3), atol=1e-4)
    assert Pixels(range=(0, 255), dtype="uint8", layout="channels_last").of(picture, "x").tolist() == picture.tolist()


def test_grey_is_the_luma_of_the_standard():
    import cv2

    picture = PICTURES[3]
    made = Pixels(channels="grey", range=(0, 255), layout="channels_last").of(picture, "x")[..., 0]
    assert np.abs(made - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)).max() <= 0.51
    one = picture[..., :1]
    assert (Pixels(channels="grey", range=(0, 255), layout="channels_last").of(one, "x") == one).all()


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40), (32, 32), (33, 100), (8, 9)])
def test_crop_is_that_of_torchvision(height, width):
    """Resize the shorter side, cut out the centre: a picture that ramps keeps its middle in the middle."""
    ramp = np.broadcast_to(np.arange(width, dtype=np.uint8)[None, :, None], (height, width, 3))
    made = Pixels(size=24, fit="crop", shorter=32, range=(0, 255)).of(np.ascontiguousarray(ramp), "x")
    assert made.shape == (3, 24, 24)
    assert abs(float(made.mean()) - (width - 1) / 2) < 0.5 * width / 32 + 0.5


def test_a_recording_of_another_rate_is_refused_or_resampled():
    time = np.arange(8000) / 8000
    tone = Audio(np.sin(2 * np.pi * 440 * time).astype(np.float32)[None], 8000)
    with pytest.raises(InputError, match=r"must be 16000 Hz.*got 8000 Hz"):
        Waveform(16000).of(tone, "x")
    made = Waveform(16000, resample=True).of(tone, "x")
    assert made.shape == (16000,)
    assert np.argmax(np.abs(np.fft.rfft(made))) == 440
    assert Waveform(8000, frames=100).of(tone, "x").shape == (100,)
    long = Waveform(8000, frames=9000).of(tone, "x")
    assert not long[8000:].any()
    sixteen = Waveform(8000, full_scale=32768, dtype="int16").of(Audio(np.ones((1, 4), np.float32), 8000), "x")
    assert sixteen.tolist() == [32767] * 4
    standard = Waveform(8000, standardised=True).of(tone, "x")
    assert abs(standard.mean()) < 1e-6
    assert standard.std() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Pixels(size=0), "size"),
        (lambda: Pixels(size=(1, 2, 3)), "size"),
        (lambda: Pixels(size=True), "size"),
        (lambda: Pixels(fit="crop"), "size"),
        (lambda: Pixels(channels="rbg"), "channels"),
        (lambda: Pixels(mean=(1, 2)), "mean"),
        (lambda: Pixels(mean="bright"), "mean"),
        (lambda: Pixels(std=0), "std"),
        (lambda: Pixels(std=float("nan")), "std"),
        (lambda: Pixels(range=(1, 1)), "range"),
        (lambda: Pixels(range=1), "range"),
        (lambda: Pixels(dtype="float"), "dtype"),
        (lambda: Pixels(layout="chw"), "layout"),
        (lambda: Waveform(0), "rate"),
        (lambda: Waveform(16000.5), "rate"),
        (lambda: Waveform(16000, frames=-1), "frames"),
        (lambda: Waveform(16000, full_scale=0), "full_scale"),
    ],
)
def test_preparations_that_cannot_be(make, says):
    with pytest.raises(InputError, match=says):
        make()


# -- torch


def test_a_torch_module_answers_as_by_hand_whatever_shares_its_batch():
    predict = stress.models.torch(Means(), {"image": Pixels(mean=0.5, std=0.25)})
    together = asked(predict, image=PICTURES)
    want = [((p.astype(np.float64) / 255 - 0.5) / 0.25).mean(axis=(0, 1)) for p in PICTURES]
    np.testing.assert_allclose(together, want, atol=1e-5)
    alone = np.concatenate([asked(predict, image=[picture]) for picture in PICTURES])
    np.testing.assert_array_equal(together, alone)


def test_streams_go_to_the_parameters_of_their_name():
    class Both(torch.nn.Module):
        def forward(self, sound, picture, present=None):
            return torch.stack([sound.sum(1), picture.mean((1, 2, 3)), sound.sum(1) * 0 + present], 1)

    streams = {
        "camera": Pixels(size=4, to="picture", range=(0, 255)),
        "sound": Waveform(8000, frames=4, mask="present"),
    }
    predict = stress.models.torch(Both(), streams, missing={"camera": "mean", "sound": "mask"})
    wave = Audio(np.full((1, 4), 0.25, np.float32), 8000)
    black, white = (np.full((4, 4, 3), level, np.uint8) for level in (0, 255))
    found = asked(predict, camera=[black, white, None], sound=[wave, None, wave])
    np.testing.assert_allclose(found, [[1, 0, 1], [0, 255, 0], [1, 0, 1]])


def test_a_scripted_and_an_exported_module_answer_alike():
    example = torch.zeros(2, 3, 8, 8)
    streams, pictures = {"image": Pixels(size=8)}, PICTURES[:2]
    want = asked(stress.models.torch(Means(), streams), image=pictures)
    scripted = stress.models.torch(torch.jit.script(Means()), streams)
    np.testing.assert_allclose(asked(scripted, image=pictures), want, atol=1e-6)
    exported = torch.export.export(Means(), (example,), dynamic_shapes=({0: torch.export.Dim("n")},))
    np.testing.assert_allclose(asked(stress.models.torch(exported, streams), image=pictures), want, atol=1e-6)


def test_a_module_is_evaluated_and_known_by_its_weights():
    module = torch.nn.Sequential(Means(), torch.nn.Dropout(0.5)).train()
    predict = stress.models.torch(module, {"image": Pixels()})
    assert (asked(predict, image=PICTURES) == asked(predict, image=PICTURES)).all()
    first = load_model(predict).weights
    assert load_model(stress.models.torch(module, {"image": Pixels()})).weights == first
    assert load_model(stress.models.torch(module, {"image": Pixels(mean=0.5)})).weights != first
    with torch.no_grad():
        module[0].scale[1] = 1.0001
    assert load_model(stress.models.torch(module, {"image": Pixels()})).weights != first


# -- lost streams


def test_what_stands_for_a_lost_stream_is_said():
    def of(rule, **more):
        return stress.models.torch(Means(), {"image": Pixels(size=2, mean=(0.2, 0.4, 0.6), **more)}, missing=rule)

    np.testing.assert_allclose(asked(of("zeros"), image=[None]), [[-0.2, -0.4, -0.6]], atol=1e-6)
    np.testing.assert_allclose(asked(of("mean"), image=[None]), [[0, 0, 0]], atol=1 / 255)
    np.testing.assert_allclose(asked(of("mean", channels="bgr"), image=[None]), [[0, 0, 0]], atol=1 / 255)
    white = np.full((2, 2, 3), 255, np.uint8)
    np.testing.assert_allclose(asked(of(("fixed", white)), image=[None]), [[0.8, 0.6, 0.4]], atol=1e-6)
    with pytest.raises(ModelError, match="lost, and what then is not said"):
        of("refuse")(Batch({"image": [None]}))


def test_a_stream_that_is_left_out_is_not_an_argument():
    class Two(torch.nn.Module):
        def forward(self, image=None, audio=None):
            known = image if image is not None else audio
            return torch.full((len(known), 2), float(image is not None) + 2 * float(audio is not None))

    streams = {"image": Pixels(), "audio": Waveform(8000)}
    predict = stress.models.torch(Two(), streams, missing="leave_out")
    wave = Audio(np.zeros((1, 4), np.float32), 8000)
    found = asked(predict, image=[PICTURES[0], None, PICTURES[0]], audio=[wave, wave, None])
    assert found[:, 0].tolist() == [3, 2, 1]
    with pytest.raises(InputError, match="leave_out"):
        stress.models.torch(Means(), {"image": Pixels()}, missing="leave_out")


@pytest.mark.parametrize(
    ("streams", "missing", "says"),
    [
        ({"image": Pixels(size=2)}, "nothing", "missing must be refuse, zeros"),
        ({"image": Pixels()}, "zeros", "size"),
        ({"image": Pixels(size=2)}, "mask", r"Pixels\(mask="),
        ({"image": Pixels(size=2)}, {"picture": "zeros"}, "names the stream 'picture'"),
        ({"image": Pixels(size=2)}, ("fixed", "a text"), "fixed value must be"),
        ({"text": Texts(encode=len)}, "mean", "name a text"),
        ({"image": "pixels"}, "zeros", "must be prepared by"),
        ({}, "zeros", "streams must say"),
    ],
)
def test_rules_that_cannot_be(streams, missing, says):
    module = torch.nn.Identity()
    with pytest.raises(InputError, match=says):
        stress.models.torch(module, streams, missing=missing)


def test_no_stream_is_dropped_in_silence():
    predict = stress.models.torch(Means(), {"image": Pixels()})
    with pytest.raises(ModelError, match="given nothing of the stream 'speech'"):
        predict(Batch({"image": PICTURES[:1], "speech": ["hello"]}))
    with pytest.raises(ModelError, match="takes the stream 'image'"):
        predict(Batch({"picture": PICTURES[:1]}))


# -- ONNX


def graph(path, inputs, outputs=("out",)):
    """Write a model that adds the means of its inputs up: float inputs by name, with their shapes."""
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    nodes, sums = [], []
    for name, shape in inputs.items():
        axes = list(range(1, len(shape)))
        nodes.append(helper.make_node("ReduceMean", [name], [f"m_{name}"], axes=axes, keepdims=0))
        nodes.append(helper.make_node("Unsqueeze", [f"m_{name}", "one"], [f"u_{name}"]))
        sums.append(f"u_{name}")
    nodes.append(helper.make_node("Sum", sums, ["left"]))
    nodes.append(helper.make_node("Neg", ["left"], ["right"]))
    nodes += [helper.make_node("Concat", ["left", "right"], [name], axis=1) for name in outputs]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, float32, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, float32, ["n", 2]) for name in outputs],
        [helper.make_tensor("one", onnx.TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_an_onnx_model_is_called_by_the_names_of_its_inputs(tmp_path):
    pytest.importorskip("onnxruntime")
    file = graph(tmp_path / "m.onnx", {"pixels": ["n", 3, 8, 8], "sound": ["n", 4]})
    streams = {"sound": Waveform(8000, frames=4), "camera": Pixels(size=8, to="pixels")}
    predict = stress.models.onnx(file, streams, missing="zeros", classes=["up", "down"])
    wave = Audio(np.full((1, 4), 0.5, np.float32), 8000)
    white = np.full((9, 9, 3), 255, np.uint8)
    found = asked(predict, camera=[white, white, None], sound=[wave, None, None])
    np.testing.assert_allclose(found[:, 0], [1.5, 1, 0], atol=1e-6)
    assert load_model(predict).classes == ("up", "down")
    same = stress.models.onnx(file.read_bytes(), streams, missing="zeros")
    np.testing.assert_array_equal(asked(same, camera=[white], sound=[wave]), found[:1])


def test_a_fixed_batch_is_kept_to(tmp_path):
    pytest.importorskip("onnxruntime")
    file = graph(tmp_path / "m.onnx", {"image": [1, 3, 8, 8]})
    predict = stress.models.onnx(file, {"image": Pixels(size=8)})
    want = [(Pixels(size=8).of(p, "x")).mean() for p in PICTURES]
    np.testing.assert_allclose(asked(predict, image=PICTURES)[:, 0], want, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "streams", "options", "says"),
    [
        ({"image": ["n", 3, 8, 8]}, {"image": Pixels(size=9)}, {}, r"has the shape \(n, 3, 8, 8\)"),
        ({"image": ["n", 3, 8, 8]}, {"image": Pixels(size=8, layout="channels_last")}, {}, "shape"),
        ({"image": ["n", 3, 8, 8]}, {"image": Pixels(size=8, channels="grey")}, {}, "shape"),
        ({"image": ["n", 3, 8, 8]}, {"image": Pixels(size=8, dtype="uint8")}, {}, r"takes float32, got uint8"),
        ({"a": ["n", 4], "b": ["n", 4]}, {"audio": Waveform(8000, frames=4)}, {}, "inputs are a"),
        ({"a": ["n", 4], "b": ["n", 4]}, {"a": Waveform(8000, frames=4)}, {}, "nothing is declared for the input 'b'"),
        ({"a": ["n", 4]}, {"a": Waveform(8000, frames=4)}, {"output": "logits"}, "output must be one of out"),
    ],
)
def test_an_onnx_model_with_other_inputs_is_refused_before_any_call(tmp_path, inputs, streams, options, says):
    pytest.importorskip("onnxruntime")
    file = graph(tmp_path / "m.onnx", inputs)
    with pytest.raises(InputError, match=says):
        stress.models.onnx(file, streams, **options)


def test_files_that_are_no_onnx_model(tmp_path):
    pytest.importorskip("onnxruntime")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a model")
    for source in (bad, tmp_path / "none.onnx"):
        with pytest.raises(ModelError, match=source.name):
            stress.models.onnx(source, {"image": Pixels()})


# -- scikit-learn


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = load_digits()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
        found.data[:1000], found.target[:1000]
    )
    pictures = [np.rint(image * (255 / 16)).astype(np.uint8)[..., None] for image in found.images[1000:1060]]
    return model, pictures, found.target[1000:1060], found.data[1000:1060]


FLAT = {"image": Pixels(size=8, channels="grey", layout="flat", range=(0, 16))}


def test_an_estimator_answers_its_probabilities_and_classes(digits):
    model, pictures, _, features = digits
    predict = stress.models.sklearn(model, FLAT)
    np.testing.assert_allclose(asked(predict, image=pictures), model.predict_proba(features), atol=0.02)
    assert load_model(predict).classes == tuple(range(10))


def test_an_estimator_by_four_roads_gives_the_same_records(digits, tmp_path):
    """As it is, converted to ONNX, called plainly, and behind a URL."""
    convert = pytest.importorskip("skl2onnx")
    for package in ("onnxruntime", "httpx"):
        pytest.importorskip(package)
    from skl2onnx.common.data_types import FloatTensorType

    model, pictures, targets, _ = digits
    made = convert.convert_sklearn(
        model, initial_types=[("x", FloatTensorType([None, 64]))], options={id(model): {"zipmap": False}}
    )
    (tmp_path / "digits.onnx").write_bytes(made.SerializeToString())
    samples = [stress.Sample(str(i), {"image": p}, target=int(t)) for i, (p, t) in enumerate(zip(pictures, targets))]

    def plain(batch):
        return model.predict_proba(np.stack([each.ravel() for each in batch["image"]]) / 255 * 16)

    plain.classes = list(range(10))
    suite = {"suite": "small@1", "severities": [2, 5], "scenarios": {"noise": {"image": "gaussian_noise"}}}
    with served(plain) as url:
        roads = {
            "sklearn": stress.models.sklearn(model, FLAT),
            "onnx": stress.models.onnx(tmp_path / "digits.onnx", FLAT, classes=list(range(10))),
            "plain": plain,
            "http": stress.models.json(url, classes=list(range(10))),
        }
        found = {name: stress.run(m, samples, suite, tmp_path / name, workers=1) for name, m in roads.items()}
    want = found["plain"].records().to_pydict()
    assert np.mean([score for cell, score in zip(want["cell"], want["score"]) if cell == "clean"]) > 0.85
    for name in ("sklearn", "onnx", "http"):
        records = found[name].records().to_pydict()
        assert records["prediction"] == want["prediction"], name
        np.testing.assert_allclose(records["confidence"], want["confidence"], atol=1e-4)


def test_an_estimator_of_texts():
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(["red car", "blue sky"], ["car", "sky"])
    predict = stress.models.sklearn(model, {"caption": Texts()}, missing=("fixed", "sky"))
    found = asked(predict, caption=["a car", "the sky", None])
    assert found.argmax(axis=1).tolist() == [0, 1, 1]
    assert predict.classes == ["car", "sky"]


def test_estimators_that_cannot_be(digits):
    from sklearn.linear_model import LogisticRegression

    model, *_ = digits
    with pytest.raises(InputError, match="must be fitted"):
        stress.models.sklearn(LogisticRegression(), FLAT)
    with pytest.raises(InputError, match="takes 64 features, got 192"):
        stress.models.sklearn(model, {"image": Pixels(size=8, layout="flat")})
    other = stress.models.sklearn(model, FLAT).identity
    model[1].coef_[0, 0] += 1e-3
    try:
        assert stress.models.sklearn(model, FLAT).identity != other
    finally:
        model[1].coef_[0, 0] -= 1e-3


# -- what is passed directly, and names


def test_an_object_passed_directly_is_told_its_adapter(digits, tmp_path):
    with pytest.raises(ModelError, match=r"stress\.models\.torch\(model"):
        load_model(Means())
    with pytest.raises(ModelError, match=r"stress\.models\.sklearn\(model"):
        load_model(digits[0])
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(graph(tmp_path / "m.onnx", {"a": ["n", 4]})))
    with pytest.raises(ModelError, match=r"stress\.models\.onnx\(model, \{'a'"):
        load_model(session)


def test_a_module_that_is_written_for_batches_is_called_with_them():
    class Own(torch.nn.Module):
        def forward(self, batch):
            return torch.ones(len(batch["image"]), 2)

    assert load_model(Own()).predict(Batch({"image": PICTURES})).shape == (5, 2)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("http://127.0.0.1:8000/predict", "URL"),
        ("HTTPS://example.com", "URL"),
        ("model.onnx", "onnx:model.onnx"),
        ("weights/model.pt", "hold code"),
        ("model.joblib", "hold code"),
        (".", "hf:"),
        ("onnx:none.onnx", "must be a file, and is none"),
        ("", "must be a name, such as demo"),
        ("m.gguf", "a file of weights alone is no model"),
        ("someone/vit", "hf:someone/vit@FILE.yaml, with its revision"),
        ("json:dumps", "must be json:URL"),
        ("openai:tiny", "must be openai:NAME@URL"),
        ("torch:relu", "must be torch:module:attribute"),
        ("sklearn:a", "must be sklearn:module:attribute"),
        ("http://user:secret@host/p", "json:URL posts instances"),
        ("torch:json:loads", "description"),
    ],
)
def test_a_name_that_is_no_module_is_told_its_adapter(name, says):
    with pytest.raises(StressError, match=re.escape(says)) as caught:
        load_model(name)
    assert "No module named" not in str(caught.value)
    assert "secret" not in str(caught.value)


def described(path, **content):
    path.write_text(json.dumps(content))  # YAML holds JSON
    return path


def test_a_model_by_name_is_the_one_by_hand(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    file = graph(tmp_path / "m.onnx", {"image": ["n", 3, 8, 8]})
    by_hand = stress.models.onnx(file, {"image": Pixels(size=8, mean=0.5)}, missing="zeros", classes=["a", "b"])
    streams = {"image": {"pixels": {"size": 8, "mean": 0.5}}}
    described(tmp_path / "m.yaml", streams=streams, missing="zeros", classes=["a", "b"])
    by_name = load_model(f"onnx:{file}")
    np.testing.assert_array_equal(asked(by_name.predict, image=PICTURES), asked(by_hand, image=PICTURES))
    assert by_name.weights == load_model(by_hand).weights
    assert by_name.classes == ("a", "b")
    described(tmp_path / "other.yaml", streams={"image": {"pixels": {"size": [8, 8]}}}, missing={"image": "zeros"})
    assert load_model(f"onnx:{file}@{tmp_path / 'other.yaml'}").weights != by_name.weights
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapted_net.py").write_text(
        "import torch\nclass M(torch.nn.Module):\n    def forward(self, image):\n        return image.mean((2, 3))\n"
        "def load():\n    return M()\n"
    )
    for attribute in ("load", "M"):
        model = load_model(f"torch:adapted_net.py:{attribute}@other.yaml")
        want = [Pixels(size=8).of(p, "x").mean((1, 2)) for p in PICTURES]
        np.testing.assert_allclose(asked(model.predict, image=PICTURES), want, atol=1e-6)
        assert any("adapted_net" in part for part in model.code)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"streams": {"image": {"pixel": {}}}}, "pixels"),
        ({"streams": {"image": {"pixels": {"sizes": 8}}}}, "size"),
        ({"streams": {"image": {"pixels": {"size": "big"}}}}, "size"),
        ({"streams": {"image": {"waveform": {}}}}, "rate"),
        ({"streams": {"image": {"pixels": {"size": 8}}}, "lost": "zeros"}, "lost"),
        ({"missing": "zeros"}, "streams"),
        ({"streams": {"image": {"pixels": {"size": 8}}}, "missing": {"image": {"fixed": 3}}}, "fixed value"),
        (["streams"], "mapping"),
    ],
)
def test_descriptions_that_cannot_be(tmp_path, content, says):
    pytest.importorskip("onnxruntime")
    file = graph(tmp_path / "m.onnx", {"image": ["n", 3, 8, 8]})
    (tmp_path / "m.yaml").write_text(json.dumps(content))
    with pytest.raises(StressError, match=says):
        load_model(f"onnx:{file}")


def test_preflight_says_how_each_stream_is_prepared(tmp_path):
    samples = [stress.Sample(str(i), {"image": p}, target=i % 3) for i, p in enumerate(PICTURES * 2)]
    predict = stress.models.torch(Means(), {"image": Pixels(size=8, mean=0.5)}, missing="zeros", classes=[0, 1, 2])
    suite = {"suite": "small@1", "severities": [3], "scenarios": {"noise": {"image": "gaussian_noise"}}}
    run = stress.run(predict, samples, suite, tmp_path / "run", workers=1)
    lines = {check["name"]: check["says"] for check in run.info["preflight"]}
    assert lines["stream image as the model takes it"].startswith("8×8 (stretch), rgb, 0..1, (x - 0.5")
    assert "black" in lines["stream image as the model takes it"]


def test_a_module_of_the_users_may_be_called_as_an_adapter_is(tmp_path, monkeypatch):
    (tmp_path / "openai.py").write_text("def predict(batch):\n    return [0] * batch.size\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_model("openai:predict").predict(Batch({"image": PICTURES[:2]})) == [0, 0]
