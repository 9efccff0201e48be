"""Words that are written or said otherwise: misspellings, substitutes from a lexicon, and texts cut into words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from numpy.random import Generator

from perturbations.files import read_text

__all__ = ["Reading", "misspelt", "other_words", "random_edits", "random_words", "read_lexicon"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Return the letters beside each letter on a QWERTY keyboard."""
    place = {key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys)}
    near = {
        key: "".join(
            other
            for other, (r, c) in place.items()
            if other != key and abs(r - row) <= 1 and -1 <= (c - column) + (r - row) * 0.5 <= 1
        )
        for key, (row, column) in place.items()
    }
    return near | {key.upper(): value.upper() for key, value in near.items()}


_NEAR = _neighbours()


_MARKS = ".,:;?!¿¡\"'()[]«»„“”。，？！"


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


@cache
def read_lexicon(path: str) -> Mapping[str, tuple[str, ...]]:
    """Return each word's substitutes. Raises InputError where the file cannot be read."""
    if path:
        text = read_text(path, "attack.word_substitution: lexicon")
    else:
        text = resources.files("perturbations").joinpath("attack", "lexicon.tsv").read_text(encoding="utf-8")
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        group = [word.strip() for word in line.split("\t") if word.strip()]
        if line.startswith("#"):
            continue
        for word in group:
            others = found.setdefault(word.lower(), {})
            others.update(dict.fromkeys(other for other in group if other.lower() != word.lower()))
    return {word: tuple(others) for word, others in found.items()}


def misspelt(word: str, rng: Generator, tries: int) -> list[str]:
    """Return spellings that are one edit away."""
    return [_one_edit(word, *draws) for draws in rng.random((tries, 3)).tolist()]


def _one_edit(word: str, place: float, kind: float, pick: float) -> str:
    """Return a word with one character deleted, doubled or replaced."""
    at = int(place * len(word))
    character = word[at]
    if kind < 1 / 3 and len(word) > 1:
        return word[:at] + word[at + 1 :]
    if kind < 2 / 3:
        near = _NEAR.get(character, "")
        return word[:at] + (near[int(pick * len(near))] if near else word[int(pick * len(word))]) + word[at + 1 :]
    return word[: at + 1] + character + word[at + 1 :]


def random_edits(texts: Sequence[str], rngs: Sequence[Generator], most: Sequence[int]) -> list[str]:
    """Return texts with so many characters edited, at places of chance."""
    found = []
    for text, rng, edits in zip(texts, rngs, most):
        for draws in rng.random((edits, 3)).tolist():
            text = _one_edit(text, *draws) if text else text
        found.append(text)
    return found


def random_words(
    texts: Sequence[str], rngs: Sequence[Generator], most: Sequence[int], lexicon: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return texts with so many of the words that have substitutes replaced, by chance."""
    found = []
    for text, rng, words in zip(texts, rngs, most):
        reading = Reading(text)
        places = [place for place in reading.words if other_words(reading.parts[place], lexicon)]
        order, pick = rng.permutation(len(places)), rng.random(len(places))
        for at in order[:words].tolist():
            options = other_words(reading.parts[places[at]], lexicon)
            reading.parts[places[at]] = options[int(pick[at] * len(options))]
        found.append("".join(reading.parts))
    return found


def other_words(word: str, lexicon: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a word's substitutes, written like the word and with its punctuation."""
    bare = word.strip(_MARKS)
    options = lexicon.get(bare.lower(), ()) if bare else ()
    return [word.replace(bare, _cased(option, bare), 1) for option in options]


class Reading:
    """A text under attack, cut into words and what lies between them."""

    def __init__(self, text: str) -> None:
        self.parts = re.split(r"(\s+)", text)
        self.words = [i for i in range(0, len(self.parts), 2) if self.parts[i]]

    def with_word(self, place: int, word: str) -> str:
        """Return the text with one word replaced."""
        return "".join([*self.parts[:place], word, *self.parts[place + 1 :]])
