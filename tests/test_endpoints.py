"""A model behind a URL, against a server process that misbehaves: nothing is paid twice, and no failure is silent."""

import io
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import stress
from perturbations import Audio, InputError, ModelError
from stress.models import Batch, Unanswered, load_model
from stress.models.endpoints import _lanes
from stress.models.endpoints._kept import Kept
from stress.models.endpoints._lanes import Lanes
from stress.models.endpoints._wire import _wav, body, instance, key_of
from tests._amount import amount

pytest.importorskip("httpx")
SERVER = Path(__file__).with_name("endpoint_server.py")
ROOT = Path(__file__).parents[1]
DARK, BRIGHT = (np.full((6, 5, 3), level, np.uint8) for level in (20, 220))
SUITE = {"suite": "small@1", "severities": [1, 3], "scenarios": {"noise": {"image": "gaussian_noise"}}}


@contextmanager
def server(log, faults="", secret=None):
    """Start the server, and return its URL."""
    command = [sys.executable, str(SERVER), str(log), faults, *([secret] if secret else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1/models/m:predict"
    finally:
        process.kill()
        process.wait()


def samples(count=12):
    rng = np.random.default_rng(0)
    return [
        stress.Sample(
            f"s{i}",
            {"image": rng.integers(0, 60, (6, 5, 3)).astype(np.uint8) + np.uint8(150 * (i % 2))},
            target=("dark", "bright")[i % 2],
        )
        for i in range(count)
    ]


def test_values_travel_without_loss():
    import base64
    import json

    import cv2

    rng = np.random.default_rng(0)
    picture, grey = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8), rng.integers(0, 256, (7, 5, 1), dtype=np.uint8)
    sent = json.loads(body(instance({"a": picture, "b": grey, "c": None, "d": "“text”\ud83d\ude00"})))["instances"][0]
    read = {k: cv2.imdecode(np.frombuffer(base64.b64decode(sent[k]["b64"]), np.uint8), -1) for k in ("a", "b")}
    assert (read["a"][..., ::-1] == picture).all()
    assert (read["b"] == grey[..., 0]).all()
    assert sent["c"] is None
    for channels in (1, 2, 3):
        wave = rng.uniform(-1, 1, (channels, 50)).astype(np.float32)
        found, rate = soundfile.read(io.BytesIO(_wav(Audio(wave, 22050))), dtype="float32", always_2d=True)
        assert rate == 22050
        assert (wave == found.T).all()
    one, other = [instance(values) for values in ({"a": picture, "d": "x"}, {"d": "x", "a": picture.copy()})]
    assert body(one) == body(other)
    assert key_of("u", one) == key_of("u", other)


def test_what_may_help_is_asked_again(tmp_path):
    log = tmp_path / "log"
    with server(log, "busy,broken,half") as url:
        predict = stress.models.json(url, classes=["dark", "bright"], keep=tmp_path / "kept")
        found = predict(Batch({"image": [DARK, BRIGHT, None]}))
        assert [np.argmax(row) for row in found[:2]] == [0, 1]
        assert found[2] == [0, 0]
        assert predict.client.calls == 12
        again = stress.models.json(url, keep=tmp_path / "kept")
        assert again(Batch({"image": [BRIGHT, None, DARK]})) == [found[1], found[2], found[0]]
        assert again.client.calls == 0
    assert max(Counter(log.read_text().split()).values()) == 1


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("refused", "crash", "HTTP 400.*breaks our rules"),
        ("empty", "invalid", "not JSON"),
        ("html", "invalid", "not JSON.*login"),
        ("twice", "invalid", "2 predictions"),
        ("null", "invalid", "null"),
        ("slow", "timeout", "no answer within 0.5 s"),
        ("broken,broken,broken", "crash", "HTTP 500"),
        ("moved", "crash", "sends elsewhere, to '/login', which is not followed: HTTP 302"),
        ("bomb", "invalid", "more than 64 MB"),
        ("none", "invalid", "0 predictions"),
        ("gone", "crash", "HTTP 404.*no such model"),
        ("unfit", "crash", "HTTP 422.*field required"),
        ("packed,packed,packed", "crash", "DecodingError"),
        ("odd,odd,odd", "rate_limited", "HTTP 429"),
    ],
)
def test_what_cannot_help_is_one_row_without_an_answer(tmp_path, fault, status, says):
    import re

    with server(tmp_path / "log", fault) as url:
        predict = stress.models.json(url, keep=tmp_path / "kept", deadline=0.5 if fault == "slow" else 30, tries=3)
        (row,) = predict(Batch({"image": [DARK]}))
        assert isinstance(row, Unanswered)
        assert row.status == status
        assert re.search(says, row.says)
        if "," not in fault:
            assert predict.client.calls == 1
        assert not list(Kept(tmp_path / "kept").all())


def test_a_failing_sample_is_its_own_record(tmp_path):
    def predict(batch):
        rows = [[0.0, 1.0] if each.mean() > 100 else [1.0, 0.0] for each in batch["image"]]
        lost = [i for i, each in enumerate(batch["image"]) if each.std() > 75]
        return [Unanswered("timeout", "too noisy") if i in lost else row for i, row in enumerate(rows)]

    predict.classes = ["dark", "bright"]
    suite = {"suite": "s@1", "severities": [5], "scenarios": {"noise": {"image": "gaussian_noise"}}}
    records = stress.run(predict, samples(), suite, tmp_path / "run", workers=1).records().to_pydict()
    loud = [i for i, cell in enumerate(records["cell"]) if cell != "clean"]
    statuses = {records["status"][i] for i in loud}
    assert statuses == {"ok", "timeout"}
    for i in loud:
        assert (records["error"][i] == "too noisy") == (records["status"][i] == "timeout")
        assert records["batch"][i] == 12


def test_a_model_that_answers_the_same_question_in_two_ways_is_told(tmp_path):
    """Answers are kept, so that a question is asked once; those that recognise the model are asked anew."""
    for fault in ("", "other"):
        with server(tmp_path / "log", fault) as url:
            predict = stress.models.json(url, classes=["dark", "bright"])
            run = stress.run(predict, samples(), SUITE, tmp_path / f"run{fault}", workers=1)
        (check,) = [each for each in run.info["preflight"] if each["name"] == "clean answers are reproducible"]
        assert (check["outcome"] == "warning") == bool(fault), check
        assert ("asked anew" in check["says"]) == bool(fault)


def test_a_dead_endpoint_is_one_error(tmp_path):
    predict = stress.models.json("http://127.0.0.1:9/predict", classes=["dark", "bright"], tries=1)
    with pytest.raises(ModelError, match=r"must answer clean input, got crash on 's.*ConnectError"):
        stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1)
    assert not (tmp_path / "run").exists()


def test_a_key_is_nowhere_but_in_the_environment(tmp_path, monkeypatch):
    secret = "-".join(("sk", "planted", "0123456789"))
    with server(tmp_path / "log", "", secret) as url:
        with pytest.raises(ModelError, match="the environment must have the key MODEL_KEY"):
            stress.models.json(url, key_env="MODEL_KEY")
        monkeypatch.setenv("MODEL_KEY", secret)
        predict = stress.models.json(url, key_env="MODEL_KEY", keep=tmp_path / "kept", classes=["dark", "bright"])
        stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1).report()
        assert predict.client.calls > 0
    with server(tmp_path / "log", "echo") as url:
        (row,) = stress.models.json(url, key_env="MODEL_KEY")(Batch({"image": [DARK]}))
        assert "[key]" in row.says
        assert secret not in repr(row)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "url", ["http://user:pw@host/p", "http://host/p?key=1", "http://host/p#a", "ftp://host", "host", 3]
)
def test_urls_that_may_hold_a_key_or_are_none(url):
    with pytest.raises(InputError, match="url must") as caught:
        stress.models.json(url)
    assert "pw" not in str(caught.value)
    assert "key=1" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"missing": "zeros"}, {"at_once": 0}, {"tries": 1.5}, {"deadline": 0}, {"per_second": -1}]
)
def test_options_that_cannot_be(options):
    with pytest.raises(InputError, match=next(iter(options))):
        stress.models.json("http://127.0.0.1:9/p", **options)


def test_a_lost_stream_is_null_or_left_out_or_refused(tmp_path):
    with server(tmp_path / "log") as url:
        for missing in ("null", "leave_out"):
            assert stress.models.json(url, missing=missing)(Batch({"image": [None]})) == [[0, 0]]
        (row,) = stress.models.json(url, missing="refuse")(Batch({"image": [None]}))
        assert row.status == "crash"


def test_media_that_the_model_does_not_take_are_refused_before_the_first_call(tmp_path):
    with server(tmp_path / "log") as url:
        predict = stress.models.json(url, classes=["dark", "bright"], takes=["text", "audio"])
        with pytest.raises(InputError, match=r"takes text, audio, got the stream 'image' of another kind"):
            stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1)
        assert predict.client.calls == 0
        assert "of text, audio" in dict(predict.states)
        assert len(stress.models.json(url, takes=["image"])(Batch({"image": [DARK]}))) == 1
    for takes in ("image", [], ["picture"], ["image", 3]):
        with pytest.raises(InputError, match="takes must be a list of image, audio, text, series"):
            stress.models.json(url, takes=takes)


def test_a_url_by_name(tmp_path):
    with server(tmp_path / "log") as url:
        (tmp_path / "m.yaml").write_text(f"classes: [dark, bright]\nkeep: {tmp_path / 'kept'}\nat_once: 2\n")
        model = load_model(f"json:{url}@{tmp_path / 'm.yaml'}")
        assert model.classes == ("dark", "bright")
        assert np.argmax(model.predict(Batch({"image": [BRIGHT]}))[0]) == 1
        with pytest.raises(ModelError, match=f"json:{url}"):
            load_model(url)


def test_waiting_for_a_lane_is_not_the_endpoints_time(tmp_path):
    """Some questions, one at a time, of an endpoint that takes a small share of the deadline for each."""
    with server(tmp_path / "log", "nap") as url:
        predict = stress.models.json(url, at_once=1, deadline=4)
        found = predict(Batch({"image": [np.full((6, 5, 3), level, np.uint8) for level in range(14)]}))
    assert not [row for row in found if isinstance(row, Unanswered)]


def test_calls_begin_no_more_often_than_asked(monkeypatch):
    monkeypatch.setattr(_lanes, "time", SimpleNamespace(monotonic=lambda: 7.0))  # all in one moment
    lanes = Lanes(4, per_second=50)
    waits = [lanes._wait() for _ in range(100)]
    assert not any(waits[:50])  # a second's worth at once
    assert waits[-1] == pytest.approx(1)


def test_lanes_halve_and_grow():
    lanes = Lanes(8)
    lanes.crowded()
    lanes.crowded()
    assert lanes.width == 2
    for _ in range(200):
        lanes.fine()
    assert lanes.width == 8
    for _ in range(9):
        lanes.crowded()
    assert lanes.width == 1
    with lanes.one():
        pass


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import stress
from tests.test_endpoints import SUITE, samples
predict = stress.models.json({url!r}, classes=["dark", "bright"], at_once=4)
stress.run(predict, samples(80), SUITE, {out!r}, workers=2, batch_size=8)
"""


@pytest.mark.slow
def test_kills_pay_no_finished_answer_twice(tmp_path):
    """Killed again and again, a run asks none of the answers anew that were on disk when it was killed.

    By the server's log; but for the five questions that recognise the model at each start, which say what they are.
    """
    log, run, kills, told = tmp_path / "log", tmp_path / "run", amount(3, 20), []
    log.touch()
    (tmp_path / "log.keys").touch()
    with server(log, "busy") as url:
        text = PROGRAM.format(root=str(ROOT), url=url, out=str(run))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        for kill in range(kills):
            process = subprocess.Popen([sys.executable, "-c", text], env=environment)
            while process.poll() is None and len(log.read_text().split()) < 10 * (kill + 1):
                time.sleep(0.002)
            process.kill()
            process.wait()
            names = dict(line.split() for line in (tmp_path / "log.keys").read_text().splitlines())
            kept = {names[key] for key, _ in Kept(run / "answers").all()}
            told.append((len(log.read_text().split()), kept))
        assert 0 < len(kept) < 240  # it was killed on the way
        subprocess.run([sys.executable, "-c", text], check=True, env=environment)
        sent = log.read_text().split()
        pairs = set((tmp_path / "log.keys").read_text().splitlines())
        assert len(pairs) == len({pair.split()[0] for pair in pairs}) == len({pair.split()[1] for pair in pairs})
        for there, kept in told:
            assert not kept & set(sent[there:])
        assert len(sent) - len(set(sent)) <= 4 * kills  # what was under way may be sent once more
        assert len((tmp_path / "log.canary").read_text().split()) <= 5 * (kills + 1)
        unharmed = stress.models.json(url, classes=["dark", "bright"])
        other = stress.run(unharmed, samples(80), SUITE, tmp_path / "other", workers=2, batch_size=8)
        columns = ["cell", "sample", "status", "prediction", "confidence", "score", "answer"]
        one, two = (each.records().select(columns).to_pylist() for each in (stress.open(run), other))
        assert one == two


def test_many_at_once(tmp_path):
    with server(tmp_path / "log", "nap") as url:
        predict = stress.models.json(url, at_once=64, deadline=600)
        pictures = [np.full((6, 5, 3), level, np.uint8) for level in range(192)]
        found = predict(Batch({"image": pictures}))
        assert [np.argmax(row) for row in found] == [int(level > 128) for level in range(192)]
        assert predict.client.calls == 192
