"""``stress init`` writes files that fit what lies in the folder, and that run as they are."""

import csv

import cv2
import numpy as np
import pytest
import soundfile

from stress.cli import main


def pictures(folder):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(folder / label / f"{i}.png"), rng.integers(0, 255, (16, 16, 3), np.uint8))


def split_pictures(folder):
    pictures(folder / "train")
    pictures(folder / "test")


def sounds_with_a_table(folder):
    rng = np.random.default_rng(0)
    (folder / "clips").mkdir(parents=True)
    rows = [("file", "class", "speaker")]
    for i in range(6):
        soundfile.write(folder / "clips" / f"{i}.wav", rng.normal(0, 0.1, 4000), 8000)
        rows.append((f"clips/{i}.wav", ("bark", "meow")[i % 2], "abc"[i % 3]))
    with (folder / "meta.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def nothing(folder):
    folder.mkdir()


KINDS = {
    pictures: (["id", "image", "label"], 6, {"cat", "dog"}),
    split_pictures: (["id", "image", "label", "split"], 12, {"cat", "dog"}),
    sounds_with_a_table: (["id", "audio", "label", "group:speaker"], 6, {"bark", "meow"}),
    nothing: (["id", "text", "label", "group:speaker"], 4, {"no", "yes"}),
}


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_the_files_run_as_they_are(make, tmp_path, monkeypatch, capsys):
    columns, count, labels = KINDS[make]
    folder = tmp_path / "project"
    make(folder)
    assert main(["init", str(folder)]) == 0
    with (folder / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == columns
    assert (len(rows), {row["label"] for row in rows}) == (count, labels)
    monkeypatch.chdir(folder)
    command = ["run", "stress.yaml", "--model", "stress_model.py:load", "--data", "samples.csv", "--progress", "quiet"]
    capsys.readouterr()
    assert main([*command, "--workers", "1", "--no-report"]) == 0
    assert capsys.readouterr() == ("", ""), "quiet prints nothing but errors"
    assert main(["gate", "runs/my-suite", "gates.yaml"]) in (0, 3)  # so few samples decide little


def test_what_is_there_is_kept(tmp_path, capsys):
    (tmp_path / "samples.csv").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "samples.csv").read_text() == "mine"
    assert "kept" in capsys.readouterr().out
