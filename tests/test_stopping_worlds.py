"""Whenever one stops, a file of rules is wrong as rarely as promised; rules without error control are not."""

import numpy as np
import pytest

from benchmarks import _stopping as worlds
from stress.gate import Form, Observed
from stress.records.metric import Metric

HARMLESS = "perturbations that do nothing"


@pytest.fixture(scope="module")
def found(request):
    """The errors of each method: of a share of the worlds, or with --exhaustive of all 2,000 of each kind."""
    many = request.config.getoption("--exhaustive", default=False)
    return {method: worlds.tally(method, 4000 if many else 100) for method in worlds.METHODS}, 2000 if many else 50


def allowed(level, count):
    return level + 3 * np.sqrt(level * (1 - level) / count)


@pytest.mark.parametrize("method", worlds.METHODS)
def test_wherever_one_stops_a_file_is_wrong_as_rarely_as_promised(found, method):
    tallied, count = found
    for stop in worlds.STOPS:
        broken, passed, cells = tallied[method][stop]
        assert broken <= allowed(worlds.LEVEL, count)
        assert passed <= allowed(worlds.LEVEL, count)
        assert cells <= allowed(worlds.LEVEL, count)
    assert tallied[method]["sequence"] <= allowed(2 * worlds.LEVEL, count)


@pytest.mark.parametrize("method", [name for name in worlds.METHODS if name != HARMLESS])
def test_rules_without_error_control_are_wrong_in_the_same_worlds(found, method):
    tallied, _ = found
    for straw in worlds.STRAWS:
        assert tallied[method][straw][0] > 4 * worlds.LEVEL
    assert max(tallied[method]["first failure"][:2]) < min(tallied[method][straw][0] for straw in worlds.STRAWS)


@pytest.mark.parametrize("method", worlds.METHODS)
def test_the_wealth_of_many_worlds_is_that_of_a_gate(method):
    rng = np.random.default_rng(3)
    few = worlds.worlds_of(method, 2, rng)
    form, steps = Form(few.kind, Metric("accuracy", top="score")), np.arange(worlds.COUNT) // worlds.SHARD
    for above in (True, False):
        together = worlds.wealth(few, few.bars, above)
        for world, cell in ((0, 0), (1, 5), (1, 11)):
            one = Observed.of(form, few.rows[world, cell], few.most, steps)
            np.testing.assert_allclose(
                together[world, cell], one.path(few.bars[world, cell], above), rtol=1e-7, atol=1e-9
            )


def test_truths_are_what_the_worlds_were_drawn_from():
    rng = np.random.default_rng(4)
    for method in worlds.METHODS:
        many = worlds.worlds_of(method, 40, rng)
        a, b, c, d = many.rows.sum(axis=(0, 2)).T
        value = a / b
        if many.kind == "retention":
            value = value / (c / d)
        elif many.kind != "rate":
            value = c / d - value
        np.testing.assert_allclose(value, many.truth.mean(axis=0), atol=0.05)
        assert (~many.kept[::2]).sum(axis=1).max() <= 1
        if method != HARMLESS:
            assert ((~many.kept[::2]).sum(axis=1) == 1).mean() > 0.9
