"""Numbers as one locale writes them, and what around a number makes it part of something larger.

A number is read whole or not at all. It is a run of digits with the locale's own separators in their places: thousands
set off by threes (Indian ones by twos after the first three), no zero in front. ``25.00`` and ``11,11.11`` are no
German or American numbers; whoever took a part of them would be wrong a hundredfold. A number that touches a letter,
another number, or a separator that leads to one belongs to a version, a date, an identifier, and is left.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perturbations.text._extra import need

__all__ = [
    "DASHES",
    "FREE",
    "RANGE_WORDS",
    "amount_pattern",
    "decimal_pattern",
    "language_of",
    "leads_in",
    "leads_on",
    "locale_of",
    "value_of",
]

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
"""Hyphens, dashes and the minus sign: between two numbers, each of them makes a range."""

FREE = r"(?<![\w.,:/'’…·٫٬⹁])(?<![\w)\]%°][-\u2010\u2011\u2212])(?<!--)"
"""Before a number: no letter or digit and no separator; a hyphen only where it is a sign and not a joint."""

RANGE_WORDS = {
    "de": ("bis", "oder", "und", "zwischen", "mal"),
    "en": ("to", "or", "and", "between", "by"),
    "es": ("a", "o", "y", "entre", "por"),
    "fr": ("à", "ou", "et", "entre", "sur"),
    "it": ("a", "o", "e", "tra", "per"),
    "nl": ("tot", "of", "en", "tussen", "bij"),
    "pt": ("a", "ou", "e", "entre", "por"),
    "ru": ("до", "или", "и", "между", "на"),
}
"""How a language says from … to, or, and, between … and, and by (of measures): always in this order."""

_GAP = r"[^\S\n]"


def language_of(name: str) -> str:
    """Return the language of a locale by its name."""
    return name.replace("-", "_").partition("_")[0]


@lru_cache(64)
def locale_of(name: str) -> Any:
    """Return Babel's locale of that name."""
    return need("babel", "text: a locale").Locale.parse(name.replace("-", "_"))


@lru_cache(64)
def _separators(name: str) -> tuple[str, str]:
    """Return the characters that may set off thousands, and the decimal mark."""
    symbols = locale_of(name).number_symbols["latn"]
    group, point = symbols["group"], symbols["decimal"]
    if group.isspace():
        return " \u00a0\u2009\u202f", point
    return ("'’" if group in "'’" else group), point


@lru_cache(64)
def amount_pattern(name: str) -> str:
    """Return the pattern of a number as a locale writes it, with Latin digits."""
    groups, point = _separators(name)
    sizes = locale_of(name).decimal_formats[None].grouping
    group = f"[{re.escape(groups)}]"
    first, further = ("[1-9][0-9]?", f"(?:{group}[0-9]{{2}})*") if 2 in sizes else ("[1-9][0-9]{0,2}", "")
    thousands = f"{first}{further}{group}[0-9]{{3}}" if further else f"{first}(?:{group}[0-9]{{3}})+"
    fraction = f"(?:{re.escape(point)}[0-9]+)"
    return rf"(?:{thousands}{fraction}?|(?:0|[1-9][0-9]*){fraction}|[0-9]+)"


def decimal_pattern(locale: Any, decimals: str) -> str:
    """Return a locale's own pattern of numbers, with other decimals."""
    whole: str = locale.decimal_formats[None].pattern.partition(";")[0].partition(".")[0]
    return whole + (f".{decimals}" if decimals else "")


def value_of(raw: str, name: str) -> tuple[Decimal, int, bool]:
    """Return a number's value, its decimals, and whether its thousands are set off."""
    whole, _, fraction = raw.partition(_separators(name)[1])
    digits = re.sub(r"[^0-9]", "", whole)
    return Decimal(f"{digits}.{fraction}" if fraction else digits), len(fraction), digits != whole


@lru_cache(64)
def _joints(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what joins two numbers: as it is found before the second one, and after the first one.

    Of a language whose words for it are not known, any short word between two numbers may be one. *And* joins what
    comes before; what comes after it may be about something else (10 miles and 3 dogs).
    """
    words = RANGE_WORDS.get(language, (r"\w{1,5}",))
    signs = rf"{_GAP}?[{DASHES}~～×±]{_GAP}?|{_GAP}?\+/?-{_GAP}?|{_GAP}x{_GAP}"
    before, after = ("|".join(each) for each in (words, words[:2]))
    return (
        re.compile(rf"[0-9%°](?:{signs}|{_GAP}(?:{before}){_GAP})\Z", re.IGNORECASE),
        re.compile(rf"(?:{signs}|{_GAP}(?:{after}){_GAP})[0-9]", re.IGNORECASE),
    )


def leads_in(text: str, start: int, language: str) -> bool:
    """Tell whether a number comes before a place and a joint of a range between: 10 to |20, 10–|20."""
    return _joints(language)[0].search(text, max(0, start - 12), start) is not None


def leads_on(text: str, end: int, language: str) -> bool:
    """Tell whether a joint of a range and a number come after a place: 10| to 20, 10|–20."""
    return _joints(language)[1].match(text, end) is not None
