"""Bets on bounded means: the truth stays inside at all times, the wealth is fair, many bets are corrected for."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stress.statistics.betting import STAKES, betting_sequence, expected_count, gains, growth, log_wealth, stakes
from stress.statistics.corrections import adjusted, adjusted_evidence
from stress.statistics.sequences import confidence_sequence

WORLDS, LENGTH = 400, 300


def draws(kind, rng):
    """Return (length × worlds) scores and their mean."""
    if isinstance(kind, float):
        return (rng.random((LENGTH, WORLDS)) < kind).astype(float), kind
    return rng.beta(*kind, (LENGTH, WORLDS)), kind[0] / sum(kind)


def paths(y, m, w=1.0):
    """Return the log wealth of the bet above m, after each observation (length × worlds)."""
    each = np.log1p(STAKES[:, None, None] * gains(y, m, w))
    return log_wealth(np.cumsum(each, axis=1))


@pytest.mark.parametrize("kind", [0.02, 0.5, 0.95, (2.0, 5.0)])
def test_the_truth_is_never_refuted_but_as_often_as_allowed_whenever_one_looks(kind):
    y, m = draws(kind, np.random.default_rng(1))
    ever = (paths(y, m) >= np.log(20)).any(axis=0) | (paths(1 - y, 1 - m) >= np.log(20)).any(axis=0)
    assert ever.mean() <= 0.1  # each side alone .05; with three deviations of 400 worlds to spare


@pytest.mark.parametrize("kind", [0.05, 0.5, (0.5, 0.5)])
def test_the_wealth_is_one_on_average_where_the_bar_is_the_truth(kind):
    y, m = draws(kind, np.random.default_rng(2))
    wealth = np.exp(paths(y[:20], m)[-1])
    assert wealth.mean() <= 1 + 4 * wealth.std() / np.sqrt(WORLDS)


def test_clusters_of_unequal_size_are_weighed_without_loss_of_validity():
    rng = np.random.default_rng(3)
    size = rng.integers(1, 51, (LENGTH, WORLDS))
    rate = np.where(size > 25, 0.9, 0.5)  # large clusters are right more often: equal weights would miss the mean
    right = rng.binomial(size, rate)
    truth = float((np.arange(1, 51) * np.where(np.arange(1, 51) > 25, 0.9, 0.5)).sum() / np.arange(1, 51).sum())
    ever = (paths(right / size, truth, size / 50) >= np.log(20)).any(axis=0)
    assert ever.mean() <= 0.08
    low, high = betting_sequence((right / size)[:, :50], (size / 50)[:, :50])
    assert (high - low).max() < 0.3
    assert np.mean((low <= truth) & (truth <= high)) >= 0.93


@pytest.mark.parametrize("m", [0.2, 0.63])
def test_a_wealth_is_that_of_an_independent_computation(m):
    rng = np.random.default_rng(4)
    y, w = rng.random(40), rng.random(40)
    by_hand = np.mean([np.prod([1 + share / m * wi * (yi - m) for yi, wi in zip(y, w)]) for share in STAKES])
    assert np.exp(log_wealth(stakes(gains(y, m, w)))) == pytest.approx(by_hand, rel=1e-9)


def test_ends_are_where_the_bet_refutes():
    rng = np.random.default_rng(5)
    y = rng.random((120, 3)) ** np.array([0.2, 1.0, 3.0])
    low, high = betting_sequence(y, confidence=0.9)
    for column, a, b in zip(y.T, low, high):
        for end, inside, outside, above in ((a, 1e-6, -1e-6, True), (b, -1e-6, 1e-6, False)):
            at = [
                float(log_wealth(stakes(gains(column, m) if above else gains(1 - column, 1 - m))))
                for m in (end + inside, end + outside)
            ]
            assert at[0] < np.log(20) <= at[1]


def test_a_sequence_is_narrower_than_the_beta_mixture_from_some_hundreds_on():
    rng = np.random.default_rng(6)
    y = (rng.random((1000, 5)) < np.array([0.05, 0.3, 0.5, 0.9, 0.99])).astype(float)
    ours = np.subtract(*betting_sequence(y)[::-1])
    beta = np.subtract(*confidence_sequence(y.sum(axis=0), np.full(5, 1000.0))[::-1])
    assert (ours < beta).all()


def test_a_sequence_of_nothing_knows_nothing_and_equal_answers_may_be_counted():
    low, high = betting_sequence(np.zeros((0, 2)))
    assert (low == 0).all()
    assert (high == 1).all()
    each = betting_sequence(np.repeat([[1.0], [0.0]], [30, 5], axis=0))
    counted = betting_sequence(np.array([[1.0], [0.0]]), counts=np.array([[30.0], [5.0]]))
    np.testing.assert_allclose(each, counted, atol=1e-9)


def test_how_many_answers_a_bet_takes_is_foretold():
    rng = np.random.default_rng(7)
    y = (rng.random(20_000) < 0.9).astype(float)
    foretold = expected_count(gains(y, 0.85), 0.001)
    took = [int(np.argmax(paths(rng.permutation(y)[:6000, None], 0.85)[:, 0] >= np.log(1000))) for _ in range(12)]
    assert 0.6 <= foretold / np.median(took) <= 1.6
    assert growth(gains(y, 0.95)) < 1e-3
    assert expected_count(gains(np.array([0.0, 1.0]), 0.9), 0.01) == float("inf")


def closed(e):
    """Return e-values adjusted by closed testing with the mean, from its definition (Vovk & Wang 2021)."""
    every = [set(each) for k in range(1, len(e) + 1) for each in combinations(range(len(e)), k)]
    return [min(np.mean([e[i] for i in each]) for each in every if k in each) for k in range(len(e))]


@given(some.lists(some.floats(0, 1e4), min_size=1, max_size=7))
def test_evidence_is_adjusted_as_closed_testing_says(e):
    found = adjusted_evidence(np.array(e), "holm")
    np.testing.assert_allclose(found, closed(e), rtol=1e-9, atol=1e-12)
    with np.errstate(divide="ignore"):
        holm = adjusted(np.minimum(1 / np.array(e), 1.0), "holm")
    assert (np.minimum(1 / np.maximum(found, 1e-300), 1.0) <= holm + 1e-12).all()


def test_evidence_that_is_none_does_not_count_and_averages_are_corrected_too():
    e = np.array([np.nan, 50.0, 0.1])
    assert np.isnan(adjusted_evidence(e)[0])
    assert adjusted_evidence(e)[1] == pytest.approx(50.1 / 2)
    assert adjusted_evidence(np.array([100.0, 90.0, 0.5]), "bh")[0] == pytest.approx(60.0)
    np.testing.assert_array_equal(adjusted_evidence(e, "none"), e)


def test_any_false_rejection_among_many_bets_is_as_rare_as_promised():
    rng = np.random.default_rng(8)
    false = 0
    for _ in range(200):
        y = (rng.random((150, 20)) < 0.7).astype(float)  # shared luck does not matter either
        y[:, ::2] = y[:, [0]]
        path = paths(y, 0.7)
        stop = np.argmax(path.sum(axis=1))  # whoever looks for the best moment
        false += (adjusted_evidence(np.exp(path[stop]), "holm") >= 20).any()
    assert false / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
