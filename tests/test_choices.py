"""Multiple choice: every letter is right as often, whatever the other samples are."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stress
from perturbations import InputError, Sample
from stress.data import multiple_choice

COLOURS = ["red", "green", "blue"]


def samples(count, target=lambda i: COLOURS[i % 3]):
    return [Sample(f"s{i}", {"text": f"question {i}"}, target=target(i)) for i in range(count)]


def shown(sample):
    return dict(line.split(". ", 1) for line in sample.streams["options"].split("\n"))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1), min_size=2, max_size=26,
             unique=True),
    st.integers(0, 99),
)  # fmt: skip
def test_the_letter_is_that_of_the_target_and_no_option_is_lost(options, seed):
    (one,) = multiple_choice([Sample("a", {"text": "?"}, target=options[0])], options, seed=seed)
    assert sorted(shown(one).values()) == sorted(options)
    assert shown(one)[one.target] == options[0]


def test_a_constant_letter_is_right_as_often_as_chance():
    """Of 3,000 samples whose right option is always named first, each letter is right in a third: within 4 s.e."""
    letters = Counter(each.target for each in multiple_choice(samples(3000, lambda i: "red"), COLOURS))
    assert set(letters) == {"A", "B", "C"}
    for count in letters.values():
        assert abs(count / 3000 - 1 / 3) < 4 * (2 / 9 / 3000) ** 0.5


def test_an_order_depends_on_seed_and_id_alone():
    whole = multiple_choice(samples(40), COLOURS)
    assert multiple_choice(samples(40)[::-1], COLOURS[::-1])[::-1] == whole
    assert multiple_choice(samples(7), {f"s{i}": COLOURS for i in range(7)}) == whole[:7]
    assert multiple_choice(samples(40), COLOURS, seed=1) != whole


def test_a_model_that_reads_its_options_is_right_and_one_that_says_a_is_not(tmp_path):
    def reads(batch):
        wanted = [COLOURS[int(i[1:]) % 3] for i in batch.ids]
        return [next(k for k, v in (line.split(". ") for line in text.split("\n")) if v == name)
                for text, name in zip(batch["options"], wanted)]  # fmt: skip

    def says_a(batch):
        return ["A"] * batch.size

    suite = {"suite": "s@1", "severities": [1], "scenarios": {"typos": {"text": "keyboard_typos"}}}
    for model, right in ((reads, 1), (says_a, None)):
        model.classes = ["A", "B", "C"]
        data = multiple_choice(samples(90), COLOURS)
        run = stress.run(model, data, suite, tmp_path / model.__name__, workers=1, preflight=False)
        score = [row["score"] for row in run.records().to_pylist() if row["cell"] == "clean"]
        assert sum(score) / len(score) == pytest.approx(right if right else 1 / 3, abs=0 if right else 0.15)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["red"], "from 2 to 26, got 1"),
        ([str(i) for i in range(27)], "from 2 to 26, got 27"),
        (["red", "red"], "distinct"),
        (["red", ""], "one line of text"),
        (["red", "a\nb"], "one line of text"),
        ("red", "a list of texts"),
        (["red", 3], "a list of texts"),
        ({"s1": COLOURS}, "got none for this one"),
        (["rad", "blue"], "one of its options, got 'red'"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(options, says):
    with pytest.raises(InputError, match=says):
        multiple_choice(samples(1), options)


def test_a_stream_that_is_there_is_not_overwritten():
    with pytest.raises(InputError, match="has a stream 'text' already"):
        multiple_choice(samples(1), COLOURS, stream="text")
    with pytest.raises(InputError, match=r"must be stress\.Sample"):
        multiple_choice(["s"], COLOURS)
