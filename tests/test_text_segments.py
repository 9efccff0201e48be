"""Texts in pieces: remembered for the next perturbation of the same text, and never spoilt by one that came before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import perturbations
from perturbations.text import segments
from perturbations.text.segments import Where, graphemes, pieces

NAMES = [
    name
    for name in perturbations.names("text")
    if not perturbations.get(name).needs and not perturbations.get(name).examples and perturbations.get(name).graded
]
TEXTS = ("Dr. O'Neil paid 26.2 euros, and the café is open at https://a.org/x.", "the cat sat on the mat", "नमस्ते दुनिया")


def test_there_are_such_perturbations():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_was_visited_before_is_as_new(name):
    """The same text under several severities and between others, with what is remembered of it and without."""
    segments._remembered_pieces.cache_clear()
    calls = [(text, severity) for text in TEXTS for severity in (5, 1, 3)]
    first = [perturbations.apply(name, text, severity, sample="s") for text, severity in calls]
    again = [perturbations.apply(name, text, severity, sample="s") for text, severity in reversed(calls)]
    assert again == first[::-1]


@given(st.text(st.sampled_from("abz '.-1éеक्षि世👍🏽<@")), st.integers(0, 9))
def test_what_one_caller_does_to_the_pieces_is_not_seen_by_the_next(text, value):
    where = Where(lambda cluster: cluster[0].isalpha())
    for cut in (pieces, lambda text: where(text)[0], lambda text: graphemes(text)[0]):
        mine = cut(text)
        kept = list(mine)
        mine[:] = [str(value)] * len(mine)
        assert cut(text) == kept
        assert "".join(kept) == text
    assert not where(text)[1].flags.writeable


@pytest.mark.parametrize("length", [segments._SHORT - 1, segments._SHORT, segments._SHORT + 1, 3 * segments._SHORT])
def test_long_texts_are_cut_alike_and_not_remembered(length):
    text = ("It rained; nobody knew why. " * length)[:length]
    where = Where(str.isalpha)
    segments._remembered_pieces.cache_clear()
    parts, (units, places) = pieces(text), where(text)
    assert "".join(parts) == "".join(units) == text
    assert all(word.isalnum() for word in parts[1::2])
    assert places.tolist() == [place for place, letter in enumerate(text) if letter.isalpha()]
    assert segments._remembered_pieces.cache_info().currsize == (length <= segments._SHORT)


@pytest.mark.parametrize("count", [1, 8, 9, 24, 64, 65, 300])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_hit_by_whatever_road(count, share):
    """Few places, some and many are chosen in three ways: each hits its share, a smaller one's places among them."""
    places = range(3, 3 + count)
    hits = total = 0
    for sample in range(200):
        key = perturbations.Key(0, "text.x", sample=str(sample))
        found = segments.hit(perturbations.generator(key), places, share)
        numbered = dict(segments.hit_numbered(perturbations.generator(key), places, share))
        more = segments.hit(perturbations.generator(key), places, min(1.0, share + 0.2))
        assert set(found) == set(numbered) <= set(more) <= set(places)
        assert len(set(found)) == len(found)
        hits, total = hits + len(found), total + count
    spread = (share * (1 - share) / total) ** 0.5 if count > 64 else (0.25 * 200) ** 0.5 / total
    assert abs(hits / total - share) <= 4 * spread + 1e-12
