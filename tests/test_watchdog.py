"""A call that lets nothing else run ends its process in time, and no process, lock or folder outlives a killed run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import scenarios
import stress
from perturbations import RunError
from stress.engine._lock import lock
from stress.engine._room import room, was_stuck
from stress.engine._watchdog import Watch
from tests.worlds import CLASSES, brightness, samples

alone = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[1]
SILENT = "suite: s@1\nscenarios: {no-sound: {audio: missing}}"
CLUSTER = pytest.param("dask", marks=pytest.mark.slow)


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def world():
    return samples(3)


def stand_still():
    """Backtrack for ever inside a regular expression, which lets no thread of Python run."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def holds_the_lock(batch):
    """Answer by brightness; stand still without sound, and with a note of it, as long as a file is there."""
    flag = Path(os.environ["STRESS_TEST_FLAG"])
    if flag.exists() and any(sound is None for sound in batch["audio"]):
        flag.with_name(f"stands-{os.getpid()}").touch()
        stand_still()
    return brightness(batch)


def always_holds(batch):
    stand_still()


holds_the_lock.classes = always_holds.classes = CLASSES


def go(out, model="tests.test_watchdog:holds_the_lock", **settings):
    settings = {"workers": 1, "batch_size": 8, "preflight": False, **settings}
    return stress.run(model, "tests.test_watchdog:world", scenarios.loads(SILENT), out, **settings)


SCRIPT = """
import sys
from pathlib import Path
from tests.test_watchdog import go
if __name__ == "__main__":
    go(Path(sys.argv[1]), backend=sys.argv[2], timeout=float(sys.argv[3]) or None, workers=int(sys.argv[4]))
"""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Start a run in a process of its own, whose model stands still without sound."""
    flag = tmp_path / "flag"
    flag.touch()
    monkeypatch.setenv("STRESS_TEST_FLAG", str(flag))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    held = []

    def start(backend, timeout=0.0, workers=1, out="run"):
        command = [sys.executable, str(script), str(tmp_path / out), backend, str(timeout), str(workers)]
        held.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return held[-1]

    yield start
    for each in held:
        if each.poll() is None:
            each.kill()
        each.communicate()


def wait_for(found, most=600):
    for _ in range(most * 20):
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


@alone
def test_threads_are_ended_as_incomplete_and_the_run_goes_on_later(tmp_path, started):
    process = started("threads", 2.0, 2)
    _, said = process.communicate(timeout=900)
    assert process.returncode == 3, said
    assert "within 2 s" in said
    assert "--backend processes" in said
    assert "Traceback" not in said
    (tmp_path / "flag").unlink()
    finished, other = go(tmp_path / "run"), go(tmp_path / "other")
    assert finished.info["finished"]
    assert finished.records().drop_columns(["seconds"]) == other.records().drop_columns(["seconds"])


@alone
def test_a_call_that_is_only_slow_does_not_end_the_process(tmp_path):
    """Nor does one that has been given up and goes on by itself."""

    def sleeps(batch):
        if any(sound is None for sound in batch["audio"]):
            time.sleep(7)
        return brightness(batch)

    sleeps.classes = CLASSES
    run = stress.run(sleeps, world(), scenarios.loads(SILENT), tmp_path / "run", workers=2, timeout=2)
    found = run.records(cells=["no-sound"])
    assert set(found["status"].to_pylist()) == {"timeout"}


@alone
@pytest.mark.parametrize("backend", ["processes", CLUSTER])
def test_workers_are_ended_and_it_is_a_time_out(tmp_path, started, backend):
    """With canaries and preflight, which ask the same before the grid does."""
    process = started(backend, 2.0, 2)
    assert process.wait(900) == 0, process.stderr.read()
    records = stress.open(tmp_path / "run").records().to_pylist()
    assert {row["status"] for row in records if row["cell"] == "no-sound"} == {"timeout"}
    assert {row["status"] for row in records if row["cell"] == "clean"} == {"ok"}
    assert all("within 2 s" in row["error"] for row in records if row["cell"] == "no-sound")


@alone
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["processes", "dask"])
def test_the_first_call_in_a_worker_is_covered(tmp_path, backend):
    with pytest.raises(stress.ModelError, match=r"raised T.*Error: no answer within 1 s"):
        go(tmp_path / "run", model="tests.test_watchdog:always_holds", backend=backend, timeout=1.0)


def gone(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def session(leader):
    """Return the processes of a session that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(path.name)) == leader and not gone(path.name):
                found.append(int(path.name))
        except OSError:
            continue
    return found


@alone
@pytest.mark.parametrize("backend", ["threads", "processes", CLUSTER])
@pytest.mark.parametrize("timeout", [0.0, 500.0])
def test_no_process_outlives_a_killed_run(tmp_path, started, backend, timeout):
    """Though one of them is inside a call that lets nothing run: the system itself ends it."""
    process = started(backend, timeout, 1)
    wait_for(lambda: list(tmp_path.glob("stands-*")) or process.poll())
    assert process.poll() is None, process.stderr.read()
    process.kill()
    process.wait()
    wait_for(lambda: not session(process.pid))
    with room():
        left = [path.name for path in tmp_path.glob("stress-*")]
    assert len(left) == 1, left
    assert not list(Path("/dev/shm").glob(f"sem.loky-{process.pid}-*"))


def test_packed_data_of_a_killed_run_are_cleared_away(tmp_path):
    (tmp_path / "run" / ".data").mkdir(parents=True)
    (tmp_path / "run" / ".data" / "left").touch()
    (tmp_path / "run" / ".lock").touch()
    stress.run(brightness, samples(10), scenarios.loads(SILENT), tmp_path / "other")
    (tmp_path / "other" / ".data").mkdir()
    stress.run(brightness, samples(10), scenarios.loads(SILENT), tmp_path / "other")
    assert not (tmp_path / "other" / ".data").exists()


@alone
def test_a_forked_child_lets_go_of_the_folder(tmp_path):
    there, here = os.pipe()
    with lock(tmp_path):
        child = os.fork()
        if child == 0:
            os.write(here, b"up")
            time.sleep(60)
            os._exit(0)
        assert os.read(there, 2) == b"up"
    try:
        with lock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_holds_a_folder_is_named(tmp_path):
    with lock(tmp_path), pytest.raises(RunError, match=rf"another run \(process {os.getpid()}\)"), lock(tmp_path):
        pass
    keeper = subprocess.Popen(
        ["bash", "-c", f"exec 9>>{tmp_path}/.lock; flock -n 9; echo up; read"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    keeper.stdout.readline()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / ".lock").write_text(str(ended.pid))
    says = rf"process {ended.pid}, which began the run, has ended, and process {keeper.pid} still holds"
    with pytest.raises(RunError, match=says), lock(tmp_path):
        pass
    keeper.communicate(b"\n")
    with lock(tmp_path):
        pass


def test_a_room_that_is_held_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with room() as one:
        with room() as other:
            assert one.is_dir()
            assert other != one
        (one / "stuck-1").write_text("")
        assert not was_stuck(str(one))
        (one / "stuck-1").write_text("Timeout")
        assert was_stuck(str(one))
        assert not was_stuck(str(one))
    assert not list(tmp_path.iterdir())


def test_a_watch_is_armed_while_a_call_is_under_way():
    told = []
    watch = Watch(told.append)
    watch.beat()
    assert told == []
    watch.begin(3.0)
    watch.begin(2.0)
    assert told == [3.0]
    watch.beat()
    watch.end(3.0)
    watch.beat()
    watch.end(2.0)
    assert told == [3.0, 3.0, 2.0]
    watch.begin(1.0)
    watch.end(1.0)
    assert told == [3.0, 3.0, 2.0]
    watch.beat()
    watch.beat()
    assert told == [3.0, 3.0, 2.0, 0.0]


class SlowToDifferentiate:
    """Answers 3 to everything; its gradients never come."""

    def __call__(self, batch):
        return np.eye(10)[[3] * batch.size] * 0.5 + 0.05

    def loss_gradient(self, batch, streams, loss):
        time.sleep(9)
        raise AssertionError("too late")


def test_gradients_have_a_time_out(tmp_path):
    """Of the samples that are attacked at all: those that are answered rightly."""
    suite = scenarios.loads("suite: s@1\nseverities: [2]\nscenarios: {a: {image: attack.fgsm}}")
    run = stress.run(SlowToDifferentiate(), samples(10), suite, tmp_path / "run", timeout=2, preflight=False)
    rows = [row for row in run.records().to_pylist() if row["cell"] != "clean"]
    assert [row["status"] for row in rows].count("timeout") == 1
    assert [row["error"] for row in rows if row["error"]] == ["gradient: TimeoutError: no answer within 2 s"]
