"""Files that a suite names by a setting: a run whose word list is another one now is another run."""

from __future__ import annotations

import os

import pytest

import stress

SUITE = "suite: s@1\nscenarios:\n  t: {text: {name: misspellings, lexicon: words.tsv}}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SUITE)
    (tmp_path / "words.tsv").write_text("one\twun\n")
    return tmp_path


def samples():
    return [stress.Sample(str(i), {"text": "one " * (i + 1)}, "ab"[i % 2]) for i in range(8)]


def answer(batch):
    return ["ab"[len(text) % 2] for text in batch["text"]]


def go(model=answer, **settings):
    return stress.run(model, samples(), "s.yaml", "run", workers=1, preflight=False, **settings)


def test_a_word_list_that_was_edited_is_another_run(project):
    first = go(limit=4)
    few = len(first.records())
    (project / "words.tsv").write_text("one\twon\n")
    with pytest.raises(stress.RunError, match=r"the file \S*words.tsv has changed"):
        go()
    assert go(fresh=True).path != first.path
    (project / "words.tsv").write_text("one\twun\n")
    assert len(go().records()) > few


def test_a_file_that_changes_under_the_run_ends_it(project):
    """Each worker reads it when it first needs it: what was read is not what the run began with."""
    asked = []

    def predict(batch):
        asked.append(batch.size)
        if len(asked) == 6:  # the grid has begun
            (project / "words.tsv").write_text("one\twon\n")
            os.utime(project / "words.tsv", (1, 1))
        return answer(batch)

    with pytest.raises(stress.RunError, match=r"words.tsv changed while the run went on"):
        go(predict)
    assert not stress.open("run").info["finished"]
