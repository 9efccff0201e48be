"""The page on reading a run without the package: its code runs, and finds what the package finds."""

import re
from pathlib import Path

import pytest

import stress
from perturbations import Sample

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "reading.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'```python title="(\w+)"\n(.*?)```', PAGE, flags=re.DOTALL))


def model(batch):
    if "s3" in batch.ids and "nothing to see 3" not in batch["text"]:
        raise ValueError("not clean")
    return ["b" if t and "e" in t[:5] else "a" for t in batch["text"]]


model.classes = ["a", "b"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    words = ["some words here", "never mind that", "a plain old day", "nothing to see"]
    data = [Sample(f"s{i}", {"text": f"{words[i % 4]} {i}"}, "ab"[i % 2], {"speaker": f"v{i % 3}"}) for i in range(30)]
    suite = {"suite": "s@1", "severities": [5], "scenarios": {"typos": {"text": "keyboard_typos"}}}
    return stress.run(model, data, suite, tmp_path_factory.mktemp("reading") / "run", workers=1, batch_size=1,
                      preflight=False)  # fmt: skip


def by_hand(run):
    speakers = {row["order"]: row["group.speaker"] for row in run.samples.to_pylist()}
    found = {}
    for row in run.records().to_pylist():
        found.setdefault((row["cell"], speakers[row["sample"]]), []).append(row["score"] or 0)
    return {key: sum(values) / len(values) for key, values in found.items()}


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_the_code_of_the_page_finds_the_accuracies(run, library):
    pytest.importorskip(library)
    assert len(BLOCKS) == 3
    space = {"folder": str(run.path)}
    exec(BLOCKS[library], space)  # noqa: S102 - what the page shows
    rows = space["accuracy"]
    if library == "pandas":
        rows = [(*key, value) for key, value in rows.items()]
    found = {(cell, speaker): score for cell, speaker, score in (rows.iter_rows() if library == "polars" else rows)}
    assert found == pytest.approx(by_hand(run))
    assert len(found) == 6


def test_failures_count_as_wrong_there_too_and_the_package_agrees(run):
    assert any(row["score"] is None and row["status"] == "crash" for row in run.records().to_pylist())
    rows = [r for r in run.table("groups", by=["speaker"]).to_pylist() if r["metric"] == "accuracy"]
    mine = by_hand(run)
    there = {(row["cell"], row["group"]): row["value"] for row in rows if (row["cell"], row["group"]) in mine}
    assert there == pytest.approx(mine)
