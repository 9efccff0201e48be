"""Whatever a model does becomes a record with every backend, and the run goes on; docs/reliability.md has the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests._amount import amount
from tests._misbehaviours import ACTS, ANSWERED, BACKENDS, DEADLY, ENDS, EXPECTED, FINE, RAISED, STUCK

alone = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def compare(found):
    wrong = {name: (status, error) for name, (status, error) in found.items() if status != EXPECTED[name]}
    assert not wrong
    for name, (status, error) in found.items():
        assert "ok" in status or error, name
        assert len(error) <= 300


def once(backend, tmp_path, names=None):
    """In a process of its own: what the models do to the process stays there."""
    script = tmp_path / "script.py"
    script.write_text(
        "import json, sys\nfrom pathlib import Path\nfrom tests._misbehaviours import outcomes\n"
        "if __name__ == '__main__':\n"
        "    found = outcomes(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))\n"
        "    Path(sys.argv[2], 'found.json').write_text(json.dumps(found))\n"
    )
    command = [sys.executable, str(script), backend, str(tmp_path), json.dumps(names)]
    with open(tmp_path / "said", "w+b") as said:  # no pipe: children that the models leave behind would keep it open
        done = subprocess.run(command, stdout=said, stderr=said, timeout=1800)
        assert done.returncode == 0, (tmp_path / "said").read_bytes()[-2000:]
    return json.loads((tmp_path / "found.json").read_text())


@alone
@pytest.mark.slow
def test_with_threads(tmp_path):
    found = once("threads", tmp_path)
    assert found.keys() == ACTS.keys() - ENDS.keys()
    compare(found)


@alone
@pytest.mark.slow
def test_with_processes(tmp_path):
    names = [*RAISED, *ANSWERED, *FINE]
    found = once("processes", tmp_path, names)
    assert list(found) == names
    compare(found)


@alone
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["processes", "dask"])
def test_with_workers_that_die(tmp_path, backend):
    """A cluster starts a worker anew for seconds, four times for each death: of it, usually, two kinds of death.

    One that is stuck is usually left to tests/test_watchdog.py, which sees it ended on both.
    """
    deadly = [*DEADLY] if backend == "processes" else [*DEADLY][: amount(2, len(DEADLY))]
    names = [name for name in ACTS if name not in ENDS and backend == "dask"] + deadly + amount([], [*STUCK])
    found = once(backend, tmp_path, names)
    compare(found)


def test_the_page_shows_the_table():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert len(ACTS) >= 40
    for name in ACTS:
        row = [ENDS.get(name, EXPECTED[name]) if backend == "threads" else EXPECTED[name] for backend in BACKENDS]
        assert f"| {name} | {' | '.join(row)} |" in page
