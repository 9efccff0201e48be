"""Weights and intervals by themselves, against statsmodels, scipy and what is written in books."""

import math

import numpy as np
import pytest

from stress.statistics.bootstrap import clusters, poisson_weights
from stress.statistics.intervals import jackknife, percentile, wilson
from stress.statistics.robustness import first_below
from tests._runs import LABELS, grid, nested, pick, rows, subsets, write


def test_weights_depend_on_the_id_alone():
    several = poisson_weights(["a", "b", "c"], 2000)
    assert (poisson_weights(["c"], 2000)[0] == several[2]).all()
    assert (poisson_weights(["c"], 500)[0] == several[2][:500]).all()
    assert (poisson_weights(["c"], 2000, seed=1)[0] != several[2]).any()


def test_weights_are_poisson():
    weights = poisson_weights([f"s{i}" for i in range(2000)], 500).astype(float)
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.var() == pytest.approx(1, abs=0.01)
    share = np.bincount(weights.astype(int).ravel(), minlength=5)[:5] / weights.size
    assert share == pytest.approx([math.exp(-1) / math.factorial(k) for k in range(5)], abs=0.003)
    assert np.abs(np.corrcoef(weights[:50])[np.triu_indices(50, 1)]).max() < 0.25


def test_streaming_gives_the_same_sums(monkeypatch):
    who = clusters([f"s{i}" for i in range(300)], None, rows=200)
    sums = np.random.default_rng(0).random((300, 3))
    whole = who.resample(sums)
    monkeypatch.setattr("stress.statistics.bootstrap._KEPT", 0)
    monkeypatch.setattr("stress.statistics.bootstrap._BLOCK", 64)
    assert who.resample(sums) == pytest.approx(whole, rel=1e-5)


def test_percentile_interval_agrees_with_the_normal_theory():
    x = np.random.default_rng(0).normal(3, 2, 1000)
    who = clusters([f"s{i}" for i in range(1000)], None)
    both = who.resample(np.stack([x, np.ones(1000)], axis=1))
    found = percentile((both[:, :1] / both[:, 1:]), 1000)
    reach = 1.96 * x.std(ddof=1) / np.sqrt(1000)
    assert (found.high - found.low)[0] / 2 == pytest.approx(reach, rel=0.05)


def test_jackknife_of_a_mean_is_the_t_interval():
    from scipy import stats

    x = np.random.default_rng(0).normal(size=12)
    left_out = ((x.sum() - x) / 11)[:, None]
    found = jackknife(np.array([x.mean()]), left_out)
    expected = stats.t.interval(0.95, 11, x.mean(), stats.sem(x))
    assert (found.low[0], found.high[0]) == pytest.approx(expected)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (481, 500)])
def test_wilson_is_that_of_statsmodels(k, n):
    from statsmodels.stats.proportion import proportion_confint

    found = wilson(np.array([float(k)]), np.array([float(n)]))
    assert (found.low[0], found.high[0]) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_breaking_severity_is_interpolated():
    curve = np.array([[1.0, 0.9, 0.7, 0.2], [1.0, 1.0, 1.0, 0.95], [0.5, 0.4, 0.3, 0.2], [1.0, np.nan, 0.5, 0.2]])
    found = first_below(curve, [0, 1, 2, 4], np.full(4, 0.8))
    assert found[0] == pytest.approx(1.5)
    assert found[1] == np.inf
    assert found[2] == 0
    assert np.isnan(found[3])


@pytest.mark.parametrize("options", [{}, {"cluster": "ward"}, {"cluster": "block"}])
@pytest.mark.parametrize("short", [False, True])
def test_one_number_has_one_interval_in_all_tables(tmp_path, options, short):
    """The drop of a cell stands in three tables, its value in two: none may contradict another."""
    cells = subsets()
    scores = nested(300, [0.9, 0.4, 0.6, 0.8, 0.3, 0.35, 0.5, 0.1])
    if short:
        scores[250:, 1] = np.nan
    groups = {"ward": [i // 10 for i in range(300)], "block": [i // 30 for i in range(300)]}
    run = write(tmp_path / "a", cells, grid(scores), ["1"] * 300, columns=LABELS, groups=groups)
    ends = ("value", "low", "high", "method")
    shown = rows(run, "cells", **options)
    drop = pick(shown, cell="lost/audio", metric="drop")
    worth = rows(run, "contributions", **options)
    necessity = pick(worth, stream="audio", measure="necessity")
    assert [necessity[k] for k in ends] == [drop[k] if k == "method" else pytest.approx(drop[k]) for k in ends]
    lost = pick(worth, stream="audio", measure="lost")
    accuracy = pick(shown, cell="lost/audio", metric="accuracy")
    assert [lost[k] for k in ends] == [accuracy[k] for k in ends]
    one = write(tmp_path / "b", cells[:2], grid(scores[:, :2]), ["1"] * 300, columns=LABELS, groups=groups)
    for name in ("drop", "retention"):
        there = pick(rows(one, "robustness", **options), measure=name)
        here = pick(rows(one, "cells", **options), cell="lost/image", metric=name)
        assert [there[k] for k in ends] == [here[k] for k in ends]
