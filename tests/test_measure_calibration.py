"""Confidence against accuracy, selective answers, latency: torchmetrics, MAPIE and scikit-learn as oracles."""

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from stress.statistics.calibration import brier_decomposition, calibration_error, debiased_error, temperature
from stress.statistics.ranks import aurc, risk_coverage
from tests._runs import LABELS, NUMBERS, graded, predicted, rows, write


def test_aurc_is_the_mean_of_selective_risks():
    confidence = np.random.default_rng(0).permutation(200) / 200
    wrong = (np.random.default_rng(1).random(200) > confidence).astype(float)
    order = np.argsort(-confidence)
    expected = np.mean([wrong[order[: k + 1]].mean() for k in range(200)])
    assert aurc(confidence, wrong)[0] == pytest.approx(expected)
    risk, threshold = risk_coverage(confidence, wrong, np.array([0.25, 1.0]))
    assert risk == pytest.approx([wrong[order[:50]].mean(), wrong.mean()])
    assert threshold == pytest.approx([confidence[order[49]], 0])


def test_ece_is_torchmetrics():
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    rng = np.random.default_rng(0)
    logits = rng.normal(size=(800, 6)) * 2
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = rng.integers(0, 6, 800)
    for bins in (10, 15, 20):
        expected = float(multiclass_calibration_error(torch.tensor(share), torch.tensor(target), 6, n_bins=bins))
        right = (share.argmax(axis=1) == target).astype(float)
        assert calibration_error(share.max(axis=1), right, bins)[0] == pytest.approx(expected, abs=1e-6)


def graded_confidence():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1, 1500)
    return confidence, (rng.random(1500) < confidence**2).astype(float)


def test_ece_is_mapies():
    if find_spec("mapie") is None:
        pytest.skip("mapie is not installed")
    from mapie.metrics.calibration import expected_calibration_error

    confidence, right = graded_confidence()
    expected = expected_calibration_error(right.astype(int), confidence, num_bins=15, split_strategy="uniform")
    assert calibration_error(confidence, right, 15)[0] == pytest.approx(expected, abs=1e-9)


def test_equal_mass_bins_hold_equal_numbers():
    confidence, right = graded_confidence()
    order = np.argsort(confidence)
    expected = sum(abs(confidence[k].sum() - right[k].sum()) for k in np.array_split(order, 15)) / 1500
    assert calibration_error(confidence, right, 15, "mass")[0] == pytest.approx(expected)


def test_debiased_error_of_a_calibrated_model_is_small():
    rng, plain, repaired = np.random.default_rng(0), [], []
    for _ in range(200):
        confidence = rng.uniform(0.5, 1, 500)
        right = (rng.random(500) < confidence).astype(float)
        plain.append(calibration_error(confidence, right, 15, "mass")[0])
        repaired.append(debiased_error(confidence, right, 15))
    assert np.mean(plain) > 0.04
    assert np.mean(repaired) < 0.02
    confidence = np.full(500, 0.9)
    assert debiased_error(confidence, (np.arange(500) < 350).astype(float)) == pytest.approx(0.2, abs=0.01)


def test_brier_decomposition_adds_up():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    confidence = np.round(rng.random(400), 2)
    right = (rng.random(400) < confidence**2).astype(float)
    poor, fine, spread = brier_decomposition(confidence, right)
    assert poor - fine + spread == pytest.approx(np.square(confidence - right).mean())
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(confidence, right).predict(confidence)
    assert poor == pytest.approx(np.square(confidence - right).mean() - np.square(fitted - right).mean())
    assert min(poor, fine, spread) >= 0


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_temperature_is_found(true):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 5)) * 2
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (share.cumsum(axis=1) > rng.random(20_000)[:, None]).argmax(axis=1)
    sharp = np.exp(logits * true)
    assert temperature(sharp / sharp.sum(axis=1, keepdims=True), target) == pytest.approx(true, rel=0.03)


def test_no_temperature_where_every_answer_is_right():
    assert np.isnan(temperature(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])))


@pytest.fixture(scope="module")
def sure(tmp_path_factory):
    """A run that keeps all probabilities; the temperature that would calibrate a cell is 2 over its pull."""
    rng = np.random.default_rng(1)
    names, target = ("a", "b", "c"), rng.integers(0, 3, 300)
    pull = np.array([3, 2.5, 2, 1.5, 1, 0.5])
    logits = rng.normal(size=(300, 6, 3)) + pull[None, :, None] * np.eye(3)[target][:, None, :]
    share = np.exp(2 * logits) / np.exp(2 * logits).sum(axis=2, keepdims=True)
    mine = np.take_along_axis(share, target[:, None, None].repeat(6, 1), axis=2)[:, :, 0]
    more = {
        "confidence": share.max(axis=2).T.ravel(),
        "nll": -np.log(mine).T.ravel(),
        "brier": (np.square(share).sum(axis=2) - 2 * mine + 1).T.ravel(),
        "margin": mine.T.ravel(),
        "rank": (1 + (share > mine[:, :, None]).sum(axis=2)).T.ravel(),
        "probabilities": list(share.transpose(1, 0, 2).reshape(-1, 3)),
    }
    records = predicted(share.argmax(axis=2), target, names, **more)
    task = {"task": "classification", "classes": list(names), "answers": "probabilities", "keep": "all"}
    columns = {**LABELS, **NUMBERS, "probabilities": pa.list_(pa.float32())}
    path = tmp_path_factory.mktemp("sure") / "run"
    return write(path, graded(), records, [names[t] for t in target], task, columns), share, target


def test_calibration_table(sure):
    run, share, target = sure
    found = {(r["cell"], r["metric"]): r for r in rows(run, "calibration")}
    confidence, right = share.max(axis=2), share.argmax(axis=2) == target[:, None]
    for i, (name, pull) in enumerate(zip(["clean", *(f"noise-{s}" for s in range(1, 6))], (3, 2.5, 2, 1.5, 1, 0.5))):
        over = found[name, "overconfidence"]
        assert over["value"] == pytest.approx(confidence[:, i].mean() - right[:, i].mean(), abs=1e-5)
        assert over["low"] < over["value"] < over["high"]
        assert found[name, "temperature"]["value"] == pytest.approx(2 / pull, rel=0.3)
    assert {r["metric"] for r in rows(run, "cells")} > {"ece", "aurc", "auroc_macro", "f1_macro", "latency_p95_ms"}


def test_auroc_by_class_is_scikit_learns_and_has_delongs_interval(sure):
    run, share, target = sure
    found = {(r["metric"], r["class"]): r for r in rows(run, "classes") if r["cell"] == "noise-3"}
    for k, name in enumerate("abc"):
        row = found["auroc", name]
        assert row["value"] == pytest.approx(sk.roc_auc_score(target == k, share[:, 3, k]), abs=1e-6)
        assert row["method"] == "delong, logit"
        assert found["average_precision", name]["value"] == pytest.approx(
            sk.average_precision_score(target == k, share[:, 3, k]), abs=1e-6
        )
    macro = next(r for r in rows(run, "cells") if r["cell"] == "noise-3" and r["metric"] == "auroc_macro")
    assert macro["value"] == pytest.approx(np.mean([found["auroc", name]["value"] for name in "abc"]))
    assert macro["low"] < macro["value"] < macro["high"]


def test_reliability_and_risk_tables_add_up(sure):
    run = sure[0]
    clean = [r for r in rows(run, "reliability") if r["cell"] == "clean"]
    for kind in ("width", "mass"):
        bins = [r for r in clean if r["bins"] == kind]
        assert sum(r["n"] for r in bins) == 300
        assert all(r["from"] < r["confidence"] <= r["to"] + 1e-6 for r in bins)
        assert all(r["low"] <= r["accuracy"] <= r["high"] for r in bins)
    ece = next(r for r in rows(run, "calibration") if r["cell"] == "clean" and r["metric"] == "ece")
    wide = [r for r in clean if r["bins"] == "width"]
    assert ece["value"] == pytest.approx(sum(r["n"] * abs(r["confidence"] - r["accuracy"]) for r in wide) / 300)
    whole = [r for r in rows(run, "risk_coverage") if r["cell"] == "clean"]
    assert whole[-1]["coverage"] == 1
    assert whole[-1]["risk"] == pytest.approx(1 - sum(r["n"] * r["accuracy"] for r in wide) / 300)


def test_latency_quantiles_bracket_the_truth():
    from stress.statistics.intervals import quantile_interval

    rng, inside = np.random.default_rng(0), 0
    for _ in range(500):
        value, low, high = quantile_interval(np.sort(rng.exponential(size=200)), 0.5, 0.95)
        assert low <= value <= high
        inside += low <= np.log(2) <= high
    assert 0.93 <= inside / 500 <= 0.985
    _, low, high = quantile_interval(np.arange(10.0), 0.95, 0.95)
    assert np.isnan(high)
    assert low < 9


@pytest.mark.parametrize("clusters", [["one"] * 40, [None] * 40])
def test_a_run_of_one_cluster_has_errors_without_intervals(tmp_path, clusters):
    cells, target = graded(severities=(1, 2)), ["1"] * 40
    right = np.random.default_rng(0).random((40, 3)) < [0.9, 0.8, 0.6]
    found = predicted(np.where(right, 1, 2), [1] * 40, [str(i) for i in range(10)])
    for name in ("confidence", "nll", "brier", "margin"):
        found[name] = np.random.default_rng(1).random(120)
    found["rank"] = np.where(right.T.ravel(), 1, 2)
    run = write(tmp_path / "run", cells, found, target, columns={**LABELS, **NUMBERS}, groups={"who": clusters})
    for row in rows(run, "calibration", cluster="who"):
        assert clusters[0] is None or row["low"] is None
        if row["metric"] in ("ece", "ece_equal_mass"):
            assert row["value"] is not None
