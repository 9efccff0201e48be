"""Fallback policies: the rule that is written is the one that decides, its worth is on new input, promises hold."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
import stress
from perturbations import InputError
from stress import policy as policies
from stress.models.demo import load as load_model
from stress.policy._evidence import Evidence, evidence
from stress.policy._fit import _plain, _verdict
from stress.policy._guarantee import calibrated
from stress.policy._judge import chosen, harms, judged
from stress.policy._tree import Node, grow, taken
from stress.records.frame import Frame
from stress.statistics.risk import betting

SUITE = """
suite: fallbacks@1
severities: [5]
fallbacks: [drop, each]
scenarios:
  fog: {image: fog}
  babble: {audio: babble}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""


def world(rng, *, clusters=40, each=10, told=True, noise_signals=3, confidence=None, error=None):
    """A world of two kinds of damage, of which dropping a stream mends one; ``told``: a signal sees it."""
    n, kinds = clusters * each, ("clean", "mended by dropping", "made worse")
    scenario = np.repeat(np.arange(len(kinds)), n)
    keep = np.array([0.05, 0.5, 0.2])[scenario]
    drop = np.array([0.15, 0.15, 0.5])[scenario]
    wrong = np.column_stack([rng.random(3 * n) < keep, rng.random(3 * n) < drop]).astype(float)
    seen = np.where(scenario == 1, 4.0, 0.0) + rng.normal(size=3 * n) * 0.3 if told else rng.normal(size=3 * n)
    values = np.column_stack([seen, rng.normal(size=(3 * n, noise_signals))])
    sample = np.tile(np.arange(n), len(kinds))
    sure = np.full(wrong.shape, np.nan) if confidence is None else confidence(rng, wrong)
    return Evidence(
        actions=("keep", "drop audio"),
        signals=tuple(f"audio.s{j}" for j in range(values.shape[1])),
        values=values,
        loss=wrong if error is None else error(rng, wrong),
        confidence=sure,
        right=1 - wrong,
        weight=np.array([0.5, 0.25, 0.25])[scenario] / n,
        sample=sample,
        cell=scenario,
        cells=(),
        scenario=scenario,
        scenarios=kinds,
        member=sample // each,
        clustered="speaker",
    )


def test_a_rule_that_a_signal_allows_is_found_and_nearly_all_that_it_is_worth():
    for seed in range(5):
        known = world(np.random.default_rng(seed))
        tree = chosen(known, safe=False)
        rows = judged(known, safe=False)
        assert isinstance(tree, Node)
        assert known.signals[tree.signal] == "audio.s0"
        assert rows[0].share > 0.8
        assert rows[0].low > 0
        assert _verdict(tree, rows)[0]


def test_where_no_signal_sees_the_damage_nothing_is_worth_it():
    verdicts = []
    for seed in range(8):
        known = world(np.random.default_rng(seed), told=False)
        verdicts.append(_verdict(chosen(known, safe=False), judged(known, safe=False))[0])
    assert sum(verdicts) <= 1


def test_a_rule_is_judged_on_clusters_that_it_has_not_seen():
    """Signals that only know the speaker cannot help with another; judged on the same they would seem to."""
    rng = np.random.default_rng(0)
    known = world(rng, told=False, noise_signals=0)
    habit = rng.random(int(known.member.max()) + 1) < 0.5  # which speakers would do better with the stream dropped
    wrong = np.where(habit[known.member][:, None], [0.9, 0.1], [0.1, 0.9])
    known.values[:, 0] = rng.permutation(len(habit))[known.member]
    known.loss[:] = rng.random(known.loss.shape) < wrong
    fitted = grow(known)[-1]
    seems = known.loss[:, 0].mean() - known.loss[np.arange(len(known)), taken(fitted, known.values)].mean()
    rows = judged(known, safe=False)
    assert seems > 0.05
    assert rows[0].low < 0.0 + 1e-9 or rows[0].gain < seems / 2


def test_no_rule_is_safe_that_hurts_on_damage_that_it_has_not_seen():
    """Two kinds of damage that look alike, of which dropping mends one: with it alone a rule hurts on the other."""
    known = world(np.random.default_rng(1))
    known.values[:, 0] = (
        np.where(known.scenario == 0, 0.0, 2.0) + np.random.default_rng(2).normal(size=len(known)) * 0.1
    )
    assert chosen(known, safe=True) == 0
    assert [row.scenario for row in harms(judged(known, safe=False))] == ["made worse"]


rules = st.recursive(
    st.integers(0, 2),
    lambda inner: st.builds(Node, st.integers(0, 2), st.floats(-5, 5, allow_nan=False), inner, inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(rules, st.lists(st.tuples(*[st.floats(width=32, allow_nan=True)] * 3), min_size=1, max_size=20))
def test_tree_policy_file_and_function_decide_the_same(tree, rows):
    known = world(np.random.default_rng(0), clusters=2, each=2, noise_signals=2)
    known = Evidence(**{**vars(known), "actions": ("keep", "drop audio", "drop image")})
    policy = policies.Policy(_plain(tree, known), known.actions, known.signals)
    space = {}
    exec(policies.python(policy), space)  # noqa: S102 – it is what a user runs
    expected = [known.actions[a] for a in taken(tree, np.array(rows, float))]
    again = policies.Policy(json.loads(json.dumps(policy.data()))["rule"], known.actions, known.signals)
    for row, action in zip(rows, expected):
        signals = dict(zip(known.signals, row))
        assert policy.decide(signals) == again.decide(signals) == space["decide"](signals) == action
    assert policy.decide({}) == ("keep" if isinstance(tree, Node) else known.actions[tree])


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 400), st.sampled_from([0.05, 0.2]), st.sampled_from([0.3, 2.0, 20.0]), st.integers(0, 99))
def test_p_values_of_a_true_risk_are_small_no_more_often_than_they_say(n, risk, spread, seed):
    rng, level = np.random.default_rng(seed), 0.1
    small = sum(betting(rng.beta(spread * risk, spread * (1 - risk), n), risk, level) <= level for _ in range(300))
    assert small / 300 <= level + 4 * np.sqrt(level * (1 - level) / 300)


def test_p_values_notice_a_risk_that_is_far_lower():
    rng = np.random.default_rng(0)
    assert betting(rng.random(200) * 0.1, 0.2, 0.1) < 1e-6


@pytest.mark.parametrize(("clusters", "each"), [(400, 1), (120, 6)])
def test_a_promise_is_broken_no_more_often_than_it_says(clusters, each):
    """In worlds whose errors depend on confidence and cluster: how often is the true error above the promised one?"""
    risk, delta, broken, given_ = 0.3, 0.2, 0, 0
    trials = 150
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        known = world(rng, clusters=clusters, each=each, confidence=lambda r, wrong: r.random(wrong.shape))
        shift = rng.normal(size=clusters)[known.member] * (0.3 if each > 1 else 0)
        chance = 1 / (1 + np.exp(4 * known.confidence - 1.2 + shift[:, None] + 0.0 * known.scenario[:, None]))
        known.right[:] = rng.random(chance.shape) >= chance
        if each == 1:
            known = Evidence(**{**vars(known), "clustered": None})
        found = calibrated(known, 0, risk, delta)
        if found.threshold is None:
            continue
        given_ += 1
        u = np.linspace(found.threshold, 1, 400)
        spread = np.random.default_rng(1).normal(size=(2000, 1)) * (0.3 if each > 1 else 0)
        broken += float((1 / (1 + np.exp(4 * u - 1.2 + spread))).mean()) > risk
    assert given_ > trials / 2
    assert broken / trials <= delta + 3 * np.sqrt(delta * (1 - delta) / trials)


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("policy") / "run"
    return stress.run("demo", "demo", scenarios.loads(SUITE), out, limit=240, preflight=False)


@pytest.mark.slow
def test_the_guarded_model_answers_as_the_records_say(demo_run, tmp_path):
    """Record by record: what the guarded model answers in a run is what the run says that its action would."""
    known = evidence(demo_run, policies.Costs())
    damaged = known.of(~known.clean)
    halves = {name: float(np.median(damaged.values[:, j])) for j, name in enumerate(known.signals)}
    first, second = (next(n for n in known.signals if n.startswith(f"{stream}.")) for stream in ("image", "audio"))
    inner = {"signal": second, "below": halves[second] + 1e-4, "then": "drop audio", "else": "keep"}
    rule = {"signal": first, "below": halves[first] + 1e-4, "then": "drop image", "else": inner}
    policy = policies.Policy(rule, known.actions, known.signals)
    model = load_model("late")
    again = stress.run(
        policies.guard(model, policy), "demo", scenarios.loads(SUITE), tmp_path / "guarded", limit=240,
        only=["fog", "babble"], preflight=False,
    )  # fmt: skip
    there, here = Frame(again), Frame(demo_run)
    keys = zip(there.cell, there.sample, there.column("score"))
    rows = {(there.ids[cell], there.samples[sample]): score for cell, sample, score in keys}
    decided = [
        known.actions.index(policy.decide(dict(zip(known.signals, map(float, values))))) for values in damaged.values
    ]
    assert len(set(decided)) == 3
    for i, action in enumerate(decided):
        cell, sample = damaged.cells[damaged.cell[i]].cell, here.samples[damaged.sample[i]]
        assert rows[cell, sample] == damaged.right[i, action]


@pytest.mark.slow
def test_from_a_run_to_a_signed_page_on_the_command_line(demo_run, tmp_path):
    file = tmp_path / "policy.json"
    command = [sys.executable, "-m", "stress", "policy"]
    done = subprocess.run([*command, "fit", str(demo_run.path), "--out", str(file)], capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    assert "has not seen" in done.stdout
    assert ("Not worth it" in done.stdout) == (done.returncode == 3)
    page = subprocess.run([*command, "export", str(file)], capture_output=True, text=True, check=True).stdout
    assert page.startswith("# Fallback policy")
    assert "Signed" in page
    source = subprocess.run([*command, "export", str(file), "--python"], capture_output=True, text=True, check=True)
    alone = tmp_path / "alone.py"
    alone.write_text(source.stdout + "print(decide({}))\n")
    said = subprocess.run([sys.executable, "-I", "-S", str(alone)], capture_output=True, text=True, check=True).stdout
    assert said.strip() == policies.load(file).decide({})


@pytest.mark.slow
def test_what_a_run_lacks_is_named(demo_run, tmp_path):
    bare = stress.run(
        "demo", "demo", {"suite": "x@1", "severities": [5], "scenarios": {"fog": {"image": "fog"}}},
        tmp_path / "bare", limit=40, preflight=False, signals="none",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"fallbacks: \[drop, each\]"):
        policies.fit(bare)
    with pytest.raises(InputError, match="risk must lie between 0 and 1"):
        policies.fit(demo_run, risk=5)
    with pytest.raises(InputError, match=r"needs at least .* for calibration"):
        policies.fit(demo_run, risk=0.01, delta=0.01)
    with pytest.raises(InputError, match="'11' is no class of the run"):
        policies.fit(demo_run, policies.Costs({"11": 2.0}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 1}, "must be of format 2"),
        ({"rule": "drop sound"}, "none of its actions"),
        ({"rule": {"signal": "audio.s9", "below": 1, "then": "keep", "else": "keep"}}, "none of its signals"),
        ({"rule": {"signal": "audio.s0", "below": "x", "then": "keep", "else": "keep"}}, "a finite number"),
        ({"rule": {"signal": "audio.s0", "then": "keep", "else": "keep"}}, "must be an action or have"),
        ({"rule": 3}, "must be an action or have"),
        ({"actions": "keep"}, "must be a list of names"),
        ({"actions": ["keep", "reboot"]}, "keep, abstain, 'drop STREAM', 'fill STREAM with FILL'"),
        ({"safe": "drop moon"}, "safe must be one of its actions"),
        ({"answer_from": 7}, "a confidence from 0 to 1"),
        ({"which": "some"}, "cheap or all"),
    ],
)
def test_an_edited_policy_is_refused(tmp_path, change, says):
    rule = {"signal": "audio.s0", "below": 1.0, "then": "drop audio", "else": "keep"}
    file = policies.save(policies.Policy(rule, ("keep", "drop audio"), ("audio.s0",)), tmp_path / "p.json")
    assert policies.load(file).rule == rule
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=says):
        policies.load(file)


@pytest.mark.parametrize(
    "about",
    [{"worth": 3}, {"worth": [3]}, {"worth": [{"unseen": "samples"}]}, {"guarantee": {"risk": 1}}, {"worth_it": 1}],
)
def test_what_a_policy_says_of_itself_and_was_edited_is_no_page_to_sign(tmp_path, about):
    policy = policies.Policy("keep", ("keep",), (), about={"worth_it": True, "reason": "x"})
    assert "Signed" in policies.markdown(policy)
    file = policies.save(policy, tmp_path / "p.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"about": about}))
    with pytest.raises(InputError, match=r"what it says about its worth \(about\) must be as it was fitted"):
        policies.markdown(policies.load(file))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\udcff", '{"format": 1}'])
def test_what_is_no_policy_is_refused(tmp_path, text):
    file = tmp_path / "p.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="policy:"):
        policies.load(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("abstain: -1", "0 or more"),
        ("abstian: 1", "'abstian' is not known"),
        ("classes: 3", "a mapping from names"),
        ("scenarios: {fog: -1}", "0 or more"),
        ("actions: {drop audio: yes please}", "must be a number"),
        ("- 1", "a mapping of abstain"),
    ],
)
def test_costs_that_cannot_be_meant_are_refused(tmp_path, text, says):
    file = tmp_path / "costs.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=says):
        policies.load_costs(file)


def costly(seed, *, clusters=40, each=10):
    """A world in which the signal of half of the clusters' clean input lies where damage begins: acting there costs."""
    rng = np.random.default_rng(seed)
    known = world(rng, clusters=clusters, each=each)
    known.values[:, 0] = np.where(known.scenario == 1, 4.0, 0.0) + rng.normal(size=len(known)) * 1.5
    clean = known.clean
    known.loss[clean] = rng.random((int(clean.sum()), 2)) < [0.02, 0.12]
    return known


def test_what_may_be_lost_on_clean_input_is_kept_to_where_it_is_too_little_to_be_seen():
    """Ten points are lost wherever clean input is acted on; half a point is one input in twenty of it."""
    acts, lost, free = [], [], []
    for seed in range(8):
        known, new = costly(seed), costly(100 + seed)
        for limit, into in ((0.005, acts), (1.0, free)):
            into.append((taken(chosen(known, safe=False, clean_loss=limit), new.values) != 0)[new.clean].mean())
        does = taken(chosen(known, safe=False, clean_loss=0.005), new.values)
        lost.append((new.loss[np.arange(len(new)), does] - new.loss[:, 0])[new.clean].mean())
    assert np.mean(lost) <= 0.005 + 3 * np.std(lost) / np.sqrt(len(lost))
    assert np.mean(acts) < 0.06 < np.mean(free)
    rows = judged(costly(3), safe=False)
    clean = next(row for row in rows if row.unseen == "samples" and row.scenario == "clean")
    assert 0 <= clean.acts < 0.08
    assert rows[0].share > 0.3
    assert chosen(costly(0), safe=False, clean_loss=0.0) == 0


def test_where_thresholds_lie_among_clean_input_of_each_group_its_share_is_the_same_in_a_new_one():
    """Groups of two, as of two speakers: each shifts the signal by its own; the share acted on carries over."""
    from dataclasses import replace

    from stress.policy._relative import relative

    shares = []
    for seed in range(6):
        known = costly(seed, clusters=4, each=60)
        raw = known.values + np.random.default_rng(seed).normal(size=4)[known.member][:, None] * 20
        clean = known.clean.tolist()
        place = relative(raw, clean, known.member, [str(i) for i in range(4)], "speaker")
        known = replace(known, raw=raw, values=place)
        others, mine = known.of(known.member < 2), known.of(known.member >= 2)
        does = taken(chosen(others, safe=False, clean_loss=0.005), mine.values)
        shares.append((does != 0)[mine.clean].mean())
    assert np.mean(shares) < 0.15


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "x", True])
def test_a_loss_on_clean_input_that_cannot_be_meant_is_refused(value):
    with pytest.raises(InputError, match="clean_loss must lie between 0 and 1 wrong answers an input"):
        policies.fit(None, clean_loss=value)
