"""How many edits lead from one text to another: exactly for texts of a usual length, from above for very long ones."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

__all__ = ["edit_distance"]

EXACT = 4096
"""Differing stretches up to this many characters are compared exactly."""
_BLOCK = 1024
_SPACE = re.compile(" ")
_GRAM = 4
"""Words in a row that anchor a long text, where they occur once on both sides."""


def edit_distance(one: str, other: str) -> int:
    """Return the Levenshtein distance in characters: insertions, deletions and substitutions that lead across.

    Exact up to 4,096 characters on the shorter side after what both begin and end with. Longer texts are cut where
    the same four words in a row occur once in both, then into blocks of 1,024 characters, and the distances of the
    pieces are added: a valid way across, so never less than the least, and linear in the length. It is the least too
    unless text was moved across a cut, or nearly nothing was left to line up by.
    """
    one, other = _differing(one, other)
    if min(len(one), len(other)) <= EXACT:
        return _exact(one, other)
    total = 0
    for part, counterpart in _cut(one, other):
        part, counterpart = _differing(part, counterpart)
        total += _exact(part, counterpart) if min(len(part), len(counterpart)) <= EXACT else _blocks(part, counterpart)
    return total


def _differing(one: str, other: str) -> tuple[str, str]:
    """Return both texts without what they begin and end with alike."""
    start = _shared(one, other, min(len(one), len(other)), 0)
    end = _shared(one, other, min(len(one), len(other)) - start, 1)
    return one[start : len(one) - end], other[start : len(other) - end]


def _shared(one: str, other: str, most: int, end: int) -> int:
    """Return how many characters both texts begin with (or end with) alike, at most so many, by halving."""
    low, step = 0, 64
    while low < most:
        high = min(low + step, most)
        if end:
            same = one[len(one) - high : len(one) - low] == other[len(other) - high : len(other) - low]
        else:
            same = one[low:high] == other[low:high]
        if same:
            low, step = high, step * 2
        else:
            most, step = high - 1, max((high - low) // 2, 1)
    return low


def _exact(one: str, other: str) -> int:
    """Return the distance, bit-parallel (Myers 1999; Hyyrö 2003): one pass, arithmetic as wide as the shorter text."""
    if len(one) > len(other):
        one, other = other, one
    if not one:
        return len(other)
    return _scores(one, other)[-1]


def _scores(one: str, other: str) -> list[int]:
    """Return the distance of ``one`` to the first, the first two, … of the characters of ``other``."""
    places: dict[str, int] = {}
    for index, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << index
    last, full = 1 << (len(one) - 1), (1 << len(one)) - 1
    plus, minus, distance = full, 0, len(one)
    scores = []
    for character in other:
        equal = places.get(character, 0)
        vertical = equal | minus
        horizontal = (((equal & plus) + plus) ^ plus) | equal
        up, down = minus | (~(horizontal | plus) & full), plus & horizontal
        distance += (1 if up & last else 0) - (1 if down & last else 0)
        scores.append(distance)
        up, down = up << 1 | 1, down << 1
        plus, minus = (down | ~(vertical | up)) & full, up & vertical & full
    return scores


def _cut(one: str, other: str) -> Iterator[tuple[str, str]]:
    """Yield both texts in pieces that begin at anchors: runs of words that occur once on both sides, in order."""
    here, there = _grams(one), _grams(other)
    pairs = sorted((place, there[gram]) for gram, place in here.items() if gram in there)
    last_one = last_other = 0
    for place, counterpart in _in_order(pairs):
        yield one[last_one:place], other[last_other:counterpart]
        last_one, last_other = place, counterpart
    yield one[last_one:], other[last_other:]


def _grams(text: str) -> dict[str, int]:
    """Return where each run of words that occurs once in a text begins."""
    starts = [0, *(match.end() for match in _SPACE.finditer(text))]
    ends = [*starts[_GRAM:], len(text)]
    grams = [text[start:end] for start, end in zip(starts, ends)]
    counts = Counter(grams)
    return {gram: start for gram, start in zip(grams, starts) if counts[gram] == 1}


def _in_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs that rises on both sides."""
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(pairs)
    for index, (_, place) in enumerate(pairs):
        slot = bisect_left(tails, place)
        if slot == len(tails):
            tails.append(place)
            ends.append(index)
        else:
            tails[slot], ends[slot] = place, index
        before[index] = ends[slot - 1] if slot else -1
    chain = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _blocks(one: str, other: str) -> int:
    """Return the sum of the distances of blocks of ``one`` to the stretches of ``other`` that suit each best."""
    total = place = start = 0
    while start < len(one) and place < len(other):
        block = one[start : start + _BLOCK]
        window = other[place : place + _BLOCK + _BLOCK // 2]
        if len(block) < _BLOCK:
            return total + _exact(one[start:], other[place:])
        scores = _scores(block, window)
        best = min(range(len(scores)), key=lambda j: (scores[j], abs(j + 1 - _BLOCK)))
        total += scores[best]
        start, place = start + _BLOCK, place + best + 1
    return total + (len(one) - start if place >= len(other) else 0) + (len(other) - place if start >= len(one) else 0)
