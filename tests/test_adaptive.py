"""Runs that stop where they know enough: same records, valid verdicts, the same questions whoever answers them."""

import json
import shutil

import numpy as np
import pytest

import stress
from perturbations import InputError, RunError, SpecError
from stress.adaptive import Question, chooser_of, foresee, sides_of, stopped_lines
from stress.adaptive._power import worse
from stress.cli import main
from stress.gate import Form, Observed, Rule, judge, loads_gates, report_data
from stress.records.metric import Metric
from tests.adaptive_world import SUITE, Model, run, samples, world

CELLS = ("clean", "shift:1", "shift:2", "shift:3")
N = 700
"""Samples."""
COLUMNS = ["cell", "sample", "draw", "status", "prediction", "score"]
GATES = {
    "gates": [
        {"metric": "accuracy", "min": 0.6, "per": "cell", "on": {"scenario": "shift"}},
        {"metric": "drop", "max": 0.5, "per": "cell", "on": {"scenario": "shift"}},
        {"metric": "retention", "min": 0.5, "per": "cell", "on": {"severity": "<=2"}},
        {"metric": "accuracy", "min": 0.5, "per": "scenario"},
        {"metric": "failure_rate", "max": 0.05},
    ]
}


def gates(*rules, **more):
    return loads_gates({"gates": list(rules), **more} if rules else GATES)


def rows(found):
    """All records, by cell and sample, without times."""
    table = found.records().select(COLUMNS).to_pylist()
    return sorted((tuple(row.values()) for row in table), key=str)


def asked(found):
    return {name: each["samples"] for name, each in found.info["adaptive"]["cells"].items()}


def outcomes(report):
    return [(v.rule.title, c.subject, c.outcome) for v in report.verdicts for c in v.checks]


@pytest.fixture(scope="module")
def known():
    return world(N)


@pytest.fixture(scope="module")
def whole(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def stopped(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("stopped") / "run", until=gates())


def test_the_same_verdicts_for_a_part_of_the_questions(stopped, whole):
    assert outcomes(judge(stopped, gates())) == outcomes(judge(whole, gates()))
    about = stopped.info["adaptive"]
    assert about["asked"] == stopped.count < 0.5 * whole.count == 0.5 * about["of"]
    assert about["ended"] == "decided"
    assert {each["outcome"] for each in about["questions"]} == {"pass", "fail"}
    assert stopped.info["finished"] is True
    assert stopped.info["records"] == stopped.count


def test_records_are_those_of_the_whole_grid_and_each_cell_has_a_beginning_of_the_order(stopped, whole):
    assert set(rows(stopped)) <= set(rows(whole))
    shard = dict(zip(stopped.samples["order"].to_pylist(), stopped.samples["shard"].to_pylist()))
    sizes = np.bincount(list(shard.values()))
    for cell, count in asked(stopped).items():
        assert count >= 64
        mine = [shard[row["sample"]] for row in stopped.records([cell], ["sample"]).to_pylist()]
        assert sorted(set(mine)) == list(range(max(mine) + 1))
        assert len(mine) == sizes[: max(mine) + 1].sum() == count
    assert asked(stopped)["clean"] == max(asked(stopped).values())


def test_a_stopped_run_goes_on_to_the_whole_grid(stopped, whole, known, tmp_path):
    shutil.copytree(stopped.path, tmp_path / "run")
    more = run(*known, tmp_path / "run")
    assert rows(more) == rows(whole)
    assert more.info["reused"]["records"] == stopped.count
    assert outcomes(judge(more, gates())) == outcomes(judge(whole, gates()))


@pytest.mark.parametrize("workers", [2, 4])
def test_the_questions_do_not_depend_on_how_many_answer(known, stopped, tmp_path, workers):
    other = run(*known, tmp_path / "run", until=gates(), workers=workers)
    assert rows(other) == rows(stopped)
    assert other.info["adaptive"] == stopped.info["adaptive"]


class Dies(Model):
    """Stops the run after so many questions, as an interrupt would."""

    left = 0

    def __call__(self, batch):
        self.left -= len(batch.ids)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__call__(batch)


@pytest.mark.parametrize("after", [70, 400])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_stopped_in_the_middle_goes_on_to_the_same_end(known, stopped, tmp_path, after, workers):
    given, model = known
    dying = Dies(given, [])
    dying.numbers, dying.left = model.numbers, after + 200
    with pytest.raises(KeyboardInterrupt):
        run(given, dying, tmp_path / "run", until=gates(), workers=workers)
    dying.left, dying.asked = 10**9, 0
    more = run(given, dying, tmp_path / "run", until=gates(), workers=1)
    assert rows(more) == rows(stopped)
    assert more.info["adaptive"] == stopped.info["adaptive"]


def test_a_budget_ends_the_run_and_a_larger_one_goes_on(known, stopped, tmp_path):
    short = run(*known, tmp_path / "run", until=gates(), max_calls=400)
    assert short.count <= 400
    assert short.info["adaptive"]["ended"] == "budget"
    assert "open" in {each["outcome"] for each in short.info["adaptive"]["questions"]}
    assert "budget" in {each["why"] for each in short.info["adaptive"]["cells"].values()}
    verdicts = {title: outcome for title, _, outcome in outcomes(judge(short, gates()))}
    assert "undecided" in verdicts.values()
    more = run(*known, tmp_path / "run", until=gates(), max_calls=10_000)
    assert rows(more) == rows(stopped)
    with pytest.raises(InputError, match=r"max_calls must be at least 256.*64 samples"):
        run(*known, tmp_path / "other", until=gates(), max_calls=255)


def test_a_rule_against_an_earlier_run(known, whole, tmp_path):
    given, model = known
    worse = Model(given, [], lost=0.2)
    worse.numbers = model.numbers
    rules = gates({"metric": "accuracy", "max_drop": 0.1, "per": "cell", "against": "baseline"})
    found = run(given, worse, tmp_path / "run", until=rules, against=whole.path)
    report = judge(found, rules, whole)
    assert found.info["adaptive"]["asked"] < 0.6 * found.info["adaptive"]["of"]
    assert {outcome for *_, outcome in outcomes(report)} == {"fail"}
    check = report.verdicts[0].checks[0]
    assert check.low <= 0.2 <= check.high
    assert check.before - check.after == pytest.approx(check.value)
    same = run(given, model, tmp_path / "same", until=rules, against=whole.path)
    assert {outcome for *_, outcome in outcomes(judge(same, rules, whole))} == {"pass"}
    assert same.info["adaptive"]["asked"] < 0.4 * same.info["adaptive"]["of"]
    with pytest.raises(InputError, match="must be a finished run of the whole grid, got one that stopped early"):
        run(given, model, tmp_path / "x", until=rules, against=same.path)


def test_clusters_are_asked_whole_and_are_one_observation(tmp_path):
    given, model = world(400, group=5)
    found = run(given, model, tmp_path / "run", until=gates(), cluster="speaker")
    speaker = dict(zip(found.samples["order"].to_pylist(), found.samples["group.speaker"].to_pylist()))
    for cell in CELLS:
        mine = [speaker[row["sample"]] for row in found.records([cell], ["sample"]).to_pylist()]
        assert set(np.unique(mine, return_counts=True)[1]) == {5}
    with pytest.raises(SpecError, match="cluster must be that by which the run's order was left to chance, speaker"):
        judge(found, gates(*GATES["gates"], cluster="other"))


def test_what_cannot_stop_early_is_run_whole_and_named(known, tmp_path):
    rules = gates(
        {"metric": "accuracy", "min": 0.6, "on": {"severity": 1}},
        {"metric": "recall", "min": 0.1, "per": "class", "on": {"severity": 3}},
        {"metric": "accuracy", "min": 0.5, "on": {"severity": 2}},
    )
    found = run(*known, tmp_path / "run", until=rules)
    assert found.info["adaptive"]["whole"] == {"shift:3": "recall per class is of parts of the samples"}
    assert asked(found)["shift:3"] == N
    assert asked(found)["shift:1"] < 200
    assert [v.outcome for v in judge(found, rules).verdicts] == ["pass", "pass", "pass"]
    other = judge(found, gates({"metric": "f1_macro", "min": 0.1, "on": {"severity": 1}})).verdicts[0]
    assert other.outcome == "unjudged"
    assert "the run stopped before" in other.message


def test_numbers_as_narrow_as_wanted(known, tmp_path):
    found = run(*known, tmp_path / "run", until="precision=0.075")
    width = {r["cell"]: r["high"] - r["low"] for r in found.table("cells").to_pylist() if r["metric"] == "accuracy"}
    whole = {name for name, count in asked(found).items() if count == N}
    assert {name for name, each in width.items() if each <= 0.15} | whole == set(CELLS)
    assert asked(found)["shift:1"] < N


def test_tables_of_a_stopped_run_have_no_interval_as_if_its_end_were_fixed(stopped, whole):
    for row in stopped.table("cells").to_pylist():
        if row["metric"] == "accuracy":
            assert row["method"] == "betting sequence"
            assert row["low"] <= row["value"] <= row["high"]
        elif row["low"] is not None:
            assert row["metric"].endswith("_rate")
    ends = {r["cell"]: (r["low"], r["high"]) for r in stopped.table("cells").to_pylist() if r["metric"] == "accuracy"}
    curve = [r for r in stopped.table("curves").to_pylist() if r["metric"] == "accuracy"]
    assert len(curve) == 4
    assert all((r["low"], r["high"]) == ends[r["cell"]] and r["low"] <= r["value"] <= r["high"] for r in curve)
    for name in ("robustness", "classes", "groups"):
        assert all(row["low"] is None for row in stopped.table(name).to_pylist())
    assert any(row["low"] is not None for row in whole.table("robustness").to_pylist())
    assert stopped.measured().summary()["clean"]["method"] == "betting sequence"


def test_what_is_told(stopped, whole):
    lines = stopped_lines(stopped.info)
    assert f"{stopped.count:,} of {4 * N:,} questions asked" in lines[0]
    assert stopped_lines(whole.info) == []
    report = judge(stopped, gates())
    bad = next(v for v in report.verdicts if v.outcome == "fail")
    assert f"of {N:,} samples" in bad.message
    assert report_data(report)["verdicts"][0]["checks"][0]["method"] == "betting sequence"
    from stress.report import write_report

    assert "questions asked" in write_report(stress.open(stopped.path)).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("nothing.yaml", "must be an existing YAML file"),
        ("precision=2", "precision=P"),
        ("precison=0.1", "precision=P"),
        (7, "until must be a gate file"),
        (gates({"metric": "acuracy", "min": 0.5}), "metric must be one of"),
        (gates({"metric": "recall", "min": 0.5, "per": "class"}), "must have a rule that can be decided"),
        (gates({"metric": "accuracy", "min": 1.0}), "at the end of what accuracy can be"),
        (gates({"metric": "accuracy", "min": 0.5, "on": {"stream": "audio"}}), "stream must be one of image"),
        (gates({"metric": "accuracy", "min": 0.5, "on": {"scenario": "fog"}}), "must be about a cell of the suite"),
        (gates({"metric": "accuracy", "max_drop": 0.1, "against": "baseline"}), "needs a run to compare with"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(known, tmp_path, until, says):
    given, model = known
    before = model.asked
    with pytest.raises((InputError, SpecError), match=says):
        run(given, model, tmp_path / "run", until=until)
    assert model.asked == before
    assert not (tmp_path / "run").exists()


def test_runs_of_another_order_or_of_more_samples_are_not_continued(known, whole, stopped, tmp_path):
    with pytest.raises(RunError, match="begun without --until"):
        run(*known, whole.path, until=gates())
    with pytest.raises(InputError, match="--against goes with --until"):
        run(*known, tmp_path / "x", against=whole.path)


def test_an_order_left_to_chance_is_whole_keyed_and_not_sorted_by_class(known):
    from stress.data import load_data
    from stress.engine._order import even_shards

    data = load_data(known[0])
    one, again = even_shards(data, 0, 32), even_shards(data, 0, 32)
    assert [list(shard) for shard in one] == [list(shard) for shard in again]
    assert sorted(np.concatenate(one)) == list(range(N))
    assert list(np.concatenate(even_shards(data, 1, 32))) != list(np.concatenate(one))
    first = [np.mean([data.targets[i] == "a" for i in even_shards(data, seed, 32)[0]]) for seed in range(60)]
    assert np.var(first) > 0.4 * 0.25 / 32  # a stratified order would have none
    assert abs(np.mean(first) - 0.5) < 4 * np.sqrt(0.25 / 32 / 60)


def decided(rate, bar, count, seed, checks=10, kind="min"):
    """Return what bets decide of one rate, and after how many answers."""
    rng = np.random.default_rng(seed)
    rule = Rule("accuracy", kind, bar, "test")
    form = Form("rate", Metric("accuracy", top="score"))
    question = Question(rule, "x", ("x",), (0,), (), form, 1.0, count, sides_of(rule))
    for start in range(0, count, 32):
        right = (rng.random(min(32, count - start)) < rate).astype(float)
        nothing = np.zeros_like(right)
        question.add(np.stack([right, nothing + 1, nothing, nothing], axis=1))
        question.judge(checks, "holm")
        if question.outcome:
            break
    return question.outcome, question.count


@pytest.mark.parametrize(("rate", "bar", "wrong"), [(0.85, 0.85, "fail"), (0.5, 0.5, "fail"), (0.845, 0.85, "pass")])
def test_a_wrong_verdict_is_as_rare_as_promised(rate, bar, wrong):
    found = [decided(rate, bar, 1000, seed, checks=1)[0] for seed in range(60)]
    assert np.mean([each == wrong for each in found]) <= 0.0125 + 3 * np.sqrt(0.0125 / 60)


def test_what_lies_at_the_bar_is_given_up_and_what_lies_far_is_decided_soon():
    near = [decided(0.85, 0.85, 2000, seed) for seed in range(15)]
    assert np.mean([outcome == "hopeless" for outcome, _ in near]) > 0.7
    assert np.mean([count for _, count in near]) < 0.6 * 2000
    assert all(decided(0.95, 0.85, 2000, seed)[0] == "pass" for seed in range(8))
    assert np.median([decided(0.95, 0.85, 2000, seed)[1] for seed in range(8)]) < 300
    assert all(decided(0.7, 0.85, 2000, seed)[0] == "fail" for seed in range(8))


def test_the_command_line(tmp_path):
    (tmp_path / "gates.yaml").write_text("gates:\n  - {metric: accuracy, min: 0.5, on: clean}\n")
    options = ["--limit", "80", "--only", "lost", "--workers", "1", "--no-report", "--no-examples"]
    options += ["--no-preflight", "--progress", "quiet", "--until", str(tmp_path / "gates.yaml")]
    assert main(["run", "demo", "--out", str(tmp_path / "run"), *options]) == 0
    about = json.loads((tmp_path / "run" / "run.json").read_text())["adaptive"]
    assert about["cells"]["clean"]["samples"] <= 80
    assert main(["run", "demo", "--out", str(tmp_path / "other"), "--until", "precision=x"]) == 2


def test_nobody_chooses_where_nothing_is_asked_for():
    assert chooser_of(None) is None
    assert SUITE["severities"] == [1, 2, 3]
    assert len(samples(3)[0]) == 3


def test_what_a_rule_takes_is_foretold_before(known, whole, stopped, tmp_path, capsys):
    found = {(each.rule.title, each.subject, each.drop): each for each in foresee(gates(), whole, (0.0, 0.1))}
    took = {(each["rule"], each["on"]): each for each in stopped.info["adaptive"]["questions"]}
    for (title, subject, drop), each in found.items():
        if drop or subject == "all cells":
            continue
        assert each.outcome == took[title, subject]["outcome"]
        assert each.adaptive <= 2.5 * took[title, subject]["samples"] + 64
        assert took[title, subject]["samples"] <= 2.5 * each.adaptive + 64
    key = "accuracy per cell on scenario shift ≥ 0.6", "shift:2"
    assert found[*key, 0.1].value == pytest.approx(found[*key, 0.0].value - 0.1)
    assert found[*key, 0.1].adaptive > found[*key, 0.0].adaptive
    (tmp_path / "gates.yaml").write_text("gates:\n  - {metric: accuracy, min: 0.6}\n  - {metric: f1_macro, min: 0.5}\n")
    assert main(["power", str(tmp_path / "gates.yaml"), "--against", str(whole.path), "--drop", "0.02"]) == 0
    assert "run whole" in capsys.readouterr().out
    assert main(["power", str(tmp_path / "gates.yaml"), "--against", str(whole.path), "--drop", "2"]) == 2
    assert main(["power", str(tmp_path / "gates.yaml"), "--against", str(stopped.path)]) == 2


def test_what_clusters_take_is_foretold_in_samples(tmp_path):
    """Ten samples of a speaker are one observation: a rule takes as many samples as so many speakers have."""
    given, model = world(400, group=10)
    clustered = run(given, model, tmp_path / "run", cluster="speaker")
    rule = {"metric": "accuracy", "min": 0.6, "on": "clean"}
    (by,) = foresee(gates(rule, cluster="speaker"), clustered)
    assert by.outcome == "pass"
    assert by.whole % 10 == 0
    assert by.whole >= 10 * np.log(0.025) / np.log(0.6)  # so many speakers, all of them right, could be luck
    assert by.adaptive > by.whole


def test_questions_are_foretold_by_a_dry_run(capsys):
    options = ["--limit", "40", "--only", "lost", "--workers", "1", "--until", "precision=0.1"]
    assert main(["run", "demo", "--dry-run", *options]) == 0
    assert "until precision=0.1: at least 320 questions" in " ".join(capsys.readouterr().out.split())


def test_worse_observations_are_worse_by_so_much():
    rule = Rule("accuracy", "min", 0.5, "test")
    for better, mean in (("higher", 0.65), ("lower", 0.85)):
        form = Form("rate", Metric("accuracy", top="score", better=better))
        rows = np.repeat([[1.0, 1, 0, 0], [0.5, 1, 0, 0]], [50, 50], axis=0)
        assert worse(Observed.of(form, rows, 1.0), 0.1).value == pytest.approx(mean)
    assert rule.bar == 0.5


@pytest.mark.parametrize("kind", ["rate", "drop", "retention", "lost"])
def test_a_path_ends_where_all_at_once_does_and_ends_are_where_bets_refute(kind):
    rng = np.random.default_rng(3)
    now, before = rng.integers(0, 4, 200) * 1.0, rng.integers(1, 4, 200) * 1.0
    rows = np.stack([now, np.full(200, 3.0), before, np.full(200, 3.0)], axis=1)
    seen = Observed.of(Form(kind, Metric("accuracy", top="score")), rows, 3.0, np.arange(200) // 32)
    assert len(seen.path(0.4, True)) == 7
    assert seen.path(0.4, True)[-1] == pytest.approx(seen.evidence(0.4, True))
    low, high = seen.sequence(0.025)
    assert low < seen.value < high
    for end, above, out in ((low, True, -1e-6), (high, False, 1e-6)):
        assert seen.evidence(end + out, above) >= np.log(40) > seen.evidence(end - out, above)


def test_nobody_takes_a_stopped_run_for_a_whole_one(stopped, whole):
    from stress.gate import compare, compare_several, suggest

    rules = gates({"metric": "accuracy", "max_drop": 0.1, "against": "baseline"})
    for work in (
        lambda: compare(whole, stopped),
        lambda: compare_several(whole, stopped, whole),
        lambda: suggest(stopped),
        lambda: suggest(whole, stopped),
        lambda: judge(whole, rules, stopped),
    ):
        with pytest.raises(RunError, match="must be a run of all samples, got one that stopped early"):
            work()


def test_where_it_stopped_the_sequence_still_holds_the_truth():
    missed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        right = (rng.random(1000) < 0.8).astype(float)
        rows = np.stack([right, np.ones(1000), np.zeros(1000), np.zeros(1000)], axis=1)
        seen = Observed.of(Form("rate", Metric("accuracy", top="score")), rows, 1.0, np.arange(1000) // 32)
        path = seen.path(0.75, True)  # whoever stops where it looks best
        count = 32 * (int(np.argmax(path)) + 1)
        low, high = Observed.of(seen.form, rows[:count], 1.0).sequence(0.025)
        missed += not low <= 0.8 <= high
    assert missed / 60 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
