"""What wrong labels do to a number, beside worlds in which the true labels are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbations import InputError
from stress.audit import bounds_at, breaking_rate, corrected


def world(seed, n=400, classes=5):
    """True labels, the labels that are given (some wrong), and answers."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    rate = rng.uniform(0, 0.2)
    answers = np.where(rng.random(n) < rng.uniform(0.4, 0.99), true, rng.integers(0, classes, n))
    # wrong labels at random, or exactly where the model is right, or where it is wrong
    likely = [np.ones(n), answers == true, answers != true][seed % 3] + 1e-6
    hit = rng.choice(n, int(rate * n), replace=False, p=likely / likely.sum())
    given = true.copy()
    given[hit] = (true[hit] + rng.integers(1, classes, len(hit))) % classes
    return true, given, answers, len(hit) / n


def test_the_truth_is_within_the_bounds_in_a_thousand_worlds():
    inside, widths = 0, []
    for seed in range(1000):
        true, given, answers, rate = world(seed)
        seen = float((answers == given).mean())
        found = bounds_at(seen, seen, rate)
        inside += found.low - 1e-12 <= (answers == true).mean() <= found.high + 1e-12
        widths.append((found.high - found.low) / max(rate, 1e-9))
    assert inside == 1000
    assert max(widths) <= 2 + 1e-6


def test_the_population_is_within_the_interval_with_bounds():
    """With the interval of a sample, and a rate that is known of the population."""
    inside = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        n, skill, rate = 300, rng.uniform(0.5, 0.95), rng.uniform(0, 0.15)
        right, flipped = rng.random(n) < skill, rng.random(n) < rate
        seen = (right & ~flipped).mean()
        reach = 1.96 * np.sqrt(max(seen * (1 - seen), 1 / n) / n)
        found = bounds_at(seen - reach, seen + reach, rate)
        inside += found.low <= skill <= found.high
    assert inside >= 950


def test_where_the_matrix_is_known_the_truth_is_a_point():
    rng = np.random.default_rng(0)
    noise = np.array([[0.8, 0.15, 0.05], [0.1, 0.85, 0.05], [0.0, 0.2, 0.8]])
    truth = np.array([[700.0, 200, 100], [50, 800, 150], [10, 90, 900]])
    assert corrected(noise.T @ truth, noise) == pytest.approx(truth)
    errors = []
    for _ in range(200):
        true = rng.integers(0, 3, 6000)
        answers = np.where(rng.random(6000) < 0.8, true, rng.integers(0, 3, 6000))
        given = np.array([rng.choice(3, p=noise[t]) for t in true[:600]])
        seen = np.zeros((3, 3))
        np.add.at(seen, (given, answers[:600]), 1)
        found = corrected(seen, noise)
        errors.append(np.trace(found) / 600 - (answers[:600] == true[:600]).mean())
    assert abs(np.mean(errors)) < 0.005


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_bounds_grow_with_the_rate_and_break_where_they_say(value, bar, rate):
    found = bounds_at(value, value, rate)
    assert 0 <= found.low <= value <= found.high <= 1
    turned = found.low < bar <= value or value < bar <= found.high
    if turned:
        assert rate >= breaking_rate(value, bar) - 1e-9


@pytest.mark.parametrize(
    "noise",
    [np.eye(2), np.full((3, 3), 1 / 3), np.diag([2.0, -1, 1]), np.ones((3, 3))],
    ids=["size", "blind", "sign", "sum"],
)
def test_a_matrix_that_says_nothing_is_refused(noise):
    with pytest.raises(InputError, match="label noise: the matrix must"):
        corrected(np.ones((3, 3)), noise)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_share(rate):
    with pytest.raises(InputError, match=r"rate must be in \[0, 1\]"):
        bounds_at(0.5, 0.5, rate)
