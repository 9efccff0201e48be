"""A reader sees one moment of a run: beside a writer, after a kill at any operation on files, and after damage."""

import json
import multiprocessing
import random
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
import stress
import stress.engine._plan as plan
import stress.engine._writer as writer
import stress.records.writing as writing
from stress.cli import main
from stress.engine import Settings, execute, plan_run
from tests.worlds import SUITE, brightness, loose


@pytest.fixture
def small_parts(monkeypatch):
    """Many parts, and several merges."""
    monkeypatch.setattr(plan, "_SHARD_SAMPLES", 5)
    monkeypatch.setattr(writer, "_SHORTEST_S", 0.0)
    monkeypatch.setattr(writer, "_SHARE", 0.0)


def go(out, **more):
    asked = Settings(**{"workers": 1, "batch_size": 8, "preflight": False, **more})
    return execute(plan_run(brightness, loose(15), scenarios.loads(SUITE), None, asked), out)


def content(run):
    return sorted(map(repr, run.records().drop_columns(["seconds", "batch"]).to_pylist()))


class Killed(BaseException):
    """The process is gone."""


OPERATIONS = ("replace", "unlink", "rename")


def counted(monkeypatch, last):
    """Let the first ``last`` operations of a run on files be done, and no other; return how many there were."""
    count = [0]

    def step():
        count[0] += 1
        if count[0] > last:
            raise Killed

    for name in OPERATIONS:
        real = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda *args, _real=real, **more: (step(), _real(*args, **more))[1])
    real_write = writing.parquet.write_table
    monkeypatch.setattr(writing.parquet, "write_table", lambda *a, **k: (step(), real_write(*a, **k))[1])
    return count


@pytest.mark.parametrize("merge", [10**9, 30])
def test_a_kill_at_every_operation_on_files_leaves_a_beginning_of_the_run(tmp_path, small_parts, monkeypatch, merge):
    if merge < 10**9:
        monkeypatch.setattr(writer, "_COMPACT", 10)
        monkeypatch.setattr(writer, "_MERGE", merge)
    few = {"only": ["hiss"]}
    whole = content(go(tmp_path / "whole", **few).run)
    with monkeypatch.context() as patch:
        count = counted(patch, 10**9)
        go(tmp_path / "counted", **few)
    assert count[0] > 20
    seen = set()
    for last in range(count[0]):
        out = tmp_path / str(last)
        with monkeypatch.context() as patch:
            counted(patch, last)
            with pytest.raises(Killed):
                go(out, **few)
        if (out / "run.json").exists() and list((out / "records").glob("part-*")):
            read = stress.open(out)
            found = content(read)
            assert len(found) == len(set(found)) == read.count
            assert set(found) <= set(whole)
            seen.add(len(found))
        if last % 4 == 0 or last > count[0] - 12:
            outcome = go(out, **few)
            assert content(outcome.run) == whole
            assert outcome.thrown == []
        shutil.rmtree(out)
    assert len(seen) > 5


def test_a_reader_beside_a_running_and_compacting_run_sees_whole_moments(tmp_path, small_parts, monkeypatch):
    monkeypatch.setattr(writer, "_COMPACT", 10)
    monkeypatch.setattr(writer, "_MERGE", 60)
    whole = set(content(go(tmp_path / "whole").run))
    context = multiprocessing.get_context("fork")
    seen = context.Event()
    process = context.Process(target=several, args=(tmp_path / "run", seen))
    process.start()
    counts, tables = [], 0
    while process.is_alive():
        if not list((tmp_path / "run" / "records").glob("part-*")):
            continue
        read = stress.open(tmp_path / "run")
        first = content(read)
        assert len(first) == len(set(first)) == read.count == int(read.layout.count.sum())
        assert set(first) <= whole
        assert read.table("cells").num_rows > 0
        tables += 1
        assert content(read) == first  # merged or not meanwhile: the same moment
        counts.append(len(first))
        seen.set()
    assert process.exitcode == 0
    counts.append(len(content(stress.open(tmp_path / "run"))))
    assert tables > 0
    assert len(set(counts)) > 1


def several(out, seen):
    """Run, and sort what came of it; half way, wait until somebody has looked."""
    asked = []

    def slowly(batch):
        asked.append(1)
        time.sleep(0.01)
        if len(asked) == 20:
            seen.wait(600)
        return brightness(batch)

    settings = Settings(workers=1, batch_size=8, preflight=False)
    execute(plan_run(slowly, loose(15), scenarios.loads(SUITE), None, settings), out)


def test_flipped_bits_are_found_or_harmless(tmp_path, small_parts, monkeypatch):
    monkeypatch.setattr(writer.Writer, "compact", writer.Writer.flush)
    run = go(tmp_path / "run").run
    whole = content(run)
    part = sorted((tmp_path / "run" / "records").glob("part-*"))[2]
    good = part.read_bytes()
    rng = random.Random(0)
    from stress.engine._parts import read_checked

    found = 0
    before = pa.concat_tables(read_checked(part)).to_pylist()
    for _ in range(500):
        damaged = bytearray(good)
        damaged[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        part.write_bytes(damaged)
        try:
            now = pa.concat_tables(read_checked(part)).to_pylist()
        except (pa.ArrowException, OSError, ValueError, KeyError):
            found += 1
            continue
        assert repr(now) == repr(before)
    assert found > 250
    part.write_bytes(damaged)
    assert content(go(tmp_path / "run").run) == whole


GARBAGE = [b"", b"\x00" * 40, b"[]", b'"a"', b"{", b'{"format": 2', b"[" * 100_000, b"\xff\xfe", b"7"]


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "cells.parquet"])
@pytest.mark.parametrize("command", ["report", "measure"])
def test_garbage_is_one_error(tmp_path, capsys, name, command):
    go(tmp_path / "run", limit=4)
    good = (tmp_path / "run" / name).read_bytes()
    for number, garbage in enumerate([*GARBAGE, good[: len(good) // 2], None]):
        if garbage is None:
            (tmp_path / "run" / name).unlink()
        else:
            (tmp_path / "run" / name).write_bytes(garbage)
        assert main([command, str(tmp_path / "run")]) == 2, f"{name} number {number}"
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len(said) < 600
    if name != "run.json":  # can be made again from the suite and the data
        again = go(tmp_path / "run", limit=4)
        assert again.reused == again.run.info["units"]
        assert main([command, str(tmp_path / "run")]) == 0


def test_a_file_that_is_no_part_is_thrown_away_and_said(tmp_path):
    first = go(tmp_path / "run")
    odd = tmp_path / "run" / "records" / "part-foo.parquet"
    odd.write_text("no part")
    assert main(["measure", str(tmp_path / "run")]) == 2
    again = go(tmp_path / "run")
    assert any("part-foo.parquet" in line for line in again.thrown)
    assert content(again.run) == content(first.run)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"]


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_a_finished_run_is_one_file_with_the_same_bytes_however_its_records_came(tmp_path_factory, data):
    """In one part or several on the disk, or none at all before it is finished; in whatever order."""
    rows = [(cell, sample) for cell in ("clean", "a", "b") for sample in range(7)]
    kinds = {
        "cell": pa.dictionary(pa.int32(), pa.string()),
        "sample": pa.int32(),
        "draw": pa.int16(),
        "x": pa.float32(),
    }
    schema = pa.schema(kinds)
    found = set()
    for order in (rows, data.draw(st.permutations(rows))):
        folder = tmp_path_factory.mktemp("records")
        places = SimpleNamespace(cells=["clean", "a", "b"])
        own = writer.Writer(folder / "records", schema, "r", places)
        while order:
            count = data.draw(st.integers(1, len(order)))
            names, samples = zip(*order[:count])
            order = order[count:]
            values = [len(name) + sample for name, sample in zip(names, samples)]
            columns = [pa.array(names).dictionary_encode(), samples, [0] * count, values]
            own.add(pa.table([pa.array(each, kind) for each, kind in zip(columns, kinds.values())], schema=schema))
            if data.draw(st.booleans()):
                own.flush()
        own.compact()
        (part,) = (folder / "records").iterdir()
        assert part.name == "part-000000.parquet"
        found.add(part.read_bytes())
    assert len(found) == 1
