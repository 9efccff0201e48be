"""Words and sentences lost, moved, repeated or added."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.errors import InputError
from perturbations.text._lexicon import read_lexicon, read_lines, replace_words
from perturbations.text.data import table
from perturbations.text.data import words as lines
from perturbations.text.segments import graphemes, hit, hit_numbered, sentences, words

__all__ = [
    "dilution",
    "dropped_sentences",
    "dropped_stopwords",
    "dropped_words",
    "duplicated_words",
    "shuffled_sentences",
    "swapped_words",
    "synonyms",
    "truncation",
]


def _share(meaning: str, unit: str = "of words", levels: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.6)) -> Param:
    return Param(f"share of the {meaning}", unit, 0, 1, clean=0, levels=levels)


def _drop(parts: list[str], places: list[int]) -> str:
    """Return the text without the words at some places, each gone with one of the spaces that set it off."""
    for place in sorted(places):
        parts[place] = ""
        if parts[place - 1].isspace():
            parts[place - 1] = ""
        elif parts[place + 1].isspace():
            parts[place + 1] = ""
    return "".join(parts)


@text_corruption(cite="wei2019", version=2, share=_share("words that are lost"))
def dropped_words(text: str, rng: Generator, *, share: float) -> str:
    """A hasty writer, or a lossy channel: words are missing; the punctuation stays.

    Scripts that set off no words by spaces are left alone; ``dropped_letters`` acts there.
    """
    parts, places = words(text)
    return _drop(parts, hit(rng, places, share))


@text_corruption(cite="wei2019", version=2, share=_share("words that change places with the next one"))
def swapped_words(text: str, rng: Generator, *, share: float) -> str:
    """A learner's word order, or a sentence edited in haste: neighbouring words change places.

    ``share`` is of the words that have a next one; a word takes part in one swap only. Scripts that set off no words by
    spaces are left alone.
    """
    parts, each = words(text)
    last = -1
    both = each[:-1] if isinstance(each, range) else [place for place, after in pairwise(each) if after == place + 2]
    for place in sorted(hit(rng, both, share)):
        if place > last and parts[place] != parts[place + 2]:
            parts[place], parts[place + 2] = parts[place + 2], parts[place]
            last = place + 2
    return "".join(parts)


@text_corruption(cite="dhole2023", version=2, share=_share("words that are written twice"))
def duplicated_words(text: str, rng: Generator, *, share: float) -> str:
    """Editing leaves a word behind: words stand twice in a row (the the).

    Scripts that set off no words by spaces are left alone.
    """
    parts, places = words(text)
    for place in hit(rng, places, share):
        parts[place] = f"{parts[place]} {parts[place]}"
    return "".join(parts)


_LANGUAGES = (
    "ar", "bn", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it", "ko", "nl", "pl", "pt", "ru", "sv", "sw",
    "tr", "uk", "vi",
)  # fmt: skip


@cache
def _stopwords(language: str) -> frozenset[str]:
    return frozenset(table("stopwords")[language].split())


@text_corruption(
    cite="rychalska2019",
    version=2,
    share=_share("function words that are left out", "of function words", (0.1, 0.25, 0.5, 0.75, 1.0)),
    language=Choice("language of the text", _LANGUAGES, "en"),
)
def dropped_stopwords(text: str, rng: Generator, *, share: float, language: str) -> str:
    """Telegram, headline and search style: articles, prepositions and auxiliaries are left out.

    Of languages that set off words by spaces: elsewhere a letter that is such a word is most often a part of another.
    """
    known = _stopwords(language)
    parts, each = words(text)
    places = [place for place in each if parts[place].lower() in known]
    return _drop(parts, hit(rng, places, share))


@text_corruption(
    cite="dhole2023",
    changes_meaning=True,
    share=_share("text that is cut off", "of characters", (0.1, 0.25, 0.5, 0.75, 0.9)),
    side=Choice("which side is lost", ("end", "start"), "end"),
)
def truncation(text: str, *, share: float, side: str) -> str:
    """A field is too short or a message breaks off: the end (or the start) of the text is lost.

    What carried the answer may be gone. No character is cut in two.
    """
    units, _ = graphemes(text)
    kept = round((1 - share) * len(units))
    return "".join(units[:kept] if side == "end" else units[len(units) - kept :])


def _story() -> str:
    return (
        "It rained. The bus was late, and the road was closed. Nobody knew why. Anna took the train. It cost $3.50. "
        "She read a book. The river was high! Was the bridge safe? The station was full. At noon the sun came out. "
        "Everyone went home. The end was good."
    )


@text_corruption(
    cite="ribeiro2020",
    changes_meaning=True,
    witness=_story,
    share=_share("sentences that are lost", "of sentences", (0.1, 0.2, 0.4, 0.6, 0.8)),
)
def dropped_sentences(text: str, rng: Generator, *, share: float) -> str:
    """A page is missing or a summary was too short: whole sentences are lost, and with them perhaps the answer."""
    parts = sentences(text)
    for place in hit(rng, range(len(parts)), share):
        parts[place] = ""
    return "".join(parts)


@text_corruption(
    cite="dhole2023",
    witness=_story,
    not_monotone="moving more sentences can bring some back to where they were",
    share=_share("sentences that change places", "of sentences", (0.2, 0.4, 0.6, 0.8, 1.0)),
)
def shuffled_sentences(text: str, rng: Generator, *, share: float) -> str:
    """Pages or notes put together in the wrong order: sentences change places among themselves.

    A single sentence cannot change places; where two are chosen they are exchanged. Each place keeps its white space.
    """
    parts = sentences(text)
    chosen = list(hit_numbered(rng, range(len(parts)), share))
    places = sorted(place for place, _ in chosen)
    order = [place for _, place in sorted((number & 0xFFFFFFFF, place) for place, number in chosen)]
    if order == places:
        order = order[1:] + order[:1]
    bodies = [part.rstrip() for part in parts]
    spaces = [part[len(body) :] for part, body in zip(parts, bodies)]
    for place, source in zip(places, order):
        parts[place] = bodies[source] + spaces[place]
    return "".join(parts)


@cache
def _synonyms() -> dict[str, tuple[str, ...]]:
    return {word: tuple(others.split()) for word, others in lines("synonyms")}


@text_corruption(
    cite="wei2019",
    share=_share("words in the lexicon that are replaced", "of words in the lexicon", (0.2, 0.4, 0.6, 0.8, 1.0)),
    lexicon=Choice("synonyms: a file with a word, a tab and a synonym on each line; empty: a small English one",
                   default="", path=True),
)  # fmt: skip
def synonyms(text: str, rng: Generator, *, share: float, lexicon: str) -> str:
    """Another writer, the same message: words are replaced by synonyms."""
    return replace_words(text, rng, share, read_lexicon(lexicon) if lexicon else _synonyms())


_MOST = 10
"""Unrelated sentences for each sentence of the text, at most."""


@text_corruption(
    cite="jia2017",
    ratio=Param("unrelated sentences added for each sentence of the text", "sentences a sentence", 0, _MOST, clean=0,
                levels=(0.25, 0.5, 1.0, 2.0, 4.0)),
    language=Choice("language of the sentences that are built in",
                    ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "nl", "pt", "ru", "tr", "zh"), "en"),
    sentences_file=Choice("sentences of one's own: a file with one on each line; empty: built in",
                          default="", path=True),
)  # fmt: skip
def dilution(text: str, rng: Generator, *, ratio: float, language: str, sentences_file: str) -> str:
    """A rambling message: sentences that have nothing to do with the matter stand between those that have.

    An empty text stays empty. The number of sentences added is rounded up; those of a lower severity stay.
    """
    bank: Any = _bank(sentences_file) if sentences_file else table("sentences")[language]
    parts = sentences(text)
    wanted = math.ceil(ratio * len(parts))
    raw = rng.bit_generator.random_raw(_MOST * len(parts))[:wanted]
    added: dict[int, list[str]] = {}
    for place, pick in zip(
        (raw % np.uint64(len(parts) + 1)).tolist() if wanted else (), (raw >> np.uint64(32)).tolist()
    ):
        added.setdefault(place, []).append(bank[pick % len(bank)])
    result = []
    for place in range(len(parts) + 1):
        extra = " ".join(added.get(place, ()))
        if extra and place == len(parts):
            extra = extra if parts[-1][-1].isspace() else f" {extra}"
        elif extra:
            extra += " "
        result += [extra, parts[place] if place < len(parts) else ""]
    return "".join(result)


def _bank(path: str) -> tuple[str, ...]:
    found = tuple(line.strip() for line in read_lines(path) if line.strip())
    if not found:
        raise InputError(f"{path}: must hold at least one sentence, got none.")
    return found
