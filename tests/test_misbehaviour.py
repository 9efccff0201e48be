"""Whatever the model does is a record: it hangs, raises what nobody catches, walks away."""

import os
import sys
import time
from pathlib import Path

import pytest

import scenarios
import stress
from tests.worlds import brightness, samples

ROOT = Path(__file__).resolve().parents[1]
SILENT = "suite: s@1\nscenarios: {no-sound: {audio: missing}}"


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def lost(batch):
    return any(sound is None for sound in batch["audio"])


def world():
    return samples(10)


def go(out, model, **settings):
    settings = {"workers": 1, "batch_size": 8, "preflight": False, **settings}
    data = "tests.test_misbehaviour:world" if isinstance(model, str) else samples(10)
    return stress.run(model, data, scenarios.loads(SILENT), out, **settings)


class ForNobody(BaseException):
    """Ends what catches Exception alone."""


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def ends_threads(batch):
    if lost(batch):
        raise ForNobody("gone")
    return brightness(batch)


def says_nothing(batch):
    if lost(batch):
        raise WordlessError
    return brightness(batch)


def leaves(batch):
    if lost(batch):
        sys.exit(0)
    return brightness(batch)


@pytest.mark.parametrize("timeout", [None, 5.0])
@pytest.mark.parametrize(
    ("model", "says"), [(ends_threads, "ForNobody: gone"), (says_nothing, "WordlessError: "), (leaves, "SystemExit")]
)
def test_what_nobody_catches_is_a_crash(tmp_path, model, says, timeout):
    records = go(tmp_path, model, timeout=timeout).records(cells=["no-sound"]).to_pylist()
    assert {row["status"] for row in records} == {"crash"}
    assert all(row["error"].startswith(says) for row in records)


def test_a_model_that_changes_the_working_directory_is_brought_back(tmp_path):
    (tmp_path / "elsewhere").mkdir()

    def walks(batch):
        os.chdir(tmp_path / "elsewhere")
        return brightness(batch)

    with pytest.warns(RuntimeWarning, match="working directory"):
        go(tmp_path / "run", walks)
    assert Path.cwd() == ROOT


def test_the_first_call_has_a_time_out(tmp_path):
    def hangs(batch):
        time.sleep(30)

    with pytest.raises(stress.ModelError, match=r"but raised TimeoutError: no answer within 0\.2 s"):
        go(tmp_path, hangs, timeout=0.2)
