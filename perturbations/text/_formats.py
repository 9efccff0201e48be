"""Numbers, dates, times and amounts of money, found by one locale's formats and written in another's."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perturbations.errors import nearest
from perturbations.text._extra import need
from perturbations.text._numbers import (
    DASHES,
    FREE,
    amount_pattern,
    decimal_pattern,
    language_of,
    leads_in,
    leads_on,
    locale_of,
    value_of,
)
from perturbations.text._scripts import ZEROS, with_digits
from perturbations.text.segments import outside

__all__ = ["Reader", "locale_problem"]

_WHO = "text: a locale"
_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "฿": "THB",
          "₫": "VND", "₪": "ILS", "₦": "NGN", "zł": "PLN", "Kč": "CZK", "US$": "USD", "$": "USD"}  # fmt: skip
_DOLLARS = {"US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "MX": "MXN", "SG": "SGD", "HK": "HKD", "CL": "CLP",
            "CO": "COP", "AR": "ARS"}  # fmt: skip
_CODES = "AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NOK|NZD|PHP|PLN|RON|RUB|" \
         "SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"  # fmt: skip


_COUNTRIES = (
    r"US|U\.S\.|CA|AU|NZ|HK|SG|[A-Z][a-z]+ian|American|Mexican|New Zealand|Hong Kong|Singapore|Chinese|Japanese"
)
_OTHER_BEFORE = re.compile(rf"(?:\b(?:{_CODES}|{_COUNTRIES})\s?|[$£€¥₹¢])\Z")
_OTHER_AFTER = re.compile(rf"\s?(?:(?:{_CODES}|{_COUNTRIES})\b|[$£€¥₹¢%])")
"""What says that an amount is of another currency than its sign alone, or of none."""


def locale_problem(value: str) -> str | None:
    """Return what is wrong with the name of a locale, or nothing."""
    if value in ("de_DE", "en_US"):  # the defaults are known without loading Babel
        return None
    core = need("babel.core", _WHO)
    try:
        core.Locale.parse(value.replace("-", "_"))
    except (core.UnknownLocaleError, ValueError):
        known = need("babel.localedata", _WHO).locale_identifiers()
        return f"must be a locale as in de_DE, got {value!r}. {nearest(value.replace('-', '_'), known)}"
    return None


def _any_of(names: Any) -> str:
    return "|".join(re.escape(name).replace(r"\ ", r"\s") for name in sorted(names, key=len, reverse=True))


_BESIDE = re.compile(r"[0-9][ \u00a0\u2009\u202f]\Z|[ \u00a0\u2009\u202f][0-9]")
_BETWEEN = re.compile(r"between\s.*\sand\s[0-9]", re.IGNORECASE)
_TO = rf"\s?(?:[{DASHES}]|to|and|bis|und|à|et|a|y)\s?"
_CLOCK = r"[0-9]{1,2}(?::[0-5][0-9])?(?:\s?(?P<half>[ap])\.?m\b\.?)?"
_TIME_BEFORE = re.compile(rf"(?<![0-9:]){_CLOCK}{_TO}\Z", re.IGNORECASE)
_TIME_AFTER = re.compile(_TO + _CLOCK, re.IGNORECASE)


@dataclass(frozen=True)
class Reader:
    """What finds the numbers, dates, times and amounts of money in a text of one locale."""

    name: str
    pattern: re.Pattern[str]
    months: dict[str, int]
    order: tuple[int, int, int]

    @staticmethod
    @lru_cache(32)
    def of(name: str) -> Reader:
        """Return the reader of a locale."""
        locale = locale_of(name)
        months = {
            month.lower().rstrip("."): number
            for context in ("format", "stand-alone")
            for width in ("wide", "abbreviated")
            for number, month in locale.months[context][width].items()
        }
        days = {day.lower() for width in ("wide", "abbreviated") for day in locale.days["format"][width].values()}
        letters = re.sub(r"[^dMy]", "", locale.date_formats["short"].pattern)
        order = tuple(sorted(range(3), key=lambda part: letters.index("dMy"[part])))
        marks = "".join(dict.fromkeys(re.findall("[/.]", locale.date_formats["short"].pattern))) or "/"
        pattern = _pattern(amount_pattern(name), _any_of(months), _any_of(days), re.escape(marks))
        return Reader(name, re.compile(pattern, re.IGNORECASE), months, order)  # type: ignore[arg-type]

    def rewrite(self, text: str, to: str, kinds: tuple[str, ...]) -> str:
        """Return a text with what is of some kinds written as another locale writes it."""
        writer = _Writer(self, locale_of(to))
        write: dict[str, Callable[[re.Match[str]], str | None]] = {
            "date": writer.date, "time": writer.time, "money": writer.money, "number": writer.number,
        }  # fmt: skip

        def written(match: re.Match[str]) -> str:
            kind = match.lastgroup or ""
            known = kind in kinds and self.stands_alone(match)
            other = write[kind](match) if known else None
            return match.group() if other is None else other

        return outside(text, lambda part: self.pattern.sub(written, part))

    def exchange(self, text: str, have: str, want: str, rate: Decimal) -> str:
        """Return a text with the amounts in one currency given in another, in this locale's own format."""
        writer = _Writer(self, locale_of(self.name))

        def written(match: re.Match[str]) -> str:
            if match.lastgroup != "money" or self.currency(match) != have or not self.stands_alone(match):
                return match.group()
            if _OTHER_BEFORE.search(part := match.string, 0, match.start()) or _OTHER_AFTER.match(part, match.end()):
                return match.group()  # CAD $5, $5 Canadian
            return writer.price(value_of(match["paid"] or match["due"], self.name)[0] * rate, want, None, True)

        return outside(text, lambda part: self.pattern.sub(written, part))

    def stands_alone(self, match: re.Match[str]) -> bool:
        """Tell whether what was found is whole: no end of a range that shares its currency, month or half of the day.

        A number beside another one, set off only by what sets off thousands, is left: there is a digit too few.
        """
        text, (start, end), kind = match.string, match.span(), match.lastgroup
        language = language_of(self.name)
        if kind == "number":
            return not self.spaces or not (_BESIDE.search(text[max(0, start - 2) : start]) or _BESIDE.match(text, end))
        if kind == "time":
            first, second = _TIME_BEFORE.search(text[max(0, start - 20) : start]), _TIME_AFTER.match(text, end)
            return all(other is None or bool(other["half"]) == bool(match["half"]) for other in (first, second))
        if kind == "money" and (leads_on(text, end, language) or _BETWEEN.match(text[max(0, start - 8) : end + 6])):
            return False
        return (kind == "money" and bool(match["sign"])) or not leads_in(text, start, language)

    @property
    def spaces(self) -> bool:
        """Whether thousands are set off by spaces in this locale."""
        return bool(locale_of(self.name).number_symbols["latn"]["group"].isspace())

    def currency(self, match: re.Match[str]) -> str:
        """Return the code of the currency of an amount."""
        sign = (match["sign"] or match["mark"]).strip()
        if sign == "$":
            return _DOLLARS.get(locale_of(self.name).territory or "US", "USD")
        if sign == "¥" and locale_of(self.name).language == "zh":
            return "CNY"
        return _SIGNS.get(sign, sign.upper())

    def date(self, match: re.Match[str]) -> datetime.date | None:
        """Return a date that was found, or nothing where there is no such day."""
        month = match["month"] or match["month2"]
        parts: tuple[str | int, ...]
        if month:
            parts = (
                match["year"] or match["year2"],
                self.months[month.lower().rstrip(".")],
                match["day"] or match["day2"],
            )
        elif match["han"]:
            parts = (match["han"], match["han2"], match["han3"])
        else:
            numbers = [match["one"], match["two"], match["three"]]
            day, number, year = (numbers[self.order.index(part)] for part in range(3))
            parts = (_century(year), number, day)
        try:
            return datetime.date(*map(int, parts))
        except ValueError:
            return None


def _century(year: str) -> str:
    """Return a year in full: two digits are 1969 to 2068, as POSIX reads them."""
    return year if len(year) > 2 else f"{'19' if int(year) > 68 else '20'}{year}"


def _pattern(amount: str, months: str, days: str, marks: str) -> str:
    """Return the pattern of everything that is found; the name of the outermost group is its kind."""
    signs, free, end = _any_of(_SIGNS), r"(?<![\w.,:/-])", r"(?![\w:/]|[.,-]\d)"
    number_end = r"(?![\w:/^⁄]|[.,'’⹁\u00a0\u202f-]\d)"
    return (
        rf"{free}(?:(?P<weekday>{days})\.?,?\s+)?(?:(?P<month>{months})\.?\s+(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,?\s+"
        rf"(?P<year>[0-9]{{4}})|(?P<day2>[0-9]{{1,2}})(?:\.|st|nd|rd|th|er)?\s+(?:of\s+|de\s+)?(?P<month2>{months})\.?,?"
        rf"\s+(?:del?\s+)?(?P<year2>[0-9]{{4}})|(?P<one>[0-9]{{1,4}})(?P<separator>[{marks}])(?P<two>[0-9]{{1,2}})"
        rf"(?P=separator)(?P<three>[0-9]{{4}}|[0-9]{{2}})|(?P<han>[0-9]{{4}})[年년]\s?(?P<han2>[0-9]{{1,2}})[月월]\s?"
        rf"(?P<han3>[0-9]{{1,2}})[日일])(?P<date>){end}"
        rf"|{free}(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?"
        rf"(?:\s?(?P<half>[ap])\.?m\b\.?)?(?P<time>){end}"
        rf"|(?:(?<![\w$])(?P<sign>{signs}|(?:{_CODES})\s)\s?(?P<paid>{amount})"
        rf"|{FREE}(?P<due>{amount})\s?(?P<mark>{signs}|(?:{_CODES})\b))(?P<money>){number_end}"
        rf"|{FREE}(?P<bare>{amount})(?P<number>){number_end}"
    )


@dataclass(frozen=True)
class _Writer:
    """What writes, in a locale, what a reader found."""

    reader: Reader
    locale: Any

    def _digits(self, text: str) -> str:
        system = self.locale.default_numbering_system
        return with_digits(text, system) if system in ZEROS and system != "latn" else text

    def date(self, match: re.Match[str]) -> str | None:
        found = self.reader.date(match)
        if found is None:
            return None
        style = "full" if match["weekday"] else "long"
        if match["one"]:
            style = re.sub("y+", "y", self.locale.date_formats["short"].pattern)
        return self._digits(need("babel.dates", _WHO).format_date(found, style, locale=self.locale))

    def time(self, match: re.Match[str]) -> str | None:
        hour, half = int(match["hour"]), (match["half"] or "").lower()
        if half:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + 12 * (half == "p")
        found = datetime.time(hour, int(match["minute"]), int(match["second"] or 0))
        style = "medium" if match["second"] else "short"
        return self._digits(need("babel.dates", _WHO).format_time(found, style, locale=self.locale))

    def number(self, match: re.Match[str]) -> str:
        value, decimals, grouped = value_of(match["bare"], self.reader.name)
        if not decimals and not grouped:
            return self._digits(match["bare"])
        return self.plain(value, decimals, grouped)

    def plain(self, value: Decimal, decimals: int, grouped: bool) -> str:
        """Return a number with so many decimals."""
        pattern = decimal_pattern(self.locale, "0" * decimals)
        format_decimal = need("babel.numbers", _WHO).format_decimal
        text = format_decimal(
            value, pattern, locale=self.locale, group_separator=grouped, numbering_system=_system(self.locale)
        )
        return self._digits(text)

    def money(self, match: re.Match[str]) -> str:
        value, decimals, grouped = value_of(match["paid"] or match["due"], self.reader.name)
        return self.price(value, self.reader.currency(match), decimals, grouped or value < 1000)

    def price(self, value: Decimal, currency: str, decimals: int | None, grouped: bool) -> str:
        """Return an amount of money, with so many decimals or with those of the currency."""
        pattern = self.locale.currency_formats["standard"].pattern
        if decimals is not None:
            pattern = re.sub(r"0\.0+", "0" + ("." + "0" * decimals if decimals else ""), pattern)
        text = need("babel.numbers", _WHO).format_currency(
            value, currency, pattern, locale=self.locale, currency_digits=decimals is None,
            group_separator=grouped, numbering_system=_system(self.locale),
        )  # fmt: skip
        return self._digits(text)


def _system(locale: Any) -> str:
    """Return the numbering system whose separators are used; systems without separators of their own use Latin ones."""
    system = locale.default_numbering_system
    return system if locale.number_symbols.get(system, {}).get("decimal") else "latn"
