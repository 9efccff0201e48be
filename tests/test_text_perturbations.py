"""What each text perturbation does, checked against what it says it does."""

import re
import unicodedata

import pytest

import perturbations
import scenarios
import stress
from perturbations import Sample, apply
from perturbations.modality import modality
from perturbations.text._keyboards import LAYOUTS, neighbours, slip
from perturbations.text.segments import graphemes, pieces, sentences

TEXT = modality("text").witness()
SEEDS = range(4)


def test_which_change_the_meaning():
    names = [name for name in perturbations.names("text") if perturbations.get(name).changes_meaning]
    assert names == ["text.dropped_sentences", "text.negation", "text.truncation"]


@pytest.mark.parametrize(
    ("layout", "key", "beside"),
    [
        ("qwerty", "g", "fhtyvb"), ("qwerty", "Q", "WA"), ("qwertz", "z", "tuhg"), ("azerty", "a", "zq"),
        ("russian", "ф", "йцыя"), ("arabic", "ب", "يلقفر"), ("spanish", "ñ", "lp"), ("hindi", "क", "रत"),
        ("greek", "σ", "αςεδζχ"), ("turkish", "ı", "uokj"), ("thai", "ก", "หด"), ("dvorak", "e", "ou"),
    ],
)  # fmt: skip
def test_keys_that_lie_side_by_side(layout, key, beside):
    near = neighbours(layout)
    assert set(beside) <= set(near[key]) | set(near[key].swapcase())
    assert len(near[key]) <= 8
    assert key not in near[key]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_mutual_and_of_letters(layout):
    near = neighbours(layout)
    assert len(near) >= 26
    if layout != "auto":
        for key, beside in near.items():
            assert all(key in near[other] for other in beside), key
    assert all(other.isalpha() and len(graphemes(f"x{other}")[0]) == 2 for beside in near.values() for other in beside)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("layout", ["qwerty", "qwertz", "azerty"])
def test_typos_are_neighbours_and_as_many_as_asked(seed, layout):
    near = neighbours(layout)
    after = apply("text.keyboard_typos", TEXT * 5, share=0.1, layout=layout, seed=seed)
    pairs = [(a, b) for a, b in zip(TEXT * 5, after, strict=True) if a != b]
    assert all(b in near[a] for a, b in pairs)
    assert 0.06 < len(pairs) / sum(c in near for c in TEXT * 5) < 0.14


def test_a_hangul_syllable_slips_by_one_letter():
    near = neighbours("korean")
    for syllable in "한국어연구진은":
        for pick in range(20):
            one, other = (unicodedata.normalize("NFD", each) for each in (syllable, slip(syllable, pick, near)))
            assert sum(a != b for a, b in zip(one, other, strict=True)) <= 1


def words(text):
    return pieces(text)[1::2]


@pytest.mark.parametrize("seed", SEEDS)
def test_letters_change_places_inside_words_only(seed):
    after = apply("text.swapped_letters", TEXT, 5, seed=seed)
    assert [sorted(word) for word in words(after)] == [sorted(word) for word in words(TEXT)]
    assert words(after) != words(TEXT)


@pytest.mark.parametrize(
    ("name", "undo"),
    [
        ("text.repeated_letters", lambda text: re.sub(r"([^\W\d_])\1+", r"\1", text)),
        ("text.zero_width", lambda text: re.sub("[\u200b\u2060\ufeff\u00ad]", "", text)),
        ("text.bidi_marks", lambda text: re.sub("[\u200e\u200f\u2068\u2069\u202a-\u202c]", "", text)),
        ("text.bidi_reordering", lambda text: re.sub("\u202e(.*?)\u202c", lambda m: m[1][::-1], text)),
        ("text.hyphenation", lambda text: text.replace("-\n", "")),
        ("text.line_breaks", lambda text: text.replace("\n", " ")),
        ("text.odd_spaces", lambda text: re.sub("[\u00a0\u2009\u202f\u2002\u3000\t]", " ", text)),
        ("text.extra_spaces", lambda text: re.sub(" +", " ", text)),
        ("text.full_width", lambda text: unicodedata.normalize("NFKC", text)),
        ("text.caps_lock", str.lower),
        ("text.random_case", str.lower),
        ("text.emoji", lambda text: re.sub(r" [^\x00-\xff\u2010-\u2027]+", "", text)),
        ("text.stacked_marks", lambda text: re.sub("[\u0300-\u0344]", "", text)),
        ("text.filler_words", lambda text: re.sub(r"\b(um|uh|er|you know|like|I mean) ", "", text)),
        ("text.restarts", lambda text: re.sub(r"[$\w]+- ", "", text)),
        ("text.split_words", lambda text: text.replace(" ", "")),
        ("text.missing_spaces", lambda text: text.replace(" ", "")),
        ("text.ocr_page_noise", lambda text: re.sub(r"[^\w\s]|_", "", text)),
    ],
)
@pytest.mark.parametrize("severity", [1, 5])
def test_what_can_be_undone(name, undo, severity):
    for seed in SEEDS:
        after = apply(name, TEXT, severity, seed=seed)
        assert after != TEXT
        assert undo(after) == undo(TEXT)


@pytest.mark.parametrize(
    ("encodings", "text", "after"),
    [
        ("utf-8 as windows-1252", "café €5", "cafÃ© â‚¬5"),
        ("utf-8 twice as windows-1252", "é", "ÃƒÂ©"),
        ("utf-8 as windows-1251", "é", "Г©"),
        ("utf-8 as ascii", "é", "\ufffd\ufffd"),
        ("windows-1252 as utf-8", "café", "caf\ufffd"),
        ("windows-1252 as utf-8", "чай", "???"),
        ("utf-8 as windows-1252", "Á", "Ã\x81"),
        ("utf-8 as mac-roman", "ü", "√º"),
    ],
)
def test_mojibake_is_a_real_round_trip(encodings, text, after):
    assert apply("text.mojibake", text, encodings=encodings) == after


@pytest.mark.parametrize("text", ["Zoe\u0308 ﬁn Å", "각 ｶﾞ"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_normalisation(text, form):
    assert apply("text.normalisation_form", text, form=form) == unicodedata.normalize(form, text)


def test_look_alikes_are_of_other_scripts_or_shapes():
    after = apply("text.homoglyphs", "peace across copies", 5)
    changed = [(a, b) for a, b in zip("peace across copies", after, strict=True) if a != b]
    assert changed
    assert all(a.isascii() and not b.isascii() for a, b in changed)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Zoë's café, Đà Nẵng, smørrebrød, straße", "Zoe's cafe, Da Nang, smorrebrod, strasse"),
        ("ἀρχή ёлка", "αρχη елка"),
        ("مُحَمَّد שָׁלוֹם", "محمد שלום"),
        ("क्षेत्र กำลัง й ガ", "क्षेत्र กำลัง й ガ"),
    ],
)
def test_accents_are_lost_and_letters_are_not(text, after):
    assert apply("text.dropped_diacritics", text, 5) == after


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        ("text.unpunctuated", "Hello, World! It's 3.5 – “really”?", "hello world it's 3.5  really"),
        ("text.lower_case", "See <B>This</B> at https://A.b/C", "see <B>this</B> at https://A.b/C"),
        ("text.smart_punctuation", '"Don\'t," he said - \'90s... ("so")', "“Don’t,” he said – ‘90s… (“so”)"),
    ],
)
def test_transcripts_and_word_processors(name, text, after):
    assert apply(name, text) == after


def test_stop_words_go_and_the_others_stay():
    assert apply("text.dropped_stopwords", "The cat is on the mat, and it sleeps.", 5) == "cat mat, sleeps."
    assert apply("text.dropped_stopwords", "Die Katze ist auf der Matte.", 5, language="de") == "Katze Matte."


def test_dropped_words_take_one_space_with_them():
    for seed in SEEDS:
        after = apply("text.dropped_words", "one two, three (four) five", 4, seed=seed)
        assert "  " not in after.replace(", ", ",")
        assert after.count("(") == after.count(",") == 1
    assert apply("text.dropped_words", "one two", share=1.0) == ""


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_dilution_keeps_every_sentence_in_its_order(ratio):
    text = "It rained. The bus was late. Nobody knew why."
    after = apply("text.dilution", text, ratio=ratio)
    found = [sentence.strip() for sentence in sentences(after)]
    kept = [sentence for sentence in found if sentence in text]
    assert kept == [sentence.strip() for sentence in sentences(text)]
    assert len(found) == 3 + -(-3 * ratio // 1)


def test_dilution_is_nested_and_takes_a_file(tmp_path):
    path = tmp_path / "noise.txt"
    path.write_text("\n".join(f"Noise number {i} here." for i in range(40)), encoding="utf-8")
    added = set()
    for severity in range(1, 6):
        after = apply("text.dilution", "It rained. It was late.", severity, sentences_file=str(path))
        now = set(re.findall(r"Noise number \d+", after))
        assert added <= now
        added = now
    assert added


@pytest.mark.parametrize(("share", "side", "after"), [(0.5, "end", "ab"), (0.5, "start", "éकि"), (1.0, "end", "")])
def test_truncation_counts_characters_as_readers_do(share, side, after):
    assert apply("text.truncation", "abéकि", share=share, side=side) == after


def test_words_keep_their_capitals(tmp_path):
    path = tmp_path / "one.tsv"
    path.write_text("dog\thound\n", encoding="utf-8")
    assert apply("text.synonyms", "Dog dog DOG", 5, lexicon=str(path)) == "Hound hound HOUND"


def test_homophones_in_other_languages():
    assert apply("text.homophones", "Seid still.", 5, language="de") == "Seit still."
    assert apply("text.homophones", "las voces ves", 5, language="es") == "las voces vez"


@pytest.mark.parametrize("shown", ["�", "□", "nothing"])
def test_lost_characters_are_counted_as_readers_do(shown):
    assert apply("text.lost_characters", "ok 👨\u200d👩\u200d👧 é!", 5, shown=shown) == (
        "ok  !" if shown == "nothing" else f"ok {shown} {shown}!"
    )


def test_where_nothing_can_change_the_record_says_so(tmp_path):
    samples = [Sample(str(i), {"text": f"weight {i}.5" if i % 4 == 0 else "no number"}, str(i % 2)) for i in range(24)]
    suite = scenarios.loads("suite: l@1\nscenarios:\n  abroad: {text: {name: number_format, to: [de_DE, fr_FR]}}\n")
    run = stress.run(lambda batch: [str(len(text) % 2) for text in batch["text"]], samples, suite, tmp_path, workers=1)
    shares = {row["cell"]: row["unchanged"] for row in run.table("cells").to_pylist() if row["metric"] == "accuracy"}
    assert [share for cell, share in shares.items() if cell != "clean"] == [0.75, 0.75]
