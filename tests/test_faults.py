"""Breaking runs on purpose: killed, interrupted, out of disk, in the wrong folder – nothing lost, nothing doubled."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import scenarios
import stress
import stress.engine._plan as plan
import stress.engine._writer as writer
from stress.engine import Settings, execute, plan_run
from tests._amount import amount
from tests.worlds import SUITE, brightness, samples

alone = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[1]
REMOTE = ("processes", "dask")


@pytest.fixture
def small_shards(monkeypatch):
    """Many units and a part for each, so that there is much to lose."""
    monkeypatch.setattr(plan, "_SHARD_SAMPLES", 5)
    monkeypatch.setattr(writer, "_SHORTEST_S", 0.0)


def planned(workers=2):
    settings = Settings(workers=workers, batch_size=4, preflight=False)
    return plan_run(slow, samples(), scenarios.loads(SUITE), None, settings)


NAP_S = 0.002


def slow(batch):
    time.sleep(NAP_S)
    return brightness(batch)


def content(run):
    return run.records().drop_columns(["seconds"]).to_pylist()


def killed_at(question, out):
    """Run, and be killed at the so-manieth nap of the model, whatever other threads are doing then."""
    asked, one, real = [0], threading.Lock(), time.sleep

    def counted(seconds):
        with one:
            asked[0] += seconds == NAP_S
            if asked[0] == question:
                os.kill(os.getpid(), signal.SIGKILL)
        real(seconds)

    time.sleep = counted  # of this process alone, which ends
    execute(planned(), out)


@alone
@pytest.mark.slow
def test_killed_at_many_moments(tmp_path, small_shards):
    """Moments are counted in questions: they lie as far apart on a busy machine."""
    whole = content(execute(planned(), tmp_path / "whole").run)
    reused, kills = [], amount(10, 50)
    for number in range(kills):
        out = tmp_path / str(number)
        process = multiprocessing.get_context("fork").Process(target=killed_at, args=(2 + 100 * number // kills, out))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        outcome = execute(planned(), out)
        assert content(outcome.run) == whole, f"killed as number {number}"
        reused.append(outcome.reused)
    assert len(set(reused)) > 5, f"the kills hit too few different moments: {reused}"


@alone
@pytest.mark.parametrize("backend", ["threads", *(pytest.param(b, marks=pytest.mark.slow) for b in REMOTE)])
def test_interrupted_by_hand(tmp_path, backend):
    """A terminal sends Ctrl-C to all processes of a command: workers too."""
    code = (
        "import sys, stress.engine._writer as w\nw._SHORTEST_S = 0.0\nfrom stress.cli import main\n"
        "sys.exit(main(['run', 'demo', '--progress', 'quiet', '--workers', '2', *sys.argv[1:]]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, "--out", str(tmp_path), "--backend", backend]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(tmp_path.glob("records/part-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=900)[1]
    assert process.returncode == 130
    assert "run the same command again to continue" in said
    assert "Traceback" not in said
    assert "WARNING" not in said
    unfinished = stress.open(tmp_path)
    assert not unfinished.info["finished"]
    assert len(unfinished.records()) > 0
    assert unfinished.table("curves").num_rows > 0
    assert unfinished.report().exists()


def test_a_full_disk_loses_nothing_that_was_written(tmp_path, small_shards, monkeypatch):
    real, count = writer.parquet.write_table, [0]

    def fill(table, path, **options):
        count[0] += 1
        if count[0] >= 6:
            Path(path).write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(table, path, **options)

    monkeypatch.setattr(writer.parquet, "write_table", fill)
    with pytest.raises(stress.RunError, match=r"No space left on device.*is kept"):
        execute(planned(), tmp_path)
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.setattr(writer.parquet, "write_table", real)
    outcome = execute(planned(), tmp_path)
    assert outcome.reused > 0
    assert outcome.thrown == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(stress.RunError, match="cannot be made"):
        execute(planned(), tmp_path / "file" / "run")


@pytest.mark.parametrize("place", ["file", "file/run", "kept/run"])
def test_a_place_that_cannot_be_written_costs_no_call(place, tmp_path, monkeypatch):
    asked = []

    def counted(batch):
        asked.append(len(batch))
        return brightness(batch)

    (tmp_path / "file").write_text("")
    (tmp_path / "kept").mkdir()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "kept" not in str(path) and may(path, mode))
    plan = plan_run(counted, samples(), scenarios.loads(SUITE), None, Settings(workers=1, batch_size=4))
    asked.clear()
    with pytest.raises(stress.RunError, match=r"(is not a folder|cannot be written)\.$"):
        execute(plan, tmp_path / place)
    assert asked == []


def test_swapped_parts_are_still_the_same_records(tmp_path, small_shards, monkeypatch):
    monkeypatch.setattr(writer.Writer, "compact", writer.Writer.flush)
    run = execute(planned(workers=1), tmp_path).run
    before = sorted(map(repr, content(run)))
    one, other = sorted((tmp_path / "records").iterdir())[:2]
    swap = one.with_name("swap")
    one.rename(swap)
    other.rename(one)
    swap.rename(other)
    outcome = execute(planned(workers=1), tmp_path)
    assert outcome.reused == len(planned().units)
    assert sorted(map(repr, content(outcome.run))) == before


def test_a_model_that_returns_rubbish(tmp_path):
    def rubbish(batch):
        if any(value is None for value in batch["audio"]):
            return {"not": "an array"}
        return brightness(batch)

    settings = Settings(workers=1, preflight=False)
    run = execute(plan_run(rubbish, samples(), scenarios.loads(SUITE), None, settings), tmp_path).run
    lost = run.records(cells=["no-sound"])
    assert set(lost["status"].to_pylist()) == {"invalid"}
    assert "must answer" in lost["error"][0].as_py()


def test_a_run_too_large_to_be_sorted_at_once_is_sorted_part_by_part(tmp_path, small_shards, monkeypatch):
    whole = sorted(map(repr, content(execute(planned(workers=1), tmp_path / "whole").run)))
    monkeypatch.setattr(writer, "_COMPACT", 10)
    monkeypatch.setattr(writer, "_MERGE", 60)
    monkeypatch.setattr(writer, "_GROUP", 16)
    run = execute(planned(workers=1), tmp_path / "parts").run
    assert len(run.parts) > 2
    assert sorted(map(repr, content(run))) == whole
    for part in run.parts:
        file = writer.parquet.ParquetFile(part)
        order = {name: i for i, name in enumerate(run.cells["cell"].to_pylist())}
        places = [order[name] for name in file.read()["cell"].to_pylist()]
        assert places == sorted(places)
        assert file.num_row_groups == -(-len(places) // 16)
    again = execute(planned(workers=1), tmp_path / "parts")
    assert (again.reused, again.thrown) == (len(planned().units), [])
    assert [part.name for part in again.run.parts] == [part.name for part in run.parts]


@pytest.mark.parametrize("moment", range(4))
def test_a_kill_while_parts_are_merged_loses_nothing(tmp_path, small_shards, monkeypatch, moment):
    whole = sorted(map(repr, content(execute(planned(workers=1), tmp_path / "whole").run)))
    monkeypatch.setattr(writer, "_COMPACT", 10)
    monkeypatch.setattr(writer, "_MERGE", 60)
    real, left = Path.unlink, [moment]

    def killed(path, missing_ok=False):
        if path.name.startswith("part-"):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        execute(planned(workers=1), tmp_path / "killed")
    monkeypatch.setattr(Path, "unlink", real)
    outcome = execute(planned(workers=1), tmp_path / "killed")
    assert outcome.reused == len(planned().units)
    assert outcome.thrown == []
    assert sorted(map(repr, content(outcome.run))) == whole
