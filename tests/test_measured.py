"""A run is read once, whoever asks for what; what was written since is seen, and nothing large is kept."""

import shutil

import pytest

from stress._face import Run, open_run
from stress.measure import measured, summary
from stress.report._book import Book
from tests.pair_world import release

TABLES = ("cells", "classes", "curves", "robustness", "calibration", "groups")


@pytest.fixture
def read(monkeypatch):
    """The columns that are read from disk, one after the other."""
    found, column, records = [], Run.column, Run.records

    def one(self, name):
        found.append(name)
        return column(self, name)

    def several(self, cells=None, columns=None):
        found.extend(columns or ())
        return records(self, cells, columns)

    monkeypatch.setattr(Run, "column", one)
    monkeypatch.setattr(Run, "records", several)
    return found


def test_no_column_is_read_twice(tmp_path, read):
    run = release(tmp_path / "run", 1)
    tables = {name: run.table(name) for name in TABLES}
    assert len(read) == len(set(read)) >= 5
    before = list(read)
    assert all(run.table(name) is tables[name] for name in TABLES)
    told = run.measured().summary()
    assert Book(run).arrow("cells") is tables["cells"]
    assert read == before
    assert told == summary(run)
    read[:] = before
    alone = open_run(run.path)
    apart = measured(alone)
    assert all(apart.table(name).equals(tables[name]) for name in TABLES)
    assert len(read) == 2 * len(before)  # another run knows nothing of it


def test_other_options_are_another_question(tmp_path):
    run = release(tmp_path / "run", 1)
    one, other = run.table("cells"), run.table("cells", confidence=0.9)
    assert not one.equals(other)
    speakers = measured(run, cluster="speaker")
    assert speakers.table("cells") is speakers.table("cells")
    assert run.table("cells").equals(one)


def test_what_was_written_since_is_seen(tmp_path):
    from pyarrow import parquet

    whole = release(tmp_path / "whole", 1)
    shutil.copytree(whole.path, tmp_path / "run")
    run = open_run(tmp_path / "run")
    (part,) = run.parts
    parquet.write_table(whole.records().slice(0, 300), part)
    assert sum(row["n"] for row in run.table("failures").to_pylist()) == 0
    assert run.measured().summary()["records"] == 300
    parquet.write_table(whole.records().slice(300), part.with_name("part-00001.parquet"))
    assert run.measured().summary()["records"] == len(whole.records())
    assert run.table("cells").equals(whole.table("cells"))


def test_large_runs_are_not_kept_in_memory(tmp_path, monkeypatch):
    run = release(tmp_path / "run", 1)
    monkeypatch.setattr("stress._face.REMEMBERED", 100)
    assert run.measured() is not run.measured()
    assert "measured" not in run._kept
    one = run.measured()
    assert one.table("cells") is one.table("cells")
