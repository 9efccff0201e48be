"""Texts: ``str``, any Unicode that can be written down (no lone surrogates), empty too."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._edits import edit_distance
from perturbations.errors import InputError, short
from perturbations.modality import Limits, Look, Modality, Stored
from perturbations.modality._layout import no_facts
from perturbations.modality._spans import span
from perturbations.modality.drawn_text import draw_text
from perturbations.modality.text_signals import SIGNALS

__all__ = ["MODALITY", "edit_distance", "words"]


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


def words(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end; in a run of over 40 characters, as in a script without spaces,
    every character is one. A character is a letter with its marks, or an emoji with its joiners.
    """
    pieces: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        start, end = match.span()
        if end - start <= 40 or match[0].isascii():
            pieces.append((start, end))
            continue
        edges = [i for i in range(start + 1, end) if not _joined(text[i - 1], text[i])]
        pieces += zip([start, *edges], [*edges, end], strict=True)
    return pieces


def _joined(before: str, after: str) -> bool:
    """Whether two code points belong to one character: marks, joiners, skin tones and flags stay together."""
    if unicodedata.category(after).startswith("M") or "\u200d" in (before, after):
        return True
    flag = "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff"
    return flag or "\U0001f3fb" <= after <= "\U0001f3ff"


def _cut(value: str, share: float, place: Sequence[float]) -> str:
    """Return the text without words in a row, of which there are this share."""
    found = words(value)
    first, last = span(len(found), share, place[0])
    return value if first == last else value[: found[first][0]] + value[found[last - 1][1] :].lstrip()


def _repeat(value: str, share: float, place: Sequence[float]) -> str:
    """Return the text with some words in a row given twice; it grows by them."""
    found = words(value)
    first, last = span(len(found), share, place[0])
    if first == last:
        return value
    end = found[last - 1][1]
    return f"{value[:end]} {value[found[first][0] : end]}{value[end:]}"


def _level(values: Sequence[str]) -> Sequence[str]:
    """Return the words that occur in a data set."""
    return sorted({word for text in values for word in text.split()})


def _noise(value: str, level: Sequence[str], rng: Generator) -> str:
    """Return as many words as the text has, drawn from those that occur."""
    count = len(value.split())
    return " ".join(level[i] for i in rng.integers(0, len(level), count)) if level else ""


def _stack(values: Sequence[str], who: str, frames: int | None = None) -> NDArray[Any]:
    raise InputError(f"{who}: the values must be arrays, got texts. Tokenise or embed batch[…] in the model.")


def _distortion(clean: str, perturbed: str) -> Mapping[str, float]:
    """Character error rate: edits over the clean length (over 1 for an empty text).

    Of texts that differ over more than 4,096 characters it is an upper bound; see ``perturbations._edits``.
    """
    if clean == perturbed:
        return {"cer": 0.0}
    return {"cer": edit_distance(clean, perturbed) / max(len(clean), 1)}


def _witness() -> str:
    """Sentences with everything that a text perturbation may look for."""
    return (
        "On Monday, 3 March 2025 at 14:30, Dr. Anna O'Neil doesn't think the quick brown fox paid $1,234.50 for "
        "26.2 miles; she will not sell their 12 houses here, because the weather is good and the price is high. "
        "See https://example.org/a?b=1 for the résumé of the big, happy dog. I have seven red cars, two left shoes "
        "and one hundred new books to read tomorrow."
    )


def _decode(source: Any, who: str, limits: Limits) -> tuple[str, str | None]:
    """Return a table's cell as a text: numbers as they are written."""
    if not isinstance(source, str | int | float):
        raise InputError(f"{who}: a text must be a str, got {short(source)}.")
    return str(source), None


_EXCERPT = 400
"""Characters of a text that are kept to be read."""


def _excerpt(value: str) -> str:
    return value[:_EXCERPT]


MODALITY = Modality(
    name="text",
    takes="a text (str)",
    holds=_holds,
    check=_check,
    shown=lambda value: "text",
    array=None,
    with_array=None,
    shape=lambda value: (),
    facts=no_facts,
    size=sys.getsizeof,
    copy=_identity,
    freeze=list,
    same=str.__eq__,
    digest=lambda value: value.encode("utf-8"),
    pack=lambda value: (value.encode("utf-8"), {}),
    unpack=lambda content, packed: bytes(content).decode("utf-8"),
    stack=_stack,
    zeros=_zeros,
    mean=_mean,
    level=_level,
    noise=_noise,
    cut=_cut,
    repeat=_repeat,
    late=None,
    vary=lambda value, number: f"{value} {number}" if number else value,
    distortion=_distortion,
    falls=False,
    signals=SIGNALS,
    witness=_witness,
    stored=Stored(in_file=False, decode=_decode),
    look=Look("#00755a", "#4cc4a0", "green4", "^", {"cer": "character error rate"}, draw_text, _excerpt),
)
