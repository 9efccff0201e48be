"""Which numbers of a text are counts that a speaker reads as such, and so can be written out in words."""

from __future__ import annotations

import re
import unicodedata

from perturbations.text._bilingual import month_names
from perturbations.text.segments import spaced

__all__ = ["readable_numbers"]

_PLAIN = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,3}[1-9])?")
_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_NAMED = frozenset((
    "art", "build", "code", "edition", "extension", "id", "isbn", "model", "n", "no", "nr", "num", "number", "nummer",
    "numero", "numéro", "número", "phone", "pin", "plz", "release", "serial", "tel", "telefon", "telephone",
    "téléphone", "v", "ver", "version", "zip",
))  # fmt: skip
_OPENS, _CLOSES = "([{“„‘«¿¡「『（", ")]},.;:!?”’»…。、，！？）」』।؟،"


def readable_numbers(parts: list[str], language: str) -> list[int]:
    """Return the places of the numbers among pieces that can be written out.

    Whole numbers and decimal fractions below a million million that stand by themselves. Left are: a zero in front
    (007) or at the end (3.10) – a speaker reads digits; four digits that may be a year; what a sign, a symbol or a
    letter touches (-5, 50%, $5, 3/4, 10–20, x5); numbers in a row (555 1234); days beside the name of a month; and
    what comes after a word for codes and versions (no. 7, version 2.5).
    """
    return [
        place for place in range(1, len(parts), 2) if _PLAIN.fullmatch(parts[place]) and _counts(parts, place, language)
    ]


def _counts(parts: list[str], place: int, language: str) -> bool:
    word, before, after = parts[place], parts[place - 1], parts[place + 1]
    last = parts[place - 2] if place > 1 else ""
    following = parts[place + 2] if place + 2 < len(parts) else ""
    if _YEAR.fullmatch(word) or not _opens(before, last) or not _closes(after, following):
        return False
    near = [other for other, gap in ((last, before), (following, after)) if not gap.strip() or gap.strip() == "."]
    if any(any(map(str.isnumeric, other)) for other in near) or after.lstrip()[:1] in tuple("%°‰‱′″×/=±²³"):
        return False
    if any(other.lower().rstrip(".") in month_names(language) for other in near):
        return False
    if after.isspace() and following[:1] and unicodedata.category(following[0]) == "Sc":
        return False
    return not (before.strip() in ("", ".", "#", ":") and last.lower() in _NAMED)


def _opens(gap: str, last: str) -> bool:
    """Tell whether a number may begin after a gap."""
    if not gap:
        return not last or not spaced(last)
    return (gap[-1].isspace() and not _is_sign(gap.rstrip()[-1:])) or gap[-1] in _OPENS


def _closes(gap: str, following: str) -> bool:
    """Tell whether a number may end before a gap."""
    if not gap:
        return not following or not spaced(following)
    return gap[0] in _CLOSES or (gap[0].isspace() and not _is_sign(gap.lstrip()[:1]))


def _is_sign(character: str) -> bool:
    """Tell whether a character beside a number belongs to it: a dash, a currency, a mathematical sign."""
    return bool(character) and (unicodedata.category(character) in ("Pd", "Sc", "Sm", "No") or character in "#&*/\\@^_")
