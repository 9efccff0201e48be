"""Texts: ``str``, any Unicode that can be written down (no lone surrogates), empty too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from perturbations._errors import InputError, short
from perturbations.modality import Modality

__all__ = ["MODALITY", "edit_distance"]


def _holds(value: object) -> bool:
    return isinstance(value, str)


def _check(value: Any, who: str) -> None:
    if not isinstance(value, str):
        raise InputError(f"{who}: a text must be a str, got {short(value)}.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{who}: a text must be valid Unicode, got a lone surrogate in {short(value)}.")


def _identity(value: str) -> str:
    return value


def _zeros(value: str) -> str:
    return ""


def _mean(values: Iterable[str], like: str) -> str:
    """Return the most typical text: the one whose character trigrams are nearest to the data set's on average.

    Texts have no mean; this is the nearest thing, a real text of the data set (the medoid by cosine similarity).
    """
    texts = list(dict.fromkeys(values))
    profiles = [Counter(text[i : i + 3] for i in range(max(1, len(text) - 2))) for text in texts]
    centre: dict[str, float] = {}
    norms = [sum(n * n for n in profile.values()) ** 0.5 for profile in profiles]
    for profile, norm in zip(profiles, norms, strict=True):
        for gram, n in profile.items():
            centre[gram] = centre.get(gram, 0.0) + n / norm
    scores = [sum(centre[g] * n for g, n in p.items()) / norm for p, norm in zip(profiles, norms, strict=True)]
    return texts[scores.index(max(scores))] if texts else ""


def edit_distance(one: str, other: str) -> int:
    """Return the Levenshtein distance in characters: insertions, deletions and substitutions that lead across.

    Bit-parallel (Myers 1999; Hyyrö 2003): one pass over ``other`` with whole-number arithmetic as wide as ``one``.
    """
    start = 0
    stop = min(len(one), len(other))
    while start < stop and one[start] == other[start]:
        start += 1
    end = 0
    while end < stop - start and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[start : len(one) - end], other[start : len(other) - end]
    if not one or not other:
        return len(one) + len(other)
    places: dict[str, int] = {}
    for index, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << index
    last, full = 1 << (len(one) - 1), (1 << len(one)) - 1
    plus, minus, distance = full, 0, len(one)
    for character in other:
        equal = places.get(character, 0)
        vertical = equal | minus
        horizontal = (((equal & plus) + plus) ^ plus) | equal
        up, down = minus | (~(horizontal | plus) & full), plus & horizontal
        distance += (1 if up & last else 0) - (1 if down & last else 0)
        up, down = up << 1 | 1, down << 1
        plus, minus = (down | ~(vertical | up)) & full, up & vertical & full
    return distance


def _distortion(clean: str, perturbed: str) -> Mapping[str, float]:
    """Character error rate: edits over the clean length (over 1 for an empty text)."""
    if clean == perturbed:
        return {"cer": 0.0}
    return {"cer": edit_distance(clean, perturbed) / max(len(clean), 1)}


def _signals(value: str) -> Mapping[str, float]:
    """Length in characters, share of letters, and share of characters outside ASCII."""
    length = len(value)
    letters = sum(map(str.isalpha, value)) / length if length else 0.0
    foreign = 0.0 if value.isascii() else sum(ord(c) > 127 for c in value) / length
    return {"characters": float(length), "letters": letters, "non_ascii": foreign}


def _witness() -> str:
    """Sentences with everything that a text perturbation may look for."""
    return (
        "On Monday, 3 March 2025 at 14:30, Dr. Anna O'Neil doesn't think the quick brown fox paid $1,234.50 for "
        "26.2 miles; she will not sell their 12 houses here, because the weather is good and the price is high. "
        "See https://example.org/a?b=1 for the résumé of the big, happy dog. I have seven red cars, two left shoes "
        "and one hundred new books to read tomorrow."
    )


MODALITY = Modality(
    name="text",
    holds=_holds,
    check=_check,
    copy=_identity,
    freeze=_identity,
    same=str.__eq__,
    digest=lambda value: value.encode("utf-8"),
    zeros=_zeros,
    mean=_mean,
    distortion=_distortion,
    falls=False,
    signals=_signals,
    witness=_witness,
)
