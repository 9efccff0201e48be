"""Grapheme clusters, words and sentences, over the whole of Unicode; and how things are chosen."""

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import Key, generator
from perturbations.text.segments import _SIMPLE, Where, graphemes, hit, hit_numbered, outside, pieces, sentences
from tests.sib200 import LANGUAGES, needs_sib200
from tests.sib200 import sentences as real

CLUSTER = regex.compile(r"\X")
TRICKY = (
    "a b.c,'’-\n\r\t<b></i>&amp;@x.org http://a.b/c?d=1 éე́"
    "\u0301\u0308\u200d\u200c\u200b\ufe0f\U0001f3fd\U0001f468\U0001f469"
    "\U0001f1e9\U0001f1eaकि्षत्ाمُحَبשָׁกำลั世界カガ각각\u0600\u00ad。！？।"
)
ANY = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from(TRICKY), max_size=50)


def boundaries(parts):
    return set(np.cumsum([0, *map(len, parts)]).tolist())


@settings(max_examples=500, deadline=None)
@given(ANY)
def test_parts_join_to_the_text(text):
    assert "".join(graphemes(text)[0]) == text
    assert "".join(pieces(text)) == text
    assert "".join(sentences(text)) == text
    assert outside(text, lambda part: part) == text


@settings(max_examples=500, deadline=None)
@given(ANY)
def test_clusters_are_those_of_unicode(text):
    units, kept = graphemes(text)
    if not kept and "\r\n" not in text:  # a line end is white space, and never touched
        assert units == CLUSTER.findall(text)


@settings(max_examples=500, deadline=None)
@given(ANY.filter(lambda text: not graphemes(text)[1]))
def test_words_never_cut_a_cluster(text):
    parts = pieces(text)
    assert len(parts) % 2 == 1
    assert boundaries(parts) <= boundaries(CLUSTER.findall(text))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(_SIMPLE, fullmatch=True))
def test_the_path_without_a_library_gives_the_same_clusters(text):
    text = text.replace("\r", "")
    assert CLUSTER.findall(text) == list(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dr. O'Neil paid $1,234.50 at 14:30.", ["Dr", "O'Neil", "paid", "$1,234.50", "at", "14:30"]),
        ("l’été, c'est well-known", ["l’été", "c'est", "well-known"]),
        ("今日は東京タワー12階", ["今", "日", "は", "東", "京", "タワー12", "階"]),
        ("क्षेत्र में नमस्ते!", ["क्षेत्र", "में", "नमस्ते"]),
        ("กำลัง", ["กำ", "ลั", "ง"]),
        ("می‌گویند که", ["می‌گویند", "که"]),
        ('see <a href="x y">the page</a> at www.a.org, or a.b@c.de &amp; go', ["see", "the", "page", "at", "or", "go"]),
    ],
)  # fmt: skip
def test_words(text, words):
    assert pieces(text)[1::2] == words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It rained. Was it 3.5 mm? Yes!", 3),
        ("Dr. Smith met J. Doe, e.g. here. Then left.", 2),
        ("雨だ。行こう！", 2),
        ("वह गया। मैं आया।", 2),
        ("one line\nanother", 2),
        ("", 0),
    ],
)
def test_sentences(text, count):
    assert len(sentences(text)) == count


@needs_sib200
@pytest.mark.parametrize("language", LANGUAGES)
def test_real_sentences_have_whole_clusters(language):
    for text in real(language):
        assert "".join(graphemes(text)[0]) == text
        if not graphemes(text)[1]:
            assert graphemes(text)[0] == CLUSTER.findall(text)
            assert boundaries(pieces(text)) <= boundaries(CLUSTER.findall(text))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 200), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6))
def test_what_is_chosen_at_a_small_share_is_chosen_at_a_larger_one(count, one, other, seed):
    low, high = sorted((one, other))
    few = dict(hit_numbered(generator(Key(seed, "test")), range(count), low))
    many = dict(hit_numbered(generator(Key(seed, "test")), range(count), high))
    assert few.items() <= many.items()


@pytest.mark.parametrize("count", [3, 12, 64, 65, 500])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_the_share_is_right_on_average_and_even_for_short_texts(count, share):
    numbers = [len(hit(generator(Key(seed, "test")), range(count), share)) for seed in range(2000)]
    spread = np.sqrt(count * share * (1 - share) / len(numbers))
    assert abs(np.mean(numbers) - count * share) < 4 * spread
    if count <= 64:
        assert set(numbers) <= {int(count * share), int(count * share) + 1}


@pytest.mark.parametrize("count", [0, 1, 64, 100])
def test_nothing_and_everything(count):
    rng = generator(Key(0, "test"))
    assert hit(rng, range(count), 0.0) == []
    assert sorted(hit(rng, range(count), 1.0)) == list(range(count))
    assert sorted(hit(rng, np.arange(count), 1.0)) == list(range(count))


def test_what_is_chosen_is_spread_evenly_and_so_are_the_further_choices():
    places, thirds = np.zeros(40), np.zeros(3)
    for seed in range(3000):
        for place, number in hit_numbered(generator(Key(seed, "test")), range(40), 0.1):
            places[place] += 1
            thirds[number % 3] += 1
    assert abs(places - 300).max() < 4.5 * np.sqrt(300)
    assert abs(thirds - 4000).max() < 4.5 * np.sqrt(4000)


def test_markup_links_and_addresses_are_no_letters():
    letters = Where(str.isalpha)
    units, places = letters("ab <i>c</i> https://d.org e@f.gh &lt;")
    assert [units[place] for place in places] == ["a", "b", "c"]
