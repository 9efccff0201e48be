"""Edit distance: exact for usual texts, from above and linear for very long ones."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
from perturbations import _edits
from perturbations._edits import EXACT, edit_distance
from tests.sib200 import needs_sib200, rows


def plain(one, other):
    """The textbook table."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row, before = [i], row
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@settings(max_examples=300, deadline=None)
@given(st.text("abc é", max_size=40), st.text("abc é", max_size=40))
def test_it_is_the_textbook_distance(one, other):
    assert edit_distance(one, other) == plain(one, other)


@settings(max_examples=200, deadline=None)
@given(st.text("ab ", max_size=60), st.text("ab ", max_size=60))
def test_the_path_for_long_texts_is_an_upper_bound_and_exact_for_equal_texts(one, other):
    parts = list(_edits._cut(one, other))
    assert "".join(part for part, _ in parts) == one
    assert "".join(part for _, part in parts) == other
    assert sum(edit_distance(*part) for part in parts) >= plain(one, other)
    assert edit_distance(one, one) == 0


@settings(max_examples=300, deadline=None)
@given(st.text("ab", max_size=300), st.text("ab", max_size=300), st.text("ab", max_size=5), st.text("ab", max_size=5))
def test_equal_ends_are_found(start, end, one, other):
    cut = _edits._differing(start + one + end, start + other + end)
    assert len(cut[0]) <= len(one)
    assert plain(*cut) == plain(one, other)
    if cut[0] and cut[1]:
        assert cut[0][0] != cut[1][0]
        assert cut[0][-1] != cut[1][-1]


DAMAGE = [
    ("text.keyboard_typos", {"share": 0.1}, 1.005),
    ("text.dropped_letters", {"share": 0.3}, 1.01),
    ("text.dropped_words", {"share": 0.6}, 1.01),
    ("text.dilution", {"ratio": 1.0}, 1.01),
    ("text.truncation", {"share": 0.5, "side": "start"}, 1.005),
    ("text.dropped_sentences", {"share": 0.4}, 1.01),
    ("text.shuffled_sentences", {"share": 0.3}, 1.1),
]


@needs_sib200
@pytest.mark.parametrize(("name", "keywords", "most"), DAMAGE)
@pytest.mark.parametrize("language", ["eng_Latn", "zho_Hans"])
def test_the_bound_is_tight_on_real_texts(name, keywords, most, language):
    text = " ".join(row[language] for row in rows())[:12_000]
    after = perturbations.apply(name, text, **keywords)
    exact = _edits._exact(text, after)
    assert exact <= edit_distance(text, after) <= most * exact
    assert max(len(text), len(after)) > EXACT


@pytest.mark.slow
def test_long_texts_take_time_in_proportion():
    text = "the quick brown fox jumps over a lazy dog near the river "
    taken = []
    for count in (500, 5_000):
        before = text * count
        after = perturbations.apply("text.keyboard_typos", before, share=0.1)
        tries = []
        for _ in range(3):
            start = time.process_time()
            distance = edit_distance(before, after)
            tries.append(time.process_time() - start)
        taken.append(min(tries))
        assert 0.06 < distance / len(before) < 0.09
    assert taken[1] < 40 * taken[0]  # ten times as long; a quadratic one would take a hundred times
