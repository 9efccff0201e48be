"""What a chat model wrote, read again by another rule: the records of a run that had asked with that rule."""

import pytest

import stress
from perturbations import InputError, RunError
from stress.cli import main
from stress.engine import reparse
from tests.test_chat import of
from tests.test_endpoints import SUITE, samples, server

pytest.importorskip("httpx")
COLUMNS = ["cell", "sample", "draw", "status", "score", "prediction", "error", "answer", "tokens_out", "seconds"]


def records(path, columns=COLUMNS):
    return stress.open(path).records().select(columns).to_pylist()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a rule that reads only half of the answers, and one with a rule that reads them all."""
    folder = tmp_path_factory.mktemp("reparse")
    with server(folder / "log", "busy") as url:
        half = of(url, parse=r"regex:it is (d\w+|B)")
        whole = of(url, parse="labels")
        stress.run(half, samples(), SUITE, folder / "half", workers=1)
        before = len((folder / "log").read_text().split())
        stress.run(whole, samples(), SUITE, folder / "whole", workers=1)
        yield folder, before, url


def test_another_rule_gives_the_records_of_its_own_run(made):
    folder, _, _ = made
    found = stress.open(reparse(folder / "half", "labels"))
    asked = [name for name in COLUMNS if name != "seconds"]
    assert records(found.path, asked) == records(folder / "whole", asked)
    assert {row["status"] for row in records(folder / "half")} == {"ok", "unparsed"}
    assert [row["seconds"] for row in records(found.path)] == [row["seconds"] for row in records(folder / "half")]
    tables = [run.table("cells").to_pylist() for run in (found, stress.open(folder / "whole"))]
    timed = ("latency", "first_token")
    one, other = ([row for row in table if not row["metric"].startswith(timed)] for table in tables)
    assert one == other
    assert found.info["reparsed"]["parse"].startswith("regex")
    weights = [stress.open(path).info["identity"]["model"]["weights"] for path in (found.path, folder / "whole")]
    assert weights[0] == weights[1]


def test_the_same_rule_changes_nothing_and_the_run_goes_on(made):
    folder, _, url = made
    again = reparse(folder / "whole", out=folder / "again")
    assert records(again) == records(folder / "whole")
    other = of(url, parse="labels")
    stress.run(other, samples(), SUITE, again, workers=1)
    assert other.client.calls == other.client.canaries  # all answers are there


def test_the_command_says_where_and_calls_nobody(made, capsys):
    folder, _, _ = made
    log = (folder / "log").read_text()
    assert main(["reparse", str(folder / "half"), "--parse", "labels", "--out", str(folder / "told")]) == 0
    assert capsys.readouterr().out.strip().endswith("told")
    assert (folder / "log").read_text() == log


@pytest.mark.parametrize("rule", ["letters", "regex:(", "json:"])
def test_rules_that_cannot_be_leave_nothing_behind(made, rule):
    folder, _, _ = made
    with pytest.raises(InputError, match="parse"):
        reparse(folder / "half", rule, folder / "none")
    assert not (folder / "none").exists()


def test_runs_that_cannot_be_read_again(made, tmp_path):
    import shutil

    folder, _, _ = made
    shutil.copytree(folder / "half", tmp_path / "lost")
    key = next(row["answer"] for row in records(tmp_path / "lost") if row["answer"])
    for file in (tmp_path / "lost" / "answers").iterdir():
        file.write_bytes(file.read_bytes().replace(f"{key} [".encode(), f"{key} {{".encode()))
    with pytest.raises(RunError, match=f"must hold the answer {key}"):
        reparse(tmp_path / "lost", "labels", tmp_path / "none")
    assert not (tmp_path / "none").exists()

    def predict(batch):
        return [[0.0, 1.0] for _ in batch["image"]]

    predict.classes = ["dark", "bright"]
    stress.run(predict, samples(), SUITE, tmp_path / "plain", workers=1)
    with pytest.raises(RunError, match="must be a run of a chat model"):
        reparse(tmp_path / "plain", "labels")
