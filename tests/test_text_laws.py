"""What every text perturbation keeps: any Unicode, whole clusters, nested damage, white space, links and markup."""

import pytest
from hypothesis import HealthCheck, given, settings

import perturbations
from perturbations import InputError
from perturbations.modality import modality
from perturbations.text.segments import graphemes, pieces, spaced
from tests._amount import amount
from tests.sib200 import LANGUAGES, needs_sib200, sentences
from tests.test_text_units import ANY

CORRUPTIONS = [name for name in perturbations.names("text") if perturbations.get(name).kind == "corruption"]
OWN_MODEL = ("text.back_translation", "text.paraphrase", "text.translation")
READY = [name for name in CORRUPTIONS if name not in OWN_MODEL]
GRADED = [name for name in READY if perturbations.get(name).axis == "ordinal"]
EXTREMES = (
    "",
    "a",
    " ",
    "\n",
    "é",
    "क्षि",
    "👨\u200d👩\u200d👧",
    "\u0301",
    "\u200f",
    "שלום",
    "1",
    "<",
    "&",
    "@",
    "www.",
    ".",
)


def ways(name):
    """Yield the keywords of every way in which a perturbation can be applied at its ends."""
    perturbation = perturbations.get(name)
    if perturbation.axis == "ordinal":
        return [{"severity": 1}, {"severity": perturbation.top()}]
    row = perturbation.params.get(perturbation.category or "")
    return [{perturbation.category: option} for option in row.options or (row.default,)] if row else [{}]


def test_there_are_many():
    assert len(perturbations.names("text")) >= 35


@pytest.mark.parametrize("name", READY)
def test_any_text_gives_a_valid_text(name):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(ANY)
    def valid(text):
        for keywords in (ways(name)[0], ways(name)[-1]):
            perturbations.apply(name, text, **keywords).encode("utf-8")

    valid()


@pytest.mark.parametrize("name", READY)
def test_extremes(name):
    for text in EXTREMES:
        for keywords in ways(name):
            perturbations.apply(name, text, **keywords).encode("utf-8")
            assert perturbations.apply(name, "", **keywords) == ""


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("bad", [b"bytes", "lone \ud800 surrogate", 7, ["a"]], ids=repr)
def test_what_is_no_text_is_refused(name, bad):
    with pytest.raises(InputError, match=name):
        perturbations.apply(name, bad, **ways(name)[0])


REORDERING = {
    "text.dropped_letters": (),
    "text.swapped_letters": (),
    "text.repeated_letters": (),
    "text.split_words": (" ",),
    "text.missing_spaces": (),
    "text.dropped_words": (),
    "text.swapped_words": (),
    "text.duplicated_words": (" ",),
    "text.truncation": (),
    "text.hyphenation": ("-", "\n"),
    "text.line_breaks": ("\n",),
    "text.dropped_punctuation": (),
    "text.bidi_marks": tuple("\u200e\u200f\u2068\u2069\u202a\u202b\u202c"),
    "text.bidi_reordering": ("\u202e", "\u202c"),
    "text.restarts": ("-", " "),
    "text.dropped_sentences": (),
    "text.shuffled_sentences": (),
}
"""What only takes away, repeats or moves, and what it may add."""


def made_of(text, units):
    """Tell whether a text is a row of such units."""
    longest = max(map(len, units))
    reached = {0}
    for end in range(1, len(text) + 1):
        if any(start in reached and text[start:end] in units for start in range(max(0, end - longest), end)):
            reached.add(end)
    return len(text) in reached


@needs_sib200
@pytest.mark.parametrize("name", sorted(REORDERING))
def test_no_cluster_is_torn_in_any_language(name):
    for language in LANGUAGES:
        for number, text in enumerate(sentences(language, 4)):
            after = perturbations.apply(name, text, 4, seed=1, sample=str(number))
            assert made_of(after, {*graphemes(text)[0], *REORDERING[name]}), (language, text, after)


@needs_sib200
@pytest.mark.parametrize("name", ["text.keyboard_typos", "text.homoglyphs", "text.random_case"])
def test_marks_stay_with_their_letters(name):
    for language in LANGUAGES:
        for number, text in enumerate(sentences(language, 6)):
            after = perturbations.apply(name, text, 3, sample=str(number))
            marks = [unit[1:] for unit in graphemes(text)[0]]
            assert [unit[1:] for unit in graphemes(after)[0]] == marks, (language, text, after)


UNSPACED = ("jpn_Jpan", "tha_Thai", "zho_Hans")


def unspaced(text):
    """Return the letters of scripts that set off no words by spaces."""
    return [character for character in text if not spaced(character)]


@needs_sib200
@pytest.mark.parametrize(
    "name", ["text.keyboard_typos", "text.dropped_letters", "text.ocr_confusions", "text.dropped_words"]
)
def test_it_acts_in_every_language(name):
    for language in LANGUAGES:
        texts = sentences(language, 20)
        after = [perturbations.apply(name, text, 5, sample=str(i)) for i, text in enumerate(texts)]
        changed = [one != other for one, other in zip(texts, after, strict=True)]
        if name == "text.dropped_words" and language in UNSPACED:
            assert all(unspaced(one) == unspaced(other) for one, other in zip(texts, after, strict=True)), language
        elif name != "text.keyboard_typos" or language != "zho_Hans":  # Han characters have no keys
            assert sum(changed) == len(texts), language


REPLACING = [
    "text.keyboard_typos", "text.random_case", "text.leetspeak", "text.homoglyphs", "text.full_width",
    "text.odd_spaces", "text.line_breaks", "text.dropped_diacritics", "text.lost_characters",
]  # fmt: skip


@pytest.mark.parametrize("name", REPLACING)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_characters_break_and_more(name, seed):
    perturbation = perturbations.get(name)
    text = perturbation.witness() if perturbation.witness else modality("text").witness()
    before = graphemes(text)[0]
    broken = {}
    for severity in range(1, perturbation.top() + 1):
        after = graphemes(perturbations.apply(name, text, severity, seed=seed))[0]
        if len(after) != len(before):
            pytest.skip("some of these become two characters here")
        now = {place: unit for place, unit in enumerate(after) if unit != before[place]}
        assert broken.items() <= now.items()
        broken = now


WORDED = [
    "text.misspellings", "text.autocorrect", "text.homophones", "text.synonyms", "text.code_switching",
    "text.caps_lock", "text.bidi_marks", "text.bidi_reordering", "text.hyphenation", "text.restarts",
]  # fmt: skip


@pytest.mark.parametrize("name", WORDED)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_words_break_in_the_same_way_and_more(name, seed):
    text = modality("text").witness().replace(" ", "\u3000")  # a space that nothing here adds
    before = text.split("\u3000")
    broken = {}
    for severity in range(1, 6):
        after = perturbations.apply(name, text, severity, seed=seed).split("\u3000")
        assert len(after) == len(before)
        now = {place: word for place, word in enumerate(after) if word != before[place]}
        assert broken.items() <= now.items()
        broken = now


@pytest.mark.parametrize("seed", range(3))
def test_dropped_words_are_nested(seed):
    words = [f"w{i}" for i in range(60)]
    left = words
    for severity in range(1, 6):
        after = perturbations.apply("text.dropped_words", " ".join(words), severity, seed=seed).split(" ")
        assert set(after) <= set(left)
        assert after == [word for word in words if word in set(after)]  # in order, one space between
        left = after
    assert len(left) == 24


SPACED = (
    "two  spaces\tand a tab,\n\na paragraph \u00a0and <b class='x y'>markup</b> at https://example.org/a_b?c=d, "
    "me@x.org &amp; on"
)
KEPT = ("<b class='x y'>", "</b>", "https://example.org/a_b?c=d", "me@x.org", "&amp;")
MOVES_TEXT = ("text.truncation", "text.dropped_sentences", "text.shuffled_sentences", "text.mojibake")


@pytest.mark.parametrize("name", [name for name in READY if name not in MOVES_TEXT])
def test_links_and_markup_stay(name):
    glued = "見る本http://a.b/c見"
    for seed in range(3):
        for keywords in ways(name):
            after = perturbations.apply(name, SPACED, seed=seed, **keywords)
            for each in KEPT:
                assert each in after, (keywords, after)
            assert "http://a.b/c見" in perturbations.apply(name, glued, seed=seed, **keywords)


KEEPS_SPACE = [
    "text.keyboard_typos", "text.swapped_letters", "text.dropped_letters", "text.misspellings", "text.ocr_confusions",
    "text.homophones", "text.homoglyphs", "text.caps_lock", "text.random_case", "text.swapped_words", "text.leetspeak",
    "text.synonyms", "text.code_switching",
]  # fmt: skip


@pytest.mark.parametrize("name", KEEPS_SPACE)
def test_white_space_stays(name):
    def gaps(text):
        return [character for character in text if character.isspace()]

    assert gaps(perturbations.apply(name, SPACED, 5)) == gaps(SPACED)


@pytest.mark.parametrize(
    "name", ["text.keyboard_typos", "text.dropped_words", "text.swapped_letters", "text.bidi_reordering"]
)
def test_right_to_left_text_keeps_its_logical_order(name):
    text = "ראש הממשלה אמר היום כי הוא יבוא"
    after = perturbations.apply(name, text, 2)
    order = [pieces(text)[1::2].index(word) for word in pieces(after)[1::2] if word in pieces(text)]
    assert order == sorted(order)
    if name == "text.bidi_reordering":
        assert after == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["text.keyboard_typos", "text.ocr_confusions", "text.dropped_words", "text.homoglyphs"]
)
def test_megabytes(name):
    size = amount(1_000_000, 10_000_000)
    text = ("The quick brown fox; 12 crêpes. " * 330_000)[:size]
    after = perturbations.apply(name, text, 1)
    assert after != text
    assert len(after) > 0.9 * size
