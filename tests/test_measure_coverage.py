"""95 % intervals hold the truth about 95 times in 100: every kind, in simulated worlds whose truth is known."""

from statistics import NormalDist

import numpy as np
import pytest

from perturbations._keys import Key, generator
from stress.measure import TABLES
from stress.statistics.bootstrap import clusters
from stress.statistics.intervals import band, jackknife, paired_proportions, percentile
from stress.statistics.rates import rates
from stress.statistics.sequences import confidence_sequence
from tests import coverage_worlds
from tests._runs import LABELS, NUMBERS, cell, predicted, rows, subsets, write
from tests.coverage_worlds import LUCK

WORLDS = 2000


def rng_of(name):
    return generator(Key(0, f"coverage {name}"))


def share(low, high, truth):
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


def sums(values, rows=600, seed=0):
    """(rows × worlds) bootstrap sums: the weights are shared by all worlds, which are independent of each other."""
    who = clusters([f"s{i}" for i in range(len(values))], None, rows=rows, seed=seed)
    return who.resample(values).astype(np.float64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "kind"), [(200, "normal"), (200, "rate"), (200, "skewed"), (20, "normal"), (1000, "rate")]
)
def test_bootstrap_of_a_mean(n, kind):
    rng = rng_of(f"mean {n} {kind}")
    draw = {"normal": lambda s: rng.normal(1, 2, s), "rate": lambda s: (rng.random(s) < 0.8) * 1.0,
            "skewed": lambda s: rng.gamma(2, 0.5, s)}[kind]  # fmt: skip
    truth = {"normal": 1, "rate": 0.8, "skewed": 1}[kind]
    x, inside = draw((n, WORLDS)), []
    for part in np.array_split(np.arange(WORLDS), 20):  # fresh weights for each hundred worlds
        both = sums(np.concatenate([x[:, part], np.ones((n, 1))], axis=1), seed=int(part[0]), rows=1000)
        found = percentile(both[:, :-1] / both[:, -1:], n)
        inside.append(share(found.low, found.high, truth))
    assert 0.93 <= np.mean(inside) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("groups", [20, 40])
def test_clustered_bootstrap_of_a_ratio(groups):
    """Clusters of unequal size whose samples succeed and fail together; the truth is the mean over samples."""
    rng, inside = rng_of(f"clusters {groups}"), []
    for part in range(20):
        size = rng.integers(5, 16, (groups, WORLDS // 20))
        chance = rng.beta(8, 2, size.shape)
        top = rng.binomial(size, chance).astype(float)
        both = sums(np.concatenate([top, size], axis=1), rows=1000, seed=part)
        width = WORLDS // 20
        found = percentile(both[:, :width] / both[:, width:], groups)
        inside.append(share(found.low, found.high, 0.8))
    assert 0.93 <= np.mean(inside) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("groups", [5, 12, 19])
def test_jackknife_of_a_ratio_with_few_clusters(groups):
    rng = rng_of(f"jackknife {groups}")
    size = rng.integers(8, 13, (groups, WORLDS)).astype(float)
    top = rng.binomial(size.astype(int), rng.beta(16, 4, size.shape)).astype(float)
    left_out = (top.sum(axis=0) - top) / (size.sum(axis=0) - size)
    found = jackknife(top.sum(axis=0) / size.sum(axis=0), left_out)
    assert 0.93 <= share(found.low, found.high, 0.8) <= 0.97


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_plain_rates(rate):
    k = rng_of(f"rates {rate}").binomial(200, rate, WORLDS).astype(float)
    found = rates(k, np.full(WORLDS, 200.0))
    assert 0.93 <= share(found.low, found.high, rate) <= 0.97


@pytest.mark.parametrize(("gain", "loss", "most"), [(0.06, 0.1, 0.97), (0.1, 0.1, 0.97), (0.02, 0.02, 0.99)])
def test_paired_proportions(gain, loss, most):
    """Of eight discordant pairs in 200 samples it is on the safe side."""
    pairs = rng_of(f"pairs {gain} {loss}").multinomial(200, [gain, loss, 1 - gain - loss], WORLDS).astype(float)
    found = paired_proportions(pairs[:, 0], pairs[:, 1], np.full(WORLDS, 200.0))
    assert 0.93 <= share(found.low, found.high, gain - loss) <= most


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_confidence_sequences_hold_at_all_times_at_once(rate):
    """Looked at after each of the first 50 samples and every tenth up to 1,000: once outside is a miss."""
    times = np.unique(np.concatenate([np.arange(1, 51), np.arange(60, 1001, 10)]))
    x = (rng_of(f"sequence {rate}").random((WORLDS, 1000)) < rate).cumsum(axis=1)[:, times - 1].astype(float)
    low, high = confidence_sequence(x, times[None, :].astype(float))
    always = ((low <= rate) & (rate <= high)).all(axis=1)
    assert always.mean() >= 0.95


def test_confidence_sequences_hold_for_scores_between_0_and_1():
    x = rng_of("scores").beta(2, 1, (500, 300)).cumsum(axis=1)
    low, high = confidence_sequence(x, np.arange(1, 301)[None, :].astype(float))
    assert ((low <= 2 / 3) & (high >= 2 / 3)).all(axis=1).mean() >= 0.95


def test_a_confidence_sequence_begins_knowing_nothing_and_narrows():
    low, high = confidence_sequence(np.array([0.0, 50, 500, 5000]), np.array([0.0, 100, 1000, 10000]))
    assert (low[0], high[0]) == (0, 1)
    assert (np.diff(high - low) < 0).all()
    assert high[3] - low[3] < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rate", "score"])
def test_simultaneous_bands_hold_the_whole_curve(kind):
    """Six severities, answers nested: the band must hold all six true values at once."""
    rng, truth = rng_of(f"band {kind}"), np.array([0.95, 0.9, 0.85, 0.7, 0.5, 0.3])
    n, inside = 250, []
    total = sums(np.ones((n, 1)), rows=600, seed=1)
    for _ in range(coverage_worlds.WORLDS):
        if kind == "rate":
            x = (rng.random((n, 1)) < truth) * 1.0
        else:
            x = np.clip(truth + 0.3 * (rng.random((n, 1)) - 0.5) + 0.1 * (rng.random((n, 6)) - 0.5), 0, None)
        rows = sums(x, rows=600, seed=1) / total
        critical, error = band(x.mean(axis=0), rows, n)
        if kind == "rate":
            ends = rates(x.sum(axis=0), np.full(6, float(n)), 2 * NormalDist().cdf(critical) - 1)
            low, high = ends.low, ends.high
        else:
            low, high = x.mean(axis=0) - critical * error, x.mean(axis=0) + critical * error
        inside.append(bool(((low <= truth) & (truth <= high)).all()))
    assert 0.95 - LUCK <= np.mean(inside) <= 0.985 + LUCK


CELLS_, RUNS, HERE = "test_measure_coverage_cells.", "test_measure_coverage_runs.", "test_measure_coverage."
_RATES = CELLS_ + "test_rates_of_clustered_answers, " + HERE + "test_plain_rates"
_MEANS = CELLS_ + "test_means_roots_and_ratios, " + HERE + "test_bootstrap_of_a_mean"
_COUNTS = CELLS_ + "test_measures_of_counts_and_of_classes"
_SURE, _AREAS = CELLS_ + "test_calibration", CELLS_ + "test_areas_by_class"
_ROBUST, _WORTH = RUNS + "test_robustness_and_the_band_of_a_curve", RUNS + "test_contributions"
_CELL = {
    **dict.fromkeys(
        ("accuracy", "flip_rate", "top_5", "exact_match", "failure_rate", "crash_rate", "invalid_rate"), _RATES
    ),
    **dict.fromkeys(("timeout_rate",), _RATES),
    **dict.fromkeys(("nll", "brier", "mean_confidence", "mean_margin", "wer", "cer"), _MEANS),
    **dict.fromkeys(("word_deletions", "word_insertions", "word_substitutions"), _MEANS),
    **dict.fromkeys(("balanced_accuracy", "mcc"), _COUNTS),
    **{f"{m}_{a}": _COUNTS for m in ("precision", "recall", "f1") for a in ("macro", "micro", "weighted")},
    **dict.fromkeys(("ece", "ece_equal_mass", "overconfidence", "aurc", "auroc_confidence"), _SURE),
    **dict.fromkeys(("auroc_macro", "average_precision_macro"), _AREAS),
    **dict.fromkeys(("latency_p50_ms", "latency_p95_ms"), CELLS_ + "test_latency"),
    **dict.fromkeys(("drop", "retention"), _ROBUST),
}
COVERED = {
    "cells": _CELL,
    "curves": _CELL,  # bands: test_robustness_and_the_band_of_a_curve, test_simultaneous_bands_hold_the_whole_curve
    "calibration": _CELL,
    "latency": _CELL,
    "classes": {**dict.fromkeys(("recall", "precision", "f1"), _COUNTS), "auroc": _AREAS, "average_precision": _AREAS},
    "reliability": {None: _SURE},
    "risk_coverage": {None: _SURE},
    "groups": {**_CELL, "minus_rest": CELLS_ + "test_groups_and_the_gap_between_them"},
    "gaps": {"gap": CELLS_ + "test_groups_and_the_gap_between_them", "widening": RUNS + "test_widening_of_a_gap"},
    "robustness": {
        **dict.fromkeys(("drop", "retention", "mmi", "area", "relative_robustness", "worst"), _ROBUST),
        "breaking_severity": RUNS + "test_breaking_severity",
    },
    "contributions": {
        **dict.fromkeys(("total", "alone", "lost", "necessity", "sufficiency", "shapley", "shapley_share"), _WORTH),
        **dict.fromkeys(("interaction", "net_synergy", "net_redundancy"), _WORTH),
        "dominance": RUNS + "test_the_dominant_stream_of_equals",
        "perceptual_score": _ROBUST,  # the drop of a cell, and what is not retained there
    },
    "consistency": dict.fromkeys(
        ("pair_agreement", "conflict_rate", "agreement", "follows", "follows_neither"), RUNS + "test_consistency"
    ),
    "stability": {
        **dict.fromkeys(("flip_rate", "lost", "gained", "step_flip_rate", "returned"), RUNS + "test_flips"),
        "draw_flip_rate": RUNS + "test_shares_over_draws",
    },
    "relative": {
        **dict.fromkeys(("error", "ce", "relative_ce"), RUNS + "test_relative_to_alexnet_and_to_a_run"),
        **dict.fromkeys(("mean_error", "mce", "relative_mce"), RUNS + "test_relative_to_alexnet_and_to_a_run"),
        **dict.fromkeys(("rra", "effective_robustness"), RUNS + "test_relative_to_alexnet_and_to_a_run"),
        "flip_rate_ratio": RUNS + "test_relative_to_alexnet_and_to_a_run",
        **dict.fromkeys(("werd", "nwerd"), RUNS + "test_word_errors_relative_to_a_run"),
    },
    "dropping": _CELL,  # the drop of a cell, against another than clean
    "sequences": dict.fromkeys(("accuracy",), HERE + "test_confidence_sequences_hold_at_all_times_at_once"),
    "timeline": _CELL,
    "attacks": _CELL,
    "distortion": {"psnr": CELLS_ + "test_distortion"},
    "signals": {"auroc": CELLS_ + "test_signals_of_the_same_samples"},
    "severities": {"spread": RUNS + "test_spread_of_severities"},
    "cost": dict.fromkeys(("energy_j", "cpu_s", "samples_per_s"), RUNS + "test_cost_of_a_sample"),
    "balance": dict.fromkeys(("shapley_share", "joint"), _WORTH),
    "label_noise": dict.fromkeys(
        ("accuracy", "top_5", "exact_match", "brier"),
        "test_label_noise_table.test_intervals_hold_the_truth_in_worlds_with_known_flips",
    ),
}
"""For each table that prints an interval, and each measure in it, the test in which worlds have known truth.

``attacks`` and ``timeline`` have no worlds of their own: named are those of the interval that they share with a cell.
"""


def test_every_number_with_an_interval_is_covered(tmp_path):
    """What the tables print of runs that have nearly everything is in the list above, and so are all tables."""
    with_ends = {name for name, table in TABLES.items() if {"low", "high"} <= set(table.columns)}
    assert with_ends == set(COVERED)
    rng, n = np.random.default_rng(0), 120
    kinds = ("yes", "no", "maybe")
    cells = [*subsets(), *(cell(f"noise-{s}", "noise", float(s)) for s in (1, 2, 3))]
    target = rng.integers(0, 3, n)
    given = np.where(rng.random((n, len(cells))) < 0.6, target[:, None], rng.integers(0, 3, (n, len(cells))))
    many = {name: rng.random(n * len(cells)) for name in ("confidence", "nll", "brier", "margin")}
    records = predicted(given, target, kinds, **many)
    task = {"task": "classification", "classes": list(kinds), "answers": "labels", "keep": "none"}
    groups = {"speaker": np.arange(n) // 4, "ward": np.arange(n) % 2}
    run = write(tmp_path / "a", cells, records, [kinds[t] for t in target], task, LABELS | NUMBERS, groups)
    seen = 0
    for options in ({}, {"cluster": "speaker"}):
        for name in sorted(with_ends - {"attacks", "timeline"}):
            for row in rows(run, name, **options):
                if row["low"] is not None:
                    seen += 1
                    assert row.get("measure", row.get("metric")) in COVERED[name], (name, row)
    assert seen > 1000
