"""The main job on real speech, real digits and sentences in nine languages, where the data is beside the checkout."""

from pathlib import Path

import pytest

import perturbations
import scenarios
import stress
from tests import avdigits_world
from tests._amount import amount

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(request):
    return request.config.cache.mkdir("avdigits")


@pytest.fixture(scope="module")
def model(cache):
    """The demo's late fusion, trained here on three speakers; the test speakers are others."""
    return avdigits_world.late_model(cache)


@pytest.fixture(scope="module")
def world():
    return avdigits_world.samples("test")


def value(run, cell, table="cells", metric="accuracy"):
    rows = run.table(table).to_pylist()
    return next(row for row in rows if row["cell"] == cell and row["metric"] == metric)


def test_the_main_job(model, world, tmp_path):
    run = stress.run(model, world, "demo", tmp_path / "run", limit=600)
    assert run.info["finished"]
    assert set(run.records()["status"].to_pylist()) <= {"ok", "unchanged"}
    clean = value(run, "clean")
    assert clean["value"] > 0.98
    assert clean["low"] < clean["value"] <= clean["high"]
    suite = "suite: alone@1\nscenarios:\n  picture-only: {image: defocus_blur, audio: missing, text: missing}"
    left = stress.run(model, world, scenarios.loads(suite), tmp_path / "alone", limit=600)
    alone = [value(left, f"picture-only:{level}")["value"] for level in (1, 3, 5)]
    assert alone[0] > alone[1] > alone[2], alone
    report = run.report().read_text()
    assert all(f"</svg>{panel}</h2>" in report for panel in ("Image", "Audio", "Text"))


def test_every_subset_of_streams_under_three_fill_rules(model, world, tmp_path):
    run = stress.run(model, world, "missing-streams", tmp_path / "run", limit=400, only=["lost"])
    about = {row["cell"]: (tuple(sorted(row["lost"])), row["fill"]) for row in run.cells.to_pylist()}
    rows = run.table("cells").to_pylist()
    table = {about[row["cell"]]: row for row in rows if row["metric"] == "accuracy"}
    streams = ("audio", "image", "text")
    subsets = [tuple(s for i, s in enumerate(streams) if mask >> i & 1) for mask in range(1, 8)]
    assert {(subset, fill) for subset in subsets for fill in ("none", "zeros", "mean")} <= table.keys()
    assert all(row["low"] <= row["value"] <= row["high"] for row in table.values())
    assert table[("audio",), "none"]["value"] > table[("audio", "image"), "none"]["value"]
    assert table[("audio", "image", "text"), "none"]["value"] < 0.3


def test_threads_processes_and_dask_leave_equal_records(model, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("AVDIGITS_WEIGHTS", str(next(cache.glob("*.npz"))))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    found = []
    for backend in ("threads", "processes", "dask"):
        run = stress.run(
            "tests.avdigits_world:named_model",
            "tests.avdigits_world:samples",
            scenarios.load("release"),
            tmp_path / backend,
            backend=backend,
            workers=2,
            limit=amount(16, 64),
        )
        found.append(run.records().drop_columns(["seconds"]).to_pylist())
    assert found[0] == found[1] == found[2]


def test_one_curve_for_every_audio_perturbation(model, world, tmp_path, capsys):
    """On real speech, with the other streams lost, so that what the ear still hears decides."""
    graded = [name for name in perturbations.names("audio") if perturbations.get(name).axis == "ordinal"]
    graded = [name for name in graded if not perturbations.get(name).examples]  # those that need a folder of one's own
    short = [name.partition(".")[2] for name in graded]
    lines = [f"  {name.replace('_', '-')}: {{audio: {name}, image: missing, text: missing}}" for name in short]
    suite = scenarios.loads("\n".join(["suite: ears@1", "severities: [1, 3, 5]", "scenarios:", *lines]))
    run = stress.run(model, world, suite, tmp_path / "run", limit=80, preflight=False)
    curves = [row for row in run.table("curves").to_pylist() if row["metric"] == "accuracy" and row["severity"]]
    found: dict[str, list[float]] = {}
    for row in curves:
        assert row["low"] <= row["value"] <= row["high"]
        found.setdefault(row["scenario"], []).append(row["value"])
    assert len(found) == len(graded) >= 35
    assert sum(values[-1] < values[0] for values in found.values()) > len(found) / 2
    with capsys.disabled():
        for name, values in found.items():
            print(f"{name:24}", *(f"{value:.3f}" for value in values))
