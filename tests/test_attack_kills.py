"""A run that is killed in the middle of an attack's own questions goes on to the records of one that never was."""

import multiprocessing
import os
import signal
import sys

import numpy as np
import pytest

import perturbations
import scenarios
import stress.engine._plan as plan
import stress.engine._writer as writer
from perturbations import Sample
from stress.engine import Settings, execute, plan_run
from stress.models import ModelOracle

CLASSES = ("red", "green", "blue")
WORDS = ("good", "bad", "small", "large", "quick", "slow", "happy", "sad")
WEIGHTS = np.random.default_rng(0).normal(0, 0.02, (36, 3))
TONES = np.random.default_rng(1).normal(0, 1.5, (len(WORDS), 3))


class Questions:
    """Counts what attacks ask the model, and ends the process, as a power cut does, at one of these questions."""

    def __init__(self, monkeypatch):
        self.asked, self.last = 0, 0
        for name in ("scores", "gradients"):
            monkeypatch.setattr(ModelOracle, name, self.counting(getattr(ModelOracle, name)))

    def counting(self, question):
        def asked(*arguments):
            caller = sys._getframe(1).f_code.co_filename
            if os.path.join("perturbations", "attack") in caller:  # and not what a run asks beside them
                self.asked += 1
                if self.asked == self.last:
                    os.kill(os.getpid(), signal.SIGKILL)
            return question(*arguments)

        return asked


class Linear:
    """A linear model of a picture and its caption."""

    classes = CLASSES

    def scores(self, batch):
        pixels = np.stack([np.asarray(image, float).reshape(-1) for image in batch["image"]]) - 128
        said = np.array([[text.split().count(word) for word in WORDS] for text in batch["text"]])
        return pixels @ WEIGHTS + said @ TONES

    def __call__(self, batch):
        return self.scores(batch)

    def loss_gradient(self, batch, streams, loss):
        scores = self.scores(batch)
        slopes = loss(scores)[1] @ WEIGHTS.T
        return scores, {name: list(slopes.reshape(-1, 6, 6, 1)) for name in streams}


def data(count=15):
    rng = np.random.default_rng(2)
    found = []
    for i in range(count):
        streams = {"image": rng.integers(90, 166, (6, 6, 1), np.uint8), "text": " ".join(rng.choice(WORDS, 4))}
        blank = Sample(f"s{i}", streams, "")
        scores = Linear().scores({name: [value] for name, value in streams.items()})
        found.append(Sample(blank.id, streams, CLASSES[int(scores.argmax())]))
    return found


def planned(name):
    cheap = {"steps": 3, "targets": 2, "calls": 24, "halvings": 3}
    own = {key: value for key, value in cheap.items() if key in perturbations.get(name).params}
    on = "image" if "image" in perturbations.get(name).modalities else "text"
    scene = {on: {"name": name, **own}}
    suite = scenarios.loads({"suite": "a", "severities": [1, 3], "draws": 2, "scenarios": {"s": scene}})
    return plan_run(Linear(), data(), suite, None, Settings(workers=1, batch_size=8, preflight=False))


def content(run):
    return run.records().drop_columns(["seconds"]).to_pylist()


@pytest.mark.parametrize("name", perturbations.names("attack"))
def test_a_kill_inside_an_attack_costs_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(plan, "_SHARD_SAMPLES", 5)
    monkeypatch.setattr(writer, "_SHORTEST_S", 0.0)
    questions = Questions(monkeypatch)
    wanted = content(execute(planned(name), tmp_path / "whole").run)
    assert questions.asked > 4
    questions.asked, questions.last = 0, questions.asked // 2 + 1
    process = multiprocessing.get_context("fork").Process(target=execute, args=(planned(name), tmp_path / "killed"))
    process.start()
    process.join(900)
    assert process.exitcode == -signal.SIGKILL
    questions.last = 0
    outcome = execute(planned(name), tmp_path / "killed")
    assert content(outcome.run) == wanted
    assert 0 < outcome.reused < len(wanted)
