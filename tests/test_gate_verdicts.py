"""What a verdict must not be fooled by: bars out of range, what was not tested, a baseline nobody compares with."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbations import SpecError
from stress.cli import main
from stress.gate import compare, headline, judge, loads_gates, suggest
from stress.measure import summary
from tests._runs import LABELS, cell, subsets, write
from tests.gate_world import graded_run, with_streams

ROOT = Path(__file__).resolve().parents[1]


def gates(*rules, **top):
    lines = [*(f"{key}: {value}" for key, value in top.items()), "gates:", *(f"  - {rule}" for rule in rules)]
    return loads_gates("\n".join(lines), "gates.yaml")


def one(run, rule, **top):
    (verdict,) = judge(run, gates(rule, **top)).verdicts
    return verdict


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    accents = {"accent": ["north" if i % 3 else "south" for i in range(600)]}
    return graded_run(tmp_path_factory.mktemp("run"), [0.97, 0.95, 0.9, 0.7], 600, groups=accents)


# --- bars


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{metric: failure_rate, max: 5}", r"max of failure_rate must be in \[0, 1\], got 5. Did you mean 0.05\?"),
        ("{metric: accuracy, min: 85}", r"got 85. Did you mean 0.85\?"),
        ("{metric: accuracy, against: baseline, max_drop: 2}", r"in \[-1, 1\], got 2. Did you mean 0.02\?"),
        ("{metric: accuracy, min: -0.1}", r"must be in \[0, 1\], got -0.1\.$"),
        ("{metric: mcc, min: -3}", r"in \[-1, 1\]"),
        ("{metric: nll, max: -1}", "must be at least 0"),
        ("{metric: gap, by: accent, of: accuracy, max: 5}", "Did you mean 0.05"),
        ("{metric: recall, per: class, min: 50}", "Did you mean 0.5"),
        ("{metric: conflict_rate, max: 10}", "Did you mean 0.1"),
        ("{metric: retention, min: 90}", "Did you mean 0.9"),
    ],
)  # fmt: skip
def test_a_bar_that_no_value_can_reach_or_miss_is_bad_input(rule, said):
    with pytest.raises(SpecError, match=said):
        gates(rule)


def test_a_change_of_the_headline_has_its_range(run):
    for rule in ("{metric: gap, by: accent, max: 5}", "{metric: drop, max: 5}"):
        with pytest.raises(SpecError, match=r"Did you mean 0\.05"):
            judge(run, gates(rule))
    assert one(run, "{metric: latency_p95_ms, max: 5000}").passed


@given(st.sampled_from(["accuracy", "ece", "crash_rate", "f1_macro", "flip_rate"]), st.floats(1.0001, 100))
def test_percent_is_never_taken_for_a_share(metric, bar):
    with pytest.raises(SpecError, match="Did you mean"):
        gates(f"{{metric: {metric}, max: {bar}}}")


def test_all_that_is_wrong_for_a_run_is_told_at_once(run):
    rules = ("{metric: acuracy, min: 0.1}", "{metric: gap, by: accnt, max: 0.1}", "{metric: drop, max: 5}",
             "{metric: recall, class: '7', on: clean, min: 0.1}",
             "{metric: accuracy, on: {stream: adio}, min: 0.1}")  # fmt: skip
    with pytest.raises(SpecError) as error:
        judge(run, gates(*rules))
    lines = str(error.value).splitlines()
    assert lines[0] == "5 problems:"
    assert [line.split(":")[1] for line in lines[1:]] == ["2", "3", "4", "5", "6"]


# --- the last release


def test_a_baseline_that_no_rule_compares_with_is_refused(run, tmp_path):
    worse = graded_run(tmp_path / "worse", [0.9, 0.85, 0.8, 0.6], 600)
    with pytest.raises(SpecError, match=r"at least one rule against: baseline, got none.*per: scenario"):
        judge(worse, gates("{metric: accuracy, min: 0.5}"), run)
    (tmp_path / "g.yaml").write_text("gates: [{metric: accuracy, min: 0.5}]")
    assert main(["gate", str(worse.path), str(tmp_path / "g.yaml"), "--against", str(run.path)]) == 2


def test_suggestions_against_a_baseline_are_rules_of_each_scenario(tmp_path):
    cells = [cell(), cell("easy@1", "easy", 1.0), cell("hard@1", "hard", 1.0)]
    old, new = (graded_run(tmp_path / str(k), [0.97, 0.95, 0.6], 800, cells=cells, seed=k) for k in (0, 0))
    text = suggest(new, old)
    rules = loads_gates(text, "g.yaml").rules
    against = [rule for rule in rules if rule.against]
    assert [str(rule.on) for rule in against] == ["clean", "scenario easy", "scenario hard"]
    bars = {str(r.on): r.bar for r in rules if r.metric == "accuracy" and not r.against}
    assert bars["scenario easy"] > bars["scenario hard"] + 0.2  # no bar is set by the worst
    assert judge(new, loads_gates(text), old).status == 0
    worse = graded_run(tmp_path / "worse", [0.9, 0.85, 0.5], 800, cells=cells)
    assert judge(worse, loads_gates(text), old).status == 1


def test_a_run_compared_with_itself_has_no_difference(run):
    assert headline(compare(run, run)).startswith("no difference found")


# --- nothing tested


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """Of two scenarios one changes nothing: colours swapped on grey pictures."""
    n = 100
    cells = [cell(), cell("bgr@1", "bgr", 1.0), cell("noise@1", "noise", 1.0)]
    rows = {"cell": np.repeat(np.arange(3), n), "sample": np.tile(np.arange(n), 3), "score": np.ones(3 * n)}
    rows["score"][2 * n : 2 * n + 50] = 0
    rows["prediction"] = ["0"] * (3 * n)
    rows["status"] = ["ok"] * n + ["unchanged"] * n + ["ok"] * n
    return with_streams(write(tmp_path_factory.mktemp("grey"), cells, rows, ["0"] * n, columns=LABELS))


def test_what_changed_nothing_was_not_tested(grey):
    for rule in ("{metric: accuracy, on: {scenario: bgr}, min: 0.5}", "{metric: drop, on: {scenario: bgr}, max: 0.5}"):
        verdict = one(grey, rule)
        assert verdict.outcome == "unjudged"
        assert "not tested: no perturbation could change any record" in verdict.message
    assert judge(grey, gates("{metric: accuracy, on: {scenario: bgr}, min: 0.5}"), undecided="pass").status == 3
    by_cell = {c.subject: c.outcome for c in one(grey, "{metric: accuracy, per: cell, min: 0.3}").checks}
    assert by_cell == {"clean": "pass", "bgr@1": "unjudged", "noise@1": "pass"}
    pooled = one(grey, "{metric: accuracy, on: {scenario: '*'}, min: 0.3}").checks[0]
    assert (pooled.value, pooled.n) == (0.5, 100)  # not .75: what changed nothing dilutes nothing


# --- what can be asked


def test_gaps_of_true_positives_and_of_a_class(tmp_path):
    """Accuracy is the same in both groups; the alarm is heard in one of them only."""
    n = 1200
    target = np.where(np.arange(n) % 4 == 0, "alarm", "quiet")
    group = np.where(np.arange(n) // 4 % 2, "far", "near")
    wrong = (target == "alarm") & (group == "far") & (np.arange(n) // 8 % 2 == 0)
    wrong |= (target == "quiet") & (group == "near") & (np.arange(n) // 8 % 6 == 0)
    given_ = np.where(wrong, np.where(target == "alarm", "quiet", "alarm"), target)
    rows = {"cell": np.zeros(n, int), "sample": np.arange(n), "score": (~wrong).astype(float), "prediction": given_}
    task = {"task": "classification", "classes": ["alarm", "quiet"], "answers": "labels", "keep": "none"}
    run = write(tmp_path, [cell()], rows, target, task, LABELS, {"place": group.tolist()})
    check = one(run, "{metric: gap, of: recall, class: alarm, by: place, on: clean, max: 0.1}").checks[0]
    assert check.value == pytest.approx(0.5, abs=0.02)
    assert check.subject == "alarm, clean: near over far"
    assert check.outcome == "fail"
    assert one(run, "{metric: gap, by: place, on: clean, max: 0.1}").passed
    with pytest.raises(SpecError, match="a gap of: recall must have class"):
        gates("{metric: gap, of: recall, by: place, max: 0.1}")


def test_what_streams_are_worth_can_be_a_rule(tmp_path):
    n, rng = 400, np.random.default_rng(0)
    cells = subsets()
    lost = [set(row["lost"] or []) for row in cells]
    target = rng.integers(0, 3, n)
    given_ = np.stack([np.where(rng.random(n) < (0.5 if "image" in gone else 0.95), target, (target + 1) % 3)
                       for gone in lost], axis=1)  # fmt: skip
    rows = {"cell": np.repeat(np.arange(len(cells)), n), "sample": np.tile(np.arange(n), len(cells))}
    rows["prediction"] = given_.T.ravel().astype(str)
    rows["score"] = (given_ == target[:, None]).T.ravel().astype(float)
    task = {"task": "classification", "classes": ["0", "1", "2"], "answers": "labels", "keep": "none"}
    run = write(tmp_path, cells, rows, target.astype(str), task, LABELS)
    share = one(run, "{metric: shapley_share, stream: image, max: 0.5}")
    assert share.outcome == "fail"
    assert share.checks[0].subject.startswith("image")
    table = [
        r for r in run.table("contributions").to_pylist() if r["measure"] == "shapley_share" and r["stream"] == "image"
    ]
    assert share.checks[0].value == pytest.approx(table[0]["value"])
    conflict = one(run, "{metric: conflict_rate, max: 0.05}")
    assert conflict.outcome == "fail"
    with pytest.raises(SpecError, match="stream goes with"):
        gates("{metric: accuracy, stream: image, min: 0.5}")


def test_a_class_that_is_never_heard_fails_good(tmp_path):
    """Ten classes, 98 % right, 12 % of one class: the mean of recalls is .91, and looks well."""
    n = 5000
    target = np.where(np.arange(n) % 50 == 0, 9, np.arange(n) % 9)
    heard = (target != 9) | (np.arange(n) // 50 % 8 == 0)
    given_ = np.where(heard, target, 0).astype(str)
    rows = {"cell": np.zeros(n, int), "sample": np.arange(n), "score": heard.astype(float), "prediction": given_}
    task = {"task": "classification", "classes": [str(i) for i in range(10)], "answers": "labels", "keep": "none"}
    run = write(tmp_path, [cell()], rows, target.astype(str), task, LABELS)
    report = judge(run, gates("{preset: good}"))
    (failed,) = [v for v in report.verdicts if v.outcome == "fail"]
    assert (failed.rule.metric, failed.worst.subject, report.status) == ("recall", "9", 1)
    assert judge(run, gates("{preset: floor}")).status != 0


# --- the process


def command(run, rules, *more):
    return [sys.executable, "-m", "stress", "gate", str(run.path), str(rules), *more]


@pytest.mark.parametrize(("bar", "status"), [(0.5, 0), (0.999, 1)])
def test_a_closed_pipe_changes_no_verdict(run, tmp_path, bar, status):
    (tmp_path / "g.yaml").write_text(f"gates: [{{metric: accuracy, on: clean, min: {bar}}}]")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command(run, tmp_path / "g.yaml", "--json", str(tmp_path / "g.json")), stdout=writer,
                          stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (status, "")
    assert (tmp_path / "g.json").exists()


def test_an_output_without_the_characters_is_no_fault(run, tmp_path):
    (tmp_path / "g.yaml").write_text("gates: [{metric: accuracy, on: clean, min: 0.5}]")
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(
        command(run, tmp_path / "g.yaml"), capture_output=True, cwd=ROOT, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"PASS, exit status 0" in done.stdout


def test_a_folder_that_cannot_be_written_keeps_the_verdict(run, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("stress.gate._json.write_json", refuse)
    (tmp_path / "g.yaml").write_text("gates: [{metric: accuracy, on: clean, min: 0.5}]")
    assert main(["gate", str(run.path), str(tmp_path / "g.yaml")]) == 0
    assert "cannot be written: Permission denied" in capsys.readouterr().err
    assert main(["gate", str(run.path), str(tmp_path / "g.yaml"), "--json", str(tmp_path / "x.json")]) == 2


# --- what is told of a run


def test_what_was_not_tested_is_told(grey):
    assert any("not tested: 1 cell in which" in text and "bgr@1" in text for text in summary(grey)["warnings"])


@pytest.mark.parametrize("alike", [True, False])
def test_the_group_whose_samples_are_alike_is_named(tmp_path, alike):
    """40 speakers of 10 recordings; a wide mixture of who is understood, and a group that means nothing."""
    rng = np.random.default_rng(2)
    rate = np.repeat(rng.beta(2, 1, 40), 10) if alike else np.full(400, 0.67)
    rows = {"cell": np.zeros(400, int), "sample": np.arange(400), "score": (rng.random(400) < rate).astype(float)}
    groups = {"speaker": np.repeat(np.arange(40), 10).tolist(), "room": (np.arange(400) % 20).tolist()}
    run = write(tmp_path, [cell()], rows, ["0"] * 400, groups=groups)
    told = [text for text in summary(run)["warnings"] if "are alike" in text]
    assert len(told) == alike
    if alike:
        assert "samples of one speaker" in told[0]
        wide, short = (run.table("cells", **given_).to_pylist()[0] for given_ in ({"cluster": "speaker"}, {}))
        ratio = (wide["high"] - wide["low"]) / (short["high"] - short["low"])
        assert float(told[0].split("are ")[2].split(" times")[0]) == pytest.approx(ratio, rel=0.15)
        assert not any("are alike" in text for text in summary(run, cluster="speaker")["warnings"])


def test_what_no_perturbation_could_change_is_not_tested_anywhere(tmp_path, capsys):
    import stress
    from perturbations import Sample
    from stress.report._book import Book
    from stress.report._verdict import headline, verdict

    rng = np.random.default_rng(0)
    grey = [np.repeat(rng.integers(0, 255, (4, 4, 1), dtype=np.uint8), 3, axis=2) for _ in range(60)]
    data = [Sample(f"{i:02d}", {"image": picture}, "yes" if i % 2 else "no") for i, picture in enumerate(grey)]
    suite = {"suite": "a@1", "severities": [1, 3]}
    suite["scenarios"] = {"colours": {"image": "saturate"}, "noise": {"image": "gaussian_noise"}}

    def knows(batch):
        return ["yes" if int(name) % 2 else "no" for name in batch.ids]

    run = stress.run(knows, data, suite, tmp_path / "run", workers=1, preflight=False)
    alone = one(run, "{metric: accuracy, on: {scenario: colours}, min: 0.5}")
    among = one(run, "{metric: accuracy, per: scenario, min: 0.5}")
    assert (alone.outcome, among.outcome) == ("unjudged", "unjudged")
    assert {c.subject: c.outcome for c in among.checks} == {"noise": "pass", "colours": "unjudged"}
    assert "not tested" in among.message
    assert one(run, "{metric: accuracy, min: 0.5}").outcome == "pass", "in a pool it says nothing"
    book = Book(run)
    assert {row["scenario"]: verdict(book, row) for row in book.summary["scenarios"]} == {
        "colours": "untested",
        "noise": "holds",
    }
    assert "not tested under 1 – colours" in headline(book).replace("N", "n")
    page = run.report().read_text(encoding="utf-8")
    assert "not tested" in page
