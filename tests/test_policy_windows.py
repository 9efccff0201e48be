"""A policy that is followed with a memory – window by window as a monitor says, or steadied – and its replay."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from perturbations import InputError
from stress import policy as policies
from stress.data import load_data
from stress.models import Batch
from stress.monitor import Arrival, Monitor, MonitorOptions, open_history, read_reference
from tests.test_policy_system import DARK, leaning, made, sample

COUNT, WINDOW = 60, 10
SUITE = """
suite: drive@1
fallbacks: [each]
scenarios:
  dusk: {image: low_light, timeline: {points: [[0, 0], [0.3, 0], [0.31, 5], [0.7, 5], [0.71, 0]]}}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""
POLICY = policies.Policy(DARK, ("keep", "drop image"), ("image.brightness",), spread={"image.brightness": 0.1})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("drive") / "run", SUITE)


@pytest.fixture(scope="module")
def dusk():
    """Inputs along the timeline as production meets them, in the order of time."""
    data = load_data([sample(k) for k in range(COUNT)])
    cell = next(
        c
        for c in scenarios.expand(scenarios.loads(SUITE), data.streams).cells
        if c.scenario == "dusk" and not c.fallback
    )
    return [scenarios.perturb(cell, data[k], data, 0) for k in range(COUNT)]


def answered(model, inputs, batch=1):
    """Which of the inputs a model answers rightly, and the same as a replay says it."""
    found = []
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        streams = {name: [one.streams[name] for one in part] for name in part[0].streams}
        answers = model(Batch(streams, [one.id for one in part]))
        found += [float("ab"[int(np.argmax(a))] == one.target) for a, one in zip(answers, part)]
    return found


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    ("decider", "options"),
    [
        (lambda: policies.Windowed(POLICY, WINDOW), {"window": WINDOW}),
        (lambda: policies.Steady(POLICY, after=3, dwell=5, band=0.25), {"after": 3, "dwell": 5, "band": 0.25}),
    ],
)
def test_a_guarded_model_with_a_memory_is_the_replay_record_by_record(run, dusk, decider, options, batch):
    (over,) = policies.over_time(run, POLICY, **options)
    guarded = policies.guard(leaning, POLICY, decide=decider().decide)
    order = [over.replay.frame.samples[i] for i in over.replay.frame.sample[over.replay.record]]
    assert order == [one.id for one in dusk]
    assert answered(guarded, dusk, batch) == over.replay.right.tolist()
    assert answered(leaning, dusk, batch) == over.replay.alone.tolist()
    assert 0 < over.switches <= 2
    assert np.mean(over.replay.alone) < np.mean(over.replay.right) < 1  # it helps, and comes late


def test_the_model_guarded_by_a_monitor_is_the_replay_by_windows(run, dusk, tmp_path):
    (over,) = policies.over_time(run, POLICY, window=WINDOW)
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    monitor = Monitor(read_reference(run, "sample"), history, MonitorOptions(alpha=0.01, window=WINDOW), POLICY)
    guarded = policies.guard(leaning, POLICY, decide=lambda _: monitor.action)
    right, actions = [], []
    for place, one in enumerate(dusk, 1):
        actions.append(monitor.action)
        right += answered(guarded, [one])
        row = {"id": one.id, "signals": policies.signals_of(one.streams)}
        list(monitor.take(Arrival(one.id, place, row), "drive"))
    said = [row["action"] for row in history.rows("SELECT action FROM windows ORDER BY id")]
    changes = [row["name"] for row in history.rows("SELECT name FROM alerts WHERE kind = 'action' ORDER BY id")]
    history.close()
    assert right == over.replay.right.tolist()
    assert actions == [over.replay.actions[k] for k in over.replay.action]
    assert said == ["keep", "keep", "drop image", "drop image", "keep", "keep"]  # the third window is two thirds dark
    assert changes == ["drop image", "keep"]


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 9))
def test_a_window_does_what_most_of_the_window_before_asked_for(dark, window):
    decider = policies.Windowed(POLICY, window)
    taken = [decider.decide({"image.brightness": 0.1 if each else 0.5}) for each in dark]
    for start in range(0, len(dark), window):
        before = Counter(dark[start - window : start] if start else [False])
        likely = {each for each, n in before.items() if n == max(before.values())}
        assert len(set(taken[start : start + window])) == 1
        assert (taken[start] == "drop image") in likely
    decider.restart()
    assert decider.action == "keep"


def test_what_cannot_be_meant_is_refused(run):
    for wrong in (0, True, 2.0):
        with pytest.raises(InputError, match="window must be"):
            policies.Windowed(POLICY, wrong)
    with pytest.raises(InputError, match="window goes without after, dwell and band"):
        policies.over_time(run, POLICY, window=10, after=2)
    guarded = policies.guard(leaning, POLICY, decide=lambda _: "drop audio")
    with pytest.raises(InputError, match="decide must return one of keep, drop image, got 'drop audio'"):
        answered(guarded, [sample(0)])


def test_the_command_shows_doing_nothing_each_input_and_windows(run, tmp_path, capsys):
    from stress.cli import main

    policies.save(POLICY, tmp_path / "policy.json")
    assert main(["policy", "replay", str(run.path), str(tmp_path / "policy.json"), "--window", "10"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.split("dusk: ")[-1].split("\n")]
    names = ("without", "input by input", "by windows")
    rows = {name: line.removeprefix(name).split() for name in names for line in lines if line.startswith(name)}
    (over,) = policies.over_time(run, POLICY, window=10)
    assert rows["by windows"] == [f"{value:.2f}" for value in over.within]
    assert rows["without"] == [f"{value:.2f}" for value in over.without]
    assert len(rows) == 3
