"""One detector of speech by four roads: TorchScript, ONNX, a plain callable, and an HTTP server around it agree."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import stress
from perturbations import Audio
from stress.models import Batch, Waveform
from tests.served import served

torch = pytest.importorskip("torch")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("httpx")
pytestmark = pytest.mark.skipif(find_spec("silero_vad") is None, reason="silero-vad is not installed")
RATE, CHUNK, CONTEXT = 16000, 512, 64


def file(name):
    return Path(find_spec("silero_vad").origin).parent / "data" / name


class Detector(torch.nn.Module):
    """The scripted detector on the first chunk of a recording: not speech, speech."""

    def __init__(self):
        super().__init__()
        self.inner = torch.jit.load(str(file("silero_vad.jit")))

    def forward(self, audio):
        self.inner.reset_states()
        speech = self.inner(audio, RATE)
        return torch.cat([1 - speech, speech], 1)


STATE = {"state": np.zeros((2, 1, 128), np.float32), "sr": np.array(RATE)}


def onnx_road():
    """The file as it is: the samples before the chunk are silence, and so is its state."""
    streams = {"audio": Waveform(RATE, frames=CONTEXT + CHUNK, to="input")}
    model = stress.models.onnx(file("silero_vad.onnx"), streams, output="output", constants=STATE, batch=1)

    def predict(batch):
        padded = [Audio(np.pad(each.samples, ((0, 0), (CONTEXT, 0))), each.rate) for each in batch["audio"]]
        speech = np.asarray(model(Batch({"audio": padded})))
        return np.concatenate([1 - speech, speech], 1)

    return predict


def plain_road():
    session = runtime.InferenceSession(str(file("silero_vad.onnx")))

    def predict(batch):
        rows = []
        for each in batch["audio"]:
            heard = np.pad(each.samples, ((0, 0), (CONTEXT, 0)))[:, : CONTEXT + CHUNK]
            rows.append(float(session.run(None, {"input": heard, **STATE})[0][0, 0]))
        return np.array([[1 - row, row] for row in rows])

    return predict


def sounds():
    """Voiced, as a vowel is – harmonics of 120 Hz under two formants – and noise or silence: 30 samples."""
    rng, time, made = np.random.default_rng(0), np.arange(CHUNK) / RATE, []
    for i in range(30):
        if i % 2:
            wave = rng.normal(0, 0.02, CHUNK)
        else:
            tones = [
                np.exp(-(((k * 120 - 700) / 500) ** 2)) * np.sin(2 * np.pi * 120 * k * time + k) for k in range(1, 30)
            ]
            wave = (0.1 + 0.02 * i) * np.sum(tones, axis=0) / 4
        made.append(
            stress.Sample(
                str(i), {"audio": Audio(wave.astype(np.float32)[None], RATE)}, target=("speech", "noise")[i % 2]
            )
        )
    return made


SUITE = {"suite": "noisy@1", "severities": [1, 5], "scenarios": {"noise": {"audio": "white_noise"}}}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By road: the answers to the clean sounds, and the records and curves of a run."""
    samples, plain = sounds(), plain_road()
    with served(plain_road()) as url:
        roads = {
            "torch": stress.models.torch(Detector(), {"audio": Waveform(RATE, frames=CHUNK)}),
            "onnx": onnx_road(),
            "plain": plain,
            "http": stress.models.json(url),
        }
        kept = {}
        for name, predict in roads.items():
            answers = np.asarray(predict(Batch.of(samples)))
            predict.classes = ["noise", "speech"]
            run = stress.run(predict, samples, SUITE, tmp_path_factory.mktemp("roads") / name, workers=1)
            curves = {(r["cell"], r["metric"]): (r["value"], r["n"]) for r in run.table("curves").to_pylist()}
            kept[name] = answers, run.records().to_pydict(), curves
    return kept


def test_the_answers_differ_from_sound_to_sound(found):
    assert np.ptp(found["plain"][0][:, 1]) > 0.01


@pytest.mark.parametrize("road", ["torch", "onnx", "http"])
def test_one_network_by_four_roads(found, road):
    (answers, records, curves), (answers_, records_, curves_) = found[road], found["plain"]
    np.testing.assert_allclose(answers, answers_, atol=1e-4)
    assert set(records["status"]) == {"ok"}
    assert records["prediction"] == records_["prediction"]
    np.testing.assert_allclose(records["confidence"], records_["confidence"], atol=1e-4)
    assert {key: n for key, (_, n) in curves.items() if key in curves_} == {k: n for k, (_, n) in curves_.items()}
    for key, (value, _) in curves_.items():
        assert curves[key][0] == pytest.approx(value, abs=1e-4), key
