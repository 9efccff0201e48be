"""What `stress doctor` finds, on packages, disks and endpoints that are well, missing or broken."""

import re
import tomllib
from pathlib import Path

import pytest

from stress.cli import _doctor, main
from tests.test_endpoints import server

ROOT = Path(__file__).parents[1]


def declared():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_extra_is_looked_at():
    ours = {name for name in declared()["optional-dependencies"] if name not in ("all", "test", "bench", "docs")}
    assert set(_doctor.EXTRAS) == ours
    assert len(_doctor.CORE) == len(declared()["dependencies"])
    for extra, modules in _doctor.EXTRAS.items():
        assert len(modules) == len(declared()["optional-dependencies"][extra])


def test_what_imports_what_does_not_and_what_takes_its_process_down(tmp_path, monkeypatch):
    for name, text in (("well", ""), ("raises", "raise OSError('no library')"), ("dies", "import os; os._exit(9)")):
        (tmp_path / f"doc_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(_doctor, "CORE", ("doc_well",))
    monkeypatch.setattr(_doctor, "EXTRAS", {"some": ("doc_raises", "doc_dies", "doc_none")})
    found = {one.what: one for one in _doctor.diagnosed(tmp_path)}
    assert found["doc_well"].state == "ok"
    assert found["doc_none [some]"].state == "missing"
    assert found["doc_none [some]"].mend == "pip install 'multimodal-stress[some]'"
    assert found["doc_raises [some]"].state == "broken"
    assert "no library" in found["doc_raises [some]"].says
    assert "ended with 9" in found["doc_dies [some]"].says
    assert found[f"disk {tmp_path}"].state == "ok"


def test_a_core_without_a_part_cannot_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_doctor, "CORE", ("doc_nowhere",))
    monkeypatch.setattr(_doctor, "EXTRAS", {})
    assert main(["doctor", "--out", str(tmp_path / "runs")]) == 1
    assert re.search(r"doc_nowhere\s+broken", capsys.readouterr().out)
    monkeypatch.setattr(_doctor, "CORE", ("json",))
    assert main(["doctor", "--out", str(tmp_path / "runs")]) == 0


def test_endpoints_that_answer_refuse_or_are_dead(tmp_path, monkeypatch):
    pytest.importorskip("httpx")
    with server(tmp_path / "log") as url:
        assert _doctor._endpoint(url, None).state == "ok"
        assert not (tmp_path / "log").exists()  # nothing was asked
    dead = _doctor._endpoint("http://127.0.0.1:9/v1", None)
    assert dead.state == "broken"
    assert "ConnectError" in dead.says
    assert "no key DOCTOR_KEY" in _doctor._endpoint(url, "DOCTOR_KEY").says
    assert _doctor._endpoint("nowhere", None).state == "broken"


def test_a_disk_that_cannot_be_written(monkeypatch, tmp_path):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_doctor.tempfile, "TemporaryFile", refuse)
    found = _doctor._disk(tmp_path)
    assert (found.state, "Permission denied" in found.says) == ("broken", True)
