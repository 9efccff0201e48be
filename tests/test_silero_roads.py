"""One detector of speech, as two wheels' worth of files hold it: TorchScript, ONNX and a plain callable agree."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import stress
from perturbations import Audio
from stress.models import Batch, Waveform

torch = pytest.importorskip("torch")
runtime = pytest.importorskip("onnxruntime")
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


def test_one_network_by_three_roads(tmp_path):
    roads = {
        "torch": stress.models.torch(Detector(), {"audio": Waveform(RATE, frames=CHUNK)}),
        "onnx": onnx_road(),
        "plain": plain_road(),
    }
    samples = sounds()
    suite = {"suite": "noisy@1", "severities": [1, 3, 5], "scenarios": {"noise": {"audio": "white_noise"}}}
    records = {}
    for name, predict in roads.items():
        predict.classes = ["noise", "speech"]
        run = stress.run(predict, samples, suite, tmp_path / name, workers=1)
        records[name] = run.records().to_pydict(), run.table("curves").to_pydict()
    batch = Batch.of(samples)
    answers = {name: np.asarray(predict(batch)) for name, predict in roads.items()}
    assert np.ptp(answers["plain"][:, 1]) > 0.01  # the answers differ from sound to sound
    for name in ("torch", "onnx"):
        np.testing.assert_allclose(answers[name], answers["plain"], atol=1e-4)
        assert records[name][0]["prediction"] == records["plain"][0]["prediction"]
        np.testing.assert_allclose(records[name][0]["confidence"], records["plain"][0]["confidence"], atol=1e-4)
        for column in ("cell", "metric", "n"):
            assert records[name][1][column] == records["plain"][1][column]
        for mine, other in zip(records[name][1]["value"], records["plain"][1]["value"]):
            assert mine == pytest.approx(other, abs=1e-4)
