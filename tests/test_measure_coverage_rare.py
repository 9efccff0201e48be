"""95 % intervals hold the truth where errors, samples of a class or clusters are few (``rare_worlds`` prints all)."""

import pytest

from tests import rare_worlds

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("world", ["usual", "near 1"])
def test_means_over_classes_of_which_one_has_four_samples(world, groups):
    held = rare_worlds.rare_class(world, groups).held()
    assert set(held) == {*rare_worlds.COUNTED, "mcc"}
    assert {name: share for name, share in held.items() if share < 0.93} == {}


@pytest.mark.parametrize(("n", "errors", "groups"), [(200, 2, None), (200, 10, None), (1000, 5, None), (200, 10, 25)])
def test_risk_coverage_of_few_errors(n, errors, groups):
    assert rare_worlds.few_errors(n, errors, groups).held()["aurc"] >= 0.93


@pytest.mark.parametrize(("rate", "spread"), [(0.98, "near"), (0.99, "one"), (0.998, "wide")])
def test_a_calibrated_model_that_is_nearly_always_right(rate, spread):
    held = rare_worlds.calibrated(200, rate, spread).held()
    assert set(held) == {"ece", "ece_equal_mass"}
    assert min(held.values()) >= 0.93


@pytest.mark.parametrize("apart", [0.0, 0.15])
def test_the_gap_of_ten_groups(apart):
    assert rare_worlds.ten_groups(apart).held()["gap"] >= 0.95
