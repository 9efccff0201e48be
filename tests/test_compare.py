"""Two releases compared: paired, corrected, and refused where a difference would not mean that the model changed."""

import json
import shutil

import numpy as np
import pytest
from scipy import stats

import scenarios
import stress
from perturbations import Audio, InputError, RunError
from stress.cli import main
from stress.gate import compare, export_regression, judge, loads_gates
from stress.models import Batch
from stress.statistics.corrections import adjusted, below, needed
from stress.statistics.intervals import mcnemar, paired_proportions
from tests._runs import cell, graded, grid, write
from tests.gate_world import graded_run, paired_run, with_streams
from tests.worlds import brightness, model, samples


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A release and the next one: equal when clean, 10 points worse at severity 2, with answers lost and gained."""
    n, rng = 500, np.random.default_rng(3)
    base = rng.random((n, 3)) < np.array([0.95, 0.9, 0.8])
    changes = np.zeros_like(base)
    for column, (lost, gained) in enumerate(((5, 5), (12, 9), (60, 10))):
        changes[np.flatnonzero(base[:, column])[:lost], column] = True
        changes[np.flatnonzero(~base[:, column])[:gained], column] = True
    folder = tmp_path_factory.mktemp("pair")
    one = paired_run(folder / "one", base, np.zeros_like(base), n)
    return one, paired_run(folder / "two", base, changes, n), base, base ^ changes


def test_the_differences_are_paired_and_counted(pair):
    one, two, before, after = pair
    found = compare(one, two)
    assert [change.check.subject for change in found.cells] == ["clean", "noise@1", "noise@2"]
    for column, change in enumerate(found.cells):
        lost, gained = (before & ~after)[:, column].sum(), (~before & after)[:, column].sum()
        check = change.check
        assert (check.lost, check.gained) == (lost, gained)
        assert check.value == pytest.approx(before[:, column].mean() - after[:, column].mean())
        ends = paired_proportions(np.array([lost * 1.0]), np.array([gained * 1.0]), np.array([500.0]))
        assert (check.low, check.high) == pytest.approx((ends.low[0], ends.high[0]))
        few, total = min(lost, gained), lost + gained
        mid = 2 * stats.binom.cdf(few, total, 0.5) - stats.binom.pmf(few, total, 0.5)
        assert check.p == pytest.approx(min(mid, 1) if lost != gained else 1 - stats.binom.pmf(few, total, 0.5))
    assert [change.verdict for change in found.cells] == ["unknown", "unknown", "worse"]
    assert len(found.lost) == (before & ~after).sum()
    assert len(found.gained) == (~before & after).sum()
    flipped = {(e.sample, e.cell) for e in found.lost}
    assert flipped == {(f"s{i:05d}", ("clean", "noise@1", "noise@2")[c]) for i, c in np.argwhere(before & ~after)}


def test_a_slice_is_the_difference_over_all_its_cells(pair):
    one, two, before, after = pair
    found = {(c.slice, c.check.subject): c.check for c in compare(one, two).slices}
    check = found["modality", "image"]
    assert check.value == pytest.approx(before[:, 1:].mean() - after[:, 1:].mean())
    assert (check.n, check.samples) == (1000, 500)
    assert {"modality", "stream", "scenario", "severity", "class"} >= {name for name, _ in found}


def test_metrics_that_are_no_means_are_compared_too(tmp_path):
    one = graded_run(tmp_path / "one", [0.95, 0.9], seed=1)
    two = graded_run(tmp_path / "two", [0.95, 0.6], seed=1)
    for metric in ("f1_macro", "ece", "latency_p95_ms", "nll"):
        way = f"{{metric: {metric}, against: baseline, on: {{severity: 1}}, max_drop: 0.001}}"
        (verdict,) = judge(two, loads_gates(f"gates:\n  - {way}"), one).verdicts
        rows = [
            {r["metric"]: r for r in run.table("cells").to_pylist() if r["cell"] == "noise@1"}[metric]
            for run in (one, two)
        ]
        check = verdict.checks[0]
        if metric == "nll":  # the runs hold none
            assert verdict.outcome == "unjudged"
            continue
        sign = 1 if metric == "f1_macro" else -1
        assert check.value == pytest.approx(sign * (rows[0]["value"] - rows[1]["value"]))
        assert verdict.outcome == {"latency_p95_ms": "pass"}.get(metric, "fail"), metric
        assert check.low <= check.value <= check.high
        assert ("unpaired" in check.method) == (metric == "latency_p95_ms")


def test_the_same_run_is_never_worse_than_itself(pair):
    one, *_ = pair
    found = compare(one, one)
    assert {change.verdict for change in (*found.cells, *found.slices, *found.overall)} == {"unknown"}
    assert all(change.check.value == 0 and change.check.low < 0 < change.check.high for change in found.cells)
    assert not found.lost


# --- what may not be compared


def changed(run, folder, **identity):
    shutil.copytree(run.path, folder)
    return with_streams(stress.open(folder), **identity)


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({"suite": {"name": "test", "version": 2, "cells": {}, "draws": 1}}, "suite version: 1, now 2"),
        ({"seed": 5}, r"seed: 0, now 5 \(other random draws\)"),
        ({"data": {"name": "test", "streams": {}, "content": "two", "samples": 1}}, "data content: one, now two"),
        ({"perturbations": {"image.noise": 2}}, "image.noise: version 1, now 2"),
        (
            {"suite": {"name": "test", "version": 1, "cells": {"noise@1": "abc"}, "draws": 1}},
            "noise@1 means another condition now",
        ),
    ],
)
def test_runs_of_other_inputs_are_refused(pair, tmp_path, identity, said):
    one, two, *_ = pair
    old = changed(one, tmp_path / "old", perturbations={"image.noise": 1})
    new = changed(two, tmp_path / "new", **({"perturbations": {"image.noise": 1}} | identity))
    with pytest.raises(RunError, match=said):
        compare(old, new)
    assert main(["compare", str(old.path), str(new.path)]) == 2


def test_with_common_what_differs_is_left_out_and_said(tmp_path, capsys):
    right = np.random.default_rng(0).random((100, 6)) < 0.8
    one = with_streams(write(tmp_path / "one", graded(), grid(right[:80].astype(float)), ["0"] * 80))
    fewer = [*graded()[:4], cell("fog-1", "fog", 1.0)]
    two = with_streams(write(tmp_path / "two", fewer, grid(right[:, :5].astype(float)), ["0"] * 100))
    with pytest.raises(RunError, match="noise-4, noise-5 is in the first run only"):
        compare(one, two)
    found = compare(one, two, common=True)
    assert [change.check.subject for change in found.cells] == ["clean", "noise-1", "noise-2", "noise-3"]
    assert {change.check.n for change in found.cells} == {80}
    assert "20 samples are in the second run only" in found.pair.dropped
    assert main(["compare", str(one.path), str(two.path), "--common"]) == 0
    assert "left out: fog-1 is in the second run only" in capsys.readouterr().out
    gates = loads_gates("gates:\n  - {metric: accuracy, on: {scenario: fog}, against: baseline, max_drop: 0.1}")
    assert judge(two, gates, one, common=True).verdicts[0].outcome == "unjudged"


def test_a_perturbation_of_another_version_is_left_out_by_name(pair, tmp_path):
    one, two, *_ = pair
    old = changed(one, tmp_path / "old", perturbations={"image.noise": 1})
    new = changed(two, tmp_path / "new", perturbations={"image.noise": 2})
    assert [c.check.subject for c in compare(old, new, common=True).cells] == ["clean"]


def test_samples_whose_truth_changed_are_no_pairs(tmp_path):
    right = np.ones((50, 6))
    one = with_streams(write(tmp_path / "one", graded(), grid(right), ["0"] * 50))
    two = with_streams(write(tmp_path / "two", graded(), grid(right), ["0"] * 40 + ["1"] * 10))
    with pytest.raises(RunError, match="10 samples have another target or group now"):
        compare(one, two)
    assert {change.check.n for change in compare(one, two, common=True).cells} == {40}


def test_another_metric_or_task_is_refused(pair, tmp_path):
    one, two, *_ = pair
    with pytest.raises(InputError, match="Did you mean accuracy"):
        compare(one, two, metric="acuracy")
    other = changed(one, tmp_path / "other", task={"task": "classification", "classes": ["a"]})
    with pytest.raises(RunError, match="same task and classes"):
        compare(one, other)


def test_what_is_written(pair, tmp_path):
    one, two, before, after = pair
    files = tmp_path / "c.json", tmp_path / "c.md"
    assert main(["compare", str(one.path), str(two.path), "--json", str(files[0]), "--markdown", str(files[1])]) == 0
    data = json.loads(files[0].read_text())
    assert data["cells"] == {"worse": 1, "better": 0, "unknown": 2}
    assert data["flipped"]["lost"] == (before & ~after).sum()
    assert "1 cells worse, 0 better, 2 unknown" in files[1].read_text()


# --- corrections and simulations


def test_corrections_agree_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for size in (1, 2, 60):
        p = rng.random(size) ** 3
        for ours, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
            np.testing.assert_allclose(adjusted(p, ours), multitest.multipletests(p, method=theirs)[1])
    np.testing.assert_allclose(adjusted(np.array([0.01, np.nan, 0.02])), [0.02, np.nan, 0.02])


@pytest.mark.parametrize("freedom", [None, 5])
def test_a_p_value_never_contradicts_the_interval(freedom):
    value, low, high = 0.7, 0.6, 0.75
    assert below(value, low, high, high, 0.95, freedom) == pytest.approx(0.025)
    assert below(value, low, high, low, 0.95, freedom) == pytest.approx(0.975)
    assert below(value, low, high, value, 0.95, freedom) == pytest.approx(0.5)


def test_so_many_samples_decide_four_times_in_five():
    """Of a mean: (1.96 + 0.84)² σ² / d²."""
    error, n = 0.1 / 1.959964, 100
    expected = ((1.959964 + 0.841621) * error * np.sqrt(n) / 0.05) ** 2
    assert needed(0.8, 0.7, 0.9, 0.75, n) == np.ceil(expected)
    assert needed(0.8, 0.7, 0.9, 0.8, n) == np.inf


CELLS, RELEASES, N = 60, 2000, 500


def discordant(rng, n, drop, share, size):
    """Answers lost and gained of ``n`` samples, of which this share changes sides, with this drop on average."""
    changed = rng.binomial(n, share, size)
    lost = rng.binomial(changed, 0.5 + drop / share / 2)
    return lost.astype(float), (changed - lost).astype(float)


def test_exchangeable_releases_are_rarely_told_apart(capsys):
    """Equal accuracy, different errors, on 60 cells: at most 5 in 100 fail (and 1.5 for the simulation's error)."""
    rng = np.random.default_rng(11)
    lost, gained = discordant(rng, N, 0.0, 0.1, (RELEASES, CELLS))
    ends = paired_proportions(lost, gained, np.full(lost.shape, float(N)))
    p = below((gained - lost) / N, -ends.high, -ends.low, 0.0)
    gate = np.mean([(adjusted(row) <= 0.025).any() for row in p])
    plain = np.mean((p <= 0.025).any(axis=1))
    two_sided = np.mean([(adjusted(row) <= 0.05).any() for row in mcnemar(gained, lost)])
    with capsys.disabled():
        print(
            f"\n60 cells, no change: gate fails {gate:.1%} (uncorrected {plain:.1%}), compare differs {two_sided:.1%}"
        )
    assert gate <= 0.065
    assert two_sided <= 0.065
    assert plain > 0.5  # which is why


def test_a_true_drop_is_found_by_pairing(capsys):
    """Three points of 2,000 samples, 10 % discordant: the paired test sees it, the unpaired one misses more."""
    rng, n = np.random.default_rng(12), 2000
    lost, gained = discordant(rng, n, 0.03, 0.1, RELEASES)
    ends = paired_proportions(lost, gained, np.full(RELEASES, float(n)))
    paired = np.mean(below((gained - lost) / n, -ends.high, -ends.low, 0.0) <= 0.025)
    before = 0.85
    after = before + (gained - lost) / n
    pooled = (before + after) / 2
    z = (before - after) / np.sqrt(2 * pooled * (1 - pooled) / n)
    unpaired = np.mean(stats.norm.sf(z) <= 0.025)
    with capsys.disabled():
        print(f"\n3-point drop, n = 2,000, 10 % discordant: paired test finds {paired:.1%}, unpaired {unpaired:.1%}")
    assert paired >= 0.9
    assert unpaired < paired - 0.1


def test_a_true_drop_is_found_from_folders_too(tmp_path):
    n, rng = 2000, np.random.default_rng(5)
    base = rng.random((n, 2)) < 0.85
    order = rng.permutation(n)
    changes = np.zeros_like(base)
    for column in range(2):
        right, wrong = order[base[order, column]], order[~base[order, column]]
        changes[right[:130], column] = True
        changes[wrong[:70], column] = True
    one = paired_run(tmp_path / "one", base, np.zeros_like(base), n)
    two = paired_run(tmp_path / "two", base, changes, n)
    gates = loads_gates("gates:\n  - {metric: accuracy, against: baseline, max_drop: 0, per: cell}")
    report = judge(two, gates, one)
    assert report.status == 1
    assert [check.value for check in report.verdicts[0].checks] == pytest.approx([0.03, 0.03])
    assert judge(one, gates, one).status == 3  # no drop, but no proof that there is none at all


# --- on the demo

COUNT = 160
SUITE = """
suite: release@1
severities: [3]
scenarios:
  hiss: {audio: white_noise}
  sound-only: {image: missing, text: missing}
"""
GATES = """
gates:
  - {preset: good}
  - {metric: retention, on: {modality: audio}, min: 0.8, confidence: 0.95}
  - {metric: recall_macro, on: {only_stream: audio}, min: 0.6}
  - {metric: crash_rate, max: 0}
"""


def silenced(batch):
    """The demo model with its audio branch zeroed."""
    quiet = {**{name: batch[name] for name in batch}}
    quiet["audio"] = [None if v is None else Audio(np.zeros_like(v.samples), v.rate) for v in batch["audio"]]
    return model()(Batch(quiet))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    suite = scenarios.loads(SUITE)
    good = stress.run(model(), samples(COUNT), suite, folder / "good", workers=1, preflight=False)
    sabotaged = stress.run(silenced, samples(COUNT), suite, folder / "sabotaged", workers=1, preflight=False)
    tiny = stress.run(model(), samples(12), suite, folder / "tiny", workers=1, preflight=False)
    (folder / "gates.yaml").write_text(GATES)
    return folder, good, sabotaged, tiny


def test_a_good_release_passes_a_sabotaged_one_fails_and_a_tiny_run_is_undecided(demo, capsys):
    folder, *runs = demo
    said = []
    for run in runs:
        said.append(main(["gate", str(run.path), str(folder / "gates.yaml")]))
        assert (run.path / "gate.json").exists()
    assert said == [0, 1, 3]
    out = capsys.readouterr().out
    assert "recall_macro on only_stream audio" in out
    tiny = str(runs[2].path)
    assert main(["gate", tiny, str(folder / "gates.yaml"), "--undecided", "pass"]) == 0
    assert main(["gate", tiny, str(folder / "gates.yaml"), "--undecided", "fail"]) == 1
    assert main(["gate", tiny]) == 2
    assert main(["gate", tiny, "god"]) == 2


def test_the_sabotage_is_found_where_it_is(demo):
    _, good, sabotaged, _ = demo
    found = {change.check.subject: change for change in compare(good, sabotaged).cells}
    assert found["sound-only"].verdict == "worse"
    assert found["sound-only"].check.low > 0.3
    assert {example.cell for example in compare(good, sabotaged).lost[:3]} <= set(found)


def test_the_worst_failures_become_a_suite_that_sees_the_same_inputs(demo, tmp_path):
    _, good, _, _ = demo
    folder = export_regression(good, tmp_path / "guard", most=5)
    failures = json.loads((folder / "failures.json").read_text())["failures"]
    names = (folder / "samples.txt").read_text().splitlines()
    assert {f["sample"] for f in failures} == set(names)
    assert all(f["before"] == f["target"] != f["after"] for f in failures)
    suite = scenarios.load(str(folder / "suite.yaml"))
    again = stress.run(model(), samples(COUNT), suite, tmp_path / "again", workers=1, samples=names)
    assert again.samples["id"].to_pylist() == sorted(names, key=good.samples["id"].to_pylist().index)
    place = dict(zip(again.samples["order"].to_pylist(), again.samples["id"].to_pylist()))
    answers = {(row["cell"], place[row["sample"]]): row["prediction"] for row in again.records().to_pylist()}
    for failure in failures:
        assert answers[failure["cell"], failure["sample"]] == failure["after"]
    assert main(["gate", str(again.path), str(folder / "gates.yaml")]) == 0  # right when clean, nothing crashed


def test_samples_to_run_on_must_exist(tmp_path):
    with pytest.raises(InputError, match="samples must be ids of the data, got 'nobody'"):
        stress.run(model(), samples(12), scenarios.loads(SUITE), tmp_path, workers=1, samples=["nobody"])


def test_a_run_on_some_samples_has_the_records_that_a_whole_run_has_of_them(tmp_path):
    """Also where a fault looks at the other samples: those that are not run on are still there to be looked at."""
    suite = scenarios.loads(
        "suite: p@1\nseverities: [2]\nscenarios:\n  noise: {image: gaussian_noise}\n  pairs: {audio: wrong_pairing}\n"
    )
    names = [sample.id for sample in samples(40)][3:40:9]
    whole = stress.run(brightness, samples(40), suite, tmp_path / "whole", workers=1, preflight=False)
    part = stress.run(brightness, samples(40), suite, tmp_path / "part", workers=1, preflight=False, samples=names)
    orders = part.samples["order"].to_pylist()
    assert sorted(part.samples["id"].to_pylist()) == sorted(names)
    rows = [row for row in whole.records().to_pylist() if row["sample"] in orders]
    kept = ("cell", "sample", "draw", "status", "score", "prediction", "confidence")
    assert [{k: row[k] for k in kept} for row in part.records().to_pylist()] == [
        {k: row[k] for k in kept} for row in rows
    ]
    with pytest.raises(RunError, match="chosen was"):
        stress.run(brightness, samples(40), suite, tmp_path / "whole", workers=1, preflight=False, samples=names)
