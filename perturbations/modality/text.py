"""Texts: ``str``, any Unicode that can be written down (no lone surrogates), empty too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from perturbations._edits import edit_distance
from perturbations.errors import InputError, short
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


def _distortion(clean: str, perturbed: str) -> Mapping[str, float]:
    """Character error rate: edits over the clean length (over 1 for an empty text).

    Of texts that differ over more than 4,096 characters it is an upper bound; see ``perturbations._edits``.
    """
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
