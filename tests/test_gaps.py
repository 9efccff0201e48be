"""What a table writes where a number is missing is no class and no group, by whichever door it comes."""

import json

import numpy as np
import pandas as pd
import pytest

from perturbations import InputError, Sample
from perturbations.labels import gaps, names_of
from stress.data import load_data
from stress.tasks import Classification, gaps_said

DOORS = ("csv", "jsonl", "parquet", "frame", "python")
WRITTEN = ("nan", "NaN", "-nan", "<NA>", "NaT", " nan ")


def data(folder, door, labels, ages=None):
    ages = ages or ["1"] * len(labels)
    rows = [{"text": f"t{i}", "label": a, "group:age": b} for i, (a, b) in enumerate(zip(labels, ages, strict=True))]
    if door == "python":
        return load_data([Sample(f"s{i}", {"text": r["text"]}, r["label"]) for i, r in enumerate(rows)])
    frame, file = pd.DataFrame(rows), folder / f"data.{door}"
    if door == "frame":
        return load_data(frame)
    if door == "csv":
        frame.to_csv(file, index=False)
    elif door == "parquet":
        frame.to_parquet(file)
    else:
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return load_data(file)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("written", WRITTEN)
def test_beside_numbers_it_is_a_missing_label(door, written, tmp_path):
    with pytest.raises(InputError, match=r"(?i)nan|<NA>|NaT"):
        assert data(tmp_path, door, ["1.0", written, "2.0"]).classes


@pytest.mark.parametrize("door", DOORS)
def test_among_names_it_is_a_name_and_is_said(door, tmp_path):
    assert data(tmp_path, door, ["fra", "nan", "deu"]).classes == ("deu", "fra", "nan")
    ((what, outcome, says),) = gaps_said(["deu", "fra", "nan"])
    assert (what, outcome) == ("labels", "warning")
    assert "'nan'" in says
    assert [bool(gaps_said([name])) for name in ("NULL", "None", "N/A", "null", "no", "5")] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("door", DOORS[:4])
def test_a_group_of_numbers_has_gaps_and_one_of_names_has_none(door, tmp_path):
    labels = ["a", "b", "a"]
    assert data(tmp_path, door, labels, ["3.5", "nan", "40"]).index.groups["age"] == ["3.5", None, "40"]
    assert data(tmp_path, door, labels, ["old", "nan", "40"]).index.groups["age"] == ["old", "nan", "40"]
    assert data(tmp_path, door, labels, ["3.5", "none", "40"]).index.groups["age"] == ["3.5", "none", "40"]


def test_numbers_of_any_kind_are_numbers():
    assert gaps([1, 2.5, "nan"]) == gaps(["1e3", ".5", None, "nan"]) == gaps([np.float32(1), "nan", ""]) == {"nan"}
    assert gaps(["nan"]) == gaps(["nan", ""]) == gaps([1, [2], "nan"]) == gaps(["1", "x", "nan"]) == set()
    assert names_of(["1", "2", "10"]) == ("1", "2", "10")


def test_a_table_in_another_is_no_sample(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("text,label\nx,a\ntext,label\ny,b\n")
    with pytest.raises(InputError, match=r"data\.csv:3: repeats the names of the columns"):
        load_data(file)


def test_a_quoted_label_after_a_space_is_refused_with_its_line(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text('text,label\nx,a\ny, "b"\n')
    with pytest.raises(InputError, match=r"data\.csv:3: label is quoted after a space"):
        load_data(file)


@pytest.mark.parametrize("whole", [1000.0, 10.0, 65535.0, 0.5])
def test_shares_of_any_whole_are_doubted(whole):
    shares = whole * np.random.default_rng(0).dirichlet([0.3] * 4, 24)
    task = Classification(tuple("abcd")).settle(shares, ["a"] * 24)
    assert task.answers == "logits"
    assert ("answers", "warning") in [line[:2] for line in task.aloud(shares, ["a"] * 24)]
