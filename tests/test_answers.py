"""An answer is read once, aloud, and row by row: forms, containers, bad rows, ties – each with its right value."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import stress
from perturbations import InputError, ModelError, Sample
from stress.data import from_samples
from stress.engine._ask import ask
from stress.models import Batch
from stress.statistics.calibration import calibration_error
from stress.statistics.ranks import risk_coverage
from stress.tasks import Classification, FreeText, MultiLabel, Regression, Retrieval, TieBreak, Transcription, joined

ABC = ("a", "b", "c")
SUITE = {"suite": "s@1", "severities": [1], "scenarios": {"typos": {"text": "keyboard_typos"}}}
RNG = np.random.default_rng(0)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def names(k):
    return tuple(str(i) for i in range(k))


# Form ----------------------------------------------------------------------------------------------------------------
ROUNDED = {
    "float32": lambda p: p.astype(np.float32),
    "float16": lambda p: p.astype(np.float16),
    "bf16": lambda p: torch.tensor(p).to(torch.bfloat16),
    "3 decimals": lambda p: np.round(p, 3),
    "uint8 / 256": lambda p: np.floor(p * 256) / 256,
    "1e-3 off": lambda p: p * 1.001,
}


@pytest.mark.parametrize("classes", [2, 3, 10, 50])
@pytest.mark.parametrize("kind", ROUNDED)
def test_rounded_probabilities_are_probabilities(kind, classes):
    exact = softmax(3 * RNG.normal(size=(64, classes)))
    targets = [str(t) for t in RNG.integers(0, classes, 64)]
    task = Classification(names(classes)).settle(ROUNDED[kind](exact), targets)
    assert task.answers == "probabilities"
    found = task.score(ROUNDED[kind](exact), targets)
    truth = task.score(exact, targets)
    assert found["invalid"] == [None] * 64
    assert found["confidence"] == pytest.approx(truth["confidence"], abs=0.12 if "256" in kind else 0.01)


def test_a_thousandth_off_leaves_the_calibration_error_where_it_is():
    exact = softmax(4 * RNG.normal(size=(400, 50)))
    targets = [str(t) for t in RNG.integers(0, 50, 400)]

    def ece(answers):
        task = Classification(names(50))
        found = task.settle(answers[:64], targets[:64]).score(answers, targets)
        return calibration_error(np.asarray(found["confidence"]), np.asarray(found["score"]), 15)[0]

    assert ece(exact * 1.001) == pytest.approx(ece(exact), abs=1e-6)


def test_two_decimals_of_three_classes():
    answers = [[0.93, 0.03, 0.03]] * 9
    task = Classification(ABC).settle(answers, ["a"] * 9)
    assert task.score(answers, ["a"] * 9)["nll"] == pytest.approx([-np.log(0.93 / 0.99)] * 9)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (100 * softmax(RNG.normal(size=(20, 5))), "about 100"),
        (np.round(255 * softmax(RNG.normal(size=(20, 5)))).astype(np.uint8), "about 255"),
        (np.vstack([softmax(RNG.normal(size=(10, 5))), 5 * RNG.normal(size=(10, 5))]), "10 of 20 rows sum to 1"),
    ],
    ids=["percent", "bytes", "mixed"],
)
def test_what_is_doubtful_is_refused_and_can_be_declared(answers, words):
    targets = [str(i % 5) for i in range(20)]
    with pytest.raises(ModelError, match=words):
        Classification(names(5)).settle(answers, targets)
    declared = Classification(names(5), answers="logits").settle(answers, targets)
    assert declared.answers == "logits"
    assert any(outcome == "warning" for name, outcome, _ in declared.aloud(answers, targets) if name == "answers")


def test_a_row_of_another_form_is_one_bad_record():
    task = Classification(ABC, answers="probabilities")
    found = task.score([[0.2, 0.3, 0.5], [2.0, -1.0, 0.3], [93, 3, 4], [0.6, 0.3, 0.1]], ["c"] * 4)
    assert [why is None for why in found["invalid"]] == [True, False, False, True]
    mixed = Classification(ABC, answers="logits").score([[2.0, -1, 0.3], [0.2, 0.3, 0.5]], ["a", "c"])
    assert mixed["invalid"][0] is None
    assert "answered logits on clean input" in mixed["invalid"][1]


# Containers ----------------------------------------------------------------------------------------------------------
SCORES = np.array([[0.75, 0.125, 0.125], [0.125, 0.625, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
WANTED = ["a", "b", "c", "a"]


class ModelOutput(dict):
    """As the transformers library has it: a dict with attributes."""

    def __getattr__(self, name):
        return self[name]


def objects(rows):
    found = np.empty(len(rows), object)
    found[:] = rows
    return found


class Exported:
    """An array of a library that only exports its memory (DLPack)."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


SCORE_KINDS = {
    "array": SCORES,
    "lists": SCORES.tolist(),
    "list of arrays": list(SCORES),
    "tensor with gradient": torch.tensor(SCORES, requires_grad=True),
    "list of tensors with gradient": list(torch.tensor(SCORES, requires_grad=True)),
    "bf16": torch.tensor(SCORES).to(torch.bfloat16),
    "object array": SCORES.astype(object),
    "array of lists": objects(SCORES.tolist()),
    "generator": (row for row in SCORES),
    "model output": ModelOutput(loss=0.1, logits=torch.tensor(np.log(SCORES), requires_grad=True)),
    "namespace": SimpleNamespace(logits=np.log(SCORES)),
    "dict": {"logits": np.log(SCORES)},
    "probabilities by name": {"probabilities": SCORES},
    "frame by name": pd.DataFrame(SCORES[:, ::-1], columns=["c", "b", "a"]),
    "frame by number": pd.DataFrame(SCORES),
    "dict of columns": {"b": SCORES[:, 1], "c": list(SCORES[:, 2]), "a": torch.tensor(SCORES[:, 0])},
    "a dict a row": [dict(zip("cab", row)) for row in SCORES[:, [2, 0, 1]]],
    "arrow table": pa.table({name: SCORES[:, "abc".index(name)] for name in "cba"}),
    "arrow batch": pa.RecordBatch.from_pydict({name: SCORES[:, "abc".index(name)] for name in "bca"}),
    "arrow lists": pa.array(SCORES.tolist()),
    "structured": np.array([tuple(row[::-1]) for row in SCORES], [(name, float) for name in "cba"]),
    "records": np.rec.fromarrays(SCORES.T[::-1], names="c,b,a"),
    "half precision": SCORES.astype(np.float16),
    "masked, nothing hidden": np.ma.masked_array(SCORES, mask=np.zeros(SCORES.shape, bool)),
    "memory": memoryview(SCORES),
    "sparse": sparse.csr_matrix(SCORES),
    "decimals": [[Decimal(str(number)) for number in row] for row in SCORES.tolist()],
    "fractions": [[Fraction(number) for number in row] for row in SCORES.tolist()],
    "another library's": Exported(SCORES),
}


@pytest.mark.parametrize("kind", SCORE_KINDS)
def test_every_container_of_scores_is_read_alike(kind):
    given_ = SCORE_KINDS[kind]
    given_ = list(given_) if kind == "generator" else given_  # the engine lists it before it is read twice
    task = Classification(ABC).settle(given_, WANTED)
    found = task.score(given_, WANTED)
    assert found["invalid"] == [None] * 4
    assert found["prediction"] == WANTED
    assert found["confidence"] == pytest.approx([0.75, 0.625, 0.5, 0.5], abs=1e-6)


LABEL_KINDS = {
    "list": WANTED,
    "tuple": tuple(WANTED),
    "array": np.array(WANTED),
    "object array": np.array(WANTED, object),
    "column": np.array(WANTED)[:, None],
    "series": pd.Series(WANTED),
    "categories": pd.Series(WANTED, dtype="category"),
    "frame": pd.DataFrame({"label": WANTED}),
    "bytes": [w.encode() for w in WANTED],
    "generator": iter(WANTED),
    "positions": np.array([0, 1, 2, 0]),
    "positions as floats": [0.0, 1.0, 2.0, 0.0],
    "tensor": torch.tensor([0, 1, 2, 0]),
    "list of tensors": [torch.tensor(i) for i in (0, 1, 2, 0)],
    "column of positions": torch.tensor([[0], [1], [2], [0]]),
    "dict": {"label": WANTED},
    "arrow": pa.array(WANTED),
    "arrow dictionary": pa.array(WANTED).dictionary_encode(),
    "arrow chunks": pa.chunked_array([WANTED[:1], WANTED[1:]]),
    "masked, nothing hidden": np.ma.masked_array(WANTED, mask=[False] * 4),
    "nullable positions": pd.array([0, 1, 2, 0], dtype="Int64"),
}


@pytest.mark.parametrize("task", [Classification(ABC), MultiLabel(ABC)])
def test_of_a_model_that_abstains_from_all_nobody_knows_the_form(task):
    with pytest.raises(ModelError, match=r"no answer to any of the first 4 samples.*Declare it"):
        task.settle([None, float("nan"), None, None], WANTED if isinstance(task, Classification) else [["a"]] * 4)


def test_a_model_may_declare_the_form_of_its_answers_itself(tmp_path):
    def predict(batch):
        return [None] * batch.size

    data = [Sample(f"s{k}", {"text": "number one"}, target=ABC[k % 3]) for k in range(12)]
    with pytest.raises(ModelError, match="no answer to any of the first 12 samples"):
        stress.run(predict, data, SUITE, tmp_path / "open", workers=1)
    predict.answers = "probabilities"
    run = stress.run(predict, data, SUITE, tmp_path / "said", workers=1)
    assert set(run.records()["status"].to_pylist()) == {"invalid"}
    said = {check["name"]: check["says"] for check in run.info["preflight"]}
    assert "8 of 8 samples got no answer (None)" in said["the model answers clean input"]
    assert run.info["identity"]["task"]["answers"] == "probabilities"
    predict.answers = "numbers"
    with pytest.raises(InputError, match="answers must be one of"):
        stress.run(predict, data, SUITE, tmp_path / "wrong", workers=1)


@given(st.lists(st.sampled_from(["a", " a", b"b", "c", "C", "x", None, 0, 1.0, 7, np.str_("b")]), min_size=1))
def test_a_batch_is_read_as_its_rows_are_alone(answers):
    task = Classification(ABC, answers="labels")
    whole = task.score(answers, ["a"] * len(answers))
    alone = [task.score([answer], ["a"]) for answer in answers]
    for name in ("score", "prediction"):
        assert list(whole[name]) == [one[name][0] for one in alone]
    assert [why is None for why in whole["invalid"]] == [one["invalid"][0] is None for one in alone]


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0, 1.5, float("nan")]), min_size=1), st.booleans())
def test_an_array_of_numbers_is_read_as_its_rows_are_alone(answers, positions):
    task = Classification(("1", "2", "3"), answers="positions" if positions else "labels")
    whole = task.score(np.array(answers), ["1"] * len(answers))
    alone = [task.score(np.array([answer]), ["1"]) for answer in answers]
    for name in ("score", "prediction", "invalid"):
        assert list(whole[name]) == [one[name][0] for one in alone]


def test_what_a_mask_hides_is_no_answer():
    labels = np.ma.masked_array([1, 2, 3, 1], mask=[False, True, False, False])
    found = Classification(("1", "2", "3"), answers="labels").score(labels, ["1", "2", "3", "1"])
    assert (found["prediction"], found["invalid"][1]) == (["1", None, "3", "1"], "no answer")
    scores = np.ma.masked_array(SCORES, mask=SCORES[0, 0] == SCORES)
    assert Classification(ABC, answers="probabilities").score(scores, WANTED)["invalid"][0] == "not finite"


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_every_container_of_labels_is_read_alike(kind):
    given_ = list(LABEL_KINDS[kind]) if kind == "generator" else LABEL_KINDS[kind]
    found = Classification(ABC).settle(given_, WANTED).score(given_, WANTED)
    assert (found["prediction"], found["invalid"]) == (WANTED, [None] * 4)


@pytest.mark.parametrize(
    "junk", ["abcd", None, 3, {"x": 1, "y": 2}, {1, 2, 3, 4}, [["a"]], np.zeros((4, 2, 2)), object()]
)
def test_what_has_no_row_a_sample_is_refused(junk):
    with pytest.raises(ModelError, match="model: must answer"):
        Classification(ABC).settle(junk, WANTED)


def test_columns_that_name_other_classes_are_refused():
    with pytest.raises(ModelError, match="columns that name the 3 classes"):
        Classification(ABC).settle(pd.DataFrame(SCORES, columns=["x", "y", "z"]), WANTED)


# Rows ----------------------------------------------------------------------------------------------------------------
BAD = {
    "classification, scores": (Classification(ABC, answers="probabilities"), list(map(list, SCORES)), WANTED,
                               [None, float("nan"), [0.1, None, 0.2], [float("inf"), 0, 0], "a", 7, [0.5, 0.5],
                                {"a": 1}, object()]),
    "classification, labels": (Classification(ABC, answers="labels"), WANTED, WANTED,
                               [None, float("nan"), "d", "", 7, -1, 0.5, [0.1, 0.2], {"a": 1}, "\ud800", b"\xff",
                                object()]),
    "multilabel, sets": (MultiLabel(ABC, answers="sets"), [["a"], ["b"], ["c"], ["a"]], WANTED,
                         [None, float("nan"), "a", 7, ["d"], [None], [["a", "b"]], object()]),
    "multilabel, scores": (MultiLabel(ABC, answers="probabilities"), np.eye(3)[[0, 1, 2, 0]].tolist(), WANTED,
                           [None, "a", [1, 0], [float("nan")] * 3, [3, 0, 0], object()]),
    "regression": (Regression(tolerance=0.5), [1.0, 2, 3, 4], [1, 2, 3, 4],
                   [None, float("nan"), float("inf"), "3", [1, 2], True, 10**400, object()]),
    "transcription": (Transcription(), ["one", "two", "three", "four"], ["one", "two", "three", "four"],
                      [None, float("nan"), 7, b"one", "\ud800", ["a", "b"], object()]),
    "free text": (FreeText(), ["one", "two", "three", "four"], ["one", "two", "three", "four"],
                  [None, float("nan"), 7, "x\udfff", {"text": "one"}, object()]),
    "retrieval": (Retrieval(ABC), list(map(list, SCORES)), WANTED, [None, "a", [1, 2], [float("nan")] * 3, object()]),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "which"), [(kind, i) for kind, case in BAD.items() for i in range(len(case[3]))])
def test_one_bad_row_is_one_bad_record(kind, which):
    task, good, targets, bad = BAD[kind]
    asked = []

    def predict(batch):
        asked.append(batch.size)
        return [*good[:2], bad[which], *good[3:]]

    found = ask(predict, Batch({"text": list("wxyz")}), targets, task, None)
    assert asked == [4]
    assert found.status == ["ok", "ok", "invalid", "ok"]
    assert set(found.errors) == {2}
    if bad[which] is None:
        assert found.errors[2] == "no answer"
    found.errors[2].encode()


def test_a_wrong_number_of_rows_is_asked_again_one_by_one():
    asked = []

    def predict(batch):
        asked.append(batch.size)
        return ["a"] * (1 if batch.size == 1 else batch.size - 1)

    found = ask(predict, Batch({"text": list("wxyz")}), WANTED, Classification(ABC, answers="labels"), None)
    assert asked == [4, 1, 1, 1, 1]
    assert found.status == ["ok"] * 4
    found = ask(lambda batch: ["a"] * 3, Batch({"text": ["w"]}), ["a"], Classification(ABC, answers="labels"), None)
    assert found.status == ["invalid"]
    assert "one a sample" in found.errors[0]


def test_an_error_of_reading_is_not_told_as_the_models():
    class Poison:
        def __array__(self, dtype=None, copy=None):
            raise KeyError("cannot be copied")

    found = ask(lambda batch: Poison(), Batch({"text": ["w"]}), ["a"], Classification(ABC, answers="labels"), None)
    assert found.status == ["invalid"]
    assert found.errors[0].startswith(("cannot be read: KeyError", "model: must answer"))


def test_words_of_an_error_that_cannot_be_written_are_escaped():
    def predict(batch):
        raise ValueError("bad \ud800 text")

    found = ask(predict, Batch({"text": ["w"]}), ["a"], Classification(ABC, answers="labels"), None)
    assert found.errors[0] == "ValueError: bad \\ud800 text"


# Ties ----------------------------------------------------------------------------------------------------------------
def test_constant_scores_are_right_as_often_as_chance():
    n, k = 8000, 20
    targets = [str(i % k) for i in range(n)]
    ties = TieBreak(0, [f"s{i}" for i in range(n)])
    flat = np.zeros((n, k))
    found = Classification(names(k), answers="logits").score(flat, targets, ties)
    assert np.mean(found["score"]) == pytest.approx(1 / k, abs=4 * np.sqrt(0.05 * 0.95 / n))
    assert np.mean(np.asarray(found["rank"]) <= 5) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / n))
    assert np.array_equal(np.asarray(found["score"]) == 1, np.asarray(found["rank"]) == 1)
    placed = Retrieval(names(k)).score(flat, targets, ties)
    assert np.array_equal(placed["rank"], found["rank"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=8), st.integers(0, 9))
def test_ties_are_drawn_by_seed_and_sample_alone(scores, seed):
    """Not by the batch, nor its order; and what does not tie is never touched."""
    task, targets = Classification(names(4), answers="logits"), [str(i % 4) for i in range(len(scores))]
    ids = [f"s{i}" for i in range(len(scores))]
    whole = task.score(np.array(scores, float), targets, TieBreak(seed, ids))
    for i in reversed(range(len(scores))):
        alone = task.score(np.array([scores[i]], float), [targets[i]], TieBreak(seed, [ids[i]]))
        assert (alone["score"][0], alone["rank"][0]) == (whole["score"][i], whole["rank"][i])
        mine = scores[i][i % 4]
        above, level = sum(s > mine for s in scores[i]), sum(s == mine for s in scores[i])
        assert above + 1 <= whole["rank"][i] <= above + level


def test_risk_averages_within_a_tie():
    rng, coverages = np.random.default_rng(0), np.arange(1, 21) / 20
    wrong = np.zeros(200)
    wrong[:50] = 1
    for order in (np.arange(200), np.arange(200)[::-1], rng.permutation(200)):
        risk, threshold = risk_coverage(np.full(200, 0.9), wrong[order], coverages)
        assert risk == pytest.approx([0.25] * 20)
        assert threshold == pytest.approx([0.9] * 20)
    confidence = rng.integers(0, 5, 200) / 5
    expected = np.mean(
        [np.cumsum(wrong[p][np.argsort(-confidence[p], kind="stable")]) / np.arange(1, 201)
         for p in (rng.permutation(200) for _ in range(4000))], axis=0)  # fmt: skip
    risk, _ = risk_coverage(confidence, wrong, np.arange(1, 201) / 200)
    assert risk == pytest.approx(expected, abs=0.03)


# Aloud ---------------------------------------------------------------------------------------------------------------
ZOO = ("dog", "cat", "bird")


def zoo(count=60):
    return from_samples([Sample(i, {"text": f"{ZOO[i % 3]} number {i} of the zoo"}, ZOO[i % 3]) for i in range(count)])


def looking(order):
    def predict(batch):
        return np.array([[float((text or "").startswith(name)) * 4 - 1 for name in order] for text in batch["text"]])

    return predict


def checks(run):
    return {c["name"]: c for c in run.info["preflight"]}


def test_an_assumed_order_is_warned_about_and_a_better_one_is_noticed(tmp_path):
    run = stress.run(looking(ZOO), zoo(), SUITE, tmp_path / "own", workers=1)
    said = checks(run)
    assert said["order of the classes"]["outcome"] == "warning"
    assert "predict.classes" in said["order of the classes"]["says"]
    assert said["clean accuracy"]["outcome"] == "warning"
    assert "100% would be, were the classes in another order" in said["clean accuracy"]["says"]
    told = looking(ZOO)
    told.classes = ZOO
    said = checks(stress.run(told, zoo(), SUITE, tmp_path / "told", workers=1))
    assert {said[name]["outcome"] for name in ("order of the classes", "clean accuracy", "answers")} == {"ok"}
    assert said["clean accuracy"]["says"] == "100% of 60 right"


def test_names_of_columns_need_no_declared_order(tmp_path):
    def predict(batch):
        return pd.DataFrame(looking(ZOO)(batch), columns=ZOO)

    said = checks(stress.run(predict, zoo(), SUITE, tmp_path / "run", workers=1, batch_size=7))
    assert {said[name]["outcome"] for name in ("order of the classes", "clean accuracy", "answers")} == {"ok"}
    assert "logits" in said["answers"]["says"]


def test_guessing_is_not_above_chance(tmp_path):
    run = stress.run(lambda batch: ["cat"] * batch.size, zoo(), SUITE, tmp_path / "run", workers=1)
    assert "not above chance (1 of 3)" in checks(run)["clean accuracy"]["says"]


def test_one_missing_answer_of_many_costs_one_record(tmp_path):
    def predict(batch):
        return [None if "number 7 " in (text or "") else looking(ZOO)({"text": [text]})[0] for text in batch["text"]]

    predict.classes = ZOO
    run = stress.run(predict, zoo(), SUITE, tmp_path / "run", workers=1, preflight=False)
    clean = [r for r in run.records().to_pylist() if r["cell"] == "clean"]
    assert sum(r["status"] == "invalid" for r in clean) == 1
    assert sum(r["score"] == 1 for r in clean) == 59


def test_the_form_is_settled_on_more_than_eight_samples(tmp_path):
    """Nine in ten rows are one-hot logits, which sum to 1 by chance on the first few."""

    def predict(batch):
        found = looking(ZOO)(batch)
        for row, text in enumerate(batch["text"]):
            if int((text or "0 0 0").split()[2] if (text or "").split()[1:2] == ["number"] else 0) % 3 == 0:
                found[row] = np.abs(found[row]) / np.abs(found[row]).sum()
        return found

    predict.classes = ZOO
    with pytest.raises(ModelError, match="rows sum to 1, and others do not"):
        stress.run(predict, zoo(), SUITE, tmp_path / "run", workers=1)


PARTS = {
    "frame without names": pd.DataFrame,
    "frame": lambda rows: pd.DataFrame(rows, columns=list(ABC)[::-1]),
    "Arrow table": lambda rows: pa.table({c: rows[:, i] for i, c in enumerate(ABC[::-1])}),
    "Arrow batch": lambda rows: pa.RecordBatch.from_pydict({c: rows[:, i] for i, c in enumerate(ABC[::-1])}),
    "Arrow labels": lambda rows: pa.array([ABC[i] for i in rows.argmax(axis=1)]),
    "Arrow chunks": lambda rows: pa.chunked_array([[ABC[i] for i in rows.argmax(axis=1)]]),
    "Arrow dictionary": lambda rows: pa.array([ABC[i] for i in rows.argmax(axis=1)]).dictionary_encode(),
    "sparse": sparse.csr_matrix,
    "bfloat16": lambda rows: torch.tensor(rows).bfloat16(),
    "structured": lambda rows: np.rec.fromarrays(rows.T, names=list(ABC)),
    "dict": lambda rows: {"logits": torch.tensor(rows)},
    "ragged": lambda rows: [list(row)[: 3 - i % 2] for i, row in enumerate(rows)],
    "generator": lambda rows: list(rows),
}


@pytest.mark.parametrize("kind", PARTS)
def test_answers_of_several_calls_are_read_as_one(kind):
    rows = softmax(RNG.normal(size=(11, 3)))
    make = PARTS[kind]
    whole, parts = make(rows), joined([make(rows[:4]), make(rows[4:8]), make(rows[8:])])
    targets = [ABC[i % 3] for i in range(11)]
    for answers in ("probabilities", "labels"):
        task = Classification(ABC, answers=answers)
        one, other = (task.score(each, targets) for each in (whole, parts))
        assert all(list(map(str, one[name])) == list(map(str, other[name])) for name in one)


def test_answers_of_calls_that_do_not_fit_are_not_put_together():
    rows = softmax(RNG.normal(size=(4, 3)))
    assert joined([rows, rows[:, :2]]) is None
    assert joined([{"a": rows}, {"b": rows}]) is None
    assert joined([SimpleNamespace(logits=rows)] * 2) is None


def test_a_truth_value_is_a_position_among_two_classes_alone():
    assert Classification(("no", "yes"), answers="labels").score([True, False], ["yes", "yes"])["prediction"] == [
        "yes",
        "no",
    ]
    found = Classification(ABC, answers="labels").score([True, False], ["a", "b"])
    assert all("none of the 3 classes (a, b, c)" in why for why in found["invalid"])


class Awkward(dict):
    def __getattr__(self, name):
        return self[name]


def test_a_container_that_raises_when_it_is_asked_for_attributes_is_read(tmp_path):
    task = Classification(ABC).settle(Awkward(logits=np.log(SCORES)), WANTED)
    assert task.answers == "logits"
    data = from_samples([Sample(i, {"text": f"{i} the quick brown fox"}, ABC[i % 3]) for i in range(40)])
    run = stress.run(lambda batch: Awkward(logits=np.zeros((batch.size, 3))), data, SUITE, tmp_path / "run", workers=1)
    assert set(run.records()["status"].to_pylist()) <= {"ok", "unchanged"}


# Several labels ------------------------------------------------------------------------------------------------------
HOT = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]] * 3)
LABELS = [[name for name, on in zip(ABC, row) if on] for row in HOT]


@pytest.mark.parametrize(
    ("answers", "words"),
    [(HOT * 80 + 10, "as percentages or bytes"), ((HOT * 200 + 20).astype(np.uint8), "as percentages or bytes"),
     (HOT[:, :2], "must answer 3 numbers"), (HOT[:, :2].tolist(), "must answer 3 numbers"),
     (HOT[:, :2] > 0, "3 numbers"), (np.hstack([HOT, HOT]), "3 numbers")],
)  # fmt: skip
def test_several_labels_in_another_unit_or_width_are_refused(answers, words):
    with pytest.raises(ModelError, match=words):
        MultiLabel(ABC).settle(answers, LABELS)


def test_percentages_of_several_labels_can_be_declared():
    task = MultiLabel(ABC, answers="logits").settle(HOT * 80 + 10, LABELS)
    assert task.aloud(HOT * 80 + 10, LABELS)[0][1] == "warning"


def test_an_entry_a_class_among_lists_of_labels_is_one_bad_record():
    answers = [LABELS[0], HOT[1].tolist(), HOT[3], *LABELS[3:]]
    found = MultiLabel(ABC, answers="labels").score(answers, LABELS)
    assert [why is None for why in found["invalid"]] == [True, False, False] + [True] * 9
    assert "one entry a class" in found["invalid"][1]


@pytest.mark.parametrize("pair", [[[0, 1], [1, 2], [2, 0]], np.array([[0, 1], [1, 2], [2, 0]])])
def test_two_labels_each_are_lists_of_labels(pair):
    task = MultiLabel(ABC).settle(pair, [["a", "b"]] * 3)
    assert task.answers == "sets"
    assert task.score(pair, [["a", "b"], ["b", "c"], ["a", "c"]])["score"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_labels_are_refused_and_none_is_an_empty_list(nothing):
    with pytest.raises(InputError, match="missing"):
        MultiLabel(ABC).read_targets([["a"], nothing])
    assert MultiLabel(ABC).read_targets([["a"], [], ""]) == [["a"], [], []]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["probabilities", "logits", "labels", "many", "sets"]), st.integers(1, 7), st.integers(0, 999))
def test_answers_that_are_withheld_say_nothing_of_the_form_of_the_others(kind, given_rows, seed):
    """A model that abstains on most of its input answers in the same form as it does on the rest."""
    rng, count = np.random.default_rng(seed), 8
    scores = rng.normal(size=(count, 3)) * 3
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = {"probabilities": list(shares), "logits": [row.tolist() for row in scores], "many": list(shares / 2),
            "labels": ["abc"[k] for k in scores.argmax(axis=1)],
            "sets": [[c for c, s in zip("abc", row) if s > 0] for row in scores]}[kind]  # fmt: skip
    task = MultiLabel(tuple("abc")) if kind in ("many", "sets") else Classification(tuple("abc"))
    targets = [["a"]] * count if kind in ("many", "sets") else ["a"] * count
    gone = rng.permutation(count)[given_rows:]
    nothing = [None, float("nan"), pd.NA, None]
    kept = [nothing[k % 4] if k in gone else row for k, row in enumerate(rows)]
    whole, settled = task.settle(rows, targets), task.settle(kept, targets)
    assert settled == whole
    scored = settled.score(kept, targets)
    assert [why is not None for why in scored["invalid"]] == [k in gone for k in range(count)]


def test_positions_in_lists_of_labels_are_no_class_names():
    classes, targets = ("1", "2", "3", "4"), [["2", "3"], ["3", "4"], ["4"], ["2"]] * 3
    places = [[int(name) - 1 for name in target] for target in targets]
    with pytest.raises(ModelError, match=r"class names \(0% of the sets right\) or positions"):
        MultiLabel(classes).settle(places, targets)
    named = [[int(name) for name in target] for target in targets]
    for task in (MultiLabel(classes), MultiLabel(classes, answers="labels")):
        assert list(task.settle(named, targets).score(named, targets)["score"]) == [1.0] * 12
    from_zero = MultiLabel(("0", "1", "2"))
    given = [[0, 1], [2], []] * 4
    assert list(from_zero.settle(given, given).score(given, given)["score"]) == [1.0] * 12
