"""``stress init`` writes files that fit what lies in the folder, and that run as they are."""

import csv
import os
import subprocess
import sys
from pathlib import Path

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


def clips(folder, places, label=lambda i: ("bark", "meow")[i % 2]):
    """Write short recordings; return what a table says of them."""
    for i, place in enumerate(places):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / place, np.random.default_rng(i).normal(0, 0.1, 4000), 8000)
    return [(place, label(i), "abc"[i % 3]) for i, place in enumerate(places)]


def table(path, rows, head=("filename", "category", "speaker"), mark=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(mark.join(map(str, row)) + "\n" for row in (head, *rows)), encoding="utf-8")


def names_without_their_folder(folder):
    rows = clips(folder, [f"clips/{i}.wav" for i in range(6)])
    table(folder / "meta.csv", [(place.removeprefix("clips/"), *rest) for place, *rest in rows])


def a_table_in_a_folder_of_its_own(folder):
    rows = clips(folder, [f"audio/{i}.wav" for i in range(6)])
    table(folder / "meta" / "all.csv", [(place.removeprefix("audio/"), *rest) for place, *rest in rows])


def a_table_beside_the_files(folder):
    rows = clips(folder, [f"clips/{i}.wav" for i in range(6)])
    table(folder / "clips" / "meta.csv", [(place.removeprefix("clips/"), *rest) for place, *rest in rows])


def names_without_an_ending(folder):
    rows = clips(folder, [f"clips/c{i}.wav" for i in range(6)])
    table(folder / "meta.csv", [(f"c{i}", *row[1:]) for i, row in enumerate(rows)])


def semicolons(folder):
    table(folder / "meta.csv", clips(folder, [f"clips/{i}.wav" for i in range(6)]), mark=";")


def tabs_and_backslashes(folder):
    rows = clips(folder, [f"clips/{i}.wav" for i in range(6)])
    table(folder / "meta.tsv", [(place.replace("/", "\\"), *rest) for place, *rest in rows], mark="\t")


def nothing(folder):
    folder.mkdir()


SOUNDS = (["id", "audio", "label", "group:speaker"], 6, {"bark", "meow"})
KINDS = {
    pictures: (["id", "image", "label"], 6, {"cat", "dog"}),
    split_pictures: (["id", "image", "label", "split"], 12, {"cat", "dog"}),
    sounds_with_a_table: SOUNDS,
    names_without_their_folder: SOUNDS,
    a_table_in_a_folder_of_its_own: SOUNDS,
    a_table_beside_the_files: SOUNDS,
    names_without_an_ending: SOUNDS,
    semicolons: SOUNDS,
    tabs_and_backslashes: SOUNDS,
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


def steps(folder):
    """Return the commands of ours that the CI file runs."""
    lines = (folder / ".github" / "workflows" / "stress.yml").read_text().splitlines()
    found = [line.removeprefix("      - run: ").split() for line in lines if line.startswith("      - run: stress ")]
    return [[sys.executable, "-m", *words] for words in found]


@pytest.mark.parametrize("make", [pictures, names_without_their_folder, nothing], ids=lambda make: make.__name__)
def test_the_ci_file_runs_as_it_is(make, tmp_path):
    """Its commands, one after the other, in the folder: what is undecided with so few samples is so by its status."""
    folder = tmp_path / "project"
    make(folder)
    assert main(["init", str(folder)]) == 0
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    run, gate = steps(folder)
    assert subprocess.run(run, cwd=folder, env=here, capture_output=True, timeout=900).returncode == 0
    done = subprocess.run(gate, cwd=folder, env=here, capture_output=True, text=True, timeout=900)
    assert (done.returncode, done.stderr) == (3, "")
    assert "undecided" in done.stdout
    assert (folder / "gate.xml").stat().st_size
    assert (folder / "runs/now/report").is_dir()


def manifest(folder):
    assert main(["init", str(folder)]) == 0
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_that_is_not_there_is_left_out_and_told(tmp_path, capsys):
    rows = clips(tmp_path, [f"clips/{i}.wav" for i in range(6)])
    (tmp_path / "clips" / "3.wav").unlink()
    table(tmp_path / "meta.csv", rows)
    assert [row["audio"] for row in manifest(tmp_path)] == [f"clips/{i}.wav" for i in (0, 1, 2, 4, 5)]
    assert "meta.csv: 1 of 6 rows name files that are not here" in capsys.readouterr().out


def test_a_name_that_two_files_have_means_neither(tmp_path, capsys):
    clips(tmp_path, [f"{part}/{i}.wav" for part in ("bark", "meow") for i in range(3)])
    table(tmp_path / "meta.csv", [(f"{i}.wav", "howl", "a") for i in range(3)])
    assert {row["label"] for row in manifest(tmp_path)} == {"bark", "meow"}
    assert "meta.csv was not used" in capsys.readouterr().out


@pytest.mark.parametrize("places", [["clips/{}.wav"], ["dogs/{}.wav"], ["{}.wav"], ["fold1/{}.wav", "fold2/{}.wav"]])
def test_the_name_of_one_folder_is_no_label(places, tmp_path, capsys):
    clips(tmp_path, [place.format(i) for place in places for i in range(3)])
    assert {row["label"] for row in manifest(tmp_path)} == {""}
    assert "samples have no label yet" in capsys.readouterr().out


def test_a_table_with_labels_goes_before_one_without(tmp_path, capsys):
    rows = clips(tmp_path, [f"clips/{i}.wav" for i in range(6)])
    table(tmp_path / "a.csv", [row[:1] for row in rows], head=("filename",))
    table(tmp_path / "b.csv", rows)
    assert {row["label"] for row in manifest(tmp_path)} == {"bark", "meow"}
    assert "a.csv names samples, too" in capsys.readouterr().out


def test_tables_that_cannot_be_read_are_told(tmp_path, capsys):
    rows = clips(tmp_path, [f"clips/{i}.wav" for i in range(2)])
    (tmp_path / "latin.csv").write_bytes("filename,category\nclips/0.wav,Gebäude\n".encode("latin-1"))
    table(tmp_path / "bare.csv", rows[1:], head=rows[0])
    table(tmp_path / "twice.csv", rows, head=("filename", "category", "category"))
    manifest(tmp_path)
    said = capsys.readouterr().out
    assert [f"{name}.csv was not read" in said for name in ("latin", "bare", "twice")] == [True] * 3


def test_a_column_called_id_that_tells_no_samples_apart_is_a_group(tmp_path):
    rows = clips(tmp_path, [f"clips/{i}.wav" for i in range(6)])
    table(tmp_path / "meta.csv", rows, head=("filename", "category", "id"))
    found = manifest(tmp_path)
    assert [row["id"] for row in found] == list("123456")
    assert {row["group:id"] for row in found} == set("abc")


def test_what_is_there_is_kept(tmp_path, capsys):
    (tmp_path / "samples.csv").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "samples.csv").read_text() == "mine"
    assert "kept" in capsys.readouterr().out


def test_files_of_one_name_in_a_folder_for_each_kind_are_one_sample(tmp_path):
    clips(tmp_path, [f"{label}/audio/{i}.wav" for label in ("bark", "meow") for i in range(2)])
    for label in ("bark", "meow"):
        (tmp_path / label / "images").mkdir()
        for i in range(2):
            cv2.imwrite(str(tmp_path / label / "images" / f"{i}.png"), np.zeros((4, 4, 3), np.uint8))
    rows = [(row["id"], row["image"], row["audio"], row["label"]) for row in manifest(tmp_path)]
    places = [(label, i) for label in ("bark", "meow") for i in range(2)]
    assert rows == [(f"{x}/{i}", f"{x}/images/{i}.png", f"{x}/audio/{i}.wav", x) for x, i in places]


def test_files_that_would_share_a_sample_stay_apart(tmp_path):
    clips(tmp_path, ["clips/a.wav", "recordings/a.wav"])
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((4, 4, 3), np.uint8))
    assert [row["id"] for row in manifest(tmp_path)] == ["clips/a", "images/a", "recordings/a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_tables_as_spreadsheets_write_them(encoding, tmp_path, capsys):
    text = "".join(
        f"{review}\t{mood}\n" for review, mood in (("review", "sentiment"), ("schön", "good"), ("aus", "bad"))
    )
    marked = "\ufeff" if encoding == "utf-16-le" else ""
    (tmp_path / "reviews.tsv").write_bytes((marked + text).encode(encoding))
    assert [(row["text"], row["label"]) for row in manifest(tmp_path)] == [("schön", "good"), ("aus", "bad")]


def test_data_in_other_files_is_told(tmp_path, capsys):
    (tmp_path / "data.jsonl").write_text("{}\n")
    assert manifest(tmp_path)
    assert "data.jsonl was not read: tables here are .csv or .tsv files" in capsys.readouterr().out
