"""Alarms by e-detectors: how often they are false is promised, for any reference, any law and any dependence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stress.statistics.edetectors import Detector, _bets, _weights, cells_of, least_looks, least_reference

LAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy tails": lambda rng, shape: rng.standard_cauchy(shape),
    "three values": lambda rng, shape: rng.integers(0, 3, shape).astype(float),
    "mostly undefined": lambda rng, shape: np.where(rng.random(shape) < 0.7, np.nan, rng.standard_normal(shape)),
    "one value": lambda rng, shape: np.zeros(shape),
}


def alarms(law, count, alpha, looks, worlds, seed=0, detector=Detector):
    """Alarms a world, over many worlds at once: each is a signal with a reference and a bar of its own."""
    rng = np.random.default_rng(seed)
    cells = cells_of(law(rng, (count, worlds)), rng.random(count))
    watching = detector(cells, alpha, 1)
    return sum(len(watching.look(law(rng, worlds), rng.random(worlds)).alarms) for _ in range(looks)) / worlds


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("count", [20, 400])
def test_false_alarms_are_at_most_alpha_a_look(name, count):
    looks, alpha = 1200, 0.01
    found = alarms(LAWS[name], count, alpha, looks, 400)
    assert found <= alpha * looks
    assert found > 0.05 * alpha * looks  # and not because it never alarms


class Certain(Detector):
    """The same, with a reference that is taken for the truth: it learns nothing from what comes."""

    def look(self, values, tie):
        found = super().look(values, tie)
        self.counts[:] = self.cells.weight * self.looks / self.cells.weight.sum()
        return found


def test_a_reference_that_is_taken_for_the_truth_breaks_the_promise():
    assert alarms(LAWS["normal"], 100, 0.01, 2000, 400, detector=Certain) > 2 * 0.01 * 2000


@pytest.mark.parametrize("how", ["copies", "opposite", "independent"])
def test_signals_together_keep_the_promise_however_they_depend(how):
    rng = np.random.default_rng(3)
    looks, alpha, worlds, signals, count = 1500, 0.02, 60, 8, 100

    def draw():
        one = rng.standard_normal(worlds)
        if how == "independent":
            return rng.standard_normal(worlds * signals)
        return np.concatenate([one * (1 if how == "copies" or k % 2 else -1) for k in range(signals)])

    cells = cells_of(np.array([draw() for _ in range(count)]), rng.random(count))
    watching = Detector(cells, alpha, signals)
    found = sum(len(watching.look(draw(), rng.random()).alarms) for _ in range(looks))
    assert found / worlds <= alpha * looks


def test_frames_of_a_sequence_taken_one_by_one_break_the_promise_and_as_blocks_keep_it():
    rng = np.random.default_rng(1)
    worlds, frames, alpha, count = 200, 8, 0.01, 100

    def sequence():
        return rng.standard_normal(worlds) + 0.1 * rng.standard_normal((frames, worlds))

    whole = np.array([sequence().mean(axis=0) for _ in range(count)])
    blocks = Detector(cells_of(whole, rng.random(count)), alpha, 1)
    single = Detector(
        cells_of(np.concatenate([sequence() for _ in range(count)]), rng.random(count * frames)), alpha, 1
    )
    apart = together = 0
    for _ in range(250):
        part = sequence()
        together += len(blocks.look(part.mean(axis=0), rng.random(worlds)).alarms)
        apart += sum(len(single.look(frame, rng.random(worlds)).alarms) for frame in part)
    assert together / worlds <= alpha * 250
    assert apart / worlds > alpha * 250 * frames


@given(st.integers(1, 3000))
def test_cells_share_out_all_gaps_and_bets_are_probabilities(count):
    weight = _weights(count)
    assert weight.sum() == count + 1
    assert weight.min() >= 1
    assert np.allclose(_bets(weight.astype(float)).sum(axis=1), 1)
    assert _bets(weight.astype(float)).min() >= 0


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_only_the_order_of_values_counts(seed):
    rng = np.random.default_rng(seed)
    reference, stream, ties = rng.standard_normal((50, 2)), rng.standard_normal((30, 2)), rng.random(80)
    one, other = (Detector(cells_of(f(reference), ties[:50]), 0.01) for f in (np.asarray, np.exp))
    for values, tie in zip(stream, ties[50:]):
        assert np.allclose(one.look(values, tie).evidence, other.look(np.exp(values), tie).evidence)


@settings(max_examples=10)
@given(st.integers(0, 40), st.integers(0, 1000))
def test_a_detector_goes_on_where_its_state_was_taken(cut, seed):
    rng = np.random.default_rng(seed)
    cells, stream = cells_of(rng.standard_normal((60, 3)), rng.random(60)), rng.standard_normal((40, 3))
    whole, first, second = (Detector(cells, 1e-3) for _ in range(3))
    expected = [whole.look(values, 0.3).evidence for values in stream]
    found = [first.look(values, 0.3).evidence for values in stream[:cut]]
    second.restore(first.state())
    found += [second.look(values, 0.3).evidence for values in stream[cut:]]
    assert np.array_equal(expected, found)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=4), st.integers(0, 1000))
def test_many_looks_at_once_are_the_same_looks(parts, seed):
    rng = np.random.default_rng(seed)
    cells = cells_of(rng.standard_normal((60, 3)), rng.random(60))
    stream = rng.standard_normal((sum(parts), 3)) + (np.arange(sum(parts)) > 30)[:, np.newaxis] * [0, 1, 3]
    at = cells.place(stream, 0.3)
    single, many = Detector(cells, 1e-2), Detector(cells, 1e-2)
    one_by_one = [single.look(values, 0.3) for values in stream]
    together = [look for part in np.split(at, np.cumsum(parts)[:-1]) for look in many.look_at(part)]
    for one, other in zip(one_by_one, together, strict=True):
        assert np.array_equal(one.evidence, other.evidence)
        assert np.array_equal(one.alarms, other.alarms)
        assert np.array_equal(one.since, other.since)
    assert any(len(one.alarms) for one in one_by_one) or sum(parts) < 60
    assert all(np.array_equal(value, many.state()[name]) for name, value in single.state().items())


def test_old_looks_fade_as_they_would_one_by_one_for_ever():
    rng = np.random.default_rng(0)
    watching = Detector(cells_of(rng.standard_normal((60, 2)), rng.random(60)), 1e-3)
    faded = np.zeros_like(watching.recent)
    for values in rng.standard_normal((1200, 2)):
        at = watching.cells.place(values, 0.5)
        watching.look_at(at[np.newaxis])
        faded *= np.array([0.98, 0.998])[:, None, None]
        faded[:, np.arange(2), at] += 1
    assert np.allclose(watching.recent, faded, rtol=1e-9)


@pytest.mark.parametrize(("shift", "most"), [(1.0, 150), (2.0, 40), (4.0, 10)])
def test_a_shift_is_found_at_one_in_a_million(shift, most):
    rng = np.random.default_rng(0)
    worlds = 100
    watching = Detector(cells_of(rng.standard_normal((500, worlds)), rng.random(500)), 1e-6, 30)
    for _ in range(300):
        assert not len(watching.look(rng.standard_normal(worlds), rng.random(worlds)).alarms)
    found, since = np.full(worlds, np.inf), np.zeros(worlds)
    for i in range(most):
        look = watching.look(rng.standard_normal(worlds) + shift, rng.random(worlds))
        new = [k for k, signal in enumerate(look.alarms) if found[signal] == np.inf]
        found[look.alarms[new]], since[look.alarms[new]] = i + 1, look.since[new]
    assert np.median(found) <= most / 2
    assert np.isfinite(found).mean() >= 0.95
    assert abs(np.median(since[np.isfinite(found)]) - 300) <= 10  # where the change was


@pytest.mark.parametrize(("signals", "alpha"), [(1, 1e-3), (30, 1e-6)])
def test_the_least_reference_is_the_first_with_which_an_alarm_is_possible(signals, alpha):
    least = least_reference(signals, alpha)
    assert least_looks(least, signals, alpha) is not None
    assert least_looks(least - 1, signals, alpha) is None
    assert least_looks(0, signals, alpha) is None


def test_no_alarm_comes_before_the_least_looks():
    rng = np.random.default_rng(0)
    least = least_looks(300, 1, 1e-6)
    watching = Detector(cells_of(rng.standard_normal((300, 1)), rng.random(300)), 1e-6)
    found = [len(watching.look(np.array([1e9]), 0.5).alarms) for _ in range(least)]
    assert found == [0] * (least - 1) + [1]
