"""What is worked out together – cells, curves, resamples – is what each alone would be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import Key, generator, raw_words
from stress.records import metric
from stress.statistics import bootstrap
from stress.statistics.bootstrap import Draw, clusters, poisson_weights
from stress.statistics.calibration import brier_decomposition, calibration_bounds, calibration_error, debiased_error
from stress.statistics.intervals import band, band_each
from stress.statistics.positions import ranked_rows
from stress.tasks.metrics.labels import CLASSIFICATION

ROWWISE = [row for row in CLASSIFICATION if row.rowwise]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=5), max_size=4), st.text(max_size=3), st.integers(0, 2**40), st.integers(1, 9))
def test_raw_numbers_of_many_samples_are_those_of_each(samples, stream, seed, words):
    key = Key(seed, "bootstrap", stream=stream, sample="another")
    alone = [generator(key._replace(sample=sample)).bit_generator.random_raw(words) for sample in samples]
    assert np.array_equal(raw_words(key, samples, words), np.reshape(np.array(alone, np.uint64), (-1, words)))


def test_sums_that_wait_are_resampled_in_one_pass_where_weights_are_drawn_anew(monkeypatch):
    who = clusters([f"s{i}" for i in range(300)], None, rows=200)
    sums = [np.random.default_rng(k).integers(0, 9, (300, k + 1)).astype(float) for k in range(3)]
    apart = [who.resample(each) for each in sums]  # whole numbers: their sums are exact
    monkeypatch.setattr(bootstrap, "_KEPT", 0)
    drawn = []
    monkeypatch.setattr(bootstrap, "raw_words", lambda *given: drawn.append(len(given[1])) or raw_words(*given))
    draw = Draw()
    later = [draw.later(who, each) for each in sums]
    assert who.streamed
    assert not drawn
    for _ in range(2):  # asked again, for another confidence, say
        for found, alone in zip(later, apart):
            assert np.array_equal(found(), alone)
    assert sum(drawn) == 300
    last = draw.later(who, sums[1])
    assert np.array_equal(last(), apart[1])
    assert sum(drawn) == 600


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.permutations(range(60)), st.integers(20, 60), st.sampled_from([100, 130])), min_size=1))
def test_sums_of_different_clusters_share_one_draw(some):
    """Of all, of some in another order, with fewer resamples: each is what it is alone, and none is drawn twice."""
    rng, draw, drawn = np.random.default_rng(len(some)), Draw(), []
    whos = [clusters([f"s{i}" for i in order[:size]], None, rows=rows) for order, size, rows in some]
    sums = [rng.integers(0, 9, (len(who), k % 3 + 1)).astype(float) for k, who in enumerate(whos)]
    alone = [who.resample(each) for who, each in zip(whos, sums)]  # whole numbers: their sums are exact
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "_KEPT", 0)
        patch.setattr(bootstrap, "raw_words", lambda *given: drawn.extend(given[1]) or raw_words(*given))
        later = [draw.later(who, each) for who, each in zip(whos, sums)]
        for found, own in zip(later, alone):
            assert np.array_equal(found(), own)
    apart = {rows: {name for who in whos if who.rows == rows for name in who.ids} for rows in (100, 130)}
    assert len(drawn) == sum(map(len, apart.values()))


def test_weights_are_those_of_each_cluster_however_many_processors_draw(monkeypatch):
    """Against the definition: how many edges of Poisson(1) each 16-bit number of a cluster's own stream reaches."""
    ids, rows = [f"s{i}" for i in range(1100)], 101
    edges = np.cumsum([np.exp(-1.0) / math.factorial(k) for k in range(12)])
    words = [generator(Key(3, "bootstrap", sample=name)).bit_generator.random_raw(26) for name in ids]
    numbers = np.array(words).view(np.uint16)[:, :rows]
    weights = ((numbers[:, :, None] + 0.5) / 65536 >= edges).sum(axis=2)
    assert np.array_equal(poisson_weights(ids, rows, 3), weights)
    sums = np.random.default_rng(0).integers(0, 9, (1100, 2))
    for name, value in {"_KEPT": 0, "_BLOCK": 300, "_TOGETHER": 128}.items():
        monkeypatch.setattr(bootstrap, name, value)
    for many in (1, 2, 8):
        monkeypatch.setattr(bootstrap, "processors", lambda: many)  # noqa: B023
        assert np.array_equal(clusters(ids, None, rows=rows, seed=3).resample(sums), weights.T @ sums)


def answers(rng, cells, n):
    """Confidences with ties and ends, and cells where all, or none, are right."""
    sure = np.round(rng.random((cells, n)), 1)
    right = (rng.random((cells, n)) < sure).astype(float)
    right[0] = 1
    right[-1] = 0
    return sure, right


@pytest.mark.parametrize("row", ROWWISE, ids=lambda row: row.name)
@pytest.mark.parametrize(("cells", "n"), [(1, 1), (7, 2), (9, 31), (2, 400)])
def test_a_metric_of_many_cells_is_that_of_each(row, cells, n):
    sure, right = answers(np.random.default_rng(n), cells, n)
    value, parts = row.function(sure, right, 15)
    for k in range(cells):
        alone, own = row.function(sure[k], right[k], 15)
        assert value[k] == pytest.approx(alone, abs=1e-14, nan_ok=True)
        assert own is None or np.allclose(parts[k], own, rtol=0, atol=1e-14)


def test_there_are_metrics_of_many_cells():
    assert {"ece", "ece_equal_mass", "overconfidence", "brier_miscalibration"} <= {each.name for each in ROWWISE}


@pytest.mark.parametrize("kind", ["width", "mass"])
def test_intervals_of_calibration_errors_are_those_of_each_cell(kind):
    rng = np.random.default_rng(3)
    sure, right = answers(rng, 12, 60)
    member = rng.integers(0, 25, (12, 60))
    place, count = ranked_rows(member)
    assert np.array_equal(count, [len(np.unique(each)) for each in member])
    low, high = calibration_bounds(sure, right, place, 15, kind)
    for k in range(12):
        names, own = np.unique(member[k], return_inverse=True)
        assert len(names) == count[k]
        assert np.array_equal(own, place[k])
        alone = calibration_bounds(sure[k : k + 1], right[k : k + 1], own[None], 15, kind)
        assert (low[k], high[k]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-13)
        assert low[k] <= calibration_error(sure[k], right[k], 15, kind)[0] <= high[k]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40), st.integers(2, 9))
def test_bins_of_equal_mass_hold_ties_together(pairs, bins):
    """Against the definition: bins end at the quantiles, and an answer at an end belongs to the bin below."""
    sure, right = np.array([p / 20 for p, _ in pairs]), np.array([float(r) for _, r in pairs])
    ordered, gap, squares, n = np.sort(sure), 0.0, 0.0, len(sure)
    ends = [ordered[max(int(np.ceil(n * k / bins - 1e-9)) - 1, 0)] for k in range(1, bins)]
    held = np.array([sum(c > end for end in sorted(set(ends))) for c in sure])
    for b in np.unique(held):
        c, r = sure[held == b], right[held == b]
        gap += abs(c.sum() - r.sum()) / n
        if len(c) > 1:
            squares += len(c) * ((c.mean() - r.mean()) ** 2 - r.mean() * (1 - r.mean()) / (len(c) - 1))
    counted = sum(len(sure[held == b]) for b in np.unique(held) if (held == b).sum() > 1)
    assert calibration_error(sure, right, bins, "mass")[0] == pytest.approx(gap, abs=1e-12)
    found = debiased_error(sure, right, bins)
    assert found == pytest.approx(max(squares / counted, 0) ** 0.5 if counted else np.nan, abs=1e-7, nan_ok=True)


def test_a_decomposition_of_many_cells_adds_up_in_each():
    sure, right = answers(np.random.default_rng(0), 5, 40)
    poor, fine, spread = brier_decomposition(sure, right)
    assert np.allclose(poor - fine + spread, np.square(sure - right).mean(axis=1))


def test_bands_of_several_curves_are_those_of_each():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 4, 3)).astype(np.float32)
    rows[:, 1] = 0.5  # no resample differs
    rows[:, 2, 0] = 0.5
    rows[0, 3, 1] = np.nan
    critical, error = band_each(rows[:, :3], 100)
    for k in range(3):
        alone = band(np.zeros(3), rows[:, k], 100)
        assert critical[k] == alone[0]
        assert np.array_equal(error[k], alone[1])
    assert np.isfinite(band(np.zeros(3), rows[:, 3], 100)[0])
    sup = np.sort(np.abs((rows[:, 0] - rows[:, 0].mean(axis=0)) / rows[:, 0].std(axis=0)).max(axis=1))
    assert critical[0] == pytest.approx(sup[int(np.ceil(0.95 * 501)) - 1] * 1.9842169 / 1.9599640, rel=1e-5)


def test_the_range_of_a_name_knows_what_was_registered_since(monkeypatch):
    monkeypatch.setattr(metric, "_KNOWN", dict(metric._KNOWN))
    try:
        assert metric.range_of("not_there_yet") == (-np.inf, np.inf)
        metric.register(metric.Metric("not_there_yet", low=-2, high=3, module="tests"))
        assert metric.range_of("not_there_yet") == (-2, 3)
        metric.register(metric.Metric("not_there_yet", low=-1, high=4, module="elsewhere"))
        assert metric.range_of("not_there_yet") == (-2, 4)
    finally:
        metric.range_of.cache_clear()
