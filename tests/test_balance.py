"""Shares of streams against equal, given and adaptive goals, clean and under stress, with one verdict."""

import numpy as np
import pytest

import scenarios
import stress
from perturbations import InputError, Sample, SpecError
from scenarios import goals_of
from stress.cli import main
from stress.gate import judge, loads_gates, report_data

SUITE = """
suite: balance@1
severities: [4]
{goals}
scenarios:
  lost: {{all: missing, grid: subsets}}
  dark: {{image: low_light}}
  dark-alone: {{image: low_light, audio: missing}}
"""
COUNT = 800


def data():
    rng = np.random.default_rng(0)
    found = []
    for i in range(COUNT):
        yes = bool(i % 2)
        picture = np.full((4, 4, 3), 200 if yes else 190, np.uint8)
        sound = rng.normal(0, 0.01, (1, 80)).astype(np.float32) + (0.5 if yes else -0.5)
        found.append(Sample(f"{i:03d}", {"image": picture, "audio": stress.Audio(sound, 8000)}, "yes" if yes else "no"))
    return found


def fusion(batch):
    """Follow the picture now and then, mostly the sound, and what is there where one is lost; either errs at times."""
    scores = np.zeros((batch.size, 2))
    for row, (picture, sound, name) in enumerate(zip(batch["image"], batch["audio"], map(int, batch.ids))):
        if picture is not None and (sound is None or name % 10 < 2):
            yes = (picture.mean() > 195) ^ (name % 20 == 3)
        else:
            yes = sound is not None and ((sound.samples.mean() > 0) ^ (name % 20 == 14))
        scores[row, int(yes)] = 1.0
    return scores


fusion.classes = ("no", "yes")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    def make(goals=""):
        out = tmp_path_factory.mktemp("balance") / "run"
        suite = scenarios.loads(SUITE.format(goals=goals))
        return stress.run(
            fusion, data(), suite, out, workers=1, preflight=False, task=stress.Classification(("no", "yes"))
        )

    return make


@pytest.fixture(scope="module")
def run(world):
    return world()


def table(run, **options):
    return run.table("balance", **options).to_pylist()


def value(run, cell):
    return next(r["value"] for r in run.table("cells").to_pylist() if (r["cell"], r["metric"]) == (cell, "accuracy"))


def test_shares_are_shapley_values_of_the_state_that_streams_are_in(run):
    found = {(r["cell"], r["stream"]): r for r in table(run) if r["measure"] == "shapley_share"}
    assert {cell for cell, _ in found} == {"clean", "dark:4"}
    alone = {"clean": ("clean", "lost:audio", "lost:image"), "dark:4": ("dark:4", "dark-alone:4", "lost:image")}
    for cell, (both, image, audio) in alone.items():
        nothing = value(run, "lost:image+audio")
        v, i, a = (value(run, name) - nothing for name in (both, image, audio))
        assert found[cell, "image"]["value"] == pytest.approx((i + v - a) / 2 / v)
        assert found[cell, "image"]["value"] + found[cell, "audio"]["value"] == pytest.approx(1)


def test_goals_are_held_against_in_each_state(run):
    for goals in ("equal", {"image": 0.5, "audio": 0.5}, "image=0.5, audio=0.5", {"goal": "equal"}):
        rows = table(run, goals=goals)
        shares = [r for r in rows if r["measure"] == "shapley_share"]
        assert all(r["goal"] == 0.5 for r in shares)
        assert all(r["off"] == pytest.approx(r["value"] - 0.5) for r in shares)
        (joint,) = [r for r in rows if r["measure"] == "joint"]
        assert {r["verdict"] for r in shares if r["cell"] == "clean"} == {"within"}
        assert {r["verdict"] for r in shares if r["cell"] == "dark:4"} == {"outside"}
        assert joint["verdict"] == "outside", "on degraded input alone"


def test_adaptive_goals_follow_what_each_stream_achieves_alone(run):
    shares = [r for r in table(run, goals="adaptive") if r["measure"] == "shapley_share"]
    nothing = value(run, "lost:image+audio")
    for cell, image in (("clean", "lost:audio"), ("dark:4", "dark-alone:4")):
        i, a = value(run, image) - nothing, value(run, "lost:image") - nothing
        goal = max(i, 0) / (max(i, 0) + max(a, 0))
        row = next(r for r in shares if (r["cell"], r["stream"]) == (cell, "image"))
        assert row["goal"] == pytest.approx(goal, abs=1e-9)
        assert row["off_low"] <= row["off"] <= row["off_high"]
    assert sum(r["goal"] for r in shares if r["cell"] == "dark:4") == pytest.approx(1)


def test_a_joint_verdict_is_within_where_all_are(run):
    wide = table(run, goals={"goal": "equal", "tolerance": 1.0})
    assert [r["verdict"] for r in wide if r["measure"] == "joint"] == ["within"]
    assert not [r for r in table(run) if r["measure"] == "joint"], "without goals there is no verdict"


@pytest.mark.parametrize(
    ("goals", "text"),
    [
        ({"image": 0.9, "audio": 0.9}, r"add up to 1.*got 1.8. Did you mean image 0.5, audio 0.5"),
        ({"image": 0.3, "audio": 0.3}, r"add up to 1, got 0.6"),
        ({"imaje": 0.5}, "Did you mean image"),
        ("equa", "Did you mean equal"),
        ({"image": "half"}, "shares in"),
        ({"image": True}, "shares in"),
        ({"image": float("nan")}, "shares in"),
        ({"image": -0.1, "audio": 1.1}, "shares in"),
        ({"goal": "equal", "image": 0.5}, "both"),
        ({"goal": "equal", "tolerance": 0}, "tolerance must be"),
        ({"tolerance": 0.1}, "tolerance alone"),
        ({}, "goals must be equal"),
        (0.5, "goals must be equal"),
        ([0.5, 0.5], "goals must be equal"),
        ("image=0.5,image=0.5", "once"),
        ("image=x", "shares in"),
    ],
)
def test_bad_goals_are_one_clear_error_wherever_they_stand(run, goals, text):
    for name in ("contributions", "balance"):
        with pytest.raises(InputError, match=text):
            run.table(name, goals=goals)
    rule = {"metric": "shapley_share", "goals": goals}
    with pytest.raises(SpecError, match=text):
        judge(run, loads_gates({"gates": [rule]}))
    if not isinstance(goals, str) or "=" not in goals:
        spec = {"suite": "a@1", "goals": goals, "scenarios": {"lost": {"all": "missing", "grid": "subsets"}}}
        with pytest.raises(SpecError, match=text):
            stress.run(fusion, data(), spec, run.path.parent / "never")
        assert not (run.path.parent / "never").exists()


def test_sums_allow_what_rounding_takes():
    assert not isinstance(goals_of({"a": 0.33, "b": 0.33, "c": 0.33}), str)
    assert goals_of({"a": 0.33, "b": 0.33, "c": 0.33}).mismatch(["a", "b", "c"]) is None
    assert goals_of({"a": 0.5}).mismatch(["a", "b"]) is None, "the other may have any share"


def test_goals_of_the_suite_are_those_of_its_runs(world, capsys):
    run = world("goals: {image: 0.5, audio: 0.5, tolerance: 0.2}")
    assert [r["verdict"] for r in table(run) if r["measure"] == "joint"] == ["outside"]
    assert [r["verdict"] for r in table(run, goals={"goal": "equal", "tolerance": 1}) if r["measure"] == "joint"] == [
        "within"
    ]
    assert main(["measure", str(run.path)]) == 0
    assert "against their goals" in " ".join(capsys.readouterr().out.split())
    assert main(["measure", str(run.path), "--table", "balance", "--goals", "adaptive"]) == 0
    assert "shapley_share" in capsys.readouterr().out
    assert main(["measure", str(run.path), "--goals", "image=0.9,audio=0.9"]) == 2
    assert "add up to 1" in capsys.readouterr().err
    assert main(["report", str(run.path)]) == 0
    page = (run.path / "report" / "index.html").read_text()
    assert "Shares of the streams against their goals" in page


def test_gates_hold_shares_between_two_bars(run):
    def outcome(rule):
        report = judge(run, loads_gates(f"gates:\n  - {rule}\n"))
        report_data(report)
        (verdict,) = report.verdicts
        return verdict

    assert outcome("{metric: shapley_share, stream: image, on: clean, within: [.3, .7]}").outcome == "pass"
    low = outcome("{metric: shapley_share, stream: image, on: clean, within: [.65, .9]}")
    high = outcome("{metric: shapley_share, stream: image, on: clean, within: [.1, .35]}")
    assert (low.outcome, high.outcome) == ("fail", "fail")
    both = outcome("{metric: shapley_share, stream: image, within: [.3, .7]}")
    assert both.outcome == "fail"
    assert "dark:4" in both.worst.subject, "the degraded state fails it"
    assert "within [0.3, 0.7]" in both.message
    stressed = outcome("{metric: shapley_share, stream: image, on: {scenario: dark}, within: [.3, .7]}")
    assert [c.subject for c in stressed.checks] == ["image in dark:4, fill none"]
    edge = outcome("{metric: shapley_share, stream: image, on: clean, within: [.499, .7]}")
    assert edge.outcome == "undecided"
    assert outcome("{metric: accuracy, on: clean, within: [.9, 1]}").outcome == "pass"
    assert outcome("{metric: shapley_share, goals: {goal: equal, tolerance: 1}}").outcome == "pass"
    assert outcome("{metric: shapley_share, goals: equal}").outcome == "fail"
    clean = outcome("{metric: shapley_share, goals: adaptive, on: clean}")
    assert clean.outcome == "pass"
    assert "share − goal" in clean.checks[0].subject


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("{metric: shapley_share, within: 0.5}", "two numbers, the lower one first"),
        ("{metric: shapley_share, within: [.5, .3]}", "two numbers, the lower one first"),
        ("{metric: shapley_share, within: [.3, .5], min: .2}", "one of min, max"),
        ("{metric: accuracy, within: [.3, 85]}", "within of accuracy must be in"),
        ("{metric: necessity, goals: equal}", "goals go with shapley_share"),
    ],
)
def test_bad_rules_are_told(rule, text):
    with pytest.raises(SpecError, match=text):
        loads_gates(f"gates:\n  - {rule}\n")
