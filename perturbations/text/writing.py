"""Habits and helpers of people who write: capitals, punctuation, accents, spelling, and the phone that knows better."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._lexicon import read_lexicon, replace_words
from perturbations.text.data import words
from perturbations.text.segments import Where, hit, hit_numbered, is_keycap, pieces

__all__ = [
    "autocorrect",
    "caps_lock",
    "dropped_diacritics",
    "dropped_punctuation",
    "leetspeak",
    "lower_case",
    "misspellings",
    "random_case",
]

_CASED = Where(lambda cluster: cluster.swapcase() != cluster)
_WORDS = (0.1, 0.25, 0.5, 0.75, 1.0)


@text_corruption(
    cite="dhole2023",
    share=Param("share of the letters whose case is turned", "of letters with two cases", 0, 1, clean=0,
                levels=(0.05, 0.1, 0.2, 0.35, 0.5)),
)  # fmt: skip
def random_case(text: str, rng: Generator, *, share: float) -> str:
    """A sticking shift key, or a mocking tone: capitals and small letters change places."""
    units, places = _CASED(text)
    for place in hit(rng, places, share):
        units[place] = units[place].swapcase()
    return "".join(units)


@text_corruption(
    cite="dhole2023",
    share=Param("share of the words that are typed in capitals", "of words", 0, 1, clean=0, levels=_WORDS),
)
def caps_lock(text: str, rng: Generator, *, share: float) -> str:
    """Shouting, or caps lock left on: words in capitals."""
    parts = pieces(text)
    places = [place for place in range(1, len(parts), 2) if parts[place].upper() != parts[place]]
    for place in hit(rng, places, share):
        parts[place] = parts[place].upper()
    return "".join(parts)


@text_corruption(cite="dhole2023")
def lower_case(text: str) -> str:
    """A search box or a hasty chat: everything in small letters, links and markup apart."""
    parts = pieces(text)
    parts[1::2] = [word.lower() for word in parts[1::2]]
    return "".join(parts)


_PUNCTUATION = Where(lambda cluster: unicodedata.category(cluster[0])[0] == "P" and not is_keycap(cluster))


@text_corruption(
    cite="rychalska2019",
    version=2,
    share=Param(
        "share of the punctuation marks that are left out", "of punctuation marks", 0, 1, clean=0, levels=_WORDS
    ),
)
def dropped_punctuation(text: str, rng: Generator, *, share: float) -> str:
    """Chat and search have no time for commas: punctuation marks are left out."""
    units, places = _PUNCTUATION(text)
    for place in hit(rng, places, share):
        units[place] = ""
    return "".join(units)


_STROKES = dict(zip("đĐøØłŁħĦŧŦıæÆœŒßþÞðÐёЁ", ("d", "D", "o", "O", "l", "L", "h", "H", "t", "T", "i", "ae", "AE", "oe",
                                                "OE", "ss", "th", "Th", "d", "D", "е", "Е")))  # fmt: skip


@lru_cache(4096)
def _bare(cluster: str) -> str:
    """Return a letter without its accents, where a reader can do without them; Indic vowel signs are letters."""
    if cluster in _STROKES:
        return _STROKES[cluster]
    decomposed = unicodedata.normalize("NFD", cluster)
    first = decomposed[0]
    if not (first < "\u0250" or "\u0370" <= first <= "\u03ff" or "\u05d0" <= first <= "\u06d5" or first in "еЕ"):
        return cluster
    if not first.isalpha() or len(decomposed) == 1:
        return cluster
    kept = "".join(c for c in decomposed[1:] if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", first + kept)


_ACCENTED = Where(lambda cluster: not cluster.isascii() and _bare(cluster) != cluster)


def _accents() -> str:
    return "Zoë's café in Málaga serves crème brûlée, jalapeño and smörgåsbord; naïve façades, ἀρχή, مُحَمَّد, Đà Nẵng."


@text_corruption(
    cite="naplava2021",
    witness=_accents,
    share=Param("share of the accented letters that lose their accents", "of accented letters", 0, 1, clean=0,
                levels=_WORDS),
)  # fmt: skip
def dropped_diacritics(text: str, rng: Generator, *, share: float) -> str:
    """A keyboard without accents: é is typed as e, ø as o, vowelled Arabic and Hebrew without their points."""
    units, places = _ACCENTED(text)
    for place in hit(rng, places, share):
        units[place] = _bare(units[place])
    return "".join(units)


_LEET = {
    "a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7+", "z": "2",
    "А": "4", "В": "8", "З": "3", "О": "0", "Ч": "4", "а": "4", "в": "8", "з": "3", "о": "0", "ч": "4",
}  # fmt: skip
_LEET |= {key.upper(): value for key, value in _LEET.items() if key.isascii()}
_LEETABLE = Where(_LEET.__contains__)


@text_corruption(
    cite="eger2019",
    share=Param("share of the letters with a look-alike digit or sign that are replaced", "of such letters", 0, 1,
                clean=0, levels=(0.05, 0.15, 0.3, 0.6, 1.0)),
)  # fmt: skip
def leetspeak(text: str, rng: Generator, *, share: float) -> str:
    """A writer hides from a filter, or plays: digits and signs stand for letters that look like them."""
    units, places = _LEETABLE(text)
    for place, pick in hit_numbered(rng, places, share):
        looks = _LEET[units[place]]
        units[place] = looks[pick % len(looks)]
    return "".join(units)


@cache
def _builtin(name: str) -> Mapping[str, tuple[str, ...]]:
    return {right: tuple(wrong.split()) for right, wrong in words(name)}


def _lexicon(meaning: str) -> Choice:
    return Choice(f"{meaning}: a file with a word, a tab and what replaces it on each line; empty: a small English one",
                  default="", path=True)  # fmt: skip


def _known(meaning: str) -> Param:
    return Param(f"share of the words in the lexicon that are {meaning}", "of words in the lexicon", 0, 1, clean=0,
                 levels=(0.2, 0.4, 0.6, 0.8, 1.0))  # fmt: skip


@text_corruption(cite=("belinkov2018", "mitton1985"), share=_known("misspelt"), lexicon=_lexicon("misspellings"))
def misspellings(text: str, rng: Generator, *, share: float, lexicon: str) -> str:
    """Spelling by ear or by habit: words are written as people often get them wrong (recieve, definately)."""
    return replace_words(text, rng, share, read_lexicon(lexicon) if lexicon else _builtin("misspellings"))


@text_corruption(cite="cucerzan2004", share=_known("miscorrected"), lexicon=_lexicon("what a phone makes of a word"))
def autocorrect(text: str, rng: Generator, *, share: float, lexicon: str) -> str:
    """The phone knows better: a word is replaced by another real word a key or two away (of → if, well → we'll)."""
    return replace_words(text, rng, share, read_lexicon(lexicon) if lexicon else _builtin("autocorrect"))
