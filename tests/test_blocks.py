"""Means over a grid from a part of its questions: balanced designs, intervals that hold, ends by width alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import InputError, RunError
from stress.adaptive import stopped_lines
from stress.cli import main
from stress.gate import judge, loads_gates
from stress.statistics.designs import balanced_blocks, jackknifed
from tests.adaptive_world import run, world

N = 400
COLUMNS = ["cell", "sample", "draw", "status", "prediction", "score"]


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 60), cells=st.integers(1, 30), seed=st.integers(0, 9))
def test_every_beginning_is_balanced_and_all_pairs_come_once(rows, cells, seed):
    row, cell = balanced_blocks(rows, cells, seed)
    assert len({*zip(row.tolist(), cell.tolist())}) == len(row) == rows * cells
    for one, count in ((row, rows), (cell, cells)):
        met = np.cumsum(one[:, None] == np.arange(count), axis=0)
        assert (met.max(axis=1) - met.min(axis=1)).max() <= 1


def test_two_cells_share_rows_about_as_often_as_any_other_two():
    row, cell = balanced_blocks(310, 31, 0)
    first = slice(0, 310 * 6)  # a perfect design has 6 × 5 / 30 = 1 of the turns for each two
    met = np.zeros((310, 31))
    met[row[first], cell[first]] = 1
    together = (met.T @ met)[~np.eye(31, dtype=bool)]
    assert together.mean() == 10
    assert together.max() <= 20
    assert together.std() < 6.5  # rows that always met the same six cells would have 22
    assert np.mean(together > 0) > 0.75


def test_the_jackknife_is_that_of_leaving_out_one_cluster_after_the_other():
    rng = np.random.default_rng(0)
    cluster, cell = (each.ravel() for each in np.meshgrid(np.arange(9), np.arange(4), indexing="ij"))
    kept = rng.random(36) < 0.8
    cluster, cell = cluster[kept], cell[kept]
    top, bottom, weights = rng.random(len(cell)), rng.integers(1, 4, len(cell)) * 1.0, np.array([0.4, 0.3, 0.2, 0.1])

    def mean(some):
        return sum(w * top[some & (cell == c)].sum() / bottom[some & (cell == c)].sum() for c, w in enumerate(weights))

    left_out = np.array([mean(cluster != k) for k in range(9)])
    error = np.sqrt(8 / 9 * ((left_out - left_out.mean()) ** 2).sum())
    value, low, high = jackknifed(cluster, cell, top, bottom, weights)
    assert value == pytest.approx(mean(cluster >= 0))
    assert (high - low) / 2 == pytest.approx(2.306004 * error, rel=1e-6)  # Student's, 8 degrees


@pytest.mark.parametrize("clusters", [None, 40])
def test_a_tenth_of_the_questions_gives_a_mean_nearly_as_narrow_as_all(clusters):
    from benchmarks.blocks import world as simulated

    found = [simulated(6, 400, 2, 0.35, clusters, 0.1, seed) for seed in range(40)]
    for name in ("mean", "mean area", "mCE"):
        ends = {way: np.array([each[way][name][1:] for _, each in found]) for way in ("blocks", "whole")}
        lengths = {way: np.diff(each, axis=1) for way, each in ends.items()}
        assert np.median(lengths["blocks"] / lengths["whole"]) < 1.6
        truth = np.array([each[name] for each, _ in found])
        held = np.mean((ends["blocks"][:, 0] <= truth) & (truth <= ends["blocks"][:, 1]))
        assert held >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 40)


def rows(found):
    table = found.records().select(COLUMNS).to_pylist()
    return sorted((tuple(row.values()) for row in table), key=str)


@pytest.fixture(scope="module")
def known():
    return world(N)


@pytest.fixture(scope="module")
def part(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("part") / "run", until="mean=0.045")


@pytest.fixture(scope="module")
def whole(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("whole") / "run")


def test_a_run_ends_where_the_mean_is_narrow_and_each_cell_meets_others(part, whole):
    about = part.info["adaptive"]
    assert about["asked"] == part.count < 0.8 * about["of"]
    mean = about["mean"]
    assert (mean["high"] - mean["low"]) / 2 <= 0.045
    cells = {name: {row["sample"] for row in part.records([name], ["sample"]).to_pylist()} for name in about["cells"]}
    assert len(cells.pop("clean")) == N
    sizes = [len(each) for each in cells.values()]
    assert max(sizes) - min(sizes) <= 4 < 64 <= min(sizes)
    assert len(set.union(*cells.values())) > 1.5 * max(sizes)
    shown = {r["cell"]: r["value"] for r in part.table("cells").to_pylist() if r["metric"] == "accuracy"}
    assert mean["value"] == pytest.approx(np.mean([shown[name] for name in cells]))
    exact = {r["cell"]: r["value"] for r in whole.table("cells").to_pylist() if r["metric"] == "accuracy"}
    assert mean["low"] <= np.mean([exact[name] for name in cells]) <= mean["high"]
    assert any("mean accuracy over 3 cells" in line for line in stopped_lines(part.info))


def test_its_tables_have_ordinary_intervals_and_gates_read_them(part, whole):
    area = next(r for r in part.table("robustness").to_pylist() if r["measure"] == "area")
    assert area["low"] < area["value"] < area["high"]
    rules = loads_gates({"gates": [{"metric": "accuracy", "min": 0.3}, {"metric": "drop", "max": 0.02}]})
    assert [v.outcome for v in judge(part, rules).verdicts] == ["pass", "fail"]
    assert [v.outcome for v in judge(whole, rules).verdicts] == ["pass", "fail"]


def test_workers_and_resuming_change_nothing_and_the_whole_grid_has_the_records_of_today(known, part, whole, tmp_path):
    two = run(*known, tmp_path / "two", until="mean=0.045", workers=2)
    assert rows(two) == rows(part)
    assert two.info["adaptive"] == part.info["adaptive"]
    short = run(*known, tmp_path / "short", until="mean=0.001", max_calls=700)
    assert short.count <= 700
    assert short.info["adaptive"]["ended"] == "budget"
    on = run(*known, tmp_path / "short", until="mean=0.045")
    assert rows(on) == rows(part)
    assert rows(run(*known, tmp_path / "short")) == rows(whole)


def test_bad_input_is_said_before_anything_is_asked(known, part, tmp_path):
    samples, model = known
    before = model.asked
    with pytest.raises(InputError, match=r"max_calls must be at least 592 \(clean on 400 samples"):
        run(samples, model, tmp_path / "run", until="mean=0.01", max_calls=591)
    with pytest.raises(InputError, match="half an interval's width"):
        run(samples, model, tmp_path / "run", until="mean=0.7")
    with pytest.raises(RunError, match="begun with --until mean=P"):
        run(samples, model, part.path, until="precision=0.1")
    assert model.asked == before
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_how_many_questions(capsys):
    options = ["--limit", "80", "--only", "lost", "--workers", "1", "--until", "mean=0.1"]
    assert main(["run", "demo", "--dry-run", *options]) == 0
    assert "until mean=0.1: at least" in " ".join(capsys.readouterr().out.split())
