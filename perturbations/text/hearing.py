"""What speech recognition makes of what was said."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._lexicon import read_lexicon, replace_words
from perturbations.text.data import table
from perturbations.text.segments import Where, hit_numbered, is_keycap, phrases, pieces, words

__all__ = ["filler_words", "homophones", "restarts", "unpunctuated"]

_LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt", "ru")


@cache
def _alike(language: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in table("homophones")[language]:
        group = line.split(" ")
        for word in group:
            key = word.lower()
            found[key] = (*found.get(key, ()), *(other for other in group if other != word))
    return found


@text_corruption(
    cite="simonnet2017",
    share=Param("share of the words with a homophone that are misheard", "of such words", 0, 1, clean=0,
                levels=(0.1, 0.25, 0.5, 0.75, 1.0)),
    language=Choice("language of the text", _LANGUAGES, "en"),
    lexicon=Choice("homophones of one's own: a file with a word, a tab and what is heard on each line; empty: built in",
                   default="", path=True),
)  # fmt: skip
def homophones(text: str, rng: Generator, *, share: float, language: str, lexicon: str) -> str:
    """Dictation writes another word that sounds the same (their → there, seid → seit, et → est)."""
    return replace_words(text, rng, share, read_lexicon(lexicon) if lexicon else _alike(language))


_SPOKEN = Where(
    lambda cluster: unicodedata.category(cluster[0])[0] == "P" and cluster not in "'’-%&#@" and not is_keycap(cluster)
)


@text_corruption(cite="simonnet2017", version=2)
def unpunctuated(text: str) -> str:
    """A raw transcript: no capitals, no punctuation; apostrophes, hyphens and decimal points inside words stay."""
    parts = pieces(text)
    for place, part in enumerate(parts):
        if place % 2:
            parts[place] = part.lower()
        else:
            units, places = _SPOKEN(part)
            for sign in places.tolist():
                units[sign] = ""
            parts[place] = "".join(units)
    return "".join(parts)


_FILLERS = {
    "ar": ("يعني", "آه", "اه"),
    "de": ("äh", "ähm", "also", "halt"),
    "en": ("um", "uh", "er", "you know", "like", "I mean"),
    "es": ("eh", "este", "pues", "o sea"),
    "fr": ("euh", "ben", "hein", "tu vois"),
    "hi": ("मतलब", "अम्म", "वो"),
    "it": ("ehm", "cioè", "allora"),
    "ja": ("えっと", "あの", "まあ"),
    "ko": ("음", "어", "그"),
    "nl": ("eh", "ehm", "nou"),
    "pt": ("é", "tipo", "né", "hum"),
    "ru": ("э", "ну", "как бы", "эм"),
    "tr": ("şey", "yani", "ıı"),
    "zh": ("嗯", "那个", "呃"),
}


def _words(meaning: str) -> Param:
    return Param(meaning, "of words", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.3, 0.5))


@text_corruption(
    cite="shriberg1994",
    version=2,
    share=_words("share of the words before which the speaker hesitates"),
    language=Choice("language of the text", tuple(_FILLERS), "en"),
)
def filler_words(text: str, rng: Generator, *, share: float, language: str) -> str:
    """People think while they speak: um, uh and the like stand between the words of a transcript.

    Where a script sets off no words by spaces, they stand where a phrase begins, and never inside words.
    """
    fillers = _FILLERS[language]
    space = "" if language in ("ja", "zh") else " "
    parts, places = phrases(text)
    for place, pick in hit_numbered(rng, places, share):
        parts[place] = f"{fillers[pick % len(fillers)]}{space}{parts[place]}"
    return "".join(parts)


@text_corruption(cite="shriberg1994", version=2, share=_words("share of the words at which the speaker starts over"))
def restarts(text: str, rng: Generator, *, share: float) -> str:
    """People stammer and start over: the beginning of a word is heard before the word (be- because).

    Scripts that set off no words by spaces are left alone.
    """
    parts, places = words(text)
    for place, pick in hit_numbered(rng, places, share):
        word = parts[place]
        units = _LETTERS(word)[0]
        begun = "".join(units[: 1 + pick % 2]).rstrip("'’.,:-") if len(units) > 2 else word
        parts[place] = f"{begun}- {word}"
    return "".join(parts)


_LETTERS = Where(lambda cluster: cluster[0].isalpha())
