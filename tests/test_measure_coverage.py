"""95 % intervals hold the truth about 95 times in 100: every kind, in simulated worlds whose truth is known."""

import numpy as np
import pytest

from perturbations._keys import Key, generator
from stress.measure._intervals import (
    band,
    influence,
    jackknife,
    paired_proportions,
    percentile,
    wilson,
)
from stress.measure._ranks import aurc, auroc, average_precision, delong
from stress.measure._sequences import confidence_sequence
from stress.measure._weights import clusters

WORLDS = 2000
FEWER = 700
"""Worlds where each has to be ranked by itself; the bounds are a little wider for it."""


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
def test_paired_bootstrap_of_drop_retention_and_area():
    """Nested answers at clean .9, .8, .6; the drop, the share kept and the area, each of its truth."""
    rng, rates, inside = rng_of("paired"), (0.9, 0.8, 0.6), {"drop": [], "retention": [], "area": []}
    for part in range(20):
        u = rng.random((250, WORLDS // 20))
        each = [sums((u < rate) * 1.0, rows=1000, seed=part) for rate in rates]
        n = sums(np.ones((250, 1)), rows=1000, seed=part)
        clean, mild, hard = (e / n for e in each)
        for name, rows, truth in (
            ("drop", clean - (mild + hard) / 2, 0.2),
            ("retention", (mild + hard) / 2 / clean, 0.7 / 0.9),
            ("area", ((clean + mild) / 2 + (mild + hard) / 2) / 2, 0.775),
        ):
            found = percentile(rows, 250)
            inside[name].append(share(found.low, found.high, truth))
    for name, values in inside.items():
        assert 0.93 <= np.mean(values) <= 0.97, name


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
def test_wilson(rate):
    k = rng_of(f"wilson {rate}").binomial(200, rate, WORLDS).astype(float)
    found = wilson(k, np.full(WORLDS, 200.0))
    assert 0.93 <= share(found.low, found.high, rate) <= 0.97


@pytest.mark.parametrize(("gain", "loss", "most"), [(0.06, 0.1, 0.97), (0.1, 0.1, 0.97), (0.02, 0.02, 0.99)])
def test_paired_proportions(gain, loss, most):
    """Of eight discordant pairs in 200 samples it is on the safe side."""
    pairs = rng_of(f"pairs {gain} {loss}").multinomial(200, [gain, loss, 1 - gain - loss], WORLDS).astype(float)
    found = paired_proportions(pairs[:, 0], pairs[:, 1], np.full(WORLDS, 200.0))
    assert 0.93 <= share(found.low, found.high, gain - loss) <= most


@pytest.mark.slow
@pytest.mark.parametrize("groups", [None, 25])
def test_linearised_macro_f1(groups):
    """The interval of scikit-learn's macro F1, from influences; truth from a world of a million."""
    from stress.measure._marginals import MEASURES, Marginals

    rng, n, k = rng_of(f"f1 {groups}"), 250, 4
    chance = np.array([0.4, 0.3, 0.2, 0.1])
    table = np.array([[0.8, 0.1, 0.05, 0.05], [0.1, 0.7, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1], [0.2, 0.1, 0.1, 0.6]])

    def measure(counts):
        hits = np.diagonal(counts, axis1=1, axis2=2)
        m = Marginals(hits, counts.sum(axis=1), counts.sum(axis=2), counts.sum(axis=(1, 2)))
        return MEASURES["f1_macro"](m)

    truth = measure((chance[:, None] * table * 1e6)[None])
    target = rng.choice(k, (WORLDS, n), p=chance)
    cumulated = table.cumsum(axis=1)
    luck = rng.random((WORLDS, n))
    if groups:  # the samples of a cluster share half of their luck
        common = np.repeat(rng.random((WORLDS, groups)), n // groups, axis=1)
        luck = np.where(rng.random((WORLDS, n)) < 0.3, common, luck)
    answer = (luck[:, :, None] > cumulated[target]).sum(axis=2)
    pair = target * k + answer
    counts = np.stack([np.bincount(row, minlength=k * k).reshape(k, k) for row in pair]).astype(float)
    slope = measure(counts)
    world = np.arange(WORLDS)[:, None]
    parts = slope.truths[world, target] + slope.answers[world, answer]
    parts = parts + np.where(target == answer, slope.hits[world, target], 0)
    if groups:
        parts = parts.reshape(WORLDS, groups, -1).sum(axis=2)
    found = influence(slope.value, parts.T)
    assert 0.93 <= share(found.low, found.high, truth.value[0]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["delong", "average_precision", "aurc"])
def test_rank_measures(measure):
    """AUROC (DeLong), average precision and AURC at n = 300; truth from one large world."""
    rng = rng_of(measure)

    def world(n):
        positive = rng.random(n) < 0.4
        return rng.normal(size=n) + 1.2 * positive, positive

    def value(scores, positive):
        if measure == "delong":
            return auroc(scores, positive)
        if measure == "average_precision":
            return average_precision(scores, positive)
        return aurc(scores, (~positive).astype(float))

    truth, _ = value(*world(400_000))
    low, high = [], []
    for _ in range(FEWER):
        scores, positive = world(300)
        found, parts = value(scores, positive)
        error = delong(found, parts, positive) if measure == "delong" else np.sqrt(np.square(parts).sum() * 300 / 299)
        low.append(found - 1.96 * error)
        high.append(found + 1.96 * error)
    assert 0.925 <= share(low, high, truth) <= 0.975


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
    rng, rates = rng_of(f"band {kind}"), np.array([0.95, 0.9, 0.85, 0.7, 0.5, 0.3])
    n, inside = 250, []
    total = sums(np.ones((n, 1)), rows=600, seed=1)
    for _ in range(WORLDS):
        if kind == "rate":
            x = (rng.random((n, 1)) < rates) * 1.0
        else:
            x = np.clip(rates + 0.3 * (rng.random((n, 1)) - 0.5) + 0.1 * (rng.random((n, 6)) - 0.5), 0, None)
        rows = sums(x, rows=600, seed=1) / total
        critical, error = band(x.mean(axis=0), rows, n)
        if kind == "rate":
            ends = wilson(x.sum(axis=0), np.full(6, float(n)), critical)
            low, high = ends.low, ends.high
        else:
            low, high = x.mean(axis=0) - critical * error, x.mean(axis=0) + critical * error
        inside.append(bool(((low <= rates) & (rates <= high)).all()))
    assert np.mean(inside) >= 0.95
    assert np.mean(inside) <= 0.985
