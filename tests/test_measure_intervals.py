"""Weights and intervals by themselves, against statsmodels, scipy and what is written in books."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm, studentized_range

from stress.statistics.bootstrap import clusters, poisson_weights
from stress.statistics.choice import chosen_pair
from stress.statistics.clustered import cluster_counts, satterthwaite
from stress.statistics.intervals import jackknife, paired_proportions, percentile
from stress.statistics.rates import at_least, at_most, clopper_pearson, power_needed, rates
from stress.statistics.robustness import first_below
from tests._runs import LABELS, graded, grid, nested, pick, rows, subsets, write
from tests.exact import mid_p_ends


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


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.5, 0.05, 0.001, 1e-6]))
def test_rates_have_mid_p_and_exact_ends(n, share, alpha):
    k = round(n * share)
    found = rates(np.array([float(k)]), np.array([float(n)]), 1 - alpha)
    assert (found.low[0], found.high[0]) == pytest.approx(mid_p_ends(k, n, alpha), rel=1e-7, abs=1e-12)
    exact = tuple(float(end) for end in clopper_pearson(k, n, 1 - alpha))
    oracle = binomtest(k, n).proportion_ci(1 - alpha)
    assert exact == pytest.approx((oracle.low, oracle.high), rel=1e-7, abs=1e-12)
    assert exact[0] <= found.low[0] + 1e-12
    assert exact[1] >= found.high[0] - 1e-12


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0.001, 0.999))
def test_tails_are_the_binomials(n, share, bar):
    k = round(n * share)
    assert float(at_most(k, n, bar)) == pytest.approx(binom.cdf(k, n, bar), rel=1e-6, abs=1e-300)
    assert float(at_least(k, n, bar)) == pytest.approx(binom.sf(k - 1, n, bar), rel=1e-6, abs=1e-300)


@pytest.mark.parametrize(("rate", "bar"), [(0.9, 0.85), (0.8, 0.85), (0.999, 0.99), (0.97, 0.99), (1.0, 0.95)])
def test_so_many_answers_decide_with_that_power(rate, bar):
    n = int(power_needed(rate, bar, 0.025))

    def power(n):
        k = np.arange(n + 1)
        p = binom.cdf(k, n, bar) if rate < bar else binom.sf(k - 1, n, bar)
        return binom.pmf(k[p <= 0.025], n, rate).sum()

    assert power(n) >= 0.8
    assert power(n - 1) < 0.8
    assert power_needed(bar, bar, 0.025) == np.inf


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 200, 720, 5000])
def test_mid_p_holds_any_rate(n):
    """Not simulated but summed: Wilson's falls to 84 % here."""
    k = np.arange(n + 1.0)
    ends = rates(k, np.full(n + 1, float(n)))
    truths = 1 - np.geomspace(1e-4, 0.1, 1500)
    covered = np.array([binom.pmf(k, n, p)[(ends.low <= p) & (p <= ends.high)].sum() for p in truths])
    assert covered.min() >= 0.915
    assert np.mean(covered >= 0.93) >= 0.98


@given(n=st.integers(1, 200_000))
def test_no_change_leaves_open_what_any_interval_must(n):
    """Were answers lost at a rate of 1 - .05^(1/n), one run in twenty would lose none: no interval that holds the
    truth in 95 % is shorter. Bonett and Price's ends just inside it."""
    found = paired_proportions(np.zeros(1), np.zeros(1), np.full(1, float(n)))
    least = 1 - 0.05 ** (1 / n)
    assert found.low[0] == -found.high[0]
    assert 0.75 * least <= found.high[0] <= least


@pytest.mark.parametrize("groups", [3, 4, 10, 50])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_a_choice_by_the_value_itself_takes_the_studentised_range(groups, confidence):
    far, near = chosen_pair(confidence, groups, 1.0)
    expected = studentized_range.ppf(0.5 + confidence / 2, groups, 1e6) / np.sqrt(2)
    assert norm.ppf(0.5 + far / 2) == pytest.approx(expected, rel=2e-3)
    assert near == confidence
    assert chosen_pair(confidence, groups, -1.0) == (near, far)


@settings(deadline=None)
@given(groups=st.integers(3, 30), one=st.floats(0, 1), other=st.floats(0, 1))
def test_the_more_a_choice_has_to_do_with_a_value_the_more_it_takes(groups, one, other):
    low, high = sorted((one, other))
    assert 0.95 <= chosen_pair(0.95, groups, low)[0] <= chosen_pair(0.95, groups, high)[0] + 1e-12
    assert chosen_pair(0.95, groups, 0.0) == chosen_pair(0.95, 2, one) == (0.95, 0.95)


@pytest.mark.parametrize("correlation", [0.2, 0.6, 0.95])
def test_a_chosen_difference_is_missed_no_more_often_than_is_said(correlation):
    rng, groups, worlds = np.random.default_rng(5), 8, 40_000
    chosen_by = rng.normal(size=(worlds, groups))
    own = correlation * chosen_by + np.sqrt(1 - correlation**2) * rng.normal(size=(worlds, groups))
    best, worst, world = chosen_by.argmax(1), chosen_by.argmin(1), np.arange(worlds)
    away = (own[world, best] - own[world, worst]) / np.sqrt(2)
    low, high = (norm.ppf(0.5 + level / 2) for level in chosen_pair(0.95, groups, correlation))
    assert 0.015 <= (away > low).mean() <= 0.027
    assert (away < -high).mean() <= 0.027


@given(count=st.integers(3, 500), size=st.integers(1, 50), rate=st.floats(0.05, 0.95), alike=st.floats(0, 1))
def test_clusters_of_one_size_have_one_degree_of_freedom_less_than_they_are(count, size, rate, alike):
    effect = np.array([1 + alike * (size - 1)])
    counts = cluster_counts(np.full((count, 1), float(size)))
    found = satterthwaite(counts[0], counts[1], effect, np.array([float(count * size)]))
    assert found[0] == pytest.approx(count - 1)


@given(sizes=st.lists(st.integers(1, 200), min_size=3, max_size=60), alike=st.floats(0, 1))
def test_degrees_of_freedom_are_those_of_the_working_model(sizes, alike):
    """Satterthwaite's (sum w)^2 / sum w^2, each w a cluster's variance; never more, and at both ends the same."""
    m = np.array(sizes, float)
    counts = cluster_counts(m[:, None])
    effect = 1 + alike * (m.sum() / counts[0] - 1)
    found = float(satterthwaite(counts[0], counts[1], effect, np.array([m.sum()]))[0])
    w = m * (1 - alike) + m**2 * alike
    exact = w.sum() ** 2 / (w**2).sum() - 1
    assert found <= exact * (1 + 1e-9) + 1e-9
    if alike in (0.0, 1.0):
        assert found == pytest.approx(exact)


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


@pytest.mark.parametrize(("count", "clean", "after"), [(8, 1.0, 1.0), (40, 1.0, 1.0), (40, 0.8, 0.95), (300, 0.9, 1.0)])
@pytest.mark.parametrize("options", [{}, {"cluster": "ward"}])
def test_no_more_is_kept_than_a_perfect_model_would_keep(tmp_path, options, count, clean, after):
    """Nothing is above 1, so a / b is 1 / b at most, of the lowest b that the clean interval leaves open."""
    scores = nested(count, [clean, after, (clean + after) / 2])
    groups = {"ward": [i // 2 for i in range(count)]}
    run = write(tmp_path, graded(severities=(1, 2)), grid(scores), ["1"] * count, groups=groups)
    shown = rows(run, "cells", **options)
    most = 1 / pick(shown, cell="clean", metric="accuracy")["low"]
    found = [pick(shown, cell=f"noise-{s}", metric="retention") for s in (1, 2)]
    found += [pick(rows(run, "robustness", **options), measure="retention")]
    for row in found:
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= most
    lost = pick(rows(run, "robustness", **options), measure="mmi")
    assert 1 - most <= lost["low"] <= lost["value"] <= lost["high"]
