"""Sentiment of a text by a lexicon: how pleasant its words are, as a number that production can watch."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from perturbations.modality._lexicon import Lexicon
from perturbations.modality._signal import Signal

__all__ = ["SENTIMENT", "sentiment_by"]

SENTIMENT = "sentiment"
_ALPHA = 15.0
"""The sum of a sentence's valences at which its compound is 0.7 (VADER's constant)."""
_NEGATED = -0.74
"""What a negation up to three words before leaves of a valence (measured by VADER's authors)."""
_NEGATIONS = frozenset(
    [
        *("not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "nowhere", "without", "hardly"),
        *("rarely", "seldom", "cannot", "aint", "dont", "cant", "wont"),
    ]
)
_ENDS = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def sentiment_by(lexicon: Lexicon) -> Signal:
    """Return the signal of a lexicon."""

    def sentiment(read: Any) -> float:
        """How pleasant a text's words are, −1 to 1: mean over its sentences of VADER's compound; unknown words: 0."""
        found = [_compound(part.split(), lexicon) for part in _ENDS.split(read.text) if part.strip()]
        return float(np.mean(found)) if found else float("nan")

    source = f"Hutto and Gilbert 2014, lexicon {lexicon.name}"
    return Signal(SENTIMENT, sentiment, "compound", -1.0, 1.0, cheap=True, source=source)


def _compound(tokens: list[str], lexicon: Lexicon) -> float:
    """Return a sentence's compound, of words and negations alone: capitals, exclamation marks and adverbs of degree,
    which VADER also weighs, are what perturbations of texts change first.
    """
    total = 0.0
    words: list[str] = []
    for token in tokens:
        small = token.casefold()
        word = small if small in lexicon.valence else small.strip(".,;:!?\"'()[]{}«»“”‘’…–—-。，、！？")
        valence = lexicon.valence.get(word, 0.0)
        negated = any(each in _NEGATIONS or each.endswith(("n't", "n’t")) for each in words[-3:])
        total += valence * (_NEGATED if negated else 1.0)
        words.append(word)
    return total / float(np.sqrt(total * total + _ALPHA))
