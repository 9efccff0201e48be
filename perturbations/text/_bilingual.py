"""A small real lexicon for any two languages, made from the Unicode locale data: numbers, calendar, units, places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from perturbations.text._extra import need
from perturbations.text.segments import spaced

__all__ = ["LANGUAGES", "lexicon_between", "month_names", "spelled"]

LANGUAGES = (
    "af", "ar", "az", "be", "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "fa", "fi", "fil", "fr",
    "ga", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "ko", "ky", "lb", "lo", "lt", "lv",
    "mk", "ms", "mt", "my", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "th",
    "tr", "uk", "vi", "yue", "zh", "zu",
)  # fmt: skip
"""Languages of which both Babel and unicode-rbnf know the words."""

_NUMBERS = (*range(1, 21), *range(30, 100, 10), 100, 1000)
_WHO = "text.code_switching"


@lru_cache(64)
def _engine(language: str) -> Any:
    return need("unicode_rbnf", _WHO).RbnfEngine.for_language(language)


def spelled(number: float, language: str) -> str:
    """Return a number in words. The Chinese and Japanese zero, a sign in the data, is the character for it."""
    return _engine(language).format_number(number).text.replace("\u3007", "零").replace("\u00ad", "")


def _entries(language: str) -> Iterator[tuple[Any, str]]:
    """Yield what the locale data call things in a language, each under a name that is the same in all languages."""
    babel = need("babel", _WHO)
    locale = babel.Locale.parse(language)
    for number in _NUMBERS:
        yield ("number", number), spelled(number, language)
    yield from _calendar(locale)
    yield from ((("territory", code), name) for code, name in locale.territories.items() if code.isalpha())
    yield from ((("language", code), name) for code, name in locale.languages.items() if "_" not in code)
    for key, pattern in (("and", locale.list_patterns["standard"]["2"]), ("or", locale.list_patterns["or"]["2"])):
        yield ("list", key), pattern.replace("{0}", "").replace("{1}", "")
    yield from _units(locale)
    yield from ((("currency", code), name) for code, name in locale.currencies.items())


def _calendar(locale: Any) -> Iterator[tuple[Any, str]]:
    for calendar, names in (("months", locale.months), ("days", locale.days)):
        for width in ("wide", "abbreviated"):
            for number, name in names["format"][width].items():
                yield (calendar, width, number), name


def _units(locale: Any) -> Iterator[tuple[Any, str]]:
    for unit, widths in _data(locale, "unit_patterns"):
        for plural, pattern in dict(widths.get("long", {})).items():
            if isinstance(pattern, str) and "{0}" in pattern:
                yield ("unit", unit, plural), pattern.replace("{0}", "")


def _data(locale: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield a table of the locale data for which Babel has no public name."""
    yield from dict(locale._data[name]).items()


@lru_cache(64)
def _names(language: str) -> Mapping[Any, str]:
    return {key: name.strip() for key, name in _entries(language)}


@lru_cache(64)
def month_names(language: str) -> frozenset[str]:
    """Return the names of the months in a language, in small letters, without final points."""
    return frozenset(name.lower().rstrip(".") for key, name in _names(language).items() if key[0] == "months")


_ONE_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")


@lru_cache(64)
def lexicon_between(language: str, to: str) -> Mapping[str, tuple[str, ...]]:
    """Return words of one language, in small letters, and their translations into another.

    Entries of one word only, and only those that differ; no single letter of a script without spaces, which most often
    is a part of another word; a plural that the other language lacks takes its ``other``.
    """
    here, there = _names(language), _names(to)
    found: dict[str, dict[str, None]] = {}
    for key, name in here.items():
        other = there.get(key) or (there.get((*key[:2], "other")) if key[0] == "unit" else None)
        word = name.rstrip(".").lower()
        if (
            other
            and (len(word) > 1 or spaced(word))
            and _ONE_WORD.fullmatch(word)
            and other.lower() != word
            and "{" not in other
        ):
            found.setdefault(word, {})[other] = None
    return {word: tuple(others) for word, others in found.items()}
