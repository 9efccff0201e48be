"""Any number of runs side by side: each pair as two are compared, one correction over all, and one table."""

import itertools
import json

import numpy as np
import pytest

import stress
from perturbations import InputError, RunError
from stress.cli import main
from stress.gate import Comparison, compare_several, letters, several_data
from stress.measure import change, match
from stress.records.pairing import paired
from stress.statistics.corrections import adjusted
from tests.pair_world import release


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    losses = {"a": 0.0, "b": 0.0, "c": 1.5}
    return [release(folder / name, i, n=600, loss=loss) for i, (name, loss) in enumerate(losses.items())]


@pytest.fixture(scope="module")
def found(runs):
    return compare_several(*runs, by=["accent"])


def test_each_pair_is_compared_as_two_runs_are(runs, found):
    cells = {"clean": ["clean"], "noise": ["noise@1", "noise@2"]}
    for row in found.rows:
        if row.part in cells and row.measure in ("accuracy", "retention", "ece"):
            for pair in row.pairs:
                matched = match(paired(runs[pair.one], runs[pair.other]))
                one = change(matched, row.measure, cells[row.part])
                assert pair.difference.drop == pytest.approx(one.drop)
                assert pair.difference.p == pytest.approx(one.p)
                assert row.values[pair.one] == pytest.approx(one.before)
                assert row.values[pair.other] == pytest.approx(one.after)
    assert {(r.part, r.measure) for r in found.rows} >= {
        *itertools.product(["clean", "noise", "lost"], ["accuracy", "ece", "latency_p95_ms", "gap by accent"]),
        ("noise", "retention"),
        ("reliance", "needs image"),
        ("reliance", "needs audio"),
    }


def test_one_correction_is_over_all_pairs_and_rows(found):
    pairs = [pair for row in found.rows for pair in row.pairs if pair.difference.p is not None]
    assert len(pairs) == found.tested > 30
    expected = adjusted(np.array([pair.difference.p for pair in pairs]), "holm")
    assert [pair.p_adjusted for pair in pairs] == pytest.approx(expected.tolist())
    for pair in pairs:
        sure = pair.p_adjusted <= 0.05 and pair.difference.drop
        assert (pair.better is not None) == bool(sure)
        if sure:
            assert pair.better == (pair.one if pair.difference.drop > 0 else pair.other)


def test_what_is_planted_is_found_and_nothing_else(found):
    accuracy = {row.part: row for row in found.rows if row.measure == "accuracy"}
    assert accuracy["noise"].order == "A>C B>C"
    alone = [pair.better for row in found.rows for pair in row.pairs if (pair.one, pair.other) == (0, 1)]
    assert not any(better is not None for better in alone)


def test_a_run_beside_itself_differs_in_nothing(runs):
    found = compare_several(runs[0], runs[0], runs[0])
    assert not any(row.order for row in found.rows)
    assert all(len(set(row.values)) == 1 for row in found.rows)


def test_the_face_and_the_command_say_the_same(runs, found, tmp_path, capsys):
    paths = [str(run.path) for run in runs]
    assert several_data(stress.compare(*paths, by=["accent"])) == several_data(found)
    assert isinstance(stress.compare(*paths[:2]), Comparison)
    json_file, markdown = tmp_path / "c.json", tmp_path / "c.md"
    arguments = ["compare", *paths, "--by", "accent", "--json", str(json_file), "--markdown", str(markdown)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in (*paths, "reliance", "needs image", "A>C"))
    assert max(map(len, out.splitlines()[4:-2])) <= 80
    assert json.loads(json_file.read_text())["differences"] == found.tested
    assert "surely better" in markdown.read_text()


def test_bad_input_is_one_error(runs, tmp_path):
    with pytest.raises(InputError, match="at least two runs, got 1"):
        stress.compare(runs[0])
    assert main(["compare", str(runs[0].path)]) == 2
    with pytest.raises(InputError, match="metric must be one of"):
        stress.compare(*runs, metric="acuracy")
    with pytest.raises(RunError):
        stress.compare(*runs, tmp_path / "none")


def test_names_go_on_after_z():
    names = [letters(i) for i in range(60)]
    assert names[:3] == ["A", "B", "C"]
    assert names[25:28] == ["Z", "AA", "AB"]
    assert len(set(names)) == 60
