"""95 % intervals hold the truth where errors, samples of a class or clusters are few (``rare_worlds`` prints all)."""

import pytest

from tests import rare_worlds
from tests.coverage_worlds import LUCK
from tests.shortest import largest_gap, largest_share

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("world", ["usual", "near 1"])
def test_means_over_classes_of_which_one_has_four_samples(world, groups):
    held = rare_worlds.rare_class(world, groups).held()
    assert set(held) == {*rare_worlds.COUNTED, "mcc"}
    assert {name: share for name, share in held.items() if share < 0.93 - LUCK} == {}


@pytest.mark.parametrize(("n", "errors", "groups"), [(200, 2, None), (200, 10, None), (1000, 5, None), (200, 10, 25)])
def test_risk_coverage_of_few_errors(n, errors, groups):
    assert rare_worlds.few_errors(n, errors, groups).held()["aurc"] >= 0.93 - LUCK


@pytest.mark.parametrize(("rate", "spread"), [(0.98, "near"), (0.99, "one"), (0.998, "wide")])
def test_a_calibrated_model_that_is_nearly_always_right(rate, spread):
    held = rare_worlds.calibrated(200, rate, spread).held()
    assert set(held) == {"ece", "ece_equal_mass"}
    assert min(held.values()) >= 0.93 - LUCK


@pytest.mark.parametrize("apart", [0.0, 0.15])
def test_the_gap_of_ten_groups(apart):
    assert rare_worlds.ten_groups(apart).held()["gap"] >= 0.95 - LUCK


def test_no_interval_of_a_gap_could_be_much_shorter():
    """Of ten equal groups: half as long again as the shortest that there can be, at most."""
    length = rare_worlds.ten_groups(0.0).lengths()["gap"]
    assert 1 < length / (0.9 * 0.1 / 80) ** 0.5 / largest_gap(10) <= 1.5


@pytest.mark.parametrize(("clean", "now", "spread"), [(0.9, 0.9, 0.0), (0.99, 0.8, 0.0), (0.9, 0.8, 0.1)])
def test_the_widening_of_a_gap_of_ten_groups(clean, now, spread):
    """It holds though the two groups were chosen, which an interval of two named groups does not."""
    found = rare_worlds.widened(clean, now, spread, 500)
    held, lengths = found.held(), found.lengths()
    assert held["widening"] >= 0.95
    assert held["two named in advance"] < held["widening"]
    assert lengths["widening"] <= 1.5 * lengths["two named in advance"]


@pytest.mark.parametrize("worth", [(0.25, 0.25, 0.25), (0.4, 0.15, 0.15)])
def test_the_dominant_stream(worth):
    found = rare_worlds.dominance(worth, 500)
    error = found.lengths()["a share named in advance"] / 2 / 1.96
    best = largest_share(3) if len(set(worth)) == 1 else 2 * 1.96
    assert found.held()["dominance"] >= 0.94
    assert found.lengths()["dominance"] / error <= 1.5 * best


@pytest.mark.parametrize("count", [25, 200])
@pytest.mark.parametrize("rate", [0.9, 0.95])
def test_accuracy_of_clusters_of_lognormal_sizes(count, rate):
    assert rare_worlds.unequal(count, rate).held()["accuracy"] >= 0.94 - LUCK
