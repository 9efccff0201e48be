"""The Python that README and the documents show is run, in a world that has what their lines speak of."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

import perturbations
import stress
from stress import policy as policies
from tests import monitor_world as world
from tests.test_benchmarks_called import by_brightness, cifar_c, cifar_clean
from tests.test_documents import ROOT, STORIES, blocks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = ("reading.md",)
"""A page whose code a test of its own runs, against other numbers: tests/test_reading.py."""
SHOWN = {
    f"{page.name} {number}": content
    for page in PAGES
    if page.name not in (*STORIES, *ELSEWHERE)
    for number, (_, _, content) in enumerate(each for each in blocks(page) if each[0] == "python")
}
CLASSES = ["bus", "car", "tram"]
CALLED = {"0": "quiet", "1": "alarm"}
GATES = "gates:\n  - {metric: accuracy, per: scenario, against: baseline, max_drop: 0.9}\n"


def street(number):
    """One sample of the README: a picture, a sound and words; what is in it is told by the picture's brightness."""
    rng = np.random.default_rng(number)
    picture = np.clip(rng.normal(60 + 60 * (number % 3), 12, (24, 24, 3)), 0, 255).astype(np.uint8)
    wave = (0.2 * np.sin(np.arange(1600) * (0.1 + 0.1 * (number % 3)))).astype(np.float32)
    streams = {"camera": picture, "speech": stress.Audio(wave, rate=16000), "caption": f"{'a red car ' * 2}{number}"}
    return stress.Sample(
        f"{number:04d}", streams, target=CLASSES[number % 3], groups={"speaker": f"f{number % 10:02d}"}
    )


def by_camera(pictures, *_):
    """Return scores of the classes by how bright the pictures are; ``pictures`` is an array, or a list with gaps."""
    light = np.array([90.0 if picture is None else float(np.mean(picture)) for picture in pictures])
    return -np.abs(light[:, None] - [60, 120, 180]) / 20


def street_model(batch):
    return by_camera(batch["camera"])


street_model.classes = CLASSES


def watched(folder, seed):
    """Return a run of three streams with a group of accents, another answer to some samples for another seed."""
    samples = [
        stress.Sample(
            each.id, each.streams, CALLED[each.target], {"speaker": f"p{i % 12}", "accent": ("north", "south")[i % 2]}
        )
        for i, each in enumerate(world.sample(i) for i in range(48))
    ]

    def predict(batch):
        found = world.predict(batch)
        found[seed::17] = found[seed::17][:, ::-1]
        return found

    predict.classes = list(CALLED.values())
    suite = {**world.SUITE, "severities": [4, 5], "scenarios": {"babble": {"audio": "babble"}, "fog": {"image": "fog"}}}
    data = stress.data.from_samples(samples, cluster="speaker")
    return stress.run(predict, data, suite, folder, workers=1, preflight=False, examples=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the runs, files and policies that the pages name."""
    place = tmp_path_factory.mktemp("documents")
    first, second = watched(place / "runs" / "released", 1), watched(place / "runs" / "candidate", 2)
    for name, run in {"early": first, "intermediate": first, "late": second, "release": second}.items():
        shutil.copytree(run.path, place / "runs" / name)
    rule = {"signal": "image.brightness", "below": 0.25, "then": "drop image", "else": "keep"}
    policies.save(policies.Policy(rule, ("keep", "drop image"), ("image.brightness",)), place / "policy.json")
    (place / "gates.yaml").write_text(GATES, encoding="utf-8")
    (place / "inputs.jsonl").write_bytes(world.lines([{"id": f"x{i}", "signals": {}} for i in range(3)]))
    (place / "logo.png").write_bytes(picture_file(4))
    (place / "front.png").write_bytes(picture_file(3))
    cifar_clean(cifar_c(place / "data" / "CIFAR-10-C"))
    return place


def picture_file(channels):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, channels), 128, np.uint8)).save(file, "PNG")
    return file.getvalue()


def network():
    """Return a network of PyTorch for the three streams of docs/models.md."""
    torch = pytest.importorskip("torch")

    class Three(torch.nn.Module):
        def forward(self, camera, speech, caption):
            return camera.mean((2, 3)) + speech.mean(1, keepdim=True) + caption.sum(1, keepdim=True)

    return Three()


def names_of(page):
    """Return what the lines of a page take as given."""
    plain = street(1)
    given = {
        "stress": stress,
        "perturbations": perturbations,
        "Path": Path,
        "picture": plain.streams["camera"],
        "wave": plain.streams["speech"].samples[0],
        "recording": plain.streams["speech"],
        "samples": [street(i) for i in range(60)],
        "predict": street_model,
        "model": by_camera,
    }
    if page == "inputs.md":
        given |= {"picture": np.full((3, 8, 8), 0.5, np.float32), "wave": np.zeros((400, 1), np.int16)}
        given["samples"] = [stress.Sample("1", {"front": Path("front.png")}, "car")]
    if page == "benchmarks.md":
        given["predict"] = by_brightness
    if page == "models.md":
        given |= {"network": network(), "tokenize": lambda text: [len(text)]}
    if page == "measures.md":
        given |= {"run": stress.open("runs/candidate"), "released": stress.open("runs/released")}
    if page == "policies.md":
        given["predict"] = world.predict
    return given


def small(content):
    """Return a block with what is large in it made small: a suite of hundreds of cells, a list that goes on."""
    content = content.replace(
        'data = stress.data.from_samples(samples, cluster="speaker")',
        'samples = [*samples[:1], *SAMPLES]\ndata = stress.data.from_samples(samples, cluster="speaker")',
    )
    return content.replace("    ...    ", "    #    ").replace('suite="release"', "suite=SUITE")


SUITE = {
    "suite": "small@1",
    "severities": [3],
    "scenarios": {"fog": {"camera": "fog"}, "hiss": {"speech": "white_noise"}},
}


@pytest.mark.parametrize("name", [name for name in SHOWN if "def test_gate" not in SHOWN[name]])
def test_what_is_shown_runs(name, place, monkeypatch):
    page, content = name.split()[0], SHOWN[name]
    monkeypatch.chdir(place)
    monkeypatch.setenv("VEHICLES_KEY", "a key")
    if "vehicles.onnx" in content:
        written_onnx(place / "vehicles.onnx")
    if "stress.models.json" in content or "stress.models.openai" in content:
        pytest.importorskip("httpx")
    space = {**names_of(page), "__name__": "shown", "SUITE": SUITE, "SAMPLES": [street(i) for i in range(18, 36)]}
    exec(compile(small(content), name, "exec"), space)  # noqa: S102 - what the page shows
    held(name, space)


def held(name, space):
    """Hold what a block gave against what its comments say."""
    if name == "README.md 0":
        curves = space["run"].table("curves").to_pandas()
        assert {"stream", "perturbation", "severity", "metric", "value", "low", "high", "n"} <= set(curves.columns)
    if name == "README.md 2":
        assert space["foggy"].shape == space["picture"].shape
    if name == "gates.md 0":
        assert space["report"].status in (0, 1, 3)
    if name == "policies.md 0":
        assert space["policy"].decide({"image.brightness": 0.1}) == "drop image"
    if name == "benchmarks.md 0":
        assert space["found"].conditions["fog", 3].value <= 1
    if name == "inputs.md 0":
        assert stress.image(space["picture"], range=(0, 1), layout="channels_first").shape == (8, 8, 3)


def written_onnx(path):
    """Write a network whose one input is the README's camera."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["camera", "axes"], ["scores"], keepdims=0)],
        "vehicles",
        [helper.make_tensor_value_info("camera", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    assert onnx


def test_the_tests_that_are_shown_pass(place, monkeypatch):
    """What fixtures give them is that of tests/test_gate.py, which runs such a file under pytest."""
    (content,) = (each for each in SHOWN.values() if "def test_gate" in each)
    monkeypatch.chdir(place)
    run, gates = stress.open("runs/candidate"), stress.gate.load_gates("gates.yaml")
    space = {}
    exec(compile(content, "gates.md", "exec"), space)  # noqa: S102 - what the page shows
    verdicts = stress.gate.judge(run, gates, stress.open("runs/released")).verdicts
    assert len(verdicts) == 1  # one a rule
    for verdict in verdicts:
        space["test_gate"](verdict)
    space["test_release"](run)
