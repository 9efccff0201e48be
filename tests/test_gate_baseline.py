"""Rules against the last release, of everything that a release may lose: classes, groups, robustness, calibration."""

import numpy as np
import pytest

from perturbations import SpecError
from stress.gate import judge, loads_gates
from tests._runs import pick
from tests.pair_world import CLASSES, release


def gates(*rules, **top):
    lines = [*(f"{key}: {value}" for key, value in top.items()), "gates:", *(f"  - {rule}" for rule in rules)]
    return loads_gates("\n".join(lines), "gates.yaml")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The last release, and one that is a little weaker wherever something is wrong with the input."""
    folder = tmp_path_factory.mktemp("pair")
    weaker = (3.0, 1.8, 0.8, 1.1, 0.6, 0.0)
    return release(folder / "one", 1, n=900), release(folder / "two", 2, n=900, strength=weaker)


def one_rule(pair, text, **top):
    (verdict,) = judge(pair[1], gates(text, **top), pair[0]).verdicts
    return verdict


@pytest.mark.parametrize("metric", ["recall", "precision", "f1", "auroc", "average_precision"])
def test_classes(pair, metric):
    rule = f"{{metric: {metric}, per: class, on: {{cell: 'noise@2'}}, against: baseline, max_drop: 0.01}}"
    verdict = one_rule(pair, rule)
    assert [check.subject for check in verdict.checks] == list(CLASSES)
    tables = [run.table("classes").to_pylist() for run in pair]
    for check in verdict.checks:
        rows = [pick(t, **{"metric": metric, "cell": "noise@2", "class": check.subject}) for t in tables]
        assert (check.before, check.after) == pytest.approx([row["value"] for row in rows])
        assert check.value == pytest.approx(check.before - check.after)
        alone = np.hypot(*(row["high"] - row["low"] for row in rows))
        assert check.high - check.low < 0.95 * alone  # answers that both give alike say nothing: pairing pays
        assert "paired" in check.method or check.method == "bonett-price"
    assert verdict.outcome == "fail"
    same = judge(pair[0], gates(rule.replace("0.01", "0.05")), pair[0])
    assert same.status == 0


@pytest.mark.parametrize("metric", ["retention", "drop"])
def test_robustness_per_scenario(pair, metric):
    verdict = one_rule(pair, f"{{metric: {metric}, per: scenario, against: baseline, max_drop: 0.02}}")
    assert [check.subject for check in verdict.checks] == ["noise", "lost"]
    for check, cells in zip(verdict.checks, (["noise@1", "noise@2"], ["lost/image", "lost/audio", "lost/image+audio"])):
        rates = []
        for run in pair:
            rows = [r for r in run.table("cells").to_pylist() if r["metric"] == "accuracy"]
            clean, worse = pick(rows, cell="clean")["value"], [pick(rows, cell=name)["value"] for name in cells]
            rates.append(np.mean(worse) / clean if metric == "retention" else clean - np.mean(worse))
        assert (check.before, check.after) == pytest.approx(rates)
        assert check.value == pytest.approx((rates[0] - rates[1]) * (1 if metric == "retention" else -1))
    assert verdict.checks[0].outcome == "fail"
    other = one_rule(pair, f"{{metric: {metric}, of: f1_macro, per: scenario, against: baseline, max_drop: 0.5}}")
    assert other.checks[0].before != verdict.checks[0].before
    assert other.passed


def test_gaps_between_groups(pair):
    verdict = one_rule(pair, "{metric: gap, by: accent, on: {cell: 'noise@2'}, against: baseline, max_drop: 0.2}")
    (check,) = verdict.checks
    for run, value in zip(pair, (check.before, check.after)):
        rows = {r["group"]: r["value"] for r in run.table("groups", by=["accent"]).to_pylist()
                if r["metric"] == "accuracy" and r["cell"] == "noise@2"}  # fmt: skip
        assert abs(value) == pytest.approx(abs(rows["north"] - rows["south"]))
    assert check.value == pytest.approx(check.after - check.before)  # a wider gap is a worse one
    assert " over " in check.subject
    assert verdict.passed
    with pytest.raises(SpecError, match="Did you mean accent"):
        one_rule(pair, "{metric: gap, by: accnt, against: baseline, max_drop: 0.2}")
    with pytest.raises(SpecError, match="gap by: is how to compare gaps"):
        gates("{metric: widening, by: accent, against: baseline, max_drop: 0.2}")


def test_groups_one_by_one(pair):
    rule = "{metric: %s, per: group, by: accent, on: {cell: 'noise@2'}, against: baseline, max_drop: 0.5}"
    for metric in ("accuracy", "retention", "f1_macro", "latency_p50_ms"):
        verdict = one_rule(pair, rule % metric)
        assert {c.subject: c.samples for c in verdict.checks} == {"north": 600, "south": 300}
        assert verdict.passed or metric == "latency_p50_ms"


@pytest.mark.parametrize("metric", ["ece", "auroc_macro", "auroc_confidence", "aurc", "nll"])
def test_calibration_and_ranks(pair, metric):
    verdict = one_rule(pair, f"{{metric: {metric}, on: {{cell: 'noise@2'}}, against: baseline, max_drop: 0.5}}")
    (check,) = verdict.checks
    rows = [
        r["value"] for run in pair for name in ("cells", "calibration") for r in run.table(name).to_pylist()
        if r["metric"] == metric and r["cell"] == "noise@2"
        and (name == "cells") == (metric not in ("auroc_confidence", "aurc"))]  # fmt: skip
    assert (check.before, check.after) == pytest.approx(rows)
    assert check.method == "linearised, paired"


def test_delong_is_what_is_told_of_a_class(pair):
    """The interval of a difference of AUROCs is DeLong's, by the textbook: placements, covariances, no shortcut."""
    (check,) = one_rule(
        pair, "{metric: auroc, class: car, on: {cell: 'noise@1'}, against: baseline, max_drop: 0.5}"
    ).checks
    scores = [
        np.array([p[0] for p in run.records(cells=["noise@1"], columns=["probabilities"])["probabilities"].to_pylist()])
        for run in pair
    ]
    car = np.array(pair[0].samples["target"].to_pylist()) == "car"
    place = [(s[car][:, None] > s[~car]) + 0.5 * (s[car][:, None] == s[~car]) for s in scores]
    m, n = car.sum(), (~car).sum()
    one, other = (np.cov([p.mean(axis=axis) for p in place]) for axis in (1, 0))
    cov = one / m + other / n
    error = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    assert check.value == pytest.approx(place[0].mean() - place[1].mean())
    assert (check.high - check.low) / 2 == pytest.approx(1.96 * error, rel=0.02)
