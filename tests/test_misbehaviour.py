"""Whatever the model does is a record: it hangs, holds the interpreter lock, raises what nobody catches, walks away."""

import os
import re
import subprocess
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


def holds_the_lock(batch):
    """Answer by brightness; without sound, backtrack for ever inside a regular expression, which lets no thread run."""
    if lost(batch):
        re.match(r"(a+)+$", "a" * 60 + "b")
    return brightness(batch)


@pytest.mark.slow
def test_a_call_that_lets_nothing_run_is_a_time_out_with_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("stress.engine._execute.canaries", lambda *given: {})
    run = go(tmp_path, "tests.test_misbehaviour:holds_the_lock", backend="processes", timeout=1.0, workers=2)
    records = run.records().to_pylist()
    assert {row["status"] for row in records if row["cell"] == "no-sound"} == {"timeout"}
    assert {row["status"] for row in records if row["cell"] == "clean"} == {"ok"}
    assert run.info["finished"]


ORPHAN = """
import os, subprocess, sys, time
code = "import time\\nfrom stress.engine._watchdog import watch_over\\nwatch_over(None)\\nprint('up', flush=True)"
code += "\\ntime.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os._exit(0)
"""


def test_a_worker_ends_with_its_parent():
    said = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    pid = int(said)
    for _ in range(400):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    os.kill(pid, 9)
    pytest.fail("the worker outlived its parent")
