"""Gates and the data behind them: samples that leak, labels that are wrong, labels that are disputed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import InputError, SpecError
from stress.cli import main
from stress.gate import judge, load_disputed, loads_gates
from tests._runs import cell, write

RATE = {"metric": "accuracy", "on": "clean"}


def run_of(folder, right):
    """A run of one clean cell; ``right``: which of the answers are."""
    count = len(right)
    records = {
        "cell": np.zeros(count, int),
        "sample": np.arange(count),
        "score": np.array(right, float),
        "prediction": ["1" if each else "2" for each in right],
    }
    return write(folder, [cell()], records, ["1"] * count)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("labels") / "run", [i % 10 > 0 for i in range(400)])


def audit(folder, samples, leaks=(), apart=()):
    path = folder / "audit.json"
    found = {
        "format": 1,
        "samples": list(samples),
        "leaks": [{"sample": name, "stream": stream} for name, stream in leaks],
        "groups": [{"apart": True, "samples": list(apart)}, {"apart": False, "samples": ["s00007"]}],
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def leakage(run, folder, most=0):
    rule = {"metric": "leakage", "max": most, "audit": "audit.json"}
    return judge(run, loads_gates({"gates": [rule]}, folder=folder)).verdicts[0]


def test_a_run_whose_samples_leak_fails_and_another_passes(run, tmp_path):
    ids = run.samples["id"].to_pylist()
    audit(tmp_path, ids)
    assert leakage(run, tmp_path).outcome == "pass"
    audit(tmp_path, [*ids, "other"], [("other", "all streams"), ("s00003", "image")])
    assert leakage(run, tmp_path).outcome == "pass"  # another's, and in one stream alone
    audit(tmp_path, ids, [("s00003", "all streams")], ["s00003", "s00005"])
    found = leakage(run, tmp_path)
    assert (found.outcome, found.worst.value) == ("fail", 2.0)
    assert leakage(run, tmp_path, 1).outcome == "fail"
    assert leakage(run, tmp_path, 2).outcome == "pass"


def test_an_audit_of_other_data_judges_nothing(run, tmp_path):
    audit(tmp_path, run.samples["id"].to_pylist()[:-1])
    found = leakage(run, tmp_path)
    assert found.outcome == "unjudged"
    assert "s00399" in found.worst.note


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"metric": "leakage", "max": 0}, "go together"),
        ({"metric": "leakage", "min": 0, "audit": "audit.json"}, "go together"),
        ({"metric": "accuracy", "min": 0.5, "audit": "audit.json"}, "go together"),
        ({"metric": "leakage", "max": 0, "audit": "audit.json", "on": "clean"}, "takes no on"),
        ({"metric": "leakage", "max": -1, "audit": "audit.json"}, "at least 0, got -1"),
        ({"metric": "leakage", "max": 0, "audit": "none.json"}, "none.json"),
        ({"metric": "leakage", "max": 0, "audit": "odd.json"}, "must be what `stress audit --out FILE` writes"),
        ({"metric": "leakage", "max": 0, "audit": "list.json"}, "must be what `stress audit --out FILE` writes"),
    ],
)
def test_rules_that_cannot_be_are_refused(run, tmp_path, rule, says):
    audit(tmp_path, run.samples["id"].to_pylist())
    (tmp_path / "odd.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text('[{"samples": 3}]', encoding="utf-8")
    with pytest.raises(SpecError, match=says):
        loads_gates({"gates": [rule]}, folder=tmp_path)


def test_the_audit_command_writes_what_the_rule_reads(tmp_path, capsys):
    import stress

    suite = {"suite": "one@1", "scenarios": {"gone": {"audio": "missing"}}}
    done = stress.run("demo", "demo", suite, tmp_path / "run", limit=8, preflight=False, workers=1, examples=0)
    assert main(["audit", "demo", "--out", str(tmp_path / "audit.json"), "--max-leaks", "0"]) == 0
    assert leakage(done, tmp_path).outcome == "pass"


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 0.99), st.sampled_from(["min", "max"]))
def test_labels_below_the_rate_at_which_a_verdict_turns_cannot_turn_it(bar, kind):
    """Of the interval that the gate shows: so many labels moved in the worst way leave its end on the same side."""
    run = test_labels_below_the_rate_at_which_a_verdict_turns_cannot_turn_it.run
    check = judge(run, loads_gates({"gates": [{**RATE, kind: bar}]})).verdicts[0].worst
    if check.outcome == "undecided":
        assert check.turns_at is None
        return
    good = (check.outcome == "pass") == (kind == "min")  # surely above the bar
    spare = check.low - bar if good else bar - check.high
    assert check.turns_at == pytest.approx(max(spare, 0))


@pytest.fixture(scope="module", autouse=True)
def given_to_hypothesis(run):
    test_labels_below_the_rate_at_which_a_verdict_turns_cannot_turn_it.run = run


@pytest.mark.parametrize(("bar", "number", "outcome"), [(0.8, 4, "pass"), (0.8, 80, "undecided"), (0.97, 4, "fail")])
def test_disputed_labels_make_undecided_what_they_could_turn(run, bar, number, outcome):
    gates = loads_gates({"gates": [{**RATE, "min": bar}]})
    disputed = run.samples["id"].to_pylist()[:number]
    found = judge(run, gates, labels_disputed=disputed).verdicts[0]
    assert found.outcome == outcome
    if outcome == "undecided":
        assert "80 labels are disputed (20.0%)" in found.worst.note


def test_the_file_of_disputed_labels(run, tmp_path, capsys):
    path, gates = tmp_path / "disputed.txt", tmp_path / "gates.yaml"
    gates.write_text("gates: [{metric: accuracy, on: clean, min: 0.8}]", encoding="utf-8")
    path.write_text("s00001\n\n s00002 \n", encoding="utf-8")
    assert load_disputed(path, run) == {"s00001", "s00002"}
    json_file = str(tmp_path / "gate.json")
    assert main(["gate", str(run.path), str(gates), "--labels-disputed", str(path), "--json", json_file]) == 0
    assert "labels: if" in capsys.readouterr().out
    assert json.loads((tmp_path / "gate.json").read_text())["verdicts"][0]["checks"][0]["turns_at"] > 0
    for text, says in (("", "a sample a line"), ("s00001\nwho", "got 'who'")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=says):
            load_disputed(path, run)
