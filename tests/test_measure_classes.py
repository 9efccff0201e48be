"""Measures of classes and of ranks: scikit-learn and statsmodels as oracles."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from stress.measure import measured, summary
from stress.measure.core.counts import counts_of, formula
from stress.measure.core.marginals import _by_label, _by_pair, entries
from stress.statistics.ranks import aurc, auroc, average_precision, delong
from tests._runs import DIGITS, LABELS, answers, graded, nested, predicted, rows, write
from tests.exact import mid_p_ends

RATES = [0.9, 0.85, 0.7, 0.6, 0.5, 0.3]
COUNTS = {
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    **{
        f"{name}_{average}": lambda t, p, f=function, a=average: f(t, p, average=a, zero_division=0)
        for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
        for average in ("macro", "micro", "weighted")
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    rng = np.random.default_rng(5)
    target = rng.choice(10, 600, p=np.arange(1, 11) / 55)
    given = answers(target, nested(600, RATES, seed=2) > 0, 10, rng)
    speaker = [i % 60 for i in range(600)]
    records = predicted(given, target, DIGITS)
    path = tmp_path_factory.mktemp("classes") / "run"
    run = write(path, graded(), records, target, columns=LABELS, groups={"speaker": speaker})
    return run, target, given


def test_counts_are_those_of_scikit_learn(world):
    run, target, given = world
    found = {(r["cell"], r["metric"]): r for r in rows(run, "cells")}
    for i, name in enumerate(["clean", *(f"noise-{s}" for s in range(1, 6))]):
        for metric, oracle in COUNTS.items():
            row = found[name, metric]
            assert row["value"] == pytest.approx(oracle(target, given[:, i])), (name, metric)
            assert row["low"] < row["value"] < row["high"]


def test_classes_are_those_of_scikit_learn(world):
    run, target, given = world
    found = {(r["cell"], r["metric"], r["class"]): r for r in rows(run, "classes")}
    expected = sk.precision_recall_fscore_support(target, given[:, 3], zero_division=0)
    for k in range(10):
        for metric, values in zip(("precision", "recall", "f1"), expected):
            row = found["noise-3", metric, str(k)]
            assert row["value"] == pytest.approx(values[k])
            assert row["low"] < row["value"] < row["high"]
            assert row["support"] == expected[3][k]


def test_recall_and_precision_have_mid_p_intervals(world):
    run, target, given = world
    found = {(r["metric"], r["class"]): r for r in rows(run, "classes") if r["cell"] == "noise-4"}
    hits = int(((target == 7) & (given[:, 4] == 7)).sum())
    for metric, base in (("recall", target), ("precision", given[:, 4])):
        row = found[metric, "7"]
        expected = mid_p_ends(hits, int((base == 7).sum()))
        assert (row["low"], row["high"]) == pytest.approx(expected)


def test_confusion_is_scikit_learns(world):
    run, target, given = world
    expected = sk.confusion_matrix(target, given[:, 5])
    found = np.zeros((10, 10))
    for r in rows(run, "confusion"):
        if r["cell"] == "noise-5":
            found[int(r["truth"]), int(r["answer"])] = r["records"]
    assert (found == expected).all()


@pytest.mark.parametrize("metric", sorted(COUNTS))
def test_influences_are_the_change_from_leaving_a_sample_out(world, metric):
    """n (θ − θ without i) / (n − 1) is the jackknife's influence: ours must be its first-order equal."""
    from stress.measure.core.counts import parts_of
    from stress.measure.session.registry import context_of

    run, target, given = world
    context = context_of(run)
    parts = parts_of(context, metric)
    oracle, whole = COUNTS[metric], COUNTS[metric](target, given[:, 2])
    keep = np.arange(600)
    for i in (0, 17, 230, 599):
        left_out = oracle(target[keep != i], given[keep != i, 2])
        assert parts.parts[i, 2] == pytest.approx(whole - left_out, abs=2e-4)
    assert parts.parts[:, 2].sum() == pytest.approx(0, abs=1e-9)


def test_linearised_intervals_agree_with_the_bootstrap(world):
    run, target, given = world
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        i = rng.integers(0, 600, 600)
        found.append(sk.f1_score(target[i], given[i, 3], average="macro"))
    row = next(r for r in rows(run, "cells") if r["cell"] == "noise-3" and r["metric"] == "f1_macro")
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * np.std(found), rel=0.1)


def test_a_failed_record_is_a_miss_and_no_answer(tmp_path):
    target = np.array([0, 0, 0, 1, 1, 1] * 20)
    given = target[:, None].repeat(6, axis=1)
    given[:30, 1] = -1
    run = write(tmp_path / "a", graded(), predicted(given, target, DIGITS), target, columns=LABELS)
    told = {(r["metric"], r["class"]): r for r in rows(run, "classes") if r["cell"] == "noise-1"}
    assert told["recall", "0"]["value"] == pytest.approx(45 / 60)
    assert told["precision", "0"]["value"] == 1
    assert told["recall", "0"]["failed"] == 15
    share = [r for r in rows(run, "confusion") if r["cell"] == "noise-1" and r["truth"] == "0" and r["answer"] is None]
    assert share[0]["records"] == 15
    assert told["recall", "5"]["value"] is None
    assert told["recall", "5"]["note"] == "no sample of this class"
    assert told["precision", "5"]["note"] == "the class is never answered"


def test_an_f1_can_be_the_headline(world):
    run, target, given = world
    found = rows(run, "robustness", metric="f1_macro")
    drop = next(r for r in found if r["measure"] == "drop")
    f1 = [sk.f1_score(target, given[:, i], average="macro") for i in range(6)]
    assert drop["value"] == pytest.approx(f1[0] - np.mean(f1[1:]))
    assert drop["low"] < drop["value"] < drop["high"]


def test_the_accuracy_paradox_is_called_out(tmp_path):
    """98 % accuracy, 12 % recall on the class that matters."""
    target = np.array([0] * 980 + [1] * 20)
    given = np.zeros((1000, 6), int)
    given[980:982] = 1
    run = write(tmp_path / "a", graded(), predicted(given, target, DIGITS), target, columns=LABELS)
    said = [w for w in summary(run)["warnings"] if w.startswith("accuracy paradox")]
    assert "clean has accuracy 98.2% and recall 10.0% on class 1 (20 samples)" in said[0]


SCORES = np.random.default_rng(3)
Y = SCORES.random(300) < 0.3
S = np.round(Y + SCORES.normal(0, 1, 300), 1)  # with ties


def test_auroc_and_average_precision_are_scikit_learns():
    assert auroc(S, Y)[0] == pytest.approx(sk.roc_auc_score(Y, S))
    assert average_precision(S, Y)[0] == pytest.approx(sk.average_precision_score(Y, S))


@pytest.mark.parametrize("measure", [auroc, average_precision, lambda s, y: aurc(s, (~y).astype(float))])
def test_rank_influences_are_the_change_from_leaving_a_sample_out(measure):
    value, parts = measure(S, Y)
    assert parts.sum() == pytest.approx(0, abs=1e-9)
    keep = np.arange(300)
    for i in range(0, 300, 23):
        assert parts[i] == pytest.approx(value - measure(S[keep != i], Y[keep != i])[0], abs=2e-4)


def test_delong_is_the_slow_formula():
    """Every pair of a positive and a negative, as DeLong, DeLong & Clarke-Pearson wrote it down."""
    value, parts = auroc(S, Y)
    pairs = (S[Y][:, None] > S[~Y]) + 0.5 * (S[Y][:, None] == S[~Y])
    expected = pairs.mean(axis=1).var(ddof=1) / Y.sum() + pairs.mean(axis=0).var(ddof=1) / (~Y).sum()
    assert delong(value, parts, Y) == pytest.approx(np.sqrt(expected))


def test_auroc_of_labels_is_scikit_learns(tmp_path):
    rng, names = np.random.default_rng(0), ["a", "b", "c"]
    truth = rng.random((200, 3)) < 0.4
    share = np.clip(0.5 * truth + rng.random((200, 3)) * 0.5, 0, 1).astype(np.float32)
    task = {"task": "multilabel", "classes": names, "answers": "probabilities", "keep": "all"}
    columns = {"prediction": pa.list_(pa.string()), **dict.fromkeys(("f1", "jaccard", "hamming"), pa.float32())}
    columns["probabilities"] = pa.list_(pa.float32())
    given = share >= 0.5
    records = {
        "cell": np.zeros(200, int),
        "sample": np.arange(200),
        "score": (given == truth).all(axis=1).astype(float),
    }
    records |= dict.fromkeys(("f1", "jaccard", "hamming"), np.ones(200)) | {"probabilities": list(share)}
    records["prediction"] = [[n for n, x in zip(names, row) if x] for row in given]
    targets = ["|".join(n for n, x in zip(names, row) if x) for row in truth]
    run = write(tmp_path / "a", graded()[:1], records, targets, task, columns)
    found = {(r["class"], r["metric"]): r for r in rows(run, "classes")}
    for k, name in enumerate(names):
        assert found[name, "auroc"]["value"] == pytest.approx(sk.roc_auc_score(truth[:, k], share[:, k]))
        expected = sk.average_precision_score(truth[:, k], share[:, k])
        assert found[name, "average_precision"]["value"] == pytest.approx(expected)
        assert found[name, "f1"]["value"] == pytest.approx(sk.f1_score(truth[:, k], given[:, k]))
    macro = {r["metric"]: r["value"] for r in rows(run, "cells")}
    for average in ("macro", "micro", "weighted"):
        assert macro[f"f1_{average}"] == pytest.approx(sk.f1_score(truth, given, average=average))
    assert macro["auroc_macro"] == pytest.approx(sk.roc_auc_score(truth, share))


def test_influences_looked_up_by_truth_and_answer_are_those_added_up_label_by_label(world, tmp_path):
    """Also of answers that are no class, and of failures: they have a truth alone."""
    _, target, given = world
    odd = np.where(np.arange(600)[:, None] % 7 == 0, 10, given)
    records = predicted(odd, target, [*DIGITS, "other"])
    context = measured(write(tmp_path / "run", graded(), records, target, columns=LABELS)).context
    found, counts = entries(context), counts_of(context)
    assert len(found.answer[0]) < len(found.truth[0]) == 3600
    for metric in context.of_kind("counts"):
        gradient = formula(metric)(counts)
        assert np.array_equal(_by_pair(context, found, gradient), _by_label(context, found, gradient)), metric.name
