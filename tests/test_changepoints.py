"""Changes in a row of releases: what is there is found, what is not there is not, and numbers are by other means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from stress.statistics.changepoints import LEVEL, changes, contrast

RELEASES, SCENARIOS, SAMPLES = 30, 6, 1500


def history(rng, drop=0.0, at=15, which=0):
    """Right or wrong answers, (scenarios × releases × samples): one sample is as hard in each release, and no release
    is better than another but for ``which`` scenario, which loses ``drop`` from a release on."""
    hard = rng.random((SCENARIOS, 1, SAMPLES))
    rates = np.full((SCENARIOS, RELEASES, 1), 0.85)
    rates[which, at:] -= drop
    odds = np.clip(rates + (0.5 - hard) * 0.3, 0, 1)
    return rng.random((SCENARIOS, RELEASES, SAMPLES)) < odds


def series(right):
    values = right.mean(2)
    return {k: (values[k], (right[k] - values[k][:, None]) / right.shape[2]) for k in range(len(right))}


def test_one_true_regression_of_three_points_is_found_and_no_other_in_95_percent_of_200_histories():
    rng = np.random.default_rng(25)
    found, clean = 0, 0
    for _ in range(200):
        at = int(rng.integers(4, RELEASES - 4))
        seen = changes(series(history(rng, 0.03, at)))
        found += any(one.series == 0 and one.value < 0 and abs(one.at - at) <= 2 for one in seen)
        clean += len(seen) <= 1
    assert found >= 190, found
    assert clean >= 190, clean


def test_without_a_change_few_histories_show_one():
    rng = np.random.default_rng(26)
    false = sum(bool(changes(series(history(rng)))) for _ in range(200))
    assert false <= 10  # 99 % of binomial(200, .02)


def test_two_changes_of_one_series_are_both_found():
    rng = np.random.default_rng(3)
    right = history(rng)
    right[0, 10:20] &= rng.random((10, SAMPLES)) > 0.2
    seen = changes(series(right))
    assert [(one.series, one.at, one.value < 0) for one in seen] == [(0, 10, True), (0, 20, False)]
    assert [(one.start, one.stop) for one in seen] == [(0, 20), (10, RELEASES)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(3, 40))
def test_a_contrast_is_the_paired_t_interval_of_its_samples_with_two_more(seed, releases, samples):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(releases, samples))
    values = scores.mean(1)
    influences = (scores - values[:, None]) / samples
    weights = np.where(np.arange(releases) == 0, -1.0, 1 / (releases - 1))[None, :]
    each = weights[0] @ scores
    value, error = contrast(values, influences, weights)
    assert value[0] == pytest.approx(each.mean())
    usual = max(np.var(scores[0]), np.var(scores[1:].mean(0))) / samples**2
    assert error[0] == pytest.approx(np.sqrt(np.var(each, ddof=1) / samples + 2 * usual))


def test_the_interval_and_p_are_students(tmp_path):
    rng = np.random.default_rng(1)
    right = rng.random((2, 500)) < [[0.9], [0.7]]
    values = right.mean(1)
    (one,) = changes({"a": (values, (right - values[:, None]) / 500)})
    value, error = contrast(values, (right - values[:, None]) / 500, np.array([[-1.0, 1.0]]))
    assert (one.value, one.at) == (pytest.approx(value[0]), 1)
    assert one.high - one.value == pytest.approx(student.ppf(1 - LEVEL / 2, 499) * error[0])
    assert one.p == pytest.approx(2 * student.sf(abs(value[0]) / error[0], 499))


def test_too_little_says_nothing():
    assert changes({}) == []
    assert changes({"a": (np.array([0.5]), np.zeros((1, 9)))}) == []
    assert changes({"a": (np.array([0.5, 0.1]), np.zeros((2, 1)))}) == []
    assert changes({"a": (np.array([0.5, 0.5]), np.zeros((2, 9)))}) == []
