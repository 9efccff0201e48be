"""The examples run as they stand, and take no more than five lines to plug something in."""

import ast
import importlib.util
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import stress
from tests.test_endpoints import server

ROOT = Path(__file__).parents[1] / "examples"
SUITE = {"suite": "s@1", "severities": [1], "scenarios": {"noise": {"image": "gaussian_noise"}}}
RNG = np.random.default_rng(1)
PICTURES = [RNG.integers(0, 60, (8, 8, 3), dtype=np.uint8) + np.uint8(150 * (i % 2)) for i in range(12)]
NAMES = ["dark", "bright"]
SAMPLES = [stress.Sample(f"s{i}", {"image": p}, target=NAMES[i % 2]) for i, p in enumerate(PICTURES)]


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODELS, DATA = example("models"), example("data")


RUN_BY = {"models": __file__, "data": __file__, "trackers": "test_trackers.py", "maite_world": "test_maite.py",
          "benchmarks": "test_benchmarks_called.py"}  # fmt: skip


@pytest.mark.parametrize("name", RUN_BY)
def test_five_lines_are_enough(name):
    text = (ROOT / f"{name}.py").read_text()
    tests = (Path(__file__).parent / RUN_BY[name]).read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            lines = {line for each in node.body[1:] for line in range(each.lineno, each.end_lineno + 1)}
            assert len(lines) <= 5, node.name
            assert f"def test_{node.name}(" in tests or f").{node.name}(" in tests or f".{node.name}(" in tests, (
                node.name
            )


def right(model, tmp_path, data=SAMPLES):
    """Run a model, and return the share of clean answers that are right."""
    records = stress.run(model, data, SUITE, tmp_path / "run", workers=1).records().to_pydict()
    return np.mean([score for score, cell in zip(records["score"], records["cell"]) if cell == "clean"])


def brightness(batch):
    return [[0.0, 1.0] if each.mean() > 100 else [1.0, 0.0] for each in batch["image"]]


brightness.classes = NAMES


# -- models


def test_torch_module(tmp_path):
    torch = pytest.importorskip("torch")

    class Brightness(torch.nn.Module):
        def forward(self, image):
            level = image.mean((1, 2, 3)) + 0.2
            return torch.stack([-level, level], 1)

    assert right(MODELS.torch_module(Brightness()), tmp_path) == 1


def test_onnx_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["mean", "half"], ["level"]),
        helper.make_node("Unsqueeze", ["level", "one"], ["up"]),
        helper.make_node("Neg", ["up"], ["down"]),
        helper.make_node("Concat", ["down", "up"], ["logits"], axis=1),
    ]
    given = [helper.make_tensor_value_info("image", float32, ["n", 3, 8, 8])]
    found = [helper.make_tensor_value_info("logits", float32, ["n", 2])]
    fixed = [
        helper.make_tensor("half", float32, [], [0.4]),
        helper.make_tensor("one", onnx.TensorProto.INT64, [1], [1]),
    ]
    graph = helper.make_graph(nodes, "g", given, found, fixed)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert right(MODELS.onnx_file(tmp_path / "m.onnx"), tmp_path) == 1


def test_estimator_of_pictures(tmp_path):
    linear = pytest.importorskip("sklearn.linear_model")
    rows = [stress.models.Pixels(size=8, channels="grey", layout="flat").of(p, "x") for p in PICTURES]
    fitted = linear.LogisticRegression().fit(rows, [NAMES[i % 2] for i in range(12)])
    assert right(MODELS.estimator_of_pictures(fitted), tmp_path) == 1


def test_pipeline_of_texts():
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    predict = MODELS.pipeline_of_texts(
        make_pipeline(CountVectorizer(), MultinomialNB()).fit(["a car", "sky"], ["c", "s"])
    )
    assert np.asarray(predict(stress.models.Batch({"text": ["the car", "sky"]}))).argmax(1).tolist() == [0, 1]


def test_checkpoint(tmp_path):
    pytest.importorskip("transformers")
    from tests.test_transformers_adapter import image_folder

    image_folder(tmp_path / "vit")
    answers = MODELS.checkpoint(tmp_path / "vit")(stress.models.Batch({"image": [*PICTURES[:2], None]}))
    assert np.asarray(answers["logits"]).shape == (3, 3)


def test_model_of_maite(tmp_path):
    class Brightness:
        def __init__(self):
            self.metadata = {"id": "brightness", "index2label": dict(enumerate(NAMES))}

        def __call__(self, batch_input, /):
            return [np.array([0.6 - x.mean(), x.mean() - 0.2]) for x in batch_input]

    assert right(MODELS.model_of_maite(Brightness()), tmp_path) == 1


def test_prediction_route(tmp_path):
    pytest.importorskip("httpx")
    with server(tmp_path / "log") as url:
        assert right(MODELS.prediction_route(url), tmp_path) == 1


def test_chat_model(tmp_path):
    pytest.importorskip("httpx")
    with server(tmp_path / "log") as url:
        assert right(MODELS.chat_model(url.partition("/v1/")[0] + "/v1"), tmp_path) == 1


def test_within_a_budget(tmp_path):
    pytest.importorskip("httpx")
    with server(tmp_path / "log") as url:
        run = MODELS.within_a_budget(url.partition("/v1/")[0] + "/v1", SAMPLES, tmp_path / "run")
        assert run.info["spent"]["calls"] <= 100
        assert run.info["spent"]["samples"] >= 1


# -- data


def written(folder):
    for i, picture in enumerate(PICTURES):
        path = folder / NAMES[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture[..., ::-1])
    return folder


def test_folder_of_classes(tmp_path):
    assert right(brightness, tmp_path, DATA.folder_of_classes(written(tmp_path / "data"))) == 1


def test_patterns(tmp_path):
    assert right(brightness, tmp_path, DATA.patterns(written(tmp_path / "data"))) == 1


def test_data_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    written(tmp_path / "data")
    rows = [{"file": f"{NAMES[i % 2]}/{i:02}.png", "kind": NAMES[i % 2], "site": f"s{i // 4}"} for i in range(12)]
    assert right(brightness, tmp_path, DATA.data_frame(pandas.DataFrame(rows), tmp_path / "data")) == 1


def floats():
    return np.stack(PICTURES).transpose(0, 3, 1, 2) / 255.0, np.arange(12) % 2


def test_arrays(tmp_path):
    assert right(brightness, tmp_path, DATA.arrays(*floats())) == 1


def test_torch_dataset(tmp_path):
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(*map(torch.from_numpy, floats()))
    assert right(brightness, tmp_path, DATA.torch_dataset(dataset)) == 1


def test_hub_dataset(tmp_path):
    hub = pytest.importorskip("datasets")
    rows = {"image": [{"bytes": cv2.imencode(".png", p[..., ::-1])[1].tobytes(), "path": None} for p in PICTURES]}
    features = hub.Features({"image": hub.Image(), "label": hub.ClassLabel(names=NAMES)})
    dataset = hub.Dataset.from_dict({**rows, "label": [i % 2 for i in range(12)]}, features=features)
    assert right(brightness, tmp_path, DATA.hub_dataset(dataset)) == 1


def test_archives(tmp_path):
    with tarfile.open(tmp_path / "a-0.tar", "w") as tar:
        for i, picture in enumerate(PICTURES):
            png = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
            for ending, content in (("png", png), ("cls", str(i % 2).encode())):
                about = tarfile.TarInfo(f"{i:02}.{ending}")
                about.size = len(content)
                tar.addfile(about, io.BytesIO(content))
    assert right(brightness, tmp_path, DATA.archives(f"{tmp_path}/a-*.tar")) == 1


def test_dataset_of_maite(tmp_path):
    class Triples:
        def __init__(self):
            self.metadata = {"id": "triples", "index2label": dict(enumerate(NAMES))}

        def __len__(self):
            return 12

        def __getitem__(self, i):
            pictures, labels = floats()
            return pictures[i], np.eye(2)[labels[i]], {"id": i, "site": f"s{i // 4}"}

    assert right(brightness, tmp_path, DATA.dataset_of_maite(Triples())) == 1
