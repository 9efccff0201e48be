"""A perturbation that raises is a record of its own: the model was not asked, and no number has a part of it."""

import numpy as np
import pytest

import stress
from perturbations import Param, image_corruption
from stress.gate import judge, loads_gates

CLASSES = ("dark", "light")


@image_corruption(
    cite="of this test", amount=Param("how much darker", "levels", 0, 255, clean=0, levels=(10, 20, 30, 40, 50))
)
def brittle(image, *, amount: float):
    """A filter with a bug: it cannot take pictures whose first pixel is even."""
    if image.flat[0] % 2 == 0:
        raise ValueError(f"cannot take {image.flat[0]}")
    return np.maximum(image.astype(int) - int(amount), 0).astype(np.uint8)


def pictures(firsts):
    for i, first in enumerate(firsts):
        picture = np.full((8, 8, 3), 200 if i % 2 else 60, np.uint8)
        picture.flat[0] = first
        yield stress.Sample(f"s{i}", {"image": picture}, target=CLASSES[i % 2])


def predict(batch):
    return [CLASSES[int(image.mean() > 128)] for image in batch["image"]]


predict.classes = CLASSES
SUITE = {"suite": "x@1", "severities": [1, 3], "scenarios": {"filter": {"image": "brittle"}}}


@pytest.fixture
def run(tmp_path):
    samples = list(pictures([1 if i % 5 else 2 for i in range(40)]))
    return stress.run(predict, samples, SUITE, tmp_path / "run", workers=1, seed=0)


def test_it_is_recorded_apart_and_left_out_everywhere(run):
    rows = [row for row in run.records().to_pylist() if row["status"] == "perturbation_error"]
    assert {row["cell"] for row in rows} == {"filter:1", "filter:3"}
    assert len(rows) == 16  # 8 of 40 samples in each cell
    assert all("brittle: ValueError: cannot take 2" in row["error"] for row in rows)
    cells = {(r["cell"], r["metric"]): r for r in run.table("cells").to_pylist()}
    assert cells["filter:1", "accuracy"]["n"] == 32
    assert cells["filter:1", "failure_rate"]["value"] == 0.0
    summary = run.measured().summary()
    assert summary["statuses"]["perturbation_error"] == 16
    assert any("a perturbation raised" in text for text in summary["warnings"])
    assert any(row["status"] == "perturbation_error" for row in run.table("failures").to_pylist())
    assert "perturbation_error" in run.report().read_text(encoding="utf-8")


def test_a_gate_on_its_cells_is_unjudged(run):
    report = judge(
        run, loads_gates("gates:\n  - {metric: accuracy, min: 0.1}\n  - {metric: accuracy, on: clean, min: 0.1}\n")
    )
    assert [verdict.outcome for verdict in report.verdicts] == ["unjudged", "pass"]
    assert "a perturbation raised" in report.verdicts[0].message


def test_the_run_continues_past_it(run):
    again = stress.run(
        predict, list(pictures([1 if i % 5 else 2 for i in range(40)])), SUITE, run.path, workers=1, seed=0
    )
    assert again.count == run.count == 120


def test_one_that_always_raises_is_said_before_the_grid(tmp_path):
    with pytest.raises(stress.InputError, match=r"filter:1: every sample that was tried fails: .*cannot take 2"):
        stress.run(predict, list(pictures([2] * 20)), SUITE, tmp_path / "run", workers=1)
    assert not (tmp_path / "run").exists()
