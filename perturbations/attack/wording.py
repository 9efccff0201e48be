"""Attacks on texts that see nothing but the model's scores: a few characters, or a few words, where it hurts most."""

from __future__ import annotations

from collections.abc import Generator as Search
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from perturbations._params import Choice
from perturbations.attack._attempt import Attempt
from perturbations.attack._declare import CALLS, attack
from perturbations.attack._oracle import Floats, margin
from perturbations.attack._words import Reading, misspelt, other_words, read_lexicon

__all__ = ["character_edits", "edit_characters", "word_substitution"]

_TRIES = 8
"""Candidates for each of the words that are tried in one round."""
_WORDS = 3
"""Words that are tried in one round of misspelling, the most important first."""
_AGAIN = 3
"""Which part of the substitutes (one in so many) is asked about again after a replacement, the best first."""
Trials: TypeAlias = Search[list[str], Floats, None]
"""A search through one text: it says what to try, and is given what the answers have left over."""


@attack({"text": "edits"}, cite=("gao2018", "li2019"), version=2, calls=CALLS)
def character_edits(attempt: Attempt, *, calls: int) -> None:
    """Misspell the words that matter most, one character at a time, until the model reads something else.

    A word matters as much as the answer suffers when it is left out. Each edit deletes, doubles or replaces one
    character, by a neighbour on the keyboard where it has one; of the candidates tried the most harmful is kept. Words
    that are still whole come first, so that as many can be misspelt as there are edits.
    """
    edit_characters(attempt, calls)


def edit_characters(attempt: Attempt, calls: int) -> None:
    """Run the greedy character attack on every attacked text."""
    attempt.limit = calls
    for stream, most in attempt.edits.items():
        readings = _readings(attempt, stream)
        order = _by_importance(attempt, stream, readings)
        rngs = attempt.rngs[stream]
        _side_by_side(
            attempt,
            stream,
            {row: _misspell(one, order[row], int(most[row]), rngs[row]) for row, one in readings.items()},
        )


@attack(
    {"text": "words"},
    cite="alzantot2018",
    version=2,
    calls=CALLS,
    lexicon=Choice("file of groups of words, separated by tabs; empty: the built-in one", path=True, default=""),
)
def word_substitution(attempt: Attempt, *, calls: int, lexicon: str) -> None:
    """Say it in other words: replace the words that matter most by substitutes from a lexicon.

    Each line of a lexicon is a group of words that can stand for each other, separated by tabs. Every substitute is
    asked about once; after each replacement only those are asked about again that promised more than what was found.
    """
    known = read_lexicon(lexicon)
    attempt.limit = calls
    for stream, most in attempt.edits.items():
        _side_by_side(
            attempt,
            stream,
            {
                row: _substitute(one, _options(one, known, attempt.left(row)), int(most[row]), attempt.margins[row])
                for row, one in _readings(attempt, stream).items()
            },
        )


def _readings(attempt: Attempt, stream: str) -> dict[int, Reading]:
    texts = attempt.base[stream]
    return {int(i): Reading(str(texts[i])) for i in attempt.open if texts[i]}


def _side_by_side(attempt: Attempt, stream: str, searches: Mapping[int, Trials]) -> None:
    """Run the searches of all samples at once, each until it ends or its sample is done with."""
    waiting = {row: texts for row, search in searches.items() if (texts := next(search, None))}
    while waiting:
        going = set(attempt.open.tolist())
        asked = {row: texts[: attempt.left(row)] for row, texts in waiting.items() if row in going}
        rows = np.repeat(np.array(list(asked), np.int64), [len(texts) for texts in asked.values()])
        scores = attempt.ask(rows, {stream: [text for texts in asked.values() for text in texts]})
        left = margin(scores, attempt.labels[rows])
        ends = np.cumsum([len(texts) for texts in asked.values()])
        waiting = {}
        for (row, texts), end in zip(asked.items(), ends.tolist()):
            with suppress(StopIteration):
                waiting[row] = searches[row].send(left[end - len(texts) : end])


def _by_importance(attempt: Attempt, stream: str, readings: Mapping[int, Reading]) -> dict[int, list[int]]:
    """Return each text's words, those first without which the answer suffers most: questions, but no attack yet."""
    counts = {row: min(len(x.words), attempt.left(row)) for row, x in readings.items()}
    rows = np.repeat(np.array(list(counts), np.int64), list(counts.values()))
    texts = [x.with_word(place, "") for row, x in readings.items() for place in x.words[: counts[row]]]
    left = margin(attempt.peek(rows, {stream: texts}), attempt.labels[rows])
    start, order = 0, {}
    for row, reading in readings.items():
        drop = left[start : start + counts[row]]
        start += counts[row]
        order[row] = [reading.words[i] for i in np.argsort(drop, kind="stable")] + reading.words[counts[row] :]
    return order


def _misspell(reading: Reading, whole: list[int], edits: int, rng: Generator) -> Trials:
    """Go on from the most harmful misspelling of each round, whether it is better than the last round's or not.

    ``whole`` are the words that nothing was done to yet; beside them the most important of the others is tried.
    """
    done: list[int] = []
    for _ in range(edits):
        options: list[tuple[int, str]] = []
        for place in [*whole[:_WORDS], *done[: 1 if whole else _WORDS]]:
            word = reading.parts[place]
            spellings = dict.fromkeys(misspelt(word, rng, _TRIES) if word else ())
            options += [(place, other) for other in spellings if other != word]
        if not options:
            return
        left = yield [reading.with_word(*option) for option in options]
        place, word = options[int(np.argmin(left))]
        reading.parts[place] = word
        if place in whole:
            whole.remove(place)
            done.append(place)


def _options(reading: Reading, lexicon: Mapping[str, Sequence[str]], most: int) -> list[tuple[int, str]]:
    """Return all substitutes in a text; half of the calls at most are spent on the first round."""
    found = [(place, other) for place in reading.words for other in other_words(reading.parts[place], lexicon)]
    return found[: max(1, most // 2)]


def _substitute(reading: Reading, options: Sequence[tuple[int, str]], words: int, now: float) -> Trials:
    """Take the best substitute of each round, and ask again only about those that may be better than the best known.

    A substitute promises what it did when it was last asked about: where the words' effects add up, or weaken each
    other, nobody is overlooked (Minoux 1978).
    """
    promised = dict.fromkeys(options, np.inf)
    for _ in range(words):
        fresh: dict[tuple[int, str], float] = {}
        order = sorted(promised, key=lambda option: -promised[option])
        least = -(-len(order) // _AGAIN)
        while due := [one for one in order if one not in fresh and _due(promised[one], fresh, least)]:
            due = due if np.isinf(promised[due[0]]) else due[: max(least, _WORDS)]
            left = yield [reading.with_word(*option) for option in due]
            fresh |= zip(due, (now - left).tolist())
        if not fresh:
            return
        place, word = best = max(fresh, key=lambda option: fresh[option])
        now -= fresh[best]
        reading.parts[place] = word
        promised = {one: gain for one, gain in (promised | fresh).items() if one[0] != place}


def _due(promise: float, fresh: Mapping[tuple[int, str], float], least: int) -> bool:
    """Return whether a substitute must be asked about again before the best of the fresh ones is taken."""
    return len(fresh) < least or promise > max(fresh.values())
