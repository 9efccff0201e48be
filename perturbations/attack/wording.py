"""Attacks on texts that see nothing but the model's scores: a few characters, or a few words, where it hurts most."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from perturbations._params import Choice
from perturbations.attack._attempt import Attempt
from perturbations.attack._declare import CALLS, attack
from perturbations.attack._oracle import Floats, margin
from perturbations.errors import InputError

__all__ = ["character_edits", "edit_characters", "random_edits", "random_words", "read_lexicon", "word_substitution"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_TRIES = 8
"""Candidates for each of the words that are tried in one round."""
_WORDS = 3
"""Words that are tried in one round, the most important first."""


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


@attack({"text": "edits"}, cite=("gao2018", "li2019"), calls=CALLS)
def character_edits(attempt: Attempt, *, calls: int) -> None:
    """Misspell the words that matter most, one character at a time, until the model reads something else.

    A word matters as much as the answer suffers when it is left out. Each edit deletes, doubles or replaces one
    character, by a neighbour on the keyboard where it has one; of the candidates tried the most harmful is kept.
    """
    edit_characters(attempt, calls)


def edit_characters(attempt: Attempt, calls: int) -> None:
    """Run the greedy character attack on every attacked text."""
    attempt.limit = calls
    for stream, most in attempt.edits.items():
        _greedy(attempt, stream, most, _misspelt)


@attack(
    {"text": "words"},
    cite="alzantot2018",
    calls=CALLS,
    lexicon=Choice("file of groups of words, separated by tabs; empty: the built-in one", path=True, default=""),
)
def word_substitution(attempt: Attempt, *, calls: int, lexicon: str) -> None:
    """Say it in other words: replace the words that matter most by substitutes from a lexicon.

    Each line of a lexicon is a group of words that can stand for each other, separated by tabs.
    """
    known = read_lexicon(lexicon)

    def substitutes(word: str, rng: Generator) -> list[str]:
        del rng
        return other_words(word, known)

    attempt.limit = calls
    for stream, most in attempt.edits.items():
        _greedy(attempt, stream, most, substitutes, once=True)


_MARKS = ".,:;?!¿¡\"'()[]«»„“”。，？！"
Candidates: TypeAlias = Callable[[str, Generator], Sequence[str]]
"""Other spellings of a word; the number of draws must depend on nothing but the word."""


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


@cache
def read_lexicon(path: str) -> Mapping[str, tuple[str, ...]]:
    """Return each word's substitutes. Raises InputError where the file cannot be read."""
    try:
        where = Path(path) if path else resources.files("perturbations").joinpath("attack", "lexicon.tsv")
        text = where.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"attack.word_substitution: lexicon must be UTF-8 text, got {path!r}: {error}.") from None
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        group = [word.strip() for word in line.split("\t") if word.strip()]
        if line.startswith("#"):
            continue
        for word in group:
            others = found.setdefault(word.lower(), {})
            others.update(dict.fromkeys(other for other in group if other.lower() != word.lower()))
    return {word: tuple(others) for word, others in found.items()}


def _misspelt(word: str, rng: Generator) -> list[str]:
    """Return spellings that are one edit away."""
    return [_one_edit(word, *draws) for draws in rng.random((_TRIES, 3)).tolist()]


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


def random_edits(texts: Sequence[str], rngs: Sequence[Generator], most: int) -> list[str]:
    """Return texts with so many characters edited, at places of chance."""
    found = []
    for text, rng in zip(texts, rngs):
        for draws in rng.random((most, 3)).tolist():
            text = _one_edit(text, *draws) if text else text
        found.append(text)
    return found


def random_words(
    texts: Sequence[str], rngs: Sequence[Generator], most: int, lexicon: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return texts with so many of the words that have substitutes replaced, by chance."""
    found = []
    for text, rng in zip(texts, rngs):
        reading = _Reading(text)
        places = [place for place in reading.words if other_words(reading.parts[place], lexicon)]
        order, pick = rng.permutation(len(places)), rng.random(len(places))
        for at in order[:most].tolist():
            options = other_words(reading.parts[places[at]], lexicon)
            reading.parts[places[at]] = options[int(pick[at] * len(options))]
        found.append("".join(reading.parts))
    return found


def other_words(word: str, lexicon: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a word's substitutes, written like the word and with its punctuation."""
    bare = word.strip(_MARKS)
    options = lexicon.get(bare.lower(), ()) if bare else ()
    return [word.replace(bare, _cased(option, bare), 1) for option in options]


class _Reading:
    """A text under attack, cut into words and what lies between them."""

    def __init__(self, text: str) -> None:
        self.parts = re.split(r"(\s+)", text)
        self.words = [i for i in range(0, len(self.parts), 2) if self.parts[i]]
        self.order: list[int] = []

    def with_word(self, place: int, word: str) -> str:
        """Return the text with one word replaced."""
        return "".join([*self.parts[:place], word, *self.parts[place + 1 :]])


def _greedy(attempt: Attempt, stream: str, most: int, candidates: Candidates, once: bool = False) -> None:
    """Change the words that matter most, keeping the most harmful candidate of each round, ``most`` rounds at most.

    ``once`` leaves a word alone that was changed already. Rounds of all samples run side by side.
    """
    texts = attempt.base[stream]
    readings = {int(i): _Reading(str(texts[i])) for i in attempt.open if texts[i]}
    _rank_words(attempt, stream, readings)
    for _ in range(most):
        still = set(attempt.open.tolist())
        rows: list[int] = []
        trials: list[tuple[int, str]] = []
        for row, reading in readings.items():
            if row in still:
                options = _options(reading, attempt.rngs[stream][row], candidates, once)
                options = options[: attempt.left(row)]
                rows += [row] * len(options)
                trials += options
        if not rows:
            return
        changed = [readings[row].with_word(*trial) for row, trial in zip(rows, trials)]
        scores = attempt.ask(np.array(rows), {stream: changed})
        _keep_worst(readings, rows, trials, margin(scores, attempt.labels[rows]), once)


def _options(reading: _Reading, rng: Generator, candidates: Candidates, once: bool) -> list[tuple[int, str]]:
    """Return (place, word) to try: for the most important words that have any candidates."""
    found: list[tuple[int, str]] = []
    tried = 0
    for place in reading.order:
        word = reading.parts[place]
        options = dict.fromkeys(other for other in (candidates(word, rng) if word else ()) if other != word)
        found += [(place, other) for other in options]
        tried += bool(options)
        if tried == _WORDS and not once:
            break
    return found


def _rank_words(attempt: Attempt, stream: str, readings: Mapping[int, _Reading]) -> None:
    """Order each text's words by what the answer suffers without them. These questions are no attack yet."""
    counts = {row: min(len(x.words), attempt.left(row)) for row, x in readings.items()}
    rows = np.repeat(np.array(list(counts), np.int64), list(counts.values()))
    texts = [x.with_word(place, "") for row, x in readings.items() for place in x.words[: counts[row]]]
    left = margin(attempt.peek(rows, {stream: texts}), attempt.labels[rows])
    start = 0
    for row, reading in readings.items():
        drop = left[start : start + counts[row]]
        start += counts[row]
        reading.order = [reading.words[i] for i in np.argsort(drop, kind="stable")] + reading.words[counts[row] :]


def _keep_worst(
    readings: Mapping[int, _Reading],
    rows: Sequence[int],
    trials: Sequence[tuple[int, str]],
    left: Floats,
    once: bool,
) -> None:
    """Go on from each text's most harmful candidate, whether it is better than the last round's or not."""
    worst: dict[int, int] = {}
    for i, row in enumerate(rows):
        if row not in worst or left[i] < left[worst[row]]:
            worst[row] = i
    for row, i in worst.items():
        place, word = trials[i]
        readings[row].parts[place] = word
        if once:
            readings[row].order.remove(place)
