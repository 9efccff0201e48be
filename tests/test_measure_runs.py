"""What flips, from draw to draw and step to step, and which of two models is better."""

import json
import math

import numpy as np
import pytest

import stress
from perturbations import InputError, RunError
from stress.measure import compare, table
from stress.statistics.corrections import adjusted
from stress.statistics.intervals import mcnemar
from stress.statistics.variance import variance_parts
from tests._runs import DIGITS, LABELS, answers, cell, graded, grid, nested, pick, predicted, rows, write


def test_variance_parts_are_those_that_went_in():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (4000, 1)) + rng.normal(0, 1, (4000, 5))
    between, within = variance_parts(scores)
    assert (between, within) == (pytest.approx(4, rel=0.06), pytest.approx(1, rel=0.06))
    assert variance_parts(rng.normal(0, 1, (4000, 5)))[0] == pytest.approx(0, abs=0.05)


def drawn(path, chance, draws=4, n=300):
    """Clean once, noise ``draws`` times; each answer of noise is right with the sample's own chance."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 10, n)
    right = rng.random((draws, n)) < chance[None, :]
    wrong = (target[None, :] + rng.integers(1, 10, (draws, n))) % 10
    given = np.concatenate([target[None, :], np.where(right, target[None, :], wrong)])
    records = {
        "cell": np.repeat([0] + [1] * draws, n),
        "draw": np.repeat([0, *range(draws)], n),
        "sample": np.tile(np.arange(n), draws + 1),
        "score": (given == target).astype(float).ravel(),
        "prediction": [DIGITS[k] for k in given.ravel()],
    }
    return write(path, graded(severities=[1]), records, target, columns=LABELS), given, target


def test_draws_tell_luck_from_difficulty(tmp_path):
    luck, _, _ = drawn(tmp_path / "a", np.full(300, 0.5))
    hard, _, _ = drawn(tmp_path / "b", (np.arange(300) % 2).astype(float))
    one = pick(rows(luck, "draws"), cell="noise-1")
    other = pick(rows(hard, "draws"), cell="noise-1")
    assert one["share_of_draws"] > 0.9
    assert other["share_of_draws"] == 0
    assert (other["lowest"], other["highest"]) == (0.5, 0.5)
    assert one["error_draws"] == pytest.approx(math.sqrt(0.25 / 4 / 300), rel=0.05)
    assert pick(rows(luck, "draws"), cell="clean")["note"] == "one draw only: nothing to compare"


def test_flips(tmp_path):
    run, given, target = drawn(tmp_path / "a", np.full(300, 0.7))
    found = rows(run, "stability")
    flip = pick(found, cell="noise-1", metric="flip_rate")
    assert flip["value"] == pytest.approx((given[1:] != given[0]).mean())
    assert flip["method"] == "mid-p, effective n"
    lost = pick(found, cell="noise-1", metric="lost")
    assert lost["value"] == pytest.approx((given[1:] != target).mean())
    between = pick(found, cell="noise-1", metric="draw_flip_rate")
    assert between["value"] == pytest.approx((given[2:] != given[1]).mean())


def test_steps_and_returns(tmp_path):
    given = np.array([[1, 1, 1], [1, 2, 1], [1, 2, 2], [1, 1, 2]])
    run = write(tmp_path / "a", graded(severities=[1, 2]), predicted(given, [1] * 4, DIGITS), [1] * 4, columns=LABELS)
    found = rows(run, "stability")
    assert [pick(found, cell=f"noise-{s}", metric="step_flip_rate")["value"] for s in (1, 2)] == [0.5, 0.5]
    assert pick(found, cell="noise-2", metric="returned")["value"] == 0.5
    assert pick(found, cell="noise-1", metric="returned")["value"] is None


def test_steps_are_counted_in_every_draw(tmp_path):
    """Two draws of a hundred samples at two severities, clean and a cell beside them drawn once."""
    rng, n = np.random.default_rng(1), 100
    clean, given = np.zeros(n, int), rng.integers(0, 3, (2, 2, n))
    parts = [(0, 0, clean)] + [(s + 1, d, given[s, d]) for s in range(2) for d in range(2)]
    records = {
        "cell": np.repeat([part[0] for part in parts], n),
        "draw": np.repeat([part[1] for part in parts], n),
        "sample": np.tile(np.arange(n), len(parts)),
        "score": np.concatenate([part[2] == 0 for part in parts]).astype(float),
        "prediction": [DIGITS[k] for part in parts for k in part[2]],
    }
    found = rows(write(tmp_path / "a", graded(severities=[1, 2]), records, [0] * n, columns=LABELS), "stability")
    one, two = (pick(found, cell=f"noise-{s}", metric="step_flip_rate") for s in (1, 2))
    assert (one["value"], one["n"]) == (pytest.approx((given[0] != 0).mean()), 2 * n)
    assert two["value"] == pytest.approx((given[1] != given[0]).mean())
    away = given[0] != 0
    assert pick(found, cell="noise-2", metric="returned")["value"] == pytest.approx((given[1] == 0)[away].mean())


def test_what_starts_where_is_said(tmp_path):
    """Fog with the sound lost: what it costs is held against clean, where it breaks against the sound lost alone."""
    lost = {"lost": ["audio"], "fill": "none"}
    cells = [cell(), cell("lost", "lost", None, "audio", perturbation="stream.missing", **lost)]
    cells += [cell(f"fog-{s}", "fog", float(s), **lost) for s in (1, 2)]
    cells += [cell(f"rain-{s}", "rain", float(s)) for s in (1, 2)]
    run = write(tmp_path / "a", cells, grid(nested(200, [0.95, 0.7, 0.65, 0.4, 0.9, 0.8])), ["1"] * 200)
    found = {(row["scenario"], row["measure"]): row for row in rows(run, "robustness")}
    for measure, start in (("drop", "clean"), ("retention", "clean"), ("area", "lost"), ("breaking_severity", "lost")):
        assert found["fog", measure]["start"] == start
        assert found["rain", measure]["start"] == "clean"
    assert found["fog", "worst"]["start"] is None
    value = {
        name: pick(rows(run, "cells"), cell=name, metric="accuracy")["value"] for name in ("clean", "fog-1", "fog-2")
    }
    assert found["fog", "drop"]["value"] == pytest.approx(value["clean"] - (value["fog-1"] + value["fog-2"]) / 2)
    assert 1 < found["fog", "breaking_severity"]["value"] < 2


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03]
    assert adjusted(np.array(p)).tolist() == pytest.approx(list(multipletests(p, method="holm")[1]))
    assert adjusted(np.array([0.01, np.nan, 0.04]))[::2].tolist() == pytest.approx([0.02, 0.04])
    assert adjusted(np.array([])).tolist() == []


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 5), (10, 3), (1, 12), (130, 70), (4000, 4200)])
def test_mcnemar_is_exact_minus_half_the_observed(gained, lost):
    from scipy.stats import binom

    few, total = min(gained, lost), gained + lost
    exact = min(2 * binom.cdf(few, total, 0.5), 1) if total else 1.0
    expected = exact if not total else min(2 * binom.cdf(few, total, 0.5) - binom.pmf(few, total, 0.5), 1)
    if total and gained == lost:
        expected = 1 - binom.pmf(few, total, 0.5)
    assert mcnemar(np.array([float(gained)]), np.array([float(lost)]))[0] == pytest.approx(expected, abs=1e-9)


def two(tmp_path, better=0.1, n=500, shift=0):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 10, n)
    rates = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6])
    runs = []
    for k, extra in enumerate((better, 0.0)):
        given = answers(target, nested(n, np.minimum(rates + extra, 1), seed=9) > 0, 10, np.random.default_rng(k))
        keep = slice(shift * k, None)
        runs.append(write(tmp_path / f"m{k}", graded(), predicted(given[keep], target[keep], DIGITS), target[keep],
                          columns=LABELS, groups={"speaker": [i % 50 for i in range(len(target[keep]))]}))  # fmt: skip
    return {"late": runs[0], "early": runs[1]}


@pytest.mark.parametrize("options", [{}, {"cluster": "speaker"}, {"metric": "f1_macro"}, {"metric": "mcc"}])
def test_comparison_finds_the_better_model(tmp_path, options):
    found = compare(two(tmp_path), **options).to_pylist()
    assert len(found) == 6
    row = pick(found, cell="noise-4")
    assert row["value"] == pytest.approx(row["value_one"] - row["value_other"])
    assert row["low"] < row["value"] < row["high"]
    assert row["verdict"] == "better"
    assert row["p_holm"] >= row["p"]


def test_comparison_counts_flips_and_pairs(tmp_path):
    runs = two(tmp_path)
    row = pick(compare(runs).to_pylist(), cell="noise-5")
    assert row["only_other"] == 0
    assert row["only_one"] == pytest.approx(row["value"] * 500)
    turned = pick(compare({"early": runs["early"], "late": runs["late"]}).to_pylist(), cell="noise-5")
    assert turned["verdict"] == "worse"
    assert turned["value"] == pytest.approx(-row["value"])


def test_equal_models_are_unknown(tmp_path):
    runs = two(tmp_path, better=0.0)
    assert {r["verdict"] for r in compare(runs).to_pylist()} == {"unknown"}


def test_comparison_is_over_shared_samples(tmp_path):
    runs = two(tmp_path, shift=100)
    # ids are positions: run "early" calls its samples s00000 … s00399, most of which have other targets than late's
    with pytest.raises(RunError, match="100 samples are in the first run only"):
        compare(runs)
    alike = sum(a == b for a, b in zip(*(run.samples["target"].to_pylist() for run in runs.values())))
    found = compare(runs, common=True).to_pylist()
    assert {r["n"] for r in found} == {alike}


def test_comparison_of_strangers_is_refused(tmp_path):
    runs = two(tmp_path)
    with pytest.raises(InputError, match="at least two"):
        compare({"late": runs["late"]})
    other = write(tmp_path / "r", graded(), {**grid(np.zeros((5, 6)))}, [1.0] * 5, {"task": "regression"})
    with pytest.raises(RunError, match="of the same task"):
        compare({"late": runs["late"], "other": other})


def test_flip_rates_over_a_reference_runs(tmp_path):
    runs = two(tmp_path)
    found = table(runs["late"], "relative", reference=runs["early"]).to_pylist()
    row = pick(found, measure="flip_rate_ratio")
    flips = {name: [r["value"] for r in rows(run, "cells") if r["metric"] == "flip_rate" and r["cell"] != "clean"]
             for name, run in runs.items()}  # fmt: skip
    assert row["value"] == pytest.approx(np.mean(flips["late"]) / np.mean(flips["early"]))
    assert row["low"] < row["value"] < row["high"]


def test_a_reference_run_must_have_looked_at_the_same_samples(tmp_path):
    runs = two(tmp_path, shift=100)
    with pytest.raises(RunError, match=r"reference must be a run on the same samples .* shares \d+ of 500\."):
        table(runs["late"], "relative", reference=runs["early"])
    runs = two(tmp_path)
    where = runs["early"].path / "run.json"
    info = json.loads(where.read_text())
    info["identity"]["data"] = {"content": "pictures that were saved again"}
    where.write_text(json.dumps(info))
    with pytest.raises(RunError, match="shares 500 of 500 by name, with another content"):
        table(runs["late"], "relative", reference=stress.open(where.parent))


def test_a_cell_that_means_something_else_in_the_reference_run_is_left_out(tmp_path):
    target, scores = [1] * 200, nested(200, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    given = predicted(np.where(scores > 0, 1, 2), target, DIGITS)
    other = graded()
    other[3]["conditions"] = '["thicker fog"]'
    ours = write(tmp_path / "ours", graded(), given, target, columns=LABELS)
    theirs = write(tmp_path / "theirs", other, given, target, columns=LABELS)
    (row,) = (r for r in table(ours, "relative", reference=theirs).to_pylist() if r["measure"] == "rra")
    assert row["value"] is None
    assert row["note"] == "the reference run means another condition by cell noise-3"


def test_cells_that_differ_in_another_axis_are_points_of_different_curves(tmp_path):
    cells = [cell()]
    for fill in ("zeros", "mean"):
        for s in (1, 2):
            axes = json.dumps({"severity": s, "fill": fill})
            cells.append(cell(f"fog:{s},{fill}", "fog", float(s), axes=axes))
    right = nested(100, [0.9, 0.8, 0.7, 0.6, 0.5])
    run = write(tmp_path / "a", cells, grid(right), ["1"] * 100, columns=LABELS)
    areas = [r for r in rows(run, "robustness") if r["measure"] == "area"]
    means = right.mean(axis=0)
    expected = [np.trapezoid(means[[0, 1, 2]]) / 2, np.trapezoid(means[[0, 3, 4]]) / 2]
    assert [r["value"] for r in areas] == pytest.approx(expected)
