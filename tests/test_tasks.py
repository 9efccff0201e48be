"""Tasks score one answer each: laws over all of them, and the standard implementations as oracles."""

import json
import pickle
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import InputError, ModelError
from stress.tasks import (
    METRICS,
    Classification,
    FreeText,
    MultiLabel,
    Regression,
    Retrieval,
    Transcription,
    Vqa,
    labels_of,
)
from stress.tasks._text import chrf, edits, normalise, token_f1, words_of

ABC = ("a", "b", "c")
NAN = float("nan")
# task, targets, good answers, the same answers with the last one unusable, something that is no answer at all
CASES = [
    (Classification(ABC), ["a", "b"], [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [[0.7, 0.2, 0.1], [NAN, 0, 0]], [[1, 2]]),
    (MultiLabel(ABC), ["a|b", ""], [[0.9, 0.8, 0.1], [0.1, 0, 0]], [[0.9, 0.8, 0.1], [NAN, 0, 0]], [[1, 2]]),
    (MultiLabel(ABC), ["a|b", []], [["a", "b"], []], [["a", "b"], ["d"]], "ab"),
    (Regression(), [1, 2.5], [1.0, 2.5], [1.0, NAN], "12"),
    (Regression(tolerance=0.5), [1, 2.5], [[1.4], [2.1]], [1.4, NAN], [1.0]),
    (Transcription(), ["one two", "three"], ["One, two!", "three"], ["one two", None], ["one"]),
    (FreeText(), ["one", ["two", "2"]], ["ONE", "2"], ["one", 7], "one"),
    (FreeText("captioning"), ["a bus", ["two", "2"]], ["a bus", "2"], ["a bus", 7], "a bus"),
    (Vqa(), ["a bus", ["two"] * 4 + ["3"] * 6], ["Bus.", "2"], ["bus", None], "bus"),
    (Retrieval(ABC), ["b", "a"], [[0.1, 0.9, 0], [2, 1, 0]], [[0.1, 0.9, 0], [NAN, 1, 0]], [[1, 2]]),
]
IDS = [f"{case[0].name}-{i}" for i, case in enumerate(CASES)]
each = pytest.mark.parametrize(("task", "targets", "good", "poor", "junk"), CASES, ids=IDS)


@each
def test_good_answers_score_full_marks(task, targets, good, poor, junk):
    task.check_targets(targets)
    settled = task.settle(good, targets)
    found = settled.score(good, targets)
    assert found["invalid"] == [None, None]
    perfect = 0 if settled.headline == "mae" else 1
    assert np.asarray(found["score"]) == pytest.approx([perfect] * 2)


@each
def test_columns_are_as_declared(task, targets, good, poor, junk):
    settled = task.settle(good, targets)
    found = settled.score(good, targets)
    assert set(found) == {"score", "invalid", *settled.columns}
    for name, kind in settled.columns.items():
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        values = found[name].tolist() if isinstance(found[name], np.ndarray) else found[name]
        assert len(pa.array(values, plain)) == 2


@each
def test_an_unusable_answer_is_named_and_hurts_no_other(task, targets, good, poor, junk):
    settled = task.settle(good, targets)
    found, alone = settled.score(poor, targets), settled.score(good, targets)
    assert found["invalid"][0] is None
    assert found["invalid"][1]
    assert found["score"][0] == alone["score"][0]


@each
def test_what_is_no_answer_is_refused(task, targets, good, poor, junk):
    with pytest.raises(ModelError, match="model: must answer"):
        task.settle(junk, targets)


@each
def test_it_is_plain_data_and_pickles(task, targets, good, poor, junk):
    settled = task.settle(good, targets)
    assert pickle.loads(pickle.dumps(settled)) == settled
    assert json.loads(json.dumps(settled.describe()))["task"] in METRICS


@each
def test_its_metrics_rest_on_columns_it_declares(task, targets, good, poor, junk):
    from stress.records.frame import DERIVED

    settled = task.settle(good, targets)
    there = {"score", "failed", *settled.columns}
    rows = {m.name: m for m in METRICS[settled.name]}
    assert settled.headline in rows
    for column in (rows[settled.headline].top, rows[settled.headline].bottom or "score"):
        assert DERIVED.get(column, column) in there


@pytest.mark.parametrize(
    ("task", "target", "words"),
    [
        (Classification(ABC), "d", "one of the 3 classes"),
        (Classification(ABC[:1]), None, "the only class, 'a', got none"),
        (MultiLabel(ABC), "a|d", "among the 3 classes"),
        (Regression(), "many", "finite number"),
        (Regression(), NAN, "finite number"),
        (Transcription(), 7, "must be a text"),
        (FreeText(), 7, "a text or a list of texts"),
        (FreeText(), [], "a text or a list of texts"),
        (Vqa(), ["yes", "yes", "no"], "at least 4 people"),
        (Vqa(), 7, "a text or a list of texts"),
        (Retrieval(ABC), "d", "one of the candidates"),
    ],
)
def test_bad_targets_are_named(task, target, words):
    with pytest.raises(InputError, match=words):
        task.check_targets([target])


@pytest.mark.parametrize(
    "make", [lambda: Regression(tolerance=0), lambda: FreeText("poem"), lambda: MultiLabel(ABC, threshold=1.0)]
)
def test_bad_settings_are_refused(make):
    with pytest.raises(InputError):
        make()


def slow_distance(one, other):
    """Levenshtein's recursion, as it is written in books."""

    @cache
    def d(i, j):
        if not i or not j:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (one[i - 1] != other[j - 1]))

    return d(len(one), len(other))


@settings(max_examples=150, deadline=None)
@given(st.text("abc", max_size=9), st.text("abcd", max_size=9))
def test_edits_are_the_levenshtein_distance(one, other):
    found = edits(one, other)
    assert found.total == slow_distance(one, other)
    assert min(found.substitutions, found.deletions, found.insertions) >= 0
    assert len(one) - found.deletions + found.insertions == len(other)


def test_word_error_rate_is_torchmetrics():
    from torchmetrics.functional.text import char_error_rate, word_error_rate

    wanted = ["the cat sat on the mat", "seven eight nine", "a b c d"]
    given_ = ["the bat sat on mat", "seven hate nine ten", ""]
    task = Transcription()
    found = task.score(given_, wanted)
    assert sum(found["word_errors"]) / sum(found["words"]) == pytest.approx(float(word_error_rate(given_, wanted)))
    joined = [[text.replace(" ", "") for text in texts] for texts in (given_, wanted)]
    for spaces, texts in ((True, (given_, wanted)), (False, joined)):
        counted = Transcription(spaces=spaces).score(given_, wanted)
        characters = sum(counted["character_errors"]) / sum(counted["characters"])
        assert characters == pytest.approx(float(char_error_rate(*texts)))
    for s, d, i, total in zip(*(found[k] for k in ("substitutions", "deletions", "insertions", "word_errors"))):
        assert s + d + i == total


def test_chrf_is_near_torchmetrics_and_exact_by_hand():
    """torchmetrics averages F over the orders, sacreBLEU (and we) precision and recall: the 4th digit differs."""
    from torchmetrics.functional.text import chrf_score

    pairs = [("the cat sat on the mat", "the cat is on a mat"), ("ein Haus am See", "das Haus am Meer"), ("abc", "xyz")]
    for wanted, said in pairs:
        expected = float(chrf_score([said], [[wanted]], n_word_order=0))
        assert chrf(wanted, said) == pytest.approx(expected, abs=1e-3)
    assert chrf("a b c", "abd") == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert chrf("abcd", "ab") == pytest.approx(5 * 1 * (1 / 2 + 1 / 3) / 2 / (4 * 1 + (1 / 2 + 1 / 3) / 2))
    assert (chrf("", ""), chrf("a", "")) == (1, 0)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Hello,  WORLD!", "hello world"),
        ("It’s 'fine'", "it's fine"),
        ("STRASSE Straße", "strasse strasse"),
        ("नमस्ते दुनिया।", "नमस्ते दुनिया"),
        ("e\u0301te\u0301", "été"),
        ("", ""),
    ],
)
def test_normalisation(text, clean):
    assert normalise(text) == clean
    assert normalise(clean) == clean


def test_scripts_without_spaces_are_counted_by_character():
    assert words_of("今天 天气 ok") == ["今", "天", "天", "气", "ok"]


def test_token_f1():
    assert token_f1("the red house", "a red house") == pytest.approx(2 / 3)
    assert (token_f1("", ""), token_f1("a", ""), token_f1("", "a")) == (1, 0, 0)


def test_labels_of():
    assert labels_of("a|b ") == labels_of('["a", "b"]') == labels_of(["a", "b"]) == ("a", "b")
    assert labels_of(None) == labels_of("") == labels_of([]) == ()


def test_silence_counts_what_is_heard_in_it():
    found = Transcription().score(["", "hello there", "…"], ["", "…!", ""])
    assert found["words"] == found["characters"] == [0, 0, 0]
    assert found["insertions"] == found["word_errors"] == [0, 2, 0]
    assert found["score"].tolist() == [1, 0, 1]
    assert found["exact"] == [1, 0, 1]


def soft(answer, people):
    return Vqa().score([answer], [people])["score"][0]


def test_agreement_of_ten_people_is_counted_as_published():
    """The values that VQA v2 can take: none, one, two, three, or more of ten people gave the answer."""
    for same, value in enumerate([0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1]):
        assert soft("blue", ["blue"] * same + [f"other {i}" for i in range(10 - same)]) == pytest.approx(value)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["red", "blue", "2"]), min_size=4, max_size=12), st.sampled_from(["red", "blue", "5"]))
def test_soft_accuracy_is_the_mean_over_leaving_each_person_out(people, answer):
    each = [min(1, (people[:i] + people[i + 1 :]).count(answer) / 3) for i in range(len(people))]
    assert soft(answer, people) == pytest.approx(sum(each) / len(each))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A red bus!", "red bus", True), ("Two", "2", True), ("don't know", "dont know", True), ("1,000", "1000", True),
        ("2.5", "2 5", False), ("2.5", "2.5.", True), ("well-lit", "well lit", True), ("The", "the", True),
        ("none", "0", True), ("no", "yes", False), ("a", "", False), ("Ünder", "ünder", True),
        ("left, right", "left right", True),
        ("50%", "50", False), ("$5", "5", False), ("(yes)", "yes", True), ("yes/no", "yes no", True),
    ],
)  # fmt: skip
def test_what_makes_no_difference_to_a_short_answer(one, other, same):
    assert soft(one, other or "nothing") == same


def test_captions_are_compared_as_sacrebleu_compares_them():
    """Sentence chrF of sacreBLEU 2.6.0, default settings; the references by themselves."""
    published = [
        ("a cat on a mat", "the cat sat on a mat", 0.6984866438604941),
        ("two dogs, run!", "Two dogs run", 0.453545034322207),
        ("ab", "abcdef ghi", 0.5122950819672132),
        ("x", "y", 0.0),
        ("Ein Bus", "Ein Bus", 1.0),
    ]
    task = FreeText("captioning")
    for reference, answer, value in published:
        assert task.score([answer], [reference])["score"][0] == pytest.approx(value, abs=1e-7)
        assert task.score([answer], [["zzz", reference]])["score"][0] == pytest.approx(value, abs=1e-7)
