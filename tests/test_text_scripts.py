"""Every text perturbation over every script of Unicode, decomposed accents, keycaps, joined emoji and lone marks."""

import unicodedata
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import perturbations
from perturbations import InputError, apply
from perturbations.text.segments import _ASCII_WORD, graphemes, phrases, pieces, words
from tests.test_text_laws import READY, ways


def scripts():
    """Return some letters, marks and digits of each script, which the names of characters begin with."""
    found = defaultdict(list)
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character)[0] in "LMN" and (name := unicodedata.name(character, "")):
            script = found[name.partition(" ")[0].partition("-")[0]]
            if len(script) < 8 or (unicodedata.category(character)[0] in "MN" and len(script) < 16):
                script.append(character)
    return {name: "".join(characters) for name, characters in found.items() if len(characters) > 2}


SCRIPTS = scripts()
SPECIAL = (
    "e\u0301", "A\u030a\u0301", "\u0301", "\u0308\u0308", "\u0e31", "\u20e3", "1\ufe0f\u20e3", "#\ufe0f\u20e3",
    "*\u20e3", "\u200d", "\u200b", "\ufe0f", "👨\u200d👩\u200d👧\u200d👦", "👍\U0001f3fd", "🇩🇪", "🇩",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "가", "각", "ﬁ", "ß", "İ", "ŉ", "ǆ", "½",
    "٣", "¹", "12", "3/4 inch", "-40 °F", "$1,234.50", "he's ", "Do it. ", "don't ", " ", "\n", ".", "’", "'",
    "<b>", "&amp;", "https://a.b/c", "Anna Lee", "3 March 2025", "14:30",
)  # fmt: skip
TEXTS = st.lists(
    st.sampled_from(SPECIAL)
    | st.sampled_from(sorted(SCRIPTS)).flatmap(lambda name: st.text(SCRIPTS[name], max_size=5)),
    max_size=12,
).map("".join)


def test_the_scripts_are_all_there():
    assert len(SCRIPTS) > 150
    assert {"THAI", "KHMER", "LAO", "MYANMAR", "TIBETAN", "HIRAGANA", "HANGUL", "CUNEIFORM", "ADLAM"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", READY)
def test_every_script_gives_a_valid_text_and_the_same_again(name):
    keywords = ways(name)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(TEXTS, st.sampled_from(keywords), st.integers(0, 99))
    def holds(text, chosen, seed):
        after = apply(name, text, **chosen, seed=seed)
        after.encode("utf-8")
        assert apply(name, text, **chosen, seed=seed) == after
        assert apply(name, text, 0) == text

    holds()


@pytest.mark.parametrize("name", READY)
def test_a_lone_surrogate_cannot_enter(name):
    for text in ("กำ\udc80", "\ud83d", "a\udfffb", "e\u0301\ud800"):
        with pytest.raises(InputError, match="must be valid Unicode"):
            apply(name, text, **ways(name)[0])


WORD_OPERATIONS = (
    "text.dropped_words", "text.swapped_words", "text.duplicated_words", "text.dropped_stopwords", "text.restarts",
    "text.bidi_marks", "text.bidi_reordering", "text.hyphenation", "text.misspellings", "text.synonyms",
    "text.homophones", "text.autocorrect", "text.negation", "text.contractions", "text.missing_spaces",
)  # fmt: skip
UNSPACED = (
    "กำลังเดินทางไปบ้าน", "ខ្ញុំទៅផ្ទះ", "ຂ້ອຍໄປບ້ານ", "ကျွန်တော်အိမ်ပြန်မယ်", "我们今天去北京看朋友",
    "今日は東京タワーへ行った", "བོད་སྐད་", "ᦅᧄᦺᦑ", "ꦲꦏ꧀ꦱꦫꦗꦮ", "𠀀𠀁𠀂",
)  # fmt: skip


@pytest.mark.parametrize("name", WORD_OPERATIONS)
@pytest.mark.parametrize("text", UNSPACED)
def test_letters_of_scripts_without_spaces_are_no_words(name, text):
    for seed in range(3):
        for keywords in ways(name):
            assert apply(name, text, seed=seed, **keywords) == text


@pytest.mark.parametrize("text", UNSPACED)
@pytest.mark.parametrize("name", ["text.filler_words", "text.emoji"])
def test_hesitations_and_emoji_stand_outside_of_phrases_without_spaces(name, text):
    for seed in range(5):
        after = apply(name, f"{text}。{text}", share=1.0, seed=seed)
        assert after.count(text) == 2
        if not text.endswith("\u0f0b"):  # the point after a Tibetan syllable is no end of a phrase
            assert after != f"{text}。{text}"


def test_hesitations_come_before_words_and_phrases():
    assert apply("text.filler_words", "one two", share=1.0, language="nl").count("one") == 1
    parts, places = phrases("今日は行った。明日はiPhoneを買う")
    assert ["".join(parts[place : place + 2]) for place in places] == ["今", "明", "iPhone"]
    parts, places = phrases("今日は行った。明日", ends=True)
    assert [parts[place] for place in places] == ["た", "日"]


KEYS = ("text.full_width", "text.native_digits", "text.homoglyphs", "text.leetspeak", "text.ocr_confusions",
        "text.unpunctuated", "text.dropped_punctuation", "text.keyboard_typos", "text.spelled_numbers",
        "text.locale_format", "text.unit_system", "text.random_case")  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_emoji_of_keys_stay(name):
    text = "press 1\ufe0f\u20e3 or #\ufe0f\u20e3, *\u20e3 then 2\u20e3"
    for keywords in ways(name):
        after = apply(name, text, **keywords)
        assert [unit for unit in graphemes(after)[0] if "\u20e3" in unit] == [
            unit for unit in graphemes(text)[0] if "\u20e3" in unit
        ], (keywords, after)


@settings(max_examples=300, deadline=None)
@given(st.text("aeXZ 1!~\u0301\u0308\u0327\u0e31\ufe0f\u20e3", max_size=20))
def test_full_width_letters_keep_their_accents(text):
    after = apply("text.full_width", text, share=1.0)
    assert unicodedata.normalize("NFKC", after) == unicodedata.normalize("NFKC", text)
    assert len(graphemes(after)[0]) == len(graphemes(text)[0])


def test_a_decomposed_letter_is_typed_full_width():
    assert apply("text.full_width", "cafe\u0301", share=1.0) == "ｃａｆｅ\u0301"


@settings(max_examples=500, deadline=None)
@given(st.text("ab1 .,'_$", max_size=20))
def test_plain_texts_are_cut_as_others_are(text):
    assert pieces(text) == _ASCII_WORD.split(text)
    assert words(text) == (pieces(text), range(1, len(pieces(text)), 2))


def test_the_names_of_perturbations_are_those_of_the_registry():
    assert {*WORD_OPERATIONS, *KEYS} <= set(perturbations.names("text"))
