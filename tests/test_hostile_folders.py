"""Files that are none, and run folders that somebody else made: one error, nothing waited for, nothing touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from stress.cli import main
from stress.models import load_model
from tests._amount import amount

RUN = ("run", "s.yaml", "--model", "model.py:predict", "--data", "m.csv", "--progress", "quiet", "--no-report")
READERS = (("report",), ("measure",), ("gate", "release"), ("compare", "whole"))


@pytest.fixture(autouse=True)
def _no_waiting():
    """A test that waits for a pipe ends by a signal."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits, or never ends"))
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model, data, a suite, a run of them, and things that are no files."""
    folder = tmp_path_factory.mktemp("hostile")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("model.py").write_text("def predict(batch):\n    return ['xy'[len(t) % 2] for t in batch['text']]\n")
        Path("m.csv").write_text("text,label\n" + "".join(f"{'a' * (i + 3)},{'xy'[i % 2]}\n" for i in range(6)))
        Path("s.yaml").write_text("suite: s@1\nscenarios:\n  t: {text: keyboard_typos}\n")
        for end in ("", ".yaml", ".csv", ".py", ".onnx"):
            os.mkfifo(f"pipe{end}")
            os.symlink("/dev/zero", f"zero{end}")
        os.symlink("loop.yaml", "loop.yaml")
        with open("holes.yaml", "wb") as file:
            file.truncate(2**40)
        assert main([*RUN, "--out", "whole"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def refused(capfd, *arguments):
    """One error of one line, and status 2."""
    assert main([str(part) for part in arguments]) == 2, arguments
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.strip().startswith("stress:"), said
    assert len(said) < 2000


ODD = ("pipe.yaml", "zero.yaml", "loop.yaml", "holes.yaml", "/proc/kmsg", ".", "x" * 5000)


@pytest.mark.parametrize("name", ODD, ids=[name[:12] for name in ODD])
def test_what_is_no_file_is_not_read(here, capfd, name):
    refused(capfd, "validate", name)
    refused(capfd, *RUN[:1], name, *RUN[2:], "--out", "other")
    refused(capfd, "gate", "whole", name)
    refused(capfd, "policy", "fit", "whole", "--costs", name) if os.path.exists(name) and name != "." else None
    refused(capfd, *RUN, "--model", f"onnx:m.csv@{name}", "--out", "other")


@pytest.mark.parametrize("model", ["pipe.py:predict", "zero.py:predict", "onnx:pipe.onnx", "onnx:zero.onnx"])
def test_a_model_that_is_no_file(here, capfd, model):
    refused(capfd, *RUN, "--model", model, "--out", "other")


@pytest.mark.parametrize("name", ["pipe", "zero"])
def test_a_lexicon_and_an_identity_that_are_no_files(here, capfd, name):
    Path("lexicon.yaml").write_text(f"suite: s@1\nscenarios:\n  t: {{text: {{name: misspellings, lexicon: {name}}}}}\n")
    refused(capfd, RUN[0], "lexicon.yaml", *RUN[2:], "--out", "other")

    def predict(batch):
        return ["x"] * batch.size

    predict.identity = [Path(name)]
    with pytest.raises(Exception, match="must be a regular file"):
        load_model(predict)


def copied(name):
    folder = Path(name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("whole", folder)
    return folder


def instead(pattern, make):
    def change(folder):
        (path,) = folder.glob(pattern)
        path.unlink()
        make(path)

    return change


CHANGES = {
    f"{pattern.partition('/')[0]} {what}": instead(pattern, make)
    for pattern in ("run.json", "samples.parquet", "cells.parquet", "records/part-*.parquet")
    for what, make in {
        "a pipe": os.mkfifo,
        "without end": lambda path: os.symlink("/dev/zero", path),
        "a folder": Path.mkdir,
        "text": lambda path: path.write_text("PAR1 no PAR1"),
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_readers_of_a_run_folder_that_somebody_else_made(here, capfd, change):
    folder = copied("theirs")
    CHANGES[change](folder)
    for command, *more in READERS:
        refused(capfd, command, folder, *more)


SAYS = ("identity", "suite", "seed", "left_out", "preflight", "settings", "command", "cluster", "sources", "plugins")
SAYS += ("metrics", "classes", "labels", "headline", "better", "task", "streams", "packages", "host", "finished")
SAYS += (
    "started",
    "begun",
    "seconds",
    "records",
    "run",
    "steady",
    "model_unread",
    "samples",
    "format",
    "mixed",
    "unknown",
)
ESCAPE = "\x1b]0;owned\x07[/dim]"


VALUES = (None, 5, 1e308, True, ESCAPE, [1], [[ESCAPE]], {"a": ESCAPE}, {"a": {"b": [ESCAPE]}})


@pytest.mark.parametrize("name", SAYS)
def test_whatever_run_json_says_is_one_error_or_is_shown_harmlessly(here, capfd, name):
    folder = copied("theirs")
    known = json.loads((folder / "run.json").read_text())
    for value in amount(VALUES[SAYS.index(name) % 3 :: 3], VALUES):  # each with a third of the names
        (folder / "run.json").write_text(json.dumps(known | {name: value}))
        for command, *more in READERS:
            assert main([command, str(folder), *more]) in (0, 1, 2, 3), (command, value)
            out, error = capfd.readouterr()
            assert "Traceback" not in error, (command, value)
            assert "\x1b]" not in out + error


NOTES = {
    "another folder's file": lambda part, file: json.dumps({"by": part, "of": ["../../precious.txt"]}),
    "a path": lambda part, file: json.dumps({"by": part, "of": [str(file)]}),
    "itself above": lambda part, file: json.dumps({"by": f"../records/{part}", "of": [str(file)]}),
    "numbers": lambda part, file: '{"by": 5, "of": [7]}',
    "half": lambda part, file: json.dumps({"by": part}),
    "no list": lambda part, file: json.dumps({"by": part, "of": 5}),
    "deep": lambda part, file: "[" * 100_000,
}


@pytest.mark.parametrize("note", NOTES)
def test_a_note_of_merged_parts_removes_nothing_but_parts(here, capfd, note):
    """It names files to be removed: where a run goes on in a folder from elsewhere, they could be any."""
    precious = Path("precious.txt").absolute()
    precious.write_text("mine")
    folder = copied("theirs")
    (part,) = (folder / "records").glob("part-*.parquet")
    (folder / "records" / "swap.json").write_text(NOTES[note](part.name, precious))
    assert main(["measure", str(folder)]) == 0
    assert main([*RUN, "--out", str(folder)]) == 0
    assert precious.read_text() == "mine"
    assert part.exists()


def test_a_lock_that_is_a_link_or_a_pipe_is_not_written(here, capfd):
    precious = Path("precious.txt").absolute()
    precious.write_text("mine")
    for make in (lambda path: os.symlink(precious, path), os.mkfifo, Path.mkdir):
        folder = copied("theirs")
        (folder / ".lock").unlink(missing_ok=True)
        make(folder / ".lock")
        refused(capfd, *RUN, "--out", folder)
        assert precious.read_text() == "mine"
