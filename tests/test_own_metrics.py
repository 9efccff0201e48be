"""A user's metric and a user's task, one file each, are right in every table, gate, comparison and report."""

import json
import subprocess
import sys
from importlib import import_module

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

import scenarios
import stress
from stress.gate import compare as compare_gates
from stress.gate import judge, loads_gates, suggest
from stress.measure import compare, measured
from stress.measure.session.registry import context_of
from stress.measure.tables.counts import count_table
from stress.records.metric import registered
from stress.statistics.counts import MEASURES, Marginals
from stress.statistics.numeric import Numeric, left_out
from tests._runs import cell, rows, write
from tests.coverage_worlds import LETTERS, PARTS, Tally, drawn, many, rng_of, together
from tests.test_measure_coverage_cells import CHANCE, HALF, TAKEN, clustered, named
from tests.test_measure_large import same_tables

SUITE = "suite: own@1\nseverities: [1, 3, 5]\nscenarios:\n  noise: {image: gaussian_noise}\n"


@pytest.fixture
def own(monkeypatch):
    """Import users' files, whose metrics are forgotten again after the test."""
    registry = sys.modules["stress.records.metric"]
    monkeypatch.setattr(registry, "_KNOWN", dict(registry._KNOWN))

    def load(name):
        monkeypatch.delitem(sys.modules, f"tests.own.{name}", raising=False)
        return import_module(f"tests.own.{name}")

    return load


def pictures(targets, seed=0):
    rng = np.random.default_rng(seed)
    return [
        stress.Sample(f"s{i}", {"image": rng.integers(90, 150, (8, 8, 1)).astype(np.uint8)}, target=str(t),
                      groups={"site": "ab"[i % 2]})
        for i, t in enumerate(targets)
    ]  # fmt: skip


def noisy(batch):
    """How noisy each picture looks, which is all that these models see; the same picture always looks the same."""
    return np.array([float(np.std(value)) + float(value.sum() % 97) / 10 for value in batch["image"]])


def urgencies(batch):
    """Probabilities of three classes; noise makes the model answer the first."""
    size = noisy(batch)
    first = np.clip((size - 12) / 40, 0.05, 0.9)
    second = (1 - first) * np.where(np.array([int(value.sum()) % 3 for value in batch["image"]]) == 1, 0.7, 0.3)
    return np.stack([first, second, 1 - first - second], axis=1)


def grades(batch):
    """Whole numbers from 0 to 5, and sometimes −1, which is no grade, where a picture is noisy."""
    size = noisy(batch).astype(int)
    return np.where((size > 40) & (size % 3 == 0), -1, size % 6)


def go(folder, model, targets, task, workers=2):
    return stress.run(
        model, pictures(targets), scenarios.loads(SUITE), folder, task=task, workers=workers, batch_size=7
    )


def wanted(run, cell, function):
    """What an oracle says of a cell's records (with answers), by sample."""
    found = run.records([cell]).to_pylist()
    target = run.samples["target"].to_pylist()
    return function([row for row in found if row["score"] is not None], target)


def test_kappa_is_scikit_learns_in_every_table(own, tmp_path):
    own("kappa")
    targets = np.random.default_rng(1).choice(["a", "b", "c"], 90)
    task = stress.Classification(("a", "b", "c"), headline="cohen_kappa")
    run = stress.open(go(tmp_path / "run", urgencies, targets, task).path)
    assert {"name": "cohen_kappa", "module": "tests.own.kappa"} in run.info["metrics"]
    assert (run.info["headline"], run.info["better"], run.info["format"]) == ("cohen_kappa", "higher", 2)

    def kappa(records, target):
        return cohen_kappa_score([target[r["sample"]] for r in records], [r["prediction"] for r in records])

    truth = {row["cell"]: wanted(run, row["cell"], kappa) for row in run.cells.to_pylist()}
    assert min(truth.values()) < 0.05  # the model is no better than chance: no end of an interval at 0 may hide that
    for name in ("cells", "curves"):
        found = [row for row in run.table(name).to_pylist() if row["metric"] == "cohen_kappa"]
        assert len(found) == 4
        for row in found:
            assert row["value"] == pytest.approx(truth[row["cell"]])
            assert -1 <= row["low"] < row["value"] < row["high"] <= 1
            assert row["low"] < 0
    gates = "gates:\n  - {metric: cohen_kappa, on: clean, min: -0.9}\n  - {metric: cohen_kappa, per: cell, min: 0.9}\n"
    report = judge(run, loads_gates(gates))
    assert [check.outcome for check in report.verdicts[0].checks] == ["pass"]
    assert {check.outcome for check in report.verdicts[1].checks} == {"fail"}
    assert report.verdicts[0].checks[0].value == pytest.approx(truth["clean"])
    page = run.report().read_text(encoding="utf-8")
    assert "cohen kappa" in page.lower()
    assert suggest(run)


def test_kappa_of_two_runs(own, tmp_path):
    own("kappa")
    targets = np.random.default_rng(2).choice(["a", "b", "c"], 90)
    task = stress.Classification(("a", "b", "c"))
    one = go(tmp_path / "one", urgencies, targets, task)
    other = go(tmp_path / "other", lambda batch: urgencies(batch)[:, [1, 0, 2]], targets, task)
    found = compare({"one": one, "other": other}, metric="cohen_kappa").to_pylist()
    values = {
        run: {r["cell"]: r["value"] for r in rows(run, "cells") if r["metric"] == "cohen_kappa"} for run in (one, other)
    }
    for row in found:
        assert row["value_one"] == pytest.approx(values[one][row["cell"]])
        assert row["value"] == pytest.approx(values[one][row["cell"]] - values[other][row["cell"]])
        assert row["low"] < row["value"] < row["high"]
    assert len(compare_gates(one, other, metric="cohen_kappa").cells) == 4


def test_kappa_of_a_large_run_and_of_groups_is_that_of_memory(own, tmp_path):
    own("kappa")
    targets = np.random.default_rng(3).choice(["a", "b", "c"], 60)
    run = go(tmp_path / "run", urgencies, targets, stress.Classification(("a", "b", "c")))
    options = {"metric": "cohen_kappa", "resamples": 200}
    same_tables(run, 100, ("cells", "robustness", "groups", "gaps"), **options)
    held, read = ([r for r in rows(run, "curves", **options, **more) if r["metric"] == "cohen_kappa"]
                  for more in ({}, {"limit": 100}))  # fmt: skip
    assert [r["band_low"] for r in read] == pytest.approx([r["band_low"] for r in held], abs=1e-5)
    group = [row for row in rows(run, "groups", metric="cohen_kappa", small=5) if row["metric"] == "cohen_kappa"]
    assert len(group) == 8
    assert all(row["low"] < row["value"] < row["high"] for row in group)


@pytest.mark.parametrize("groups", [None, 25])
def test_intervals_of_kappa_hold_the_truth(own, groups):
    own("kappa")
    joint = CHANCE[:, None] * TAKEN
    chance = float(joint.sum(0) @ joint.sum(1))
    truth = {"cohen_kappa": (float(np.trace(joint)) - chance) / (1 - chance)}
    rng, tally = rng_of(f"kappa {groups}"), Tally()
    for _ in range(PARTS):
        pool = 2500
        target, member = rng.choice(4, pool, p=CHANCE), clustered(pool, groups and 250)[0]
        there = drawn(rng, pool, groups or 250, HALF, member)
        answer = (together(rng, there.shape, member)[..., None] > TAKEN.cumsum(axis=1)[target][:, None]).sum(axis=2)
        columns = {"prediction": answer, "score": (answer == target[:, None]) * 1.0}
        run = many(columns, there, targets=LETTERS[target], groups=named(member))
        context = context_of(run, **({"cluster": "speaker"} if groups else {}))
        tally.rows(count_table(context, "cohen_kappa").to_pylist(), truth)
    tally.holds()


@pytest.mark.parametrize("name", MEASURES)
def test_slopes_that_are_found_are_those_that_are_known(name):
    rng = np.random.default_rng(4)
    table = rng.integers(1, 30, (3, 4, 4)).astype(float)
    none = rng.integers(0, 5, 3)
    m = Marginals(np.diagonal(table, axis1=1, axis2=2), table.sum(1), table.sum(2), table.sum((1, 2)) + none)

    def alone(hits, answers, truths, records):
        return MEASURES[name](Marginals(hits[None], answers[None], truths[None], np.array([records]))).value[0]

    known, found = MEASURES[name](m), Numeric(alone)(m)
    np.testing.assert_allclose(found.value, known.value)
    for one in ("hits", "answers", "truths"):
        np.testing.assert_allclose(getattr(found, one), getattr(known, one), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.records, 0 if known.records is None else known.records, rtol=1e-5, atol=1e-8)


def test_influences_that_are_found_are_those_of_the_mean():
    values = np.random.default_rng(5).normal(size=120)
    parts = left_out(lambda kept: values[kept].mean(), values.mean(), np.arange(120) // 2)
    sums = parts.reshape(60, 2).sum(axis=1)
    np.testing.assert_allclose(sums, (values - values.mean()).reshape(60, 2).sum(axis=1) / 120, rtol=1e-9)
    wide = np.random.default_rng(6).normal(size=3000)  # more clusters than are left out one by one
    error = np.sqrt(np.square(left_out(lambda kept: wide[kept].mean(), wide.mean(), np.arange(3000))).sum())
    assert error == pytest.approx(wide.std() / np.sqrt(3000), rel=0.1)
    gone = left_out(lambda kept: np.nan if kept[0] else 1.0, 1.0, np.arange(5))
    assert np.isnan(gone).any()  # undefined without a cluster: no interval, and never an error of 0


def test_confidence_rank_and_mean_of_ones_own(own, tmp_path):
    own("sure")
    targets = np.random.default_rng(7).choice(["a", "b", "c"], 90)
    run = stress.open(go(tmp_path / "run", urgencies, targets, stress.Classification(("a", "b", "c"), keep="all")).path)
    at = {(row["cell"], row["metric"]): row for row in run.table("cells").to_pylist()}
    by_class = {(r["cell"], r["metric"], r["class"]): r for r in run.table("classes").to_pylist()}
    for name in run.cells["cell"].to_pylist():
        mine, theirs = at[name, "own_overconfidence"], at[name, "overconfidence"]
        for key in ("value", "low", "high"):
            assert mine[key] == pytest.approx(theirs[key], abs=1e-9)
        assert mine["method"] == theirs["method"]
        mine, theirs = at[name, "own_auroc_macro"], at[name, "auroc_macro"]
        assert mine["value"] == pytest.approx(theirs["value"])
        assert (mine["low"], mine["high"]) == pytest.approx((theirs["low"], theirs["high"]), abs=0.03)
        records = list(run.records([name]).to_pylist())
        sure = [r["confidence"] > 0.5 and r["score"] < 1 for r in records]
        assert at[name, "bold_mistakes"]["value"] == pytest.approx(np.mean(sure))
        scores = [r["probabilities"][1] for r in records]
        truth = [run.samples["target"][r["sample"]].as_py() == "b" for r in records]
        assert by_class[name, "own_auroc", "b"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    rule = "gates:\n  - {metric: own_auroc, per: class, min: 0.01}\n  - {metric: own_overconfidence, max: 0.99}\n"
    verdicts = judge(run, loads_gates(rule)).verdicts
    assert len(verdicts[0].checks) == 3
    assert all(check.value is not None for v in verdicts for check in v.checks)
    same = go(tmp_path / "same", urgencies, targets, stress.Classification(("a", "b", "c"), keep="all"))
    for name in ("own_overconfidence", "own_auroc_macro", "bold_mistakes"):
        for row in compare({"one": run, "other": same}, metric=name).to_pylist():
            assert row["value"] == 0
            assert row["low"] <= 0 <= row["high"]
            assert row["verdict"] == "unknown"


def test_a_task_of_ones_own_in_every_table(own, tmp_path):
    module = own("grades")
    targets = np.random.default_rng(8).integers(0, 6, 80)
    run = stress.open(go(tmp_path / "run", grades, targets, module.Grades()).path)
    assert [row["name"] for row in run.info["metrics"]][:4] == ["near", "lenience", "spread", "credit"]
    at = {(row["cell"], row["metric"]): row for row in run.table("cells").to_pylist()}
    for name in run.cells["cell"].to_pylist():
        records = run.records([name]).to_pylist()
        off = np.array([np.nan if r["off"] is None else r["off"] for r in records])
        assert np.isnan(off).any() or name != "noise:5"  # answers of −1 are failures
        near = np.where(np.isnan(off), 0.0, np.abs(off) <= 1).mean()
        assert at[name, "near"]["value"] == pytest.approx(near)
        assert at[name, "near"]["method"] == "mid-p"
        assert at[name, "lenience"]["value"] == pytest.approx(np.nanmean(off))
        note = at[name, "lenience"]["note"] or ""
        assert ("failed records left out" in note) == bool(np.isnan(off).any())
        assert at[name, "spread"]["value"] == pytest.approx(np.nanmean(off**2))
        credit = np.nansum(5 - np.abs(off)) / (5 * len(off))  # a failure earns nothing of what was possible
        assert at[name, "credit"]["value"] == pytest.approx(credit)
        for metric in ("near", "lenience", "spread", "credit"):
            assert at[name, metric]["low"] < at[name, metric]["value"] < at[name, metric]["high"]
    assert {row["metric"] for row in run.table("curves").to_pylist()} >= {"near", "lenience", "spread", "credit"}
    seen = measured(run)
    for name in stress.measure.TABLES:
        seen.table(name)
    assert seen.summary()["task"] == "grades"
    assert seen.summary()["metric"] == "near"
    same_tables(run, 100, resamples=200)


def test_a_task_of_ones_own_in_gate_comparison_and_report(own, tmp_path):
    module = own("grades")
    targets = np.random.default_rng(9).integers(0, 6, 80)
    run = go(tmp_path / "run", grades, targets, module.Grades())
    other = go(tmp_path / "other", lambda batch: (grades(batch) + 2) % 6, targets, module.Grades())
    bars = ("near, on: clean, min: 0.01", "spread, max: 0.5", "spread, min: 0")
    rules = "gates:\n" + "".join(f"  - {{metric: {bar}}}\n" for bar in bars)
    outcomes = [v.checks[0].outcome for v in judge(run, loads_gates(rules)).verdicts]
    assert outcomes == ["pass", "fail", "pass"]
    with pytest.raises(stress.SpecError, match=r"one of .*credit, .* for grades, got 'nearby'.*near"):
        judge(run, loads_gates("gates:\n  - {metric: nearby, min: 0.5}\n"))
    at = {(r["cell"], r["metric"]): r["value"] for r in rows(run, "cells")}
    theirs = {(r["cell"], r["metric"]): r["value"] for r in rows(other, "cells")}
    for row in compare({"one": run, "other": other}, metric="credit").to_pylist():
        assert row["value_one"] == pytest.approx(at[row["cell"], "credit"])
        assert row["value_other"] == pytest.approx(theirs[row["cell"], "credit"])
    lower = compare({"one": run, "other": other}, metric="spread").to_pylist()
    assert all(np.sign(r["value"]) == np.sign(r["value_other"] - r["value_one"]) for r in lower)
    assert suggest(run).count("{metric: near") >= 2
    assert "near" in run.report().read_text(encoding="utf-8")


def test_a_task_with_classes_has_what_its_records_can_give(own, tmp_path):
    module = own("triage")
    targets = np.random.default_rng(10).choice(["now", "today", "later"], 90)
    run = go(tmp_path / "run", urgencies, targets, module.Triage())
    at = {(row["cell"], row["metric"]): row for row in run.table("cells").to_pylist()}
    clean = run.records(["clean"]).to_pylist()
    truth = [run.samples["target"][r["sample"]].as_py() for r in clean]
    right = [r["prediction"] == t for r, t in zip(clean, truth)]
    assert at["clean", "sorted_right"]["value"] == pytest.approx(np.mean(right))
    urgent = [ok for ok, t in zip(right, truth) if t == "now"]
    assert at["clean", "urgent_found"]["value"] == pytest.approx(np.mean(urgent))
    assert at["clean", "boldness"]["value"] == pytest.approx(np.mean([r["confidence"] for r in clean]) - np.mean(right))
    assert {row["metric"] for row in run.table("stability").to_pylist()} >= {"flip_rate", "lost", "gained"}
    assert len(run.table("confusion"))
    assert len(run.table("reliability"))
    assert len(run.table("risk_coverage"))
    run.report()


def test_a_metric_that_nobody_registered_is_named(own, tmp_path):
    own("kappa")
    run = go(
        tmp_path / "run",
        urgencies,
        np.random.default_rng(11).choice(["a", "b"], 20),
        stress.Classification(("a", "b", "c")),
    )
    text = f"import stress; run = stress.open({str(run.path)!r}); print(len(run.records())); run.table('cells')"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "80"  # the records are there for whoever wants them
    assert "'cohen_kappa'" in done.stderr
    assert "import tests.own.kappa first" in done.stderr
    text = text.replace("import stress;", "import stress, tests.own.kappa;")
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, check=False).returncode == 0


def test_the_command_line_imports_a_file_of_metrics(own, tmp_path):
    from stress.cli import main

    run = go(tmp_path / "run", urgencies, np.array(["a", "b"] * 20), stress.Classification(("a", "b", "c")))
    gate = tmp_path / "gate.yaml"
    gate.write_text("gates:\n  - {metric: cohen_kappa, on: clean, min: -0.99}\n", encoding="utf-8")
    assert main(["gate", str(run.path), str(gate)]) == 2
    assert main(["gate", str(run.path), str(gate), "--plugin", "tests/own/kappa.py"]) == 0
    names = {metric.module for metric in registered()}
    assert "kappa" in names


def test_a_metric_that_came_after_the_run_is_measured_too(own, tmp_path):
    run = go(
        tmp_path / "run",
        urgencies,
        np.random.default_rng(12).choice(["a", "b"], 30),
        stress.Classification(("a", "b", "c")),
    )
    before = {row["metric"] for row in run.table("cells").to_pylist()}
    own("kappa")
    after = {row["metric"] for row in run.table("cells").to_pylist()}
    assert after - before == {"cohen_kappa"}


def test_a_mean_between_minus_one_and_one_stays_there(own, tmp_path):
    @stress.metric("mean", low=-1, high=1)
    def signed(half):
        return 2 * half - 1

    count = 12
    records = {
        "cell": np.zeros(count, int),
        "sample": np.arange(count),
        "score": np.zeros(count),
        "half": np.zeros(count),
    }
    run = write(tmp_path / "a", [cell()], records, ["0"] * count, columns={"half": pa.float32()})
    row = next(row for row in rows(run, "cells") if row["metric"] == "signed")
    assert row["value"] == -1
    assert row["low"] == -1
    assert -1 < row["high"] < 1


BAD = [
    (lambda: stress.metric("sum")(lambda score: score), "kind must be one of"),
    (lambda: stress.metric("mean", low=1, high=0, name="x")(lambda score: score), "low must be below high"),
    (lambda: stress.metric("mean", better="up", name="x")(lambda score: score), "better must be"),
    (lambda: stress.metric("mean", name="accuracy")(lambda score: score), "name must be new"),
    (lambda: stress.metric("mean", name="drop")(lambda score: score), "name must be new"),
    (lambda: stress.metric("mean", name="top_3")(lambda score: score), "name must be new"),
    (lambda: stress.metric("mean", name="a b")(lambda score: score), "name must be a word"),
    (lambda: stress.metric("mean", name="x")(lambda: 1.0), "must take record columns"),
    (lambda: stress.metric("counts", name="x")(lambda hits: 1.0), "must take hits, answers, truths, records"),
    (lambda: stress.metric("mean", name="x", failed=float("nan"))(lambda score: score), "failed must be"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_bad_declarations_are_refused(own, make, words):
    with pytest.raises(stress.InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("kind", "function", "words"),
    [
        ("mean", lambda score: score.mean(), "one number a record"),
        ("ratio", lambda score: score, "two numbers"),
        ("counts", lambda hits, answers, truths, records: hits, "one number, got an array"),
        ("confidence", lambda confidence, right: confidence, "one number, got an array"),
    ],
)
def test_functions_that_return_something_else_are_named(own, tmp_path, kind, function, words):
    stress.metric(kind, name="odd_one")(function)
    run = go(tmp_path / "run", urgencies, ["a", "b"] * 10, stress.Classification(("a", "b", "c")))
    with pytest.raises(stress.InputError, match=f"odd_one must return {words}"):
        run.table("cells")


def test_tasks_that_declare_nothing_of_use_are_refused_before_any_work(own, tmp_path):
    module = own("grades")

    class Bare(module.Grades):
        metrics = ()

    class Wrong(module.Grades):
        metrics = ("near",)

    for task, words in ((Bare(), "must have metrics"), (Wrong(), "declared with stress.metric"),
                        (module.Grades(headline="nearly"), "headline must be one of its metrics near")):  # fmt: skip
        with pytest.raises(stress.InputError, match=words):
            go(tmp_path / "run", grades, [1, 2, 3], task)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_the_format_before_is_refused(tmp_path):
    run = write(tmp_path / "a", [cell()], {"cell": [0], "sample": [0], "score": [1.0]}, ["0"])
    info = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    (run.path / "run.json").write_text(json.dumps({**info, "format": 1}), encoding="utf-8")
    with pytest.raises(stress.RunError, match="must have format 2, got 1"):
        stress.open(run.path)


def test_a_metric_pickles_by_name(own):
    import pickle

    metric = own("kappa").cohen_kappa
    assert pickle.loads(pickle.dumps(metric)) is metric
    assert isinstance(metric, stress.Metric)
