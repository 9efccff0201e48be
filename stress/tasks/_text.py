"""Comparing an answer in words with what was meant: edits, tokens and character n-grams."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["Edits", "chrf", "edits", "normalise", "token_f1", "words_of"]


@dataclass(frozen=True)
class Edits:
    """The fewest substitutions, deletions and insertions that make the answer of the reference."""

    substitutions: int
    deletions: int
    insertions: int

    @property
    def total(self) -> int:
        """All edits: the Levenshtein distance."""
        return self.substitutions + self.deletions + self.insertions


def edits(reference: Sequence[str], answer: Sequence[str]) -> Edits:
    """Return the edits of a cheapest alignment (Levenshtein 1966), of the cheapest the one with most substitutions.

    One row at a time, each a single NumPy pass: an insertion moves along the row, so the row is a running minimum.
    Costs carry the number of unsubstituted edits in their fraction, which decides between equal alignments.
    """
    names = {token: i for i, token in enumerate(dict.fromkeys([*reference, *answer]))}
    said = np.array([names[token] for token in answer], np.int64)
    step = 1 << 20  # one edit; below it: how many are insertions or deletions
    along = (step + 1) * np.arange(len(said) + 1, dtype=np.int64)
    row = along.copy()
    for token in reference:
        best = row + step + 1  # the reference token is deleted
        np.minimum(best[1:], row[:-1] + step * (said != names[token]), out=best[1:])
        row = np.minimum.accumulate(best - along) + along
    total, moved = divmod(int(row[-1]), step)
    deleted = (moved + len(reference) - len(answer)) // 2
    return Edits(total - moved, deleted, moved - deleted)


def normalise(text: str) -> str:
    """Return a text without what nobody hears: case, punctuation, accents' encoding, runs of white space.

    Unicode throughout (NFKC, ``casefold``); letters, marks, digits and in-word apostrophes are kept.
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c == "'" else " " for c in text)
    return " ".join(re.sub(r"(?<!\w)'|'(?!\w)", " ", kept).split())


def words_of(text: str) -> list[str]:
    """Return the words of a text; of scripts written without spaces, each character."""
    return [piece for word in text.split() for piece in (list(word) if _unspaced(word) else [word])]


@lru_cache(maxsize=4096)
def _unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no spaces between words (Han, kana, Thai, Lao, Khmer, Burmese)."""
    ranges = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF))
    return any(low <= ord(c) <= high for c in word for low, high in ranges)


def token_f1(reference: str, answer: str) -> float:
    """Return the F1 of the words in common (Rajpurkar et al. 2016); two empty texts agree."""
    wanted, given = words_of(normalise(reference)), words_of(normalise(answer))
    if not wanted or not given:
        return float(wanted == given)
    common = sum((Counter(wanted) & Counter(given)).values())
    return 2 * common / (len(wanted) + len(given))


def chrf(reference: str, answer: str, order: int = 6, beta: float = 2.0) -> float:
    """Return the character n-gram F-score in [0, 1] (Popović 2015): orders 1 to 6, recall counted β² = 4 times.

    White space is left out; precision and recall are averaged over the orders that both texts are long enough for, as
    sacreBLEU's sentence chrF does.
    """
    wanted, given = "".join(reference.split()), "".join(answer.split())
    precision, recall, orders = 0.0, 0.0, 0
    for n in range(1, order + 1):
        one, other = _ngrams(wanted, n), _ngrams(given, n)
        if not one or not other:
            continue
        common = sum((one & other).values())
        precision, recall, orders = precision + common / other.total(), recall + common / one.total(), orders + 1
    if not orders:
        return float(wanted == given)
    precision, recall = precision / orders, recall / orders
    below = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / below if below else 0.0


def _ngrams(text: str, n: int) -> Counter[str]:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))
